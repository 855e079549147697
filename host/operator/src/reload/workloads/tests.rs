use super::*;
use crate::plan::TargetKind;
use api::well_known::annotation::MANAGED_SECRET_PREFIX;

fn workload(name: &str) -> Workload {
    Workload { kind: Kind::Deployment, name: Name::new("n", name) }
}

fn consumed(secret: &str) -> Consumed {
    Consumed { kind: TargetKind::Secret, name: secret.into() }
}

fn metadata(opted_in: bool, generation: i64, version: &str, notes: &[(&str, &str)]) -> ObjectMeta {
    let mut annotations: BTreeMap<_, _> =
        notes.iter().map(|(name, value)| (format!("{MANAGED_SECRET_PREFIX}{name}"), (*value).to_owned())).collect();
    if opted_in {
        annotations.insert(AUTO_RELOAD.into(), "true".into());
    }
    ObjectMeta {
        uid: Some("u".into()),
        generation: Some(generation),
        resource_version: Some(version.into()),
        annotations: Some(annotations),
        ..ObjectMeta::default()
    }
}

fn looked_at(workloads: &mut Workloads, name: &str, reads: &[&str]) -> Vec<String> {
    let mut ticket = 0;
    workloads.wake_at_next_look(&workload(name));
    workloads.begin(&workload(name), |number| {
        ticket = number;
        Known::Nothing
    });
    let consumed = reads.iter().map(|name| consumed(name)).collect();
    let new = workloads.land(&workload(name), ticket, Arc::new(Reads { consumed, template_of: None }));
    new.into_iter().map(|consumed| consumed.name).collect()
}

/// Names of those that a pass with this Secret visits.
fn visited(workloads: &Workloads, secret: &str) -> Vec<String> {
    let name = Name::new("n", secret);
    workloads.to_visit(&[followed(&name)]).into_iter().map(|workload| workload.name.name).collect()
}

fn followed(name: &Name) -> Followed<'_> {
    Followed { kind: TargetKind::Secret, name, version: "v", data_changed: false, noted_at_first_sight: true }
}

fn is_known(workloads: &Workloads, name: &str) -> bool {
    matches!(workloads.known(&workload(name)), Some(Known::Reads(_)))
}

#[test]
fn only_those_that_opted_in_are_kept() {
    let mut workloads = Workloads::default();
    assert!(workloads.observe(&workload("out"), metadata(false, 1, "1", &[]), 0).is_empty());
    assert_eq!(workloads.observe(&workload("in"), metadata(true, 1, "2", &[]), 0).len(), 1);
    assert_eq!(visited(&workloads, "any"), ["in"]);
    assert!(workloads.observe(&workload("in"), metadata(false, 1, "3", &[]), 0).is_empty());
    assert!(workloads.entries.is_empty() && workloads.readers.is_empty());
}

#[test]
fn a_change_of_the_spec_is_looked_at_and_one_of_the_status_is_not() {
    let mut workloads = Workloads::default();
    workloads.observe(&workload("w"), metadata(true, 1, "1", &[]), 0);
    assert_eq!(looked_at(&mut workloads, "w", &["a"]), ["a"]);
    assert!(workloads.observe(&workload("w"), metadata(true, 1, "2", &[]), 0).is_empty());
    assert!(is_known(&workloads, "w"));
    assert_eq!(workloads.observe(&workload("w"), metadata(true, 2, "3", &[]), 0).len(), 1);
    assert!(!is_known(&workloads, "w"));
    // Only what it did not read before is worth a wake.
    assert_eq!(looked_at(&mut workloads, "w", &["a", "b"]), ["b"]);
}

