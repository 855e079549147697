use super::*;

fn value(text: &str) -> Arc<SecretBytes> {
    Arc::new(SecretBytes::from(text.as_bytes().to_vec()))
}

/// Secrets with the id `id-KEY`, made in second 1000 and never changed since.
fn there(pairs: &[(&str, &str)]) -> Folder {
    let created = Timestamp::from_second(1000).ok();
    let remote = |key: &str, text: &str| Remote { id: format!("id-{key}"), value: value(text), created, version: Some(1) };
    pairs.iter().map(|(key, text)| ((*key).to_owned(), remote(key, text))).collect()
}

fn wishes(pairs: &[(&str, &str)]) -> Wishes {
    pairs.iter().map(|(key, text)| ((*key).to_owned(), Wish::Value(value(text)))).collect()
}

fn once(made_from: &str) -> Wish {
    Wish::Once { made_from: made_from.into(), value: Once::Generator(0) }
}

fn managed(keys: &[&str]) -> Record {
    let managed = keys.iter().map(|key| (format!("id-{key}"), (*key).to_owned())).collect();
    Record { managed: Some(managed), ..Record::default() }
}

const NONE: Rules<'_> = Rules { replace: false, delete: false, regenerate: None, doubtful: false, seen: None, now: Timestamp::UNIX_EPOCH };
const REPLACE: Rules<'_> = Rules { replace: true, ..NONE };
const DELETE: Rules<'_> = Rules { delete: true, ..NONE };

/// Names created, updated, deleted, kept.
fn names(decision: &Decision) -> [Vec<String>; 4] {
    let keys = |changes: &[Change]| changes.iter().map(|change| change.key.clone()).collect();
    [keys(&decision.create), keys(&decision.update), decision.delete.clone(), decision.kept.clone()]
}

fn decided(wishes: &Wishes, there: &Folder, record: &Record, rules: Rules<'_>) -> Decision {
    decide(wishes, there, record, rules, &BTreeSet::new())
}

fn is(decision: &Decision, wanted: [&[&str]; 4]) {
    let wanted = wanted.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(names(decision), wanted);
}

#[test]
fn on_a_first_run_what_is_missing_is_created_and_what_differs_stays_unless_it_is_to_be_replaced() {
    let (wanted, found) = (wishes(&[("A", "1"), ("B", "2"), ("SAME", "3")]), there(&[("B", "other"), ("C", "theirs"), ("SAME", "3")]));
    let kept = decided(&wanted, &found, &Record::default(), NONE);
    is(&kept, [&["A"], &[], &[], &["B"]]);
    let replaced = decided(&wanted, &found, &Record::default(), Rules { delete: true, ..REPLACE });
    is(&replaced, [&["A"], &["B"], &[], &[]]);
    // What holds the right value by chance is not ours.
    assert_eq!((replaced.record.managed, replaced.update[0].ours), (None, false));
}

#[test]
fn without_replace_not_even_what_is_ours_is_overwritten() {
    let decision = decided(&wishes(&[("A", "new"), ("B", "2")]), &there(&[("A", "old")]), &managed(&["A", "B"]), NONE);
    is(&decision, [&["B"], &[], &[], &["A"]]);
    let decision = decided(&wishes(&[("A", "new")]), &there(&[("A", "old")]), &managed(&["A"]), REPLACE);
    assert!(decision.update[0].ours);
}

#[test]
fn only_what_is_ours_is_deleted_and_only_if_the_policy_says_so() {
    let (wanted, found) = (wishes(&[("A", "1")]), there(&[("A", "1"), ("B", "2"), ("C", "theirs")]));
    let kept = decided(&wanted, &found, &managed(&["A", "B"]), REPLACE);
    is(&kept, [&[], &[], &[], &[]]);
    assert!(kept.record.has("id-B"), "a later policy may delete it");
    is(&decided(&wanted, &found, &managed(&["A", "B"]), DELETE), [&[], &[], &["B"], &[]]);
}

#[test]
fn a_source_that_is_suddenly_empty_deletes_nothing() {
    let rules = Rules { doubtful: true, ..DELETE };
    let decision = decided(&Wishes::new(), &there(&[("A", "1")]), &managed(&["A"]), rules);
    assert!(decision.writes_nothing());
    assert_eq!(decision.withheld, ["A"]);
}

