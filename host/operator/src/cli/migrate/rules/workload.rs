//! What becomes of workloads that opted in and read a target.
use crate::{
    cli::migrate::{
        finding::{Finding, Rule},
        world::Workload,
    },
    plan::{Target, TargetKind},
    reload::Followed,
};

/// From this length on the peer's annotation has too long a name, so that it restarts nobody.
const LONGEST: usize = 48;

/// One target. `version` is its version annotation; `noted_always` says whether the peer notes it on every follower at once.
pub(crate) fn findings(target: &Target, version: Option<&str>, noted_always: bool, workloads: &[Workload]) -> Vec<Finding> {
    let Target { field, kind, name, .. } = target;
    let followed =
        Followed { kind: *kind, name, version: version.unwrap_or_default(), data_changed: false, noted_at_first_sight: noted_always };
    let reads = |workload: &&Workload| workload.name.namespace == name.namespace && workload.reads.contains(&followed.consumed());
    let mut findings = Vec::new();
    let mut long = Vec::new();
    for workload in workloads.iter().filter(reads) {
        let shown = format!("{} {}", workload.kind, workload.name);
        let noted = followed.noted(&workload.annotations, &workload.reads);
        match (noted, version) {
            (Some(noted), Some(version)) if noted != version => {
                let message = format!("{field}: {shown} was restarted for an older version of {kind} {name}; it is restarted once");
                findings.push(Finding::new(Rule::MissedRestart, message));
            }
            (None, _) if *kind == TargetKind::Secret && name.name.len() > LONGEST => long.push(shown),
            (None, Some(_)) if noted_always && *kind == TargetKind::Secret => {
                let message = format!("{field}: {shown} reads {kind} {name} and was never restarted for it; it is at the next change");
                findings.push(Finding::new(Rule::RestartLater, message));
            }
            _ => {}
        }
    }
    if !long.is_empty() {
        let message = format!("{field}: {} now restart when {kind} {name} changes", long.join(", "));
        findings.push(Finding::new(Rule::LongName, message));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{object::Name, reload::Consumed, target::testing::target};

    fn workload(secret: &str, notes: &[(&str, &str)]) -> Workload {
        Workload {
            kind: "Deployment",
            name: Name::new("n", "web"),
            annotations: notes
                .iter()
                .map(|(secret, version)| (format!("secrets.infisical.com/managed-secret.{secret}"), (*version).to_owned()))
                .collect(),
            reads: [Consumed { kind: TargetKind::Secret, name: secret.to_owned() }].into(),
        }
    }

    fn rules(name: &str, version: Option<&str>, workload: Workload) -> Vec<Rule> {
        findings(&target(name), version, true, &[workload]).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_restart_that_was_missed_is_announced() {
        assert_eq!(rules("t", Some("v2"), workload("t", &[("t", "v1")])), [Rule::MissedRestart]);
        assert_eq!(rules("t", Some("v2"), workload("t", &[("t", "v2")])), []);
        assert_eq!(rules("t", Some("v2"), workload("other", &[("t", "v1")])), []);
    }

    #[test]
    fn who_was_never_restarted_waits_for_the_next_change() {
        assert_eq!(rules("t", Some("v2"), workload("t", &[])), [Rule::RestartLater]);
        assert_eq!(findings(&target("t"), Some("v2"), false, &[workload("t", &[])]), []);
        let long = "a".repeat(49);
        assert_eq!(rules(&long, Some("v2"), workload(&long, &[])), [Rule::LongName]);
    }
}
