//! What is found of the cluster itself: definitions, the ConfigMap of global settings, the rights of the operator's account.
use crate::cli::migrate::{
    finding::{Finding, Rule},
    world::Definitions,
};
use std::collections::BTreeMap;

/// Says what a definition lacks. `wanted` is its name; findings are by name.
pub(crate) fn definition(wanted: &str, definitions: &Definitions) -> Vec<Finding> {
    let Some(annotations) = definitions.get(wanted) else {
        let message = "it is not installed; `infisical-operator crds | kubectl apply --server-side --force-conflicts -f -` installs all";
        return vec![Finding::new(Rule::DefinitionMissing, message)];
    };
    let of = |name: &str| annotations.get(name).map(String::as_str);
    match (of("meta.helm.sh/release-name"), of("helm.sh/resource-policy")) {
        (Some(release), policy) if policy != Some("keep") => {
            let message = format!(
                "it belongs to the Helm release {release}, and uninstalling that deletes it with all resources of its kind: either \
                 only scale the old operator down, or first `kubectl annotate crd {wanted} helm.sh/resource-policy=keep` and take it out of \
                 the release by `helm upgrade` with installCRDs=false"
            );
            vec![Finding::new(Rule::DefinitionNotKept, message)]
        }
        _ => Vec::new(),
    }
}

/// The ConfigMap of global settings, if it is there.
pub(crate) fn config(data: &BTreeMap<String, String>) -> Option<Finding> {
    let named = data.get("hostAPI").is_some_and(|host| !host.trim().is_empty());
    let message = "it has no hostAPI: resources that name no server use INFISICAL_HOST_API, else https://app.infisical.com";
    (!named).then(|| Finding::new(Rule::ConfigWithoutHost, message))
}

/// A right that the operator makes use of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    pub group: &'static str,
    pub resource: &'static str,
    pub verbs: &'static [&'static str],
    /// What can't be done without it; None: everything.
    pub without: Option<&'static str>,
}

const fn needed(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Right {
    Right { group, resource, verbs, without: None }
}

const fn optional(group: &'static str, resource: &'static str, verbs: &'static [&'static str], without: &'static str) -> Right {
    Right { group, resource, verbs, without: Some(without) }
}

const OURS: &str = "secrets.infisical.com";

/// What the operator asks the API server for.
pub(crate) const RIGHTS: [Right; 20] = [
    needed("", "secrets", &["get", "list", "watch", "create", "update", "delete"]),
    needed("", "configmaps", &["get", "list", "watch", "create", "update", "delete"]),
    needed("", "serviceaccounts", &["get"]),
    needed("", "serviceaccounts/token", &["create"]),
    needed("apps", "deployments", &["get", "list", "watch", "update"]),
    needed("apps", "statefulsets", &["get", "list", "watch", "update"]),
    needed("apps", "daemonsets", &["get", "list", "watch", "update"]),
    needed(OURS, "infisicalsecrets", &["get", "list", "watch", "update"]),
    needed(OURS, "infisicalpushsecrets", &["get", "list", "watch", "update"]),
    needed(OURS, "infisicaldynamicsecrets", &["get", "list", "watch", "update"]),
    needed(OURS, "infisicalstaticsecrets", &["get", "list", "watch"]),
    needed(OURS, "infisicalauths", &["get", "list", "watch"]),
    needed(OURS, "infisicalconnections", &["get", "list", "watch"]),
    needed(OURS, "infisicalsecrets/status", &["patch"]),
    needed(OURS, "infisicalpushsecrets/status", &["patch"]),
    needed(OURS, "infisicaldynamicsecrets/status", &["patch"]),
    needed(OURS, "infisicalstaticsecrets/status", &["patch"]),
    optional(OURS, "clustergenerators", &["get", "list", "watch"], "generators of an InfisicalPushSecret can't be read"),
    optional("events.k8s.io", "events", &["create", "patch"], "failures show in conditions and metrics, but not as Events"),
    optional("argoproj.io", "rollouts", &["get", "list", "watch", "patch"], "Argo Rollouts are not restarted"),
];

/// What a verb that is not allowed comes to.
pub(crate) fn denied(right: &Right, verbs: &[&str]) -> Finding {
    let Right { group, resource, without, .. } = right;
    let what = format!("{} on {resource}{}{group}", verbs.join(", "), if group.is_empty() { "" } else { "." });
    match without {
        Some(without) => Finding::new(Rule::RightOptional, format!("it may not {what}: {without}")),
        None => Finding::new(Rule::RightMissing, format!("it may not {what}; grant it, or install with this project's chart")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_definition_that_helm_would_delete_is_said() {
        let rules = |pairs: &[(&str, &str)]| {
            let all = Definitions::from([("a.example".to_owned(), annotations(pairs))]);
            definition("a.example", &all).into_iter().map(|finding| finding.rule).collect::<Vec<_>>()
        };
        assert_eq!(rules(&[("meta.helm.sh/release-name", "old")]), [Rule::DefinitionNotKept]);
        assert_eq!(rules(&[("meta.helm.sh/release-name", "old"), ("helm.sh/resource-policy", "keep")]), []);
        assert_eq!(rules(&[]), []);
        assert_eq!(definition("b.example", &Definitions::new())[0].rule, Rule::DefinitionMissing);
    }

    #[test]
    fn global_settings_without_a_server_are_said() {
        assert!(config(&annotations(&[("hostAPI", " ")])).is_some());
        assert!(config(&annotations(&[("hostAPI", "https://a.example")])).is_none());
    }

    #[test]
    fn a_right_is_needed_or_not() {
        let finding = denied(&RIGHTS[18], &["create"]);
        assert_eq!((finding.rule, finding.message.contains("create on events.events.k8s.io")), (Rule::RightOptional, true));
        assert_eq!(denied(&RIGHTS[0], &["update"]).rule, Rule::RightMissing);
    }
}
