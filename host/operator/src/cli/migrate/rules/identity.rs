//! What is found of an InfisicalPushSecret and of an InfisicalDynamicSecret beyond their plans.
use crate::{
    cli::migrate::finding::{Finding, Rule},
    object::ObjectRef,
};
use api::{
    text::Text,
    v1alpha1::{InfisicalDynamicSecretSpec, InfisicalPushSecret},
};
use infisical::ProjectRef;
use std::collections::BTreeMap;

/// Server, project, environment and path.
type Folder = (String, ProjectRef, String, String);

/// Who pushes which secret.
#[derive(Default)]
pub(crate) struct Pushes(BTreeMap<(Folder, String), Vec<ObjectRef>>);

impl Pushes {
    /// A resource pushes these to that folder.
    pub fn note(&mut self, object: &ObjectRef, folder: &Folder, keys: impl IntoIterator<Item = String>) {
        keys.into_iter().for_each(|key| self.0.entry((folder.clone(), key)).or_default().push(object.clone()));
    }

    /// What others push too, of what a resource does. One project by its id and by its slug is not known to be one.
    pub fn claimed(&self, object: &ObjectRef) -> Vec<Finding> {
        let shared = self.0.iter().filter(|(_, pushed)| pushed.len() > 1 && pushed.contains(object));
        let message = |((folder, key), pushed): (&(Folder, String), &Vec<ObjectRef>)| {
            let others: Vec<_> = pushed.iter().filter(|other| *other != object).map(ToString::to_string).collect();
            let (_, _, environment, path) = folder;
            format!("spec.push: {key} of {path} in {environment} is pushed by {} too; let one of them push it", others.join(", "))
        };
        shared.map(|spot| Finding::new(Rule::PushClaimed, message(spot))).collect()
    }
}

/// The findings for a push.
pub(crate) fn push(resource: &InfisicalPushSecret) -> Vec<Finding> {
    let spec = &resource.spec;
    let mut findings = Vec::new();
    let managed = resource.status.as_ref().and_then(|status| status.managed_secrets.as_ref()).is_some_and(|managed| !managed.is_empty());
    if managed && spec.update_policy.text() != Some("Replace") {
        let message =
            "spec.updatePolicy is not Replace: what was pushed is not overwritten when the source changes; set Replace to keep that";
        findings.push(Finding::new(Rule::PushKeeps, message));
    }
    if managed && spec.deletion_policy.text() != Some("Delete") {
        let message = "spec.deletionPolicy is not Delete: a key that leaves the source stays in Infisical; set Delete to have it deleted";
        findings.push(Finding::new(Rule::PushLeaves, message));
    }
    let generators = spec.push.as_ref().and_then(|push| push.generators.as_ref()).map_or(0, Vec::len);
    if generators > 0 {
        let message = format!(
            "spec.push.generators: what its {generators} generators made stays until their settings change or secrets.infisical.com/regenerate \
             asks; Infisical's operator makes new values at each pass"
        );
        findings.push(Finding::new(Rule::GeneratedOnce, message));
    }
    findings
}

/// The findings for a lease.
pub(crate) fn dynamic(spec: &InfisicalDynamicSecretSpec) -> Option<Finding> {
    let message = "spec.leaseRevocationPolicy is Revoke: the lease before is revoked when a new one takes its place, not only at the end";
    (spec.lease_revocation_policy.text() == Some("Revoke")).then(|| Finding::new(Rule::LeaseReplaced, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pushed(spec: Value, managed: Value) -> Vec<Rule> {
        let resource = serde_json::from_value(json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalPushSecret", "metadata": {"name": "p"},
            "spec": spec, "status": {"conditions": [], "managedSecrets": managed},
        }));
        push(&resource.unwrap()).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn policies_of_a_push_mean_what_they_say() {
        let managed = json!({"id": "KEY"});
        assert_eq!(pushed(json!({}), managed.clone()), [Rule::PushKeeps, Rule::PushLeaves]);
        assert_eq!(pushed(json!({"updatePolicy": "Replace", "deletionPolicy": "Delete"}), managed.clone()), []);
        assert_eq!(pushed(json!({"updatePolicy": "None"}), Value::Null), []);
        assert_eq!(pushed(json!({"push": {"generators": [{"destinationSecretName": "G"}]}}), Value::Null), [Rule::GeneratedOnce]);
    }

    #[test]
    fn a_lease_that_is_replaced_is_revoked_by_its_policy() {
        let of =
            |policy: &str| dynamic(&serde_json::from_value(json!({"leaseRevocationPolicy": policy})).unwrap()).map(|finding| finding.rule);
        assert_eq!(of("Revoke"), Some(Rule::LeaseReplaced));
        assert_eq!(of("None"), None);
    }
}
