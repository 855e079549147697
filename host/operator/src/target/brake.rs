//! Holds writes back where something else keeps changing a target: a second operator, a replicator, a policy that mutates. Without
//! it each write of the one is the other's reason to write. Pure: the time is passed in.
//!
//! One edit or deletion is mended at once, and so are a few in a row. More than [`LIMIT`] within [`WINDOW`] of what is wanted all the
//! same begin a pause, after which the target is written once; a change of what is wanted is written at once. The pause doubles
//! each time the target is changed again, up to the interval of the resource, and ends when it was left alone for as long.
use crate::{
    cluster::Key,
    outcome::{Class, Fault},
    plan::Target,
    reason,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// Writes of the same in a row that are nobody's business.
const LIMIT: usize = 5;

/// A person who deletes a Secret to see it come back does not do so oftener.
const WINDOW: Duration = Duration::from_secs(10);

/// The first pause.
const FIRST: Duration = Duration::from_secs(10);

/// What the API server notes of a writer that does not say who it is, as this operator.
const ANONYMOUS: &str = "unknown";

/// Of all targets that were written.
#[derive(Default)]
pub(crate) struct Brakes {
    targets: HashMap<Key, Brake>,
}

struct Brake {
    /// What was written last.
    digest: [u8; 32],
    /// When the same was written again, the last few.
    again: VecDeque<Instant>,
    held: Option<Held>,
}

/// A target that is written only now and then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pause: Duration,
    until: Instant,
    /// The field manager that changed it when that was noticed.
    by: Option<String>,
}

impl Brakes {
    /// Whether the target is not to be touched now, since something else keeps changing it. `digest` is of what is wanted.
    pub fn held(&self, key: &Key, digest: &[u8; 32], now: Instant) -> Option<Held> {
        let brake = self.targets.get(key).filter(|brake| brake.digest == *digest)?;
        brake.held.clone().filter(|held| now < held.until)
    }

    /// Asks before a write, `by` whom it became necessary, as far as is known. `longest` is the longest pause.
    ///
    /// # Errors
    /// It is to be left alone for some time.
    pub fn ask(&mut self, key: &Key, digest: &[u8; 32], now: Instant, longest: Duration, by: Option<String>) -> Result<(), Held> {
        let Some(brake) = self.targets.get_mut(key).filter(|brake| brake.digest == *digest) else { return Ok(()) };
        if let Some(held) = &brake.held {
            return if now < held.until { Err(held.clone()) } else { Ok(()) };
        }
        while brake.again.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
            brake.again.pop_front();
        }
        if brake.again.len() < LIMIT {
            return Ok(());
        }
        let pause = FIRST.min(longest);
        let held = Held { pause, until: now + pause, by };
        brake.held = Some(held.clone());
        Err(held)
    }

    /// It was written. Gives the pause that begins then, where it is held.
    pub fn wrote(&mut self, key: &Key, digest: [u8; 32], now: Instant, longest: Duration) -> Option<Held> {
        let Some(brake) = self.targets.get_mut(key).filter(|brake| brake.digest == digest) else {
            self.targets.insert(key.clone(), Brake { digest, again: VecDeque::new(), held: None });
            return None;
        };
        if brake.again.len() >= LIMIT {
            brake.again.pop_front();
        }
        brake.again.push_back(now);
        let held = brake.held.as_mut()?;
        held.pause = held.pause.saturating_mul(2).min(longest);
        held.until = now + held.pause;
        Some(held.clone())
    }

    /// It was found right: whatever kept changing it has left it alone for a whole pause.
    pub fn calm(&mut self, key: &Key) {
        if let Some(brake) = self.targets.get_mut(key).filter(|brake| brake.held.is_some()) {
            brake.held = None;
            brake.again.clear();
        }
    }

    /// Nobody names it any more.
    pub fn forget(&mut self, key: &Key) {
        self.targets.remove(key);
    }
}

impl Held {
    /// When it is to be looked at again.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// In the same words as long as it lasts.
    pub fn fault(&self, Target { field, kind, name, .. }: &Target, now: Instant) -> Fault {
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(" (field manager {by:?})"));
        let message = format!(
            "{field}: something else{by} keeps changing {kind} {name} or deleting it as soon as it is written, so it is written less and \
             less often: find out what else keeps it and have it stopped, or name another target"
        );
        let retry_after = Some(self.until.saturating_duration_since(now));
        Fault { retry_after, ..Fault::new(reason::TARGET_CONTESTED, Class::Transient, message) }
    }
}