#[test]
fn what_was_renamed_or_made_anew_is_somebody_elses() {
    let mut found = there(&[("A", "1")]);
    found.get_mut("A").unwrap().id = "id-other".into();
    // The old A lives on as RENAMED.
    found.insert("RENAMED".into(), Remote { id: "id-A".into(), value: value("1"), created: None, version: None });
    let decision = decided(&Wishes::new(), &found, &managed(&["A"]), DELETE);
    assert!(decision.writes_nothing() && decision.record.managed.as_ref().unwrap().is_empty());
    is(&decided(&wishes(&[("A", "2")]), &found, &managed(&["A"]), NONE), [&[], &[], &[], &["A"]]);
}

#[test]
fn what_was_about_to_be_written_is_ours_if_it_holds_what_it_was_to_hold_or_was_made_then() {
    let pending = |at| Record { pending: [("A".to_owned(), Timestamp::from_second(at).unwrap())].into(), ..Record::default() };
    let ours = |wish: Option<Wish>, found: &Folder, at| {
        let wishes = wish.map(|wish| ("A".to_owned(), wish)).into_iter().collect();
        let decision = decided(&wishes, found, &pending(at), NONE);
        assert!(decision.record.pending.is_empty());
        decision.record.has("id-A")
    };
    let (then, later) = (1001, 100_000);
    let found = there(&[("A", "1")]);
    assert!(ours(Some(Wish::Value(value("1"))), &found, later));
    assert!(ours(Some(Wish::Value(value("2"))), &found, then) && !ours(Some(Wish::Value(value("2"))), &found, later));
    assert!(ours(Some(once("x")), &found, then) && !ours(Some(once("x")), &found, later));
    assert!(ours(None, &found, then) && !ours(None, &found, later));
    assert!(!ours(Some(once("x")), &there(&[]), then));
}

#[test]
fn a_write_that_was_cut_off_is_looked_for_as_long_as_it_may_arrive() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let pending = Record { pending: [("A".to_owned(), at(1001))].into(), ..Record::default() };
    let look = |found: &Folder, second| decided(&Wishes::new(), found, &pending, Rules { now: at(second), ..DELETE }).record;
    assert_eq!(look(&there(&[]), 1010).pending, pending.pending);
    assert_eq!(look(&there(&[]), 1301).pending, pending.pending);
    assert!(look(&there(&[]), 1302).pending.is_empty());
    // It has arrived.
    let arrived = decided(&Wishes::new(), &there(&[("A", "1")]), &pending, Rules { now: at(1010), ..DELETE });
    assert!(arrived.record.pending.is_empty() && arrived.record.has("id-A") && arrived.delete == ["A"]);
    // It may still overwrite what is there.
    let mut older = there(&[("A", "1")]);
    older.get_mut("A").unwrap().created = Timestamp::from_second(1).ok();
    assert!(look(&older, 1010).pending.contains_key("A") && !look(&older, 1010).has("id-A") && look(&older, 1302).pending.is_empty());
}

#[test]
fn a_value_is_made_once_and_anew_when_its_settings_change_or_somebody_asks() {
    let wanted: Wishes = [("G".to_owned(), once("old"))].into();
    let found = there(&[("G", "secret")]);
    // The first time it is made.
    let first = decided(&wanted, &there(&[]), &Record::default(), NONE);
    is(&first, [&["G"], &[], &[], &[]]);
    // Taken over from the peer: what is there is kept, whatever the policy, and known from then on.
    let taken_over = decided(&wanted, &found, &managed(&["G"]), REPLACE);
    assert!(taken_over.writes_nothing());
    let record = taken_over.record;
    assert!(decided(&wanted, &found, &record, REPLACE).writes_nothing());
    let changed: Wishes = [("G".to_owned(), once("new"))].into();
    is(&decided(&changed, &found, &record, REPLACE), [&[], &["G"], &[], &[]]);
    is(&decided(&changed, &found, &record, NONE), [&[], &[], &[], &["G"]]);
    // By annotation, once for each value; taking the annotation away asks for nothing.
    let asked = Rules { regenerate: Some("1"), ..REPLACE };
    let again = decided(&wanted, &found, &record, asked);
    is(&again, [&[], &["G"], &[], &[]]);
    let New::Once(_, made) = &again.update[0].value else { panic!("a value that is not made once") };
    let record = Record { made: [("G".to_owned(), made.clone())].into(), ..record };
    assert!(decided(&wanted, &found, &record, asked).writes_nothing() && decided(&wanted, &found, &record, REPLACE).writes_nothing());
    // Deleted by somebody: made again.
    is(&decided(&wanted, &there(&[]), &record, NONE), [&["G"], &[], &[], &[]]);
}

