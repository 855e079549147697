//! Reads of which the server tells what changes: driven by times alone.
use super::{MINUTE, request, user};
use crate::{
    outcome::{Class, Fault, Stage},
    read::{
        Pace, ReadKey, Snapshot,
        fetch::{Failure, Known},
        schedule::{APART, Answer, GATHERED, Schedule},
    },
    session::SessionKey,
    testing::login,
};
use infisical::Listing;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const HOUR: Duration = Duration::from_secs(3600);
const INSTANT: Pace = Pace { interval: MINUTE, live: Some(HOUR) };

struct Clockwork {
    schedule: Schedule<()>,
    key: ReadKey,
    start: Instant,
    /// When each read began.
    reads: Vec<Duration>,
}

fn known(at: Instant) -> Known {
    let listing = Listing { secrets: vec![], imports: vec![], etag: None };
    Known { snapshot: Some(Arc::new(Snapshot::new(None, listing, at))), etag: None }
}

impl Clockwork {
    /// A key that was just read, for a user with this pace.
    fn new(pace: Pace) -> Self {
        let key = ReadKey { session: SessionKey::of(&login("http://a", "s"), "d"), request: request("/") };
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        schedule.subscribe(&user("a"), &(), [key.clone()], pace, start);
        let Answer::Start(flight) = schedule.ask(&user("a"), &key, None, start) else { panic!("not started") };
        schedule.end(&key, flight.number, Ok(known(start)), start, 1.0);
        Self { schedule, key, start, reads: Vec::new() }
    }

    fn at(&self, after: Duration) -> Instant {
        self.start + after
    }

    /// Lets time pass until then; each read takes 20 ms.
    fn run(&mut self, until: Duration) {
        while let Some(now) = self.schedule.next().filter(|next| *next <= self.start + until) {
            for flight in self.schedule.start_due(now) {
                self.reads.push(now - self.start);
                let woken = self.schedule.end(&flight.key, flight.number, Ok(known(now)), now + Duration::from_millis(20), 0.0);
                assert_eq!(woken, [user("a")]);
            }
        }
    }
}

#[test]
fn the_longer_interval_counts_only_while_events_come() {
    let mut clockwork = Clockwork::new(INSTANT);
    clockwork.run(MINUTE * 2);
    assert_eq!(clockwork.reads.len(), 2, "without events as ever");
    clockwork.schedule.set_live(&clockwork.key, true, clockwork.at(MINUTE * 2), 1.0);
    clockwork.run(MINUTE * 61);
    assert_eq!(clockwork.reads.len(), 2);
    let snapshot = clockwork.schedule.ask(&user("a"), &clockwork.key, None, clockwork.at(MINUTE * 61));
    assert!(matches!(snapshot, Answer::Serve(_)), "a repair is served from what was read");
    clockwork.run(MINUTE * 63);
    assert_eq!(clockwork.reads.len(), 3, "once an hour");
    clockwork.schedule.set_live(&clockwork.key, false, clockwork.at(MINUTE * 63), 1.0);
    clockwork.run(MINUTE * 66);
    assert_eq!(clockwork.reads.len(), 6, "and every minute from the moment at which they cease");
    assert!(clockwork.reads[3] <= MINUTE * 64);
}

#[test]
fn who_wants_no_events_keeps_its_interval_beside_one_who_does() {
    let mut clockwork = Clockwork::new(INSTANT);
    clockwork.schedule.subscribe(&user("a"), &(), [clockwork.key.clone()], Pace::from(MINUTE), clockwork.start);
    clockwork.schedule.set_live(&clockwork.key, true, clockwork.start, 1.0);
    clockwork.run(MINUTE * 5);
    assert_eq!(clockwork.reads.len(), 5);
}

#[test]
fn a_crowd_of_events_is_few_reads_and_none_is_missed() {
    let mut clockwork = Clockwork::new(INSTANT);
    clockwork.schedule.set_live(&clockwork.key, true, clockwork.start, 1.0);
    let first = Duration::from_secs(100);
    for number in 0..50 {
        let at = first + Duration::from_millis(10) * number;
        clockwork.run(at);
        clockwork.schedule.demand(&clockwork.key, clockwork.at(at));
    }
    let last = first + Duration::from_millis(490);
    clockwork.run(last + APART);
    assert_eq!(clockwork.reads, [first + GATHERED, first + GATHERED + APART], "one soon, and one after the last event");
}

