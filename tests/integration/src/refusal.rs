//! An API server that refuses updates of one Deployment, by a policy of its own.
use crate::{Scene, until};
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    apps::v1::Deployment,
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

/// In force until it is lifted.
pub struct Refusal {
    name: String,
    deployment: String,
    deployments: Api<Deployment>,
    policies: Api<ValidatingAdmissionPolicy>,
    bindings: Api<ValidatingAdmissionPolicyBinding>,
}

impl Refusal {
    pub(crate) async fn new(scene: &Scene, deployment: &str) -> Self {
        let namespace = scene.namespace.name();
        let name = format!("{namespace}-{deployment}");
        let client = scene.plane.client().clone();
        let refusal = Self {
            name: name.clone(),
            deployment: deployment.into(),
            deployments: scene.namespace.api(),
            policies: Api::all(client.clone()),
            bindings: Api::all(client),
        };
        let rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"], "resourceNames": [deployment]});
        scene
            .apply(&json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
                "spec": {
                    "failurePolicy": "Fail",
                    "matchConstraints": {"resourceRules": [rule]},
                    "validations": [{"expression": "false", "message": "frozen by the test"}],
                },
            }))
            .await;
        let here = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
        scene
            .apply(&json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
                "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": here}},
            }))
            .await;
        until("the policy to be in force", async || if refusal.refuses().await { Ok(()) } else { Err("it is not") }).await;
        refusal
    }

    async fn refuses(&self) -> bool {
        let note = json!({"metadata": {"annotations": {"example.com/tried": "true"}}});
        let dry = PatchParams { dry_run: true, ..PatchParams::default() };
        self.deployments.patch(&self.deployment, &dry, &Patch::Merge(note)).await.is_err()
    }

    /// Lets updates pass again.
    pub async fn lift(self) {
        self.bindings.delete(&self.name, &DeleteParams::default()).await.unwrap();
        self.policies.delete(&self.name, &DeleteParams::default()).await.unwrap();
        until("the policy to be lifted", async || if self.refuses().await { Err("it is not") } else { Ok(()) }).await;
    }
}
