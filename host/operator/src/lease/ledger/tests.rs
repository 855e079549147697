use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn held(id: &str) -> Held {
    Held {
        id: id.into(),
        created: at(0),
        expires: at(100),
        ttl: Some(Duration::from_secs(100)),
        source: None,
        reroll: None,
        dynamic_secret: Some("dyn-1".into()),
        max_ttl: Some("24h".into()),
    }
}

fn read_back(ledger: &Ledger) -> Ledger {
    let status: DynamicSecretStatus = serde_json::from_value(ledger.patch()["status"].clone()).unwrap();
    Ledger::of(Some(&status))
}

#[test]
fn what_is_written_is_read_back() {
    let source = LeaseSource { server: Some("https://a/api".into()), project_slug: Some("shop".into()), ..LeaseSource::default() };
    let first = Ledger::default().with(Held { source: Some(source), reroll: Some("1".into()), ..held("a") }, true, at(0));
    assert_eq!(read_back(&first), first);
    let second = first.with(held("b"), true, at(50));
    assert_eq!(read_back(&second), second);
    assert_eq!(second.superseded.len(), 1);
    let patch = second.patch();
    assert_eq!(patch["status"]["lease"]["source"], Value::Null);
    assert!(patch["status"].get("leaseRequestedAt").is_some_and(Value::is_null));
}

#[test]
fn what_the_peer_wrote_is_read() {
    let status = json!({
        "conditions": [], "dynamicSecretId": "dyn-1", "maxTTL": "24h",
        "lease": {
            "creationTimestamp": "2026-11-22T03:26:00Z", "expiresAt": "2026-11-22T04:26:00Z", "id": "lease-1", "version": 0,
        },
    });
    let ledger = Ledger::of(Some(&serde_json::from_value(status).unwrap()));
    let lease = ledger.lease.as_ref().unwrap();
    assert_eq!((lease.id.as_str(), lease.ttl, lease.longest()), ("lease-1", None, Some(Duration::from_secs(86_400))));
    assert_eq!(lease.expires.duration_since(lease.created).as_secs(), 3_600);
    // And is what would be written.
    assert_eq!(read_back(&ledger), ledger);
}

#[test]
fn a_replaced_lease_is_to_be_revoked_under_that_policy_and_while_it_lives() {
    let first = Ledger::default().with(held("a"), true, at(0));
    assert!(first.with(held("b"), false, at(50)).superseded.is_empty());
    assert!(first.with(held("b"), true, at(100)).superseded.is_empty());
    let replaced = first.with(held("b"), true, at(50));
    let before = replaced.superseded.first().unwrap();
    let due = |seconds| before.due(Duration::from_secs(seconds));
    assert_eq!((before.id.as_str(), due(0), due(30), due(120)), ("a", at(50), at(80), at(100)));
    assert!(!before.is_over(at(99)) && before.is_over(at(100)));
    assert_eq!(replaced.with(held("b"), true, at(60)), replaced);
}

#[test]
fn a_lease_that_was_never_recorded_is_revoked_when_another_takes_its_place() {
    let ledger = Ledger { requested: Some(at(10)), ..Ledger::default().with(held("a"), true, at(0)) };
    let ids = |ledger: &Ledger| ledger.superseded.iter().map(|lease| lease.id.clone()).collect::<Vec<_>>();
    let left = ledger.leaving(&held("b"), true, at(50));
    assert_eq!(
        (ids(&left), left.requested, left.lease.as_ref().map(|lease| lease.id.as_str())),
        (vec!["b".into()], Some(at(10)), Some("a"))
    );
    assert_eq!(left.leaving(&held("b"), true, at(60)), left);
    assert_eq!(ids(&left.with(held("c"), true, at(60))), ["b", "a"]);
    // Its replacement was not made after all.
    assert_eq!(ids(&left.with(held("b"), true, at(60))), ["a"]);
    assert_eq!((ledger.leaving(&held("b"), false, at(50)), ledger.leaving(&held("b"), true, at(100))), (ledger.clone(), ledger));
}

#[test]
fn a_lease_whose_making_was_cut_off_has_ended_by_then() {
    let hour = Duration::from_secs(3_600);
    let none = Ledger::default();
    assert_eq!(none.open_until(Some(hour)), None);
    let first = Ledger { requested: Some(at(0)), ..none };
    assert_eq!((first.open_until(Some(hour)), first.open_until(None)), (Some(at(120 + 3_600)), Some(at(120 + 86_400))));
    // One that is held tells more.
    let later = Ledger { requested: Some(at(0)), ..first.with(Held { max_ttl: Some("4h".into()), ..held("a") }, true, at(0)) };
    assert_eq!((later.open_until(None), later.open_until(Some(Duration::from_secs(5)))), (Some(at(120 + 14_400)), Some(at(220))));
}

