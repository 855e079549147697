use super::*;
use crate::{
    dereference::SecretData,
    object::Name,
    push::{
        Once,
        decide::{Rules, decide},
    },
};
use std::collections::BTreeSet;

fn bytes(text: &str) -> Arc<SecretBytes> {
    Arc::new(SecretBytes::from(text.as_bytes().to_vec()))
}

fn made(from: &str) -> Made {
    Made { from: from.into(), regenerate: None }
}

fn plain(value: &str) -> Wish {
    Wish::Value(bytes(value))
}

fn once(from: &str) -> Wish {
    Wish::Once { made_from: from.into(), value: Once::Generator(0) }
}

/// What a process knows, with the folder that it looks at.
#[derive(Default)]
struct Process {
    record: Record,
    values: Values,
    seen: Seen,
    there: Folder,
    requests: u32,
}

impl Process {
    /// The next process, which knows what the status says.
    fn restarted(self) -> Self {
        Self { values: Values::new(), seen: Seen::default(), ..self }
    }

    fn sees(&mut self, version: &str, value: &str) {
        let data = [("K".to_owned(), bytes(value))].into();
        self.seen.see(&SecretData { name: Name::new("n", "s"), version: version.into(), data }, &self.record);
    }

    fn holds(&mut self, key: &str, version: u64, value: &str) {
        self.there.insert(key.into(), Remote { id: format!("id-{key}"), value: bytes(value), created: None, version: Some(version) });
    }

    /// Looks, and asks for what is to be written. Values that are made once are made as `NUMBER of this request`. Returns the
    /// names that are asked for.
    fn looks(&mut self, wishes: &[(&str, Wish)], source: &str) -> Vec<String> {
        let wishes: Wishes = wishes.iter().map(|(key, wish)| ((*key).to_owned(), wish.clone())).collect();
        settle(&mut self.record, &wishes, &self.there, &mut self.values);
        let rules = Rules { replace: true, delete: true, seen: Some(&self.seen), ..Rules::default() };
        let mut decision = decide(&wishes, &self.there, &self.record, rules, &BTreeSet::new());
        hold_back(&mut decision, &mut self.values, &self.seen, source);
        self.record = decision.record;
        self.requests += 1;
        let mut asked = Vec::new();
        let creates = decision.create.into_iter().map(|change| (Kind::Create, change));
        for (kind, change) in creates.chain(decision.update.into_iter().map(|change| (Kind::Update, change))) {
            let (value, made) = match change.value {
                New::Value(value) => (value, None),
                New::Once(_, made) => (bytes(&format!("{} of {}", change.key, self.requests)), Some(made)),
            };
            let version = self.there.get(&change.key).and_then(|remote| remote.version);
            self.asked(&change.key, Asked { kind, version, made }, source);
            self.values.insert(change.key.clone(), value);
            asked.push(change.key);
        }
        for key in decision.delete {
            self.asked(&key, Asked { kind: Kind::Delete, version: None, made: None }, source);
            asked.push(key);
        }
        asked
    }

    fn asked(&mut self, key: &str, asked: Asked, source: &str) {
        let waiting = self.record.waiting.get_or_insert_default();
        waiting.source = source.into();
        waiting.secrets.insert(key.into(), asked);
    }

    fn waits(&self) -> bool {
        self.record.waiting.is_some()
    }
}

const NOTHING: [String; 0] = [];

#[test]
fn what_was_asked_for_is_not_asked_for_again_until_its_value_changes() {
    let mut process = Process::default();
    let wishes = |b: &str| [("A", plain("1")), ("B", plain(b))];
    assert_eq!(process.looks(&wishes("2"), "s/1"), ["A", "B"]);
    // Whatever happened to the Secret, the values are the same.
    assert_eq!(process.looks(&wishes("2"), "s/2"), NOTHING);
    assert_eq!(process.looks(&wishes("3"), "s/3"), ["B"]);
    process.holds("A", 1, "1");
    process.holds("B", 1, "3");
    assert_eq!(process.looks(&wishes("3"), "s/3"), NOTHING);
    assert!(!process.waits() && process.record.names() == ["A", "B"]);
    // A deletion waits, and is done when the secret is gone.
    assert_eq!(process.looks(&[("A", plain("1"))], "s/4"), ["B"]);
    assert_eq!(process.looks(&[("A", plain("1"))], "s/5"), NOTHING);
    process.there.remove("B");
    assert_eq!(process.looks(&[("A", plain("1"))], "s/5"), NOTHING);
    assert!(!process.waits() && process.record.names() == ["A"]);
}

