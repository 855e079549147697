//! What labels, annotations and finalizers of a resource come to.
use crate::{
    cli::migrate::finding::{Finding, Rule},
    target::is_tracking,
};
use api::well_known::finalizer::{DYNAMIC_SECRET, PUSH_SECRET};
use kube::ResourceExt;

/// On InfisicalSecrets of very old versions of the peer.
const OLD: &str = "secrets.finalizers.infisical.com";

/// The findings. `copied`: the targets of this kind get its labels and annotations.
pub(crate) fn findings(resource: &impl ResourceExt, copied: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names: Vec<_> = resource.labels().keys().chain(resource.annotations().keys()).map(String::as_str).collect();
    let mut tracking: Vec<_> = names.into_iter().filter(|name| is_tracking(name) && !name.starts_with("kubectl.kubernetes.io/")).collect();
    tracking.sort_unstable();
    if copied && !tracking.is_empty() {
        let message = format!(
            "{} are not copied to targets any more; on targets that bear them they stay until the next change of the data",
            tracking.join(", ")
        );
        findings.push(Finding::new(Rule::TrackingKeys, message));
    }
    let finalizers = resource.finalizers();
    let others: Vec<_> = finalizers.iter().map(String::as_str).filter(|name| ![OLD, PUSH_SECRET, DYNAMIC_SECRET].contains(name)).collect();
    if !others.is_empty() {
        let message = format!(
            "{} stay until who set them takes them away; Infisical's operator takes away all when the resource is deleted",
            others.join(", ")
        );
        findings.push(Finding::new(Rule::Finalizers, message));
    }
    if resource.meta().deletion_timestamp.is_some() && !finalizers.is_empty() {
        let message = format!("it is being deleted and bears {}; see that its clean-up can succeed", finalizers.join(", "));
        findings.push(Finding::new(Rule::BeingDeleted, message));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::v1alpha1::InfisicalSecret;
    use serde_json::json;

    fn rules(metadata: serde_json::Value, copied: bool) -> Vec<Rule> {
        let resource: InfisicalSecret = serde_json::from_value(
            json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "metadata": metadata, "spec": {}}),
        )
        .unwrap();
        findings(&resource, copied).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn keys_of_gitops_tools_are_named_where_they_were_copied() {
        let metadata = json!({"name": "a", "labels": {"app.kubernetes.io/instance": "x", "team": "y"}});
        assert_eq!(rules(metadata.clone(), true), [Rule::TrackingKeys]);
        assert_eq!(rules(metadata, false), []);
        assert_eq!(rules(json!({"name": "a", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}), true), []);
    }

    #[test]
    fn finalizers_of_others_and_a_deletion_under_way_are_said() {
        assert_eq!(rules(json!({"name": "a", "finalizers": ["example.com/hold"]}), true), [Rule::Finalizers]);
        assert_eq!(rules(json!({"name": "a", "finalizers": [PUSH_SECRET]}), true), []);
        let going = json!({"name": "a", "finalizers": [PUSH_SECRET], "deletionTimestamp": "2026-01-01T00:00:00Z"});
        assert_eq!(rules(going, true), [Rule::BeingDeleted]);
    }
}