#[test]
fn an_event_during_a_read_leads_to_another_one() {
    let mut clockwork = Clockwork::new(INSTANT);
    clockwork.schedule.set_live(&clockwork.key, true, clockwork.start, 1.0);
    let began = Duration::from_secs(100);
    clockwork.schedule.demand(&clockwork.key, clockwork.at(began));
    let began = began + GATHERED;
    let flight = clockwork.schedule.start_due(clockwork.at(began)).remove(0);
    clockwork.schedule.demand(&clockwork.key, clockwork.at(began + Duration::from_millis(5)));
    assert!(clockwork.schedule.next().is_none(), "one at a time");
    clockwork.schedule.end(&flight.key, flight.number, Ok(known(clockwork.at(began))), clockwork.at(began + GATHERED), 0.0);
    clockwork.run(began + MINUTE);
    assert_eq!(clockwork.reads, [began + APART]);
}

#[test]
fn what_a_reference_may_lead_to_is_read_within_the_usual_interval() {
    let mut clockwork = Clockwork::new(INSTANT);
    clockwork.schedule.set_live(&clockwork.key, true, clockwork.start, 1.0);
    for minute in 10..14 {
        // Events every quarter of a minute.
        for quarter in 0..4 {
            let at = MINUTE * minute + Duration::from_secs(15) * quarter;
            clockwork.run(at);
            clockwork.schedule.nudge(&clockwork.key, clockwork.at(at), 0.5);
        }
    }
    clockwork.run(MINUTE * 30);
    assert!((4..=8).contains(&clockwork.reads.len()), "{:?}", clockwork.reads);
    assert!(clockwork.reads[0] <= MINUTE * 11 && *clockwork.reads.last().unwrap() <= MINUTE * 15, "{:?}", clockwork.reads);
}

#[test]
fn an_event_mends_a_refusal_at_once_but_leaves_an_outage_its_time() {
    for (class, mended) in [(Class::UserFix, true), (Class::Denied, true), (Class::Transient, false)] {
        let mut clockwork = Clockwork::new(INSTANT);
        let at = MINUTE * 2;
        let flight = clockwork.schedule.start_due(clockwork.at(at)).remove(0);
        let failure = Failure { stage: Stage::Read, fault: Fault::new("NotFound", class, "no folder") };
        clockwork.schedule.end(&flight.key, flight.number, Err(failure), clockwork.at(at), 1.0);
        let before = clockwork.schedule.next();
        clockwork.schedule.demand(&clockwork.key, clockwork.at(at));
        let soon = clockwork.schedule.next() == Some(clockwork.at(at) + APART);
        assert_eq!((soon, clockwork.schedule.next() == before), (mended, !mended), "{class:?}");
    }
}

#[test]
fn a_change_elsewhere_during_a_read_is_read_within_the_usual_interval() {
    let mut clockwork = Clockwork::new(INSTANT);
    clockwork.schedule.set_live(&clockwork.key, true, clockwork.start, 1.0);
    let began = clockwork.schedule.next().unwrap() - clockwork.start;
    let flight = clockwork.schedule.start_due(clockwork.at(began)).remove(0);
    let told = began + Duration::from_millis(10);
    clockwork.schedule.nudge(&clockwork.key, clockwork.at(told), 1.0);
    let ended = began + Duration::from_millis(20);
    clockwork.schedule.end(&flight.key, flight.number, Ok(known(clockwork.at(began))), clockwork.at(ended), 1.0);
    clockwork.run(HOUR + MINUTE * 30);
    assert_eq!(clockwork.reads, [ended + MINUTE], "once, and not after the longer interval");
}

