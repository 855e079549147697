//! InfisicalStaticSecret. Its login is made from the specs that it leads to, not from what their statuses say: a probe that failed
//! a moment ago must hold up nobody whose server answers.
use super::{Context, sync::Synced};
use crate::{
    chain::Chain,
    dereference::{self, Chained},
    object::ObjectRef,
    outcome::{Class, Fault, Outcome, Stage},
    plan::{self, Plan, Planned, chain},
    reason,
    report::{Reported, Said, said},
};
use api::v1beta1::InfisicalStaticSecret;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};

const AUTH: &str = "spec.infisicalAuthRef";

impl Reported for InfisicalStaticSecret {
    fn said(&self, outcome: &Outcome, before: &[Condition], now: Timestamp) -> Vec<Said> {
        said::static_secret::said(outcome, before, now)
    }
}

impl Synced for InfisicalStaticSecret {
    fn targets(&self) -> Result<Planned, Fault> {
        plan::static_targets(self)
    }

    async fn plan(&self, context: &Context) -> Result<Plan, (Stage, Fault)> {
        let object = ObjectRef::of(self);
        let name = chain::reference(&object, AUTH, self.spec.infisical_auth_ref.as_ref()).map_err(|fault| (Stage::Plan, fault))?;
        let auth = context.chains.auth(&object, &name).await.map_err(|fault| (Stage::Dereference, fault))?;
        let auth = auth.ok_or_else(|| {
            let message = format!("{object}: {AUTH}: there is no InfisicalAuth {name}; create it");
            (Stage::Dereference, Fault::new(reason::AUTH_NOT_FOUND, Class::UserFix, message))
        })?;
        let through = |fault: Fault| Fault { message: format!("{object}: {AUTH}: {}", fault.message), ..fault };
        let found = dereference::auth(&context.cluster, &context.chains, &object, &auth, &context.settings).await;
        let Chained { connection, references } = found.map_err(|fault| (Stage::Dereference, through(fault)))?;
        let login = chain::auth(&auth, connection.as_deref(), &references, &context.settings);
        let login = login.map_err(|fault| (Stage::Dereference, through(fault)))?;
        plan::static_secret(self, login, &context.settings).map_err(|fault| (Stage::Plan, fault))
    }
}