#[test]
fn a_value_that_was_replaced_by_a_write_whose_answer_was_lost_is_not_replaced_once_more() {
    let wanted: Wishes = [("G".to_owned(), once("new"))].into();
    let made = |from: &str| Made { from: from.into(), regenerate: None };
    let remaking = Remaking { made: made("new"), version: 1 };
    let cut = Record { made: [("G".to_owned(), made("old"))].into(), remaking: [("G".to_owned(), remaking)].into(), ..managed(&["G"]) };
    // It never arrived.
    let before = there(&[("G", "first")]);
    is(&decided(&wanted, &before, &cut, REPLACE), [&[], &["G"], &[], &[]]);
    // It did.
    let mut after = there(&[("G", "second")]);
    after.get_mut("G").unwrap().version = Some(2);
    let decision = decided(&wanted, &after, &cut, REPLACE);
    assert!(decision.writes_nothing() && decision.record.remaking.is_empty());
    assert_eq!(decision.record.made["G"], made("new"));
    // Nor does it count for what was changed once more in between.
    let other: Wishes = [("G".to_owned(), once("newer"))].into();
    is(&decided(&other, &after, &cut, REPLACE), [&[], &["G"], &[], &[]]);
    // Where the server tells no version, nobody knows.
    after.get_mut("G").unwrap().version = None;
    is(&decided(&wanted, &after, &cut, REPLACE), [&[], &["G"], &[], &[]]);
}

#[test]
fn a_rendered_value_stays_when_only_the_secret_s_version_moved_or_nobody_knows_more() {
    let secret = |version: &str, text: &str| crate::dereference::SecretData {
        name: crate::object::Name::new("n", "s"),
        version: version.into(),
        data: [("K".to_owned(), value(text))].into(),
    };
    let made = |from: &str| Record { made: [("G".to_owned(), Made { from: from.into(), regenerate: None })].into(), ..managed(&["G"]) };
    let next = |from: &str, seen: &Seen| {
        let wanted = [("G".to_owned(), once(from))].into();
        decided(&wanted, &there(&[("G", "secret")]), &made("t/u/1"), Rules { seen: Some(seen), ..REPLACE })
    };
    let mut seen = Seen::default();
    seen.see(&secret("u/1", "a"), &made("t/u/1"));
    seen.see(&secret("u/2", "a"), &made("t/u/1"));
    let labelled = next("t/u/2", &seen);
    assert!(labelled.writes_nothing() && labelled.adopted.is_empty() && labelled.record.made["G"].from == "t/u/2");
    seen.see(&secret("u/3", "b"), &made("t/u/1"));
    is(&next("t/u/3", &seen), [&[], &["G"], &[], &[]]);
    let mut restarted = Seen::default();
    restarted.see(&secret("u/3", "b"), &made("t/u/1"));
    let unknown = next("t/u/3", &restarted);
    assert!(unknown.writes_nothing() && unknown.adopted == ["G"] && unknown.record.made["G"].from == "t/u/3");
    is(&next("other/u/3", &restarted), [&[], &["G"], &[], &[]]);
}

#[test]
fn what_another_resource_looks_after_is_neither_written_nor_deleted() {
    let claimed = ["A".to_owned(), "B".to_owned()].into();
    let decision = decide(&wishes(&[("A", "1")]), &there(&[("B", "2")]), &managed(&["B"]), Rules { delete: true, ..REPLACE }, &claimed);
    assert!(decision.writes_nothing());
    assert_eq!(decision.claimed, ["A"]);
}

#[test]
fn what_can_not_be_written_stays_as_it_is() {
    let wanted: Wishes = [("A".to_owned(), Wish::Unwritable)].into();
    assert!(decided(&wanted, &there(&[("A", "1")]), &managed(&["A"]), Rules { delete: true, ..REPLACE }).writes_nothing());
}
