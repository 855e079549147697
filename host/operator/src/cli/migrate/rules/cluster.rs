//! What is found of the cluster itself: definitions, the ConfigMap of global settings, the rights of the operator's account.
use crate::{
    cli::migrate::{
        finding::{Finding, Rule},
        world::Definitions,
    },
    leader::LEASE,
    object::Name,
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

/// Where a right is to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In each of the watched namespaces; without any, in all.
    Watched,
    /// In the whole cluster, whatever is watched: the object has no namespace.
    Cluster,
    /// In the namespace of the operator, for the object of this name. None: whatever its name.
    Own(Option<&'static str>),
    /// In the namespace of the global settings, for their ConfigMap.
    Settings,
}

/// A right that the operator makes use of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    pub group: &'static str,
    pub resource: &'static str,
    /// Of each one is enough, separated by a bar: `patch|update`.
    pub verbs: &'static [&'static str],
    pub place: Place,
    /// What can't be done without it; None: everything.
    pub without: Option<&'static str>,
}

const fn needed(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Right {
    Right { group, resource, verbs, place: Place::Watched, without: None }
}

const fn optional(group: &'static str, resource: &'static str, verbs: &'static [&'static str], without: &'static str) -> Right {
    Right { group, resource, verbs, place: Place::Watched, without: Some(without) }
}

const fn at(place: Place, right: Right) -> Right {
    Right { place, ..right }
}

const OURS: &str = "secrets.infisical.com";
const LEASES: &str = "coordination.k8s.io";
const READ: &[&str] = &["get", "list", "watch"];
const KEEP: &[&str] = &["get", "list", "watch", "create", "update", "delete"];
/// A role of Infisical's chart has no `patch` on them, and the operator then updates.
const CHANGE: &[&str] = &["get", "list", "watch", "patch|update"];
const STATUS: &[&str] = &["patch"];
const OWNERS: &str = "targets are refused where the admission plugin OwnerReferencesPermissionEnforcement runs, as on OpenShift";

/// What the operator asks the API server for.
pub(crate) const RIGHTS: [Right; 34] = [
    needed("", "secrets", KEEP),
    needed("", "configmaps", KEEP),
    at(Place::Settings, needed("", "configmaps", &["get"])),
    needed("", "serviceaccounts", &["get"]),
    needed("", "serviceaccounts/token", &["create"]),
    needed("apps", "deployments", CHANGE),
    needed("apps", "statefulsets", CHANGE),
    needed("apps", "daemonsets", CHANGE),
    needed(OURS, "infisicalsecrets", CHANGE),
    needed(OURS, "infisicalpushsecrets", CHANGE),
    needed(OURS, "infisicaldynamicsecrets", CHANGE),
    needed(OURS, "infisicalstaticsecrets", CHANGE),
    needed(OURS, "infisicalauths", READ),
    needed(OURS, "infisicalconnections", READ),
    needed(OURS, "infisicalsecrets/status", STATUS),
    needed(OURS, "infisicalpushsecrets/status", STATUS),
    needed(OURS, "infisicaldynamicsecrets/status", STATUS),
    needed(OURS, "infisicalstaticsecrets/status", STATUS),
    needed(OURS, "infisicalauths/status", STATUS),
    needed(OURS, "infisicalconnections/status", STATUS),
    at(Place::Own(None), needed(LEASES, "leases", &["create"])),
    at(Place::Own(Some(LEASE)), needed(LEASES, "leases", &["get", "update"])),
    at(Place::Cluster, optional(OURS, "clustergenerators", READ, "an InfisicalPushSecret can use no ClusterGenerator")),
    at(Place::Cluster, optional(OURS, "clustergenerators/status", STATUS, "a ClusterGenerator shows no conditions")),
    optional(OURS, "passwords", READ, "an InfisicalPushSecret can use no Password"),
    optional(OURS, "passwords/status", STATUS, "a Password shows no conditions"),
    optional(OURS, "uuids", READ, "an InfisicalPushSecret can use no UUID"),
    optional(OURS, "uuids/status", STATUS, "a UUID shows no conditions"),
    optional(OURS, "infisicalsecrets/finalizers", &["update"], OWNERS),
    optional(OURS, "infisicaldynamicsecrets/finalizers", &["update"], OWNERS),
    optional(OURS, "infisicalstaticsecrets/finalizers", &["update"], OWNERS),
    at(Place::Cluster, optional("", "namespaces", &["list", "watch"], "a target with a namespaceSelector is not kept")),
    optional("events.k8s.io", "events", &["create", "patch"], "failures show in conditions and metrics, but not as Events"),
    optional("argoproj.io", "rollouts", CHANGE, "Argo Rollouts are not restarted"),
];

impl Right {
    /// As an operator has it that watches some namespaces only: it can do without global settings.
    pub fn of(self, scoped: bool) -> Self {
        let without = self.without.or((scoped && self.place == Place::Settings).then_some("there are no global settings"));
        Self { without, ..self }
    }

    /// Namespace and name of what it is asked for; None for all. `account` is the operator's, `config` the global settings.
    pub fn places<'a>(&self, account: &'a Name, namespaces: &'a [String], config: &'a Name) -> Vec<(Option<&'a str>, Option<&'a str>)> {
        match self.place {
            Place::Watched if !namespaces.is_empty() => namespaces.iter().map(|name| (Some(name.as_str()), None)).collect(),
            Place::Watched | Place::Cluster => vec![(None, None)],
            Place::Own(name) => vec![(Some(&account.namespace), name)],
            Place::Settings => vec![(Some(&config.namespace), Some(&config.name))],
        }
    }
}

/// What a verb that is not allowed comes to.
pub(crate) fn denied(right: &Right, verbs: &[&str]) -> Finding {
    let Right { group, resource, without, .. } = right;
    let verbs: Vec<_> = verbs.iter().map(|verb| verb.replace('|', " or ")).collect();
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
        let of = |resource: &str| RIGHTS.iter().find(|right| right.resource == resource).unwrap();
        let finding = denied(of("events"), &["create"]);
        assert_eq!((finding.rule, finding.message.contains("create on events.events.k8s.io")), (Rule::RightOptional, true));
        let finding = denied(of("deployments"), &["patch|update"]);
        assert_eq!((finding.rule, finding.message.contains("patch or update on deployments.apps;")), (Rule::RightMissing, true));
    }
}
