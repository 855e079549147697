//! Holds a plugin off that keeps failing: for the namespace where it fails first, and whole once it fails in several.
//!
//! Only faults of the plugin count ([`crate::Class::Plugin`]); wrong settings, missing rights and outages don't, so a tenant
//! can't switch a plugin off with a wrong credential. A tenant whose input makes a plugin fail can hold it off for its own
//! namespaces alone: as long as it goes well anywhere, it is the input that is wrong and not the plugin. A breaker belongs to one generation: a new version starts with a clean one. No clock in here.
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// So many faults…
const FAULTS: usize = 5;
/// …within this time hold a plugin off,
const WINDOW: Duration = Duration::from_secs(60);
/// for so long at first,
const SHORTEST: Duration = Duration::from_secs(30);
/// and doubled with each further time up to so long.
const LONGEST: Duration = Duration::from_secs(600);
/// Held off in so many namespaces at once, it is held off in all,
const NAMESPACES: usize = 3;
/// unless a call went well within this time: as long as the longest interval that most resources are read at.
const WELL: Duration = Duration::from_secs(600);

/// The breaker of one generation.
#[derive(Default)]
pub(crate) struct Breaker {
    namespaces: BTreeMap<String, Hold>,
    whole: Hold,
    went_well: Option<Instant>,
}

#[derive(Default)]
struct Hold {
    faults: VecDeque<Instant>,
    until: Option<Instant>,
    last: Duration,
}

impl Hold {
    fn remaining(&self, now: Instant) -> Option<Duration> {
        self.until.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// After a hold one fault is enough to begin the next one: `last` is zero only after a success.
    fn fault(&mut self, now: Instant) -> bool {
        self.faults.retain(|at| now.duration_since(*at) < WINDOW);
        self.faults.push_back(now);
        if self.remaining(now).is_some() || (self.faults.len() < FAULTS && self.last.is_zero()) {
            return false;
        }
        self.begin(now);
        true
    }

    fn begin(&mut self, now: Instant) {
        self.last = (self.last * 2).clamp(SHORTEST, LONGEST);
        self.until = Some(now + self.last);
        self.faults.clear();
    }

    /// Nothing worth remembering: no recent fault, and the last hold longer ago than the longest one.
    fn forgettable(&self, now: Instant) -> bool {
        self.faults.iter().all(|at| now.duration_since(*at) >= WINDOW)
            && self.until.is_none_or(|until| now.checked_duration_since(until).is_some_and(|ago| ago >= LONGEST))
    }
}

impl Breaker {
    /// May this namespace call now? Else for how long not.
    pub(crate) fn admit(&self, namespace: &str, now: Instant) -> Result<(), Duration> {
        let namespace = self.namespaces.get(namespace).and_then(|hold| hold.remaining(now));
        match self.whole.remaining(now).max(namespace) {
            None => Ok(()),
            Some(left) => Err(left),
        }
    }

    /// A call of this namespace went well.
    pub(crate) fn success(&mut self, namespace: &str, now: Instant) {
        self.went_well = Some(now);
        self.namespaces.remove(namespace);
        self.whole = Hold::default();
    }

    /// A call of this namespace ended with a fault of the plugin.
    pub(crate) fn fault(&mut self, namespace: &str, now: Instant) {
        self.namespaces.retain(|_, hold| !hold.forgettable(now));
        if !self.namespaces.entry(namespace.to_owned()).or_default().fault(now) {
            return;
        }
        let held = self.namespaces.values().filter(|hold| hold.remaining(now).is_some()).count();
        let well = self.went_well.is_some_and(|at| now.duration_since(at) < WELL);
        if held >= NAMESPACES && !well && self.whole.remaining(now).is_none() {
            self.whole.begin(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &mut Breaker, namespace: &str, times: usize, now: Instant) {
        for _ in 0..times {
            breaker.fault(namespace, now);
        }
    }

    #[test]
    fn five_faults_in_a_minute_hold_off_that_namespace_alone() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        fail(&mut breaker, "a", 4, now);
        assert_eq!(breaker.admit("a", now), Ok(()));
        fail(&mut breaker, "a", 1, now);
        assert_eq!(breaker.admit("a", now), Err(SHORTEST));
        assert_eq!(breaker.admit("b", now), Ok(()));
        assert_eq!(breaker.admit("a", now + SHORTEST), Ok(()));
    }

    #[test]
    fn faults_that_are_spread_out_do_not_count() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        for _ in 0..20 {
            fail(&mut breaker, "a", 1, now);
            now += Duration::from_secs(16);
        }
        assert_eq!(breaker.admit("a", now), Ok(()));
    }

    #[test]
    fn a_hold_doubles_up_to_ten_minutes_and_a_success_ends_the_count() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        fail(&mut breaker, "a", 5, now);
        for seconds in [30, 60, 120, 240, 480, 600, 600] {
            let held = breaker.admit("a", now).unwrap_err();
            assert_eq!(held, Duration::from_secs(seconds));
            now += held;
            fail(&mut breaker, "a", 1, now);
        }
        breaker.success("a", now);
        assert_eq!(breaker.admit("a", now), Ok(()));
        fail(&mut breaker, "a", 4, now);
        assert_eq!(breaker.admit("a", now), Ok(()));
        fail(&mut breaker, "a", 1, now);
        assert_eq!(breaker.admit("a", now), Err(SHORTEST));
    }

    #[test]
    fn three_namespaces_hold_off_the_whole() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        fail(&mut breaker, "a", 5, now);
        fail(&mut breaker, "b", 5, now);
        assert_eq!(breaker.admit("other", now), Ok(()));
        fail(&mut breaker, "c", 5, now);
        assert_eq!(breaker.admit("other", now), Err(SHORTEST));
    }

    #[test]
    fn a_tenant_with_many_namespaces_cannot_hold_off_what_goes_well_elsewhere() {
        let (mut breaker, began) = (Breaker::default(), Instant::now());
        breaker.success("other", began);
        for namespace in ["a", "b", "c", "d"] {
            fail(&mut breaker, namespace, 5, began);
            assert!(breaker.admit(namespace, began).is_err());
        }
        assert_eq!(breaker.admit("other", began), Ok(()));
        // It has not gone well for long now.
        let later = began + WELL;
        for namespace in ["a", "b", "c"] {
            fail(&mut breaker, namespace, 1, later);
        }
        assert_eq!(breaker.admit("other", later), Err(SHORTEST));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for number in 0..100 {
            fail(&mut breaker, &number.to_string(), 1, now);
        }
        fail(&mut breaker, "late", 1, now + WINDOW);
        assert_eq!(breaker.namespaces.len(), 1);
    }
}
