//! InfisicalSecret.
use super::{Context, sync::Synced};
use crate::{
    dereference,
    outcome::{Fault, Outcome, Stage},
    plan::{self, Plan, Planned},
    report::{Reported, Said, said},
};
use api::v1alpha1::InfisicalSecret;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};

impl Reported for InfisicalSecret {
    fn said(&self, outcome: &Outcome, _: &[Condition], _: Timestamp) -> Vec<Said> {
        said::infisical_secret::said(outcome)
    }
}

impl Synced for InfisicalSecret {
    fn targets(&self) -> Result<Planned, Fault> {
        plan::targets(self)
    }

    async fn plan(&self, context: &Context) -> Result<Plan, (Stage, Fault)> {
        let found = dereference::resource(&context.cluster, self, &context.settings).await;
        let found = found.map_err(|fault| (Stage::Credentials, fault))?;
        plan::infisical_secret(self, &found, &context.settings)
    }
}