#[test]
fn a_pass_visits_who_reads_its_targets_and_who_is_not_known() {
    let mut workloads = Workloads::default();
    for name in ["a", "b", "c"] {
        workloads.observe(&workload(name), metadata(true, 1, "1", &[]), 0);
    }
    assert_eq!(visited(&workloads, "s"), ["a", "b", "c"]);
    looked_at(&mut workloads, "a", &["s"]);
    looked_at(&mut workloads, "b", &["t"]);
    assert_eq!(visited(&workloads, "s"), ["a", "c"]);
    workloads.observe(&workload("b"), metadata(true, 2, "2", &[]), 0);
    assert_eq!(visited(&workloads, "s"), ["a", "b", "c"]);
    looked_at(&mut workloads, "b", &["s", "t"]);
    workloads.remove(&workload("c"));
    assert_eq!(visited(&workloads, "s"), ["a", "b"]);
    for name in ["a", "b"] {
        workloads.remove(&workload(name));
    }
    assert!(workloads.readers.is_empty());
}

#[test]
fn a_failed_look_is_remembered_for_a_spec_and_wakes_all_readers_once_it_succeeds() {
    let (mut workloads, now) = (Workloads::default(), Instant::now());
    workloads.observe(&workload("w"), metadata(true, 1, "1", &[("noted", "v")]), 0);
    assert_eq!(looked_at(&mut workloads, "w", &["a"]), ["a"]);
    workloads.observe(&workload("w"), metadata(true, 2, "2", &[("noted", "v")]), 0);
    let fail = |workloads: &mut Workloads| {
        let mut ticket = 0;
        workloads.begin(&workload("w"), |number| {
            ticket = number;
            Known::Nothing
        });
        let fault = Fault::new("X", crate::outcome::Class::Denied, "no right");
        workloads.fail(&workload("w"), ticket, fault, now, 0.0)
    };
    let pauses: Vec<_> = (0..8).map(|_| fail(&mut workloads).unwrap().as_secs()).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
    let Some(Known::Failed { fault, again }) = workloads.known(&workload("w")) else { panic!("it is not remembered") };
    assert_eq!((fault.reason, again), ("X", now + AGAIN_LONGEST));
    let reads = |name: &str| workloads.is_known_to_read(&workload("w"), &[followed(&Name::new("n", name))]);
    assert!(reads("a") && reads("noted") && !reads("other"));
    // Whoever has a target in its namespace learns of it.
    assert_eq!(visited(&workloads, "other"), ["w"]);
    assert_eq!(looked_at(&mut workloads, "w", &["a", "b"]), ["a", "b"]);
    fail(&mut workloads);
    workloads.observe(&workload("w"), metadata(true, 3, "3", &[]), 0);
    assert!(matches!(workloads.known(&workload("w")), Some(Known::Nothing)));
}

#[test]
fn a_write_of_ours_is_no_change_of_the_spec_in_either_order() {
    let mut workloads = Workloads::default();
    workloads.observe(&workload("w"), metadata(true, 1, "1", &[]), 0);
    looked_at(&mut workloads, "w", &["a"]);
    workloads.begin_write(&workload("w"));
    assert!(workloads.observe(&workload("w"), metadata(true, 2, "2", &[("a", "v")]), 0).is_empty());
    assert!(!workloads.end_write(&workload("w"), Some(metadata(true, 2, "2", &[("a", "v")])), [consumed("a")].into_iter()));
    assert!(is_known(&workloads, "w"));
    workloads.begin_write(&workload("w"));
    assert!(!workloads.end_write(&workload("w"), Some(metadata(true, 3, "3", &[("a", "w")])), [consumed("a")].into_iter()));
    assert!(workloads.observe(&workload("w"), metadata(true, 3, "3", &[("a", "w")]), 0).is_empty());
    // An event from before that write.
    assert!(workloads.observe(&workload("w"), metadata(true, 2, "2", &[("a", "v")]), 0).is_empty());
    let (notes, _) = workloads.notes(&workload("w")).unwrap();
    assert_eq!(notes.values().collect::<Vec<_>>(), ["w"]);
}