/// Who changed an object last, as the API server noted it. None: it did not say who it is.
pub(crate) fn last_manager(entries: Option<&Vec<ManagedFieldsEntry>>) -> Option<String> {
    let entries = entries.into_iter().flatten();
    let last = entries.clone().filter_map(|entry| entry.time.as_ref()).map(|time| time.0).max()?;
    // Two that write in the same second can't be told apart but by their names.
    let mut then = entries.filter(|entry| entry.time.as_ref().is_some_and(|time| time.0 == last));
    let named = then.find_map(|entry| entry.manager.as_deref().filter(|manager| !manager.is_empty() && *manager != ANONYMOUS));
    named.map(|manager| manager.chars().take(128).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{object::Name, plan::TargetKind, target::testing::target};
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

    const WANTED: [u8; 32] = [1; 32];
    const INTERVAL: Duration = Duration::from_secs(60);

    fn key() -> Key {
        Key { kind: TargetKind::Secret, name: Name::new("n", "t") }
    }

    /// Something changes the target and it is looked at. Whether it was written, with the pause it has to wait.
    fn changed(brakes: &mut Brakes, now: Instant) -> (bool, Option<u64>) {
        let seconds = |held: Held| held.until.saturating_duration_since(now).as_secs();
        if let Some(held) = brakes.held(&key(), &WANTED, now) {
            return (false, Some(seconds(held)));
        }
        match brakes.ask(&key(), &WANTED, now, INTERVAL, Some("replicator".into())) {
            Ok(()) => (true, brakes.wrote(&key(), WANTED, now, INTERVAL).map(seconds)),
            Err(held) => (false, Some(seconds(held))),
        }
    }

    #[test]
    fn a_few_edits_are_mended_at_once_and_a_fight_less_and_less_often() {
        let (mut brakes, mut now) = (Brakes::default(), Instant::now());
        // The first write, and five of the same.
        for _ in 0..6 {
            assert_eq!(changed(&mut brakes, now), (true, None));
            now += Duration::from_millis(20);
        }
        assert_eq!(changed(&mut brakes, now), (false, Some(10)));
        now += Duration::from_secs(4);
        assert_eq!(changed(&mut brakes, now), (false, Some(6)));
        let mut pauses = Vec::new();
        for wait in [6, 20, 40, 60, 60] {
            now += Duration::from_secs(wait);
            let (written, pause) = changed(&mut brakes, now);
            assert!(written);
            pauses.extend(pause);
        }
        assert_eq!(pauses, [20, 40, 60, 60, 60]);
    }

    #[test]
    fn edits_now_and_then_are_no_fight() {
        let (mut brakes, mut now) = (Brakes::default(), Instant::now());
        for _ in 0..50 {
            assert_eq!(changed(&mut brakes, now), (true, None));
            now += Duration::from_millis(2001);
        }
    }

    #[test]
    fn what_was_left_alone_for_a_pause_and_what_is_wanted_otherwise_are_written_at_once() {
        let (mut brakes, now) = (Brakes::default(), Instant::now());
        while changed(&mut brakes, now).0 {}
        assert_eq!(brakes.held(&key(), &[2; 32], now), None);
        assert_eq!(brakes.ask(&key(), &[2; 32], now, INTERVAL, None), Ok(()));
        assert_eq!(brakes.wrote(&key(), [2; 32], now, INTERVAL), None);
        brakes.wrote(&key(), WANTED, now, INTERVAL);
        while changed(&mut brakes, now).0 {}
        brakes.calm(&key());
        for _ in 0..5 {
            assert_eq!(changed(&mut brakes, now), (true, None));
        }
        brakes.forget(&key());
        assert!(brakes.targets.is_empty());
    }

    #[test]
    fn a_pause_is_no_longer_than_the_interval() {
        let (mut brakes, now) = (Brakes::default(), Instant::now());
        let short = Duration::from_secs(5);
        for _ in 0..6 {
            brakes.wrote(&key(), WANTED, now, short);
        }
        assert_eq!(brakes.ask(&key(), &WANTED, now, short, None).unwrap_err().pause, short);
        assert_eq!(brakes.wrote(&key(), WANTED, now + short, short).unwrap().pause, short);
    }

    #[test]
    fn the_message_says_which_target_and_who_and_stays_the_same() {
        let now = Instant::now();
        let held = Held { pause: FIRST, until: now + FIRST, by: Some("replicator".into()) };
        let fault = held.fault(&target("t"), now);
        assert_eq!((fault.reason, fault.class, fault.retry_after), ("TargetContested", Class::Transient, Some(FIRST)));
        for part in ["spec.managedKubeSecretReferences[0]", "Secret n/t", "(field manager \"replicator\")"] {
            assert!(fault.message.contains(part), "{}", fault.message);
        }
        let later = Held { pause: INTERVAL, until: now + INTERVAL, ..held };
        assert_eq!(later.fault(&target("t"), now + FIRST).message, fault.message);
    }

    #[test]
    fn whoever_wrote_last_is_named_if_it_says_who_it_is() {
        let entry = |manager: &str, second| ManagedFieldsEntry {
            manager: Some(manager.into()),
            time: Timestamp::from_second(second).ok().map(Time),
            ..ManagedFieldsEntry::default()
        };
        let of = |entries: Vec<ManagedFieldsEntry>| last_manager(Some(&entries));
        assert_eq!(of(vec![entry("kubectl", 1), entry("replicator", 3), entry(ANONYMOUS, 2)]).as_deref(), Some("replicator"));
        assert_eq!(of(vec![entry(ANONYMOUS, 3), entry("replicator", 3)]).as_deref(), Some("replicator"));
        assert_eq!(of(vec![entry("kubectl", 1), entry(ANONYMOUS, 3)]), None);
        assert_eq!(last_manager(None), None);
    }
}