#[test]
fn only_leases_of_the_resource_that_nobody_knows_are_stray() {
    let lease = |id: &str, mark: Option<&str>| Lease { id: id.into(), created: None, expires: at(1), mark: mark.map(str::to_owned) };
    let ours = "infisical-operator/u";
    let listed = [
        lease("recorded", Some(ours)),
        lease("superseded", Some(ours)),
        lease("in-hand", Some(ours)),
        lease("lost", Some(ours)),
        lease("of-another", Some("infisical-operator/v")),
        lease("of-a-person", None),
    ];
    let ledger = Ledger::default().with(held("superseded"), true, at(0)).with(held("recorded"), true, at(1));
    let strays: Vec<_> = strays(&listed, "u", &ledger, Some("in-hand")).iter().map(|lease| lease.id.clone()).collect();
    assert_eq!(strays, ["lost"]);
}

fn dated(created: i64, expires: i64) -> Lease {
    Lease { id: "a".into(), created: Some(at(created)), expires: at(expires), mark: None }
}

#[test]
fn a_lease_lasts_as_long_as_at_the_server_whatever_the_servers_clock_says() {
    let asked = at(1_000)..=at(1_002);
    // One clock, as far as can be told.
    for created in [990, 1_000, 1_002, 1_012] {
        assert_eq!(times(&dated(created, created + 60), &asked), (at(created), at(created + 60)));
    }
    for ahead in [11, 3_600, 100_000] {
        assert_eq!(times(&dated(1_002 + ahead, 1_062 + ahead), &asked), (at(1_000), at(1_060)));
        assert_eq!(times(&dated(1_000 - ahead, 1_060 - ahead), &asked), (at(1_000), at(1_060)));
    }
    // A server that does not say when it made it.
    assert_eq!(times(&Lease { created: None, ..dated(0, 9_000) }, &asked), (at(1_002), at(9_000)));
}

#[test]
fn a_renewal_is_judged_by_the_clock_that_the_lease_was_recorded_by() {
    let made = |ahead: i64| {
        let (created, expires) = times(&dated(1_000 + ahead, 1_100 + ahead), &(at(1_000)..=at(1_000)));
        Held { created, expires, ..held("a") }
    };
    for ahead in [-3_600, -5, 0, 5, 3_600] {
        let renewed = made(ahead).renewed(&dated(1_000 + ahead, 1_200 + ahead), None);
        let one_clock = if ahead.abs() <= 5 { ahead } else { 0 };
        assert_eq!((renewed.expires, renewed.ttl), (at(1_200 + one_clock), Some(Duration::from_secs(100))), "{ahead}");
    }
}

#[test]
fn a_lease_that_was_not_recorded_was_made_after_its_announcement() {
    let ledger = Ledger { requested: Some(at(1_000)), ..Ledger::default() };
    assert_eq!((ledger.made(at(1_050)), Ledger::default().made(at(9_000))), (at(1_000)..=at(1_050), Timestamp::MIN..=at(9_000)));
    // A server that is ahead, and one whose announcement is not known.
    assert_eq!(times(&dated(5_000, 5_060), &ledger.made(at(1_050))), (at(1_000), at(1_060)));
    assert_eq!(times(&dated(5_000, 5_060), &Ledger::default().made(at(1_050))), (at(1_050), at(1_110)));
    // It is given up only when it has ended here too, though the server is an hour behind.
    let stray = Superseded::stray(&dated(1_001 - 3_600, 1_101 - 3_600), LeaseSource::default(), &ledger.made(at(1_050)));
    assert_eq!((stray.expires, stray.is_over(at(1_090))), (Some(at(1_100)), false));
}

#[test]
fn a_renewal_tells_the_ttl() {
    let lease = Lease { id: "a".into(), created: None, expires: at(160), mark: None };
    let ttl = |asked: Option<u64>| held("a").renewed(&lease, asked.map(Duration::from_secs)).ttl.map(|ttl| ttl.as_secs());
    assert_eq!((ttl(None), ttl(Some(60)), ttl(Some(30))), (Some(60), Some(60), Some(30)));
}