#[test]
fn events_elsewhere_and_their_end_leave_a_failed_read_its_time() {
    let silenced = Fault { retry_after: Some(MINUTE * 10), ..Fault::new("RateLimited", Class::Transient, "429") };
    let outage = Fault::new("ServerError", Class::Transient, "503");
    let refused = Fault::new("NotFound", Class::UserFix, "no folder");
    // Only what a user may mend is tried as soon as it would be without events, and no sooner.
    for (fault, sooner) in [(silenced, None), (outage, None), (refused, Some(MINUTE))] {
        for nudged in [true, false] {
            let mut clockwork = Clockwork::new(INSTANT);
            clockwork.schedule.set_live(&clockwork.key, true, clockwork.start, 1.0);
            let mut failed = clockwork.start;
            for _ in 0..8 {
                failed = clockwork.schedule.next().unwrap();
                let flight = clockwork.schedule.start_due(failed).remove(0);
                let failure = Failure { stage: Stage::Read, fault: fault.clone() };
                clockwork.schedule.end(&flight.key, flight.number, Err(failure), failed, 1.0);
            }
            let before = clockwork.schedule.next().unwrap();
            let now = failed + Duration::from_millis(100);
            if nudged {
                clockwork.schedule.nudge(&clockwork.key, now, 0.0);
            } else {
                clockwork.schedule.set_live(&clockwork.key, false, now, 0.0);
            }
            let wanted = sooner.map_or(before, |sooner| failed + sooner);
            assert_eq!(clockwork.schedule.next(), Some(wanted), "{} {nudged}", fault.message);
        }
    }
}

/// Ends the flight that is due next, which was told of meanwhile, as refused; gives when it began, and when the next one is due.
fn refused_while_told(clockwork: &mut Clockwork, class: Class, told: impl Fn(&mut Clockwork, Instant)) -> (Instant, Instant) {
    let began = clockwork.schedule.next().unwrap();
    let flight = clockwork.schedule.start_due(began).remove(0);
    told(clockwork, began + Duration::from_millis(10));
    let failure = Failure { stage: Stage::Read, fault: Fault::new("NotFound", class, "no folder") };
    clockwork.schedule.end(&flight.key, flight.number, Err(failure), began + Duration::from_millis(20), 1.0);
    (began, clockwork.schedule.next().unwrap())
}

#[test]
fn an_event_during_a_read_that_is_refused_leads_to_another_one_soon_and_to_one_alone() {
    let demand = |clockwork: &mut Clockwork, at| clockwork.schedule.demand(&clockwork.key.clone(), at);
    for (class, soon) in [(Class::UserFix, true), (Class::Denied, true), (Class::Transient, false)] {
        let mut clockwork = Clockwork::new(Pace { interval: HOUR, live: Some(HOUR * 4) });
        clockwork.schedule.set_live(&clockwork.key, true, clockwork.start, 1.0);
        for _ in 0..3 {
            // However often the server tells of something while it refuses.
            let (began, next) = refused_while_told(&mut clockwork, class, demand);
            assert_eq!(next == began + APART, soon, "{class:?}: {:?}", next - began);
            assert!(next >= began + APART);
        }
        let (began, next) = refused_while_told(&mut clockwork, class, |_, _| {});
        assert!(!soon || next > began + MINUTE, "{class:?}: {:?}", next - began);
    }
}

#[test]
fn an_event_elsewhere_during_a_read_that_is_refused_leads_to_another_one_as_soon_as_without_events() {
    let nudge = |clockwork: &mut Clockwork, at| clockwork.schedule.nudge(&clockwork.key.clone(), at, 1.0);
    for (class, wanted) in [(Class::UserFix, Some(MINUTE)), (Class::Transient, None)] {
        let mut clockwork = Clockwork::new(INSTANT);
        clockwork.schedule.set_live(&clockwork.key, true, clockwork.start, 1.0);
        let mut usual = Clockwork::new(INSTANT);
        usual.schedule.set_live(&usual.key, true, usual.start, 1.0);
        let (began, next) = refused_while_told(&mut clockwork, class, nudge);
        let (ever, after) = refused_while_told(&mut usual, class, |_, _| {});
        assert_eq!(next - began, wanted.unwrap_or(after - ever), "{class:?}");
        assert!(wanted.is_none() || after - ever > MINUTE * 4);
    }
}

#[test]
fn streams_that_are_cut_early_cost_no_more_reads_than_there_are_without_events() {
    for (within, reads) in [(MINUTE - Duration::from_secs(1), 5..=6), (MINUTE, 20..=20)] {
        let mut clockwork = Clockwork::new(INSTANT);
        for number in 0..20 {
            let at = Duration::from_secs(15) * (number + 1);
            clockwork.run(at);
            clockwork.schedule.set_live(&clockwork.key, true, clockwork.at(at), 1.0);
            clockwork.schedule.catch_up(&clockwork.key, within, clockwork.at(at), 1.0);
        }
        clockwork.run(Duration::from_secs(15) * 20 + MINUTE);
        assert!(reads.contains(&clockwork.reads.len()), "{:?}", clockwork.reads);
    }
}