#[test]
fn after_a_restart_a_value_is_asked_for_again_unless_it_is_known_to_be_the_same() {
    let first = || {
        let mut process = Process::default();
        process.looks(&[("A", plain("1"))], "s/u/1");
        process.restarted()
    };
    let mut same = first();
    same.sees("u/1", "x");
    assert_eq!(same.looks(&[("A", plain("1"))], "s/u/1"), NOTHING);
    // A label, in the sight of this process.
    same.sees("u/2", "x");
    assert_eq!(same.looks(&[("A", plain("1"))], "s/u/2"), NOTHING);
    same.sees("u/3", "y");
    assert_eq!(same.looks(&[("A", plain("2"))], "s/u/3"), ["A"]);
    let mut written_meanwhile = first();
    written_meanwhile.sees("u/2", "?");
    assert_eq!(written_meanwhile.looks(&[("A", plain("2"))], "s/u/2"), ["A"]);
    assert_eq!(first().looks(&[("A", plain("1"))], "other/u/1"), ["A"], "the spec is another one");
    // Approved while no process ran.
    let mut approved = first();
    approved.holds("A", 1, "1");
    assert_eq!(approved.looks(&[("A", plain("1"))], "s/u/1"), NOTHING);
    assert!(!approved.waits() && approved.record.names() == ["A"]);
}

/// With a generated value that is there, and another one asked for.
fn update_waits() -> Process {
    let mut process = Process::default();
    process.holds("G", 3, "before");
    process.record.made.insert("G".into(), made("old"));
    assert_eq!(process.looks(&[("G", once("new"))], "s/"), ["G"]);
    assert_eq!(process.looks(&[("G", once("new"))], "s/"), NOTHING);
    process
}

#[test]
fn an_approved_update_of_a_value_that_is_made_once_is_known_by_the_value() {
    let mut process = update_waits();
    // Somebody's edit is not what was asked for.
    process.holds("G", 4, "edited");
    assert_eq!(process.looks(&[("G", once("new"))], "other/"), NOTHING);
    assert!(process.waits() && process.record.made["G"] == made("old"));
    process.holds("G", 5, "G of 1");
    assert_eq!(process.looks(&[("G", once("new"))], "other/"), NOTHING);
    assert!(!process.waits() && process.record.made["G"] == made("new") && process.values.is_empty());
    assert_eq!(process.record.names(), ["G"], "as after an update that needs no approval");
    assert_eq!(process.looks(&[("G", once("newer"))], "other/"), ["G"]);
}

#[test]
fn after_a_restart_an_approved_update_is_known_by_the_version_at_the_server() {
    let mut process = update_waits().restarted();
    // Whatever the spec is now: the value can't be made again.
    assert_eq!(process.looks(&[("G", once("new"))], "other/"), NOTHING);
    assert!(process.waits());
    process.holds("G", 4, "G of 1");
    assert_eq!(process.looks(&[("G", once("new"))], "other/"), NOTHING);
    assert!(!process.waits() && process.record.made["G"] == made("new"));
    // Other settings than those that were asked with are asked for, whether it was approved or not.
    assert_eq!(update_waits().restarted().looks(&[("G", once("newer"))], "s/"), ["G"]);
    let mut approved = update_waits().restarted();
    approved.holds("G", 4, "G of 1");
    assert_eq!(approved.looks(&[("G", once("newer"))], "s/"), ["G"]);
}

#[test]
fn an_approved_creation_of_a_value_that_is_made_once_is_ours_and_made_from_what_it_was_asked_with() {
    for restarts in [false, true] {
        let mut process = Process::default();
        assert_eq!(process.looks(&[("G", once("new"))], "s/"), ["G"]);
        if restarts {
            process = process.restarted();
        }
        assert_eq!(process.looks(&[("G", once("new"))], "s/"), NOTHING);
        process.holds("G", 1, "G of 1");
        assert_eq!(process.looks(&[("G", once("new"))], "s/"), NOTHING);
        assert!(!process.waits() && process.record.names() == ["G"] && process.record.made["G"] == made("new"), "{restarts}");
    }
}

#[test]
fn what_somebody_made_while_a_creation_waited_is_not_ours() {
    let mut process = Process::default();
    process.looks(&[("A", plain("1")), ("G", once("new"))], "s/");
    process.holds("A", 1, "theirs");
    process.holds("G", 1, "theirs");
    // Under this policy a plain value is replaced, which is another change than to make it.
    assert_eq!(process.looks(&[("A", plain("1")), ("G", once("new"))], "s/"), ["A"]);
    assert!(process.record.names().is_empty() && process.record.made["G"] == made("new"));
}

#[test]
fn a_rendered_value_is_asked_for_again_when_the_data_changes_and_not_with_a_label() {
    let wish = |version: &str| [("R", once(&seen::from("t", version)))];
    let mut process = Process::default();
    process.sees("u/1", "a");
    assert_eq!(process.looks(&wish("u/1"), "s/u/1"), ["R"]);
    process.sees("u/2", "a");
    assert_eq!(process.looks(&wish("u/2"), "s/u/2"), NOTHING);
    process.sees("u/3", "b");
    assert_eq!(process.looks(&wish("u/3"), "s/u/3"), ["R"]);
    // Written to while no process ran, perhaps a label alone.
    let mut process = process.restarted();
    process.sees("u/4", "?");
    assert_eq!(process.looks(&wish("u/4"), "s/u/4"), NOTHING);
    process.sees("u/5", "c");
    assert_eq!(process.looks(&wish("u/5"), "s/u/5"), ["R"]);
}

#[test]
fn a_source_tells_spec_and_version_apart() {
    let all = [source(&"a", Some("1")), source(&"a", Some("2")), source(&"b", Some("1")), source(&"a", None)];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 4);
}