#[test]
fn what_is_owed_is_kept_until_a_write_succeeds() {
    let mut workloads = Workloads::default();
    workloads.observe(&workload("w"), metadata(true, 1, "1", &[]), 0);
    workloads.owe(&workload("w"), [consumed("a")].into_iter());
    workloads.begin_write(&workload("w"));
    workloads.end_write(&workload("w"), None, [consumed("a")].into_iter());
    assert_eq!(workloads.notes(&workload("w")).unwrap().1.len(), 1);
    workloads.begin_write(&workload("w"));
    workloads.end_write(&workload("w"), Some(metadata(true, 2, "2", &[("a", "v")])), [consumed("a")].into_iter());
    assert!(workloads.notes(&workload("w")).unwrap().1.is_empty());
}

#[test]
fn a_list_removes_what_it_does_not_have() {
    let mut workloads = Workloads::default();
    for name in ["kept", "gone"] {
        workloads.observe(&workload(name), metadata(true, 1, "1", &[]), 0);
    }
    let epoch = workloads.relist();
    workloads.observe(&workload("kept"), metadata(true, 1, "1", &[]), epoch);
    workloads.sweep(epoch, |_| true);
    assert_eq!(visited(&workloads, "any"), ["kept"]);
}

#[test]
fn a_look_at_an_older_spec_is_not_kept() {
    let mut workloads = Workloads::default();
    workloads.observe(&workload("w"), metadata(true, 1, "1", &[]), 0);
    let mut ticket = 0;
    workloads.begin(&workload("w"), |number| {
        ticket = number;
        Known::Nothing
    });
    workloads.observe(&workload("w"), metadata(true, 2, "2", &[]), 0);
    assert!(workloads.land(&workload("w"), ticket, Arc::default()).is_empty());
    assert!(!is_known(&workloads, "w"));
}

#[test]
fn a_workload_that_uses_the_pods_of_another_follows_that_one_too() {
    let mut workloads = Workloads::default();
    let rollout = Workload { kind: Kind::Rollout, name: Name::new("n", "r") };
    let looked = |workloads: &mut Workloads| {
        let mut ticket = 0;
        workloads.begin(&rollout, |number| {
            ticket = number;
            Known::Nothing
        });
        workloads.refer(&rollout, ticket, &workload("d"));
        ticket
    };
    let land = |workloads: &mut Workloads, ticket| {
        let reads = Reads { consumed: [consumed("a")].into(), template_of: Some("d".into()) };
        workloads.referred_in(&workload("d"), SpecVersion::of(&metadata(false, 2, "2", &[])));
        workloads.land(&rollout, ticket, Arc::new(reads));
        matches!(workloads.known(&rollout), Some(Known::Reads(_)))
    };
    assert_eq!(workloads.observe(&rollout, metadata(true, 1, "1", &[]), 0), std::slice::from_ref(&rollout));
    // The other one did not opt in, and changes while it is read.
    let ticket = looked(&mut workloads);
    assert_eq!(workloads.observe(&workload("d"), metadata(false, 1, "2", &[]), 0), std::slice::from_ref(&rollout));
    assert!(!land(&mut workloads, ticket));
    let ticket = looked(&mut workloads);
    assert!(land(&mut workloads, ticket));
    // A change of its status, then one of its spec.
    assert!(workloads.observe(&workload("d"), metadata(false, 2, "3", &[]), 0).is_empty());
    assert_eq!(workloads.observe(&workload("d"), metadata(false, 3, "4", &[]), 0), std::slice::from_ref(&rollout));
    // Deleted and made anew.
    let ticket = looked(&mut workloads);
    assert!(land(&mut workloads, ticket));
    let mut anew = metadata(false, 3, "9", &[]);
    anew.uid = Some("another".into());
    assert_eq!(workloads.observe(&workload("d"), anew, 0), std::slice::from_ref(&rollout));
    workloads.remove(&rollout);
    assert!(workloads.referred.is_empty());
}
