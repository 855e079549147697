use super::*;
use api::v1alpha1::LeaseSource;
use infisical::ProjectRef;

const HOUR: i64 = 3_600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn wanted() -> Source {
    Source {
        server: "https://a/api".into(),
        project: ProjectRef::Slug("shop".into()),
        environment: "dev".into(),
        path: "/".into(),
        name: "db".into(),
        namespace: None,
    }
}

/// Made at 0 for an hour, as this operator records it.
fn lease() -> Held {
    Held {
        id: "lease-1".into(),
        created: at(0),
        expires: at(HOUR),
        ttl: Some(Duration::from_secs(HOUR as u64)),
        source: None,
        reroll: None,
        dynamic_secret: None,
        max_ttl: Some("24h".into()),
    }
}

struct Case {
    ledger: Ledger,
    ttl: Option<Duration>,
    reroll: Option<&'static str>,
    id: Option<&'static str>,
    held: Option<Held>,
    end: Option<Timestamp>,
}

impl Case {
    fn of(lease: Option<Held>) -> Self {
        let ttl = Some(Duration::from_secs(HOUR as u64));
        Self { ledger: Ledger { lease, ..Ledger::default() }, ttl, reroll: None, id: Some("lease-1"), held: None, end: None }
    }

    fn at(&self, second: i64) -> Step {
        let wanted = wanted();
        decide(&Situation {
            wanted: &wanted,
            ttl: self.ttl,
            reroll: self.reroll,
            ledger: &self.ledger,
            hand: self.id.map(|id| Hand { id, held: self.held.as_ref(), end: self.end }),
            now: at(second),
        })
    }
}

#[test]
fn without_credentials_there_is_a_new_lease() {
    let case = Case { id: None, ..Case::of(None) };
    assert_eq!(case.at(0), Step::Replace(Reason::First));
    let case = Case { id: None, ..Case::of(Some(lease())) };
    assert_eq!(case.at(10), Step::Replace(Reason::Lost));
}

#[test]
fn a_secret_with_a_lease_that_nobody_recorded_is_asked_about_once() {
    assert_eq!(Case::of(None).at(0), Step::LookAt);
    let other = Held { id: "lease-0".into(), ..lease() };
    assert_eq!(Case::of(Some(other.clone())).at(0), Step::LookAt);
    let known = Case { held: Some(lease()), ..Case::of(Some(other)) };
    assert!(matches!(known.at(0), Step::Keep { .. }));
}

#[test]
fn a_lease_is_kept_until_a_fifth_to_three_tenths_of_its_ttl_is_left() {
    let case = Case::of(Some(lease()));
    let Step::Keep { until } = case.at(0) else { panic!("{:?}", case.at(0)) };
    assert!((HOUR * 7 / 10..=HOUR * 8 / 10).contains(&until.as_second()), "{until}");
    assert_eq!(case.at(until.as_second() + 1), Step::Renew);
    assert_eq!(case.at(HOUR - 1), Step::Renew);
    assert_eq!(case.at(HOUR), Step::Replace(Reason::Expired));
}

#[test]
fn leases_that_were_made_together_are_not_renewed_together() {
    let due = |id: &str| {
        let id: &'static str = id.to_owned().leak();
        let case = Case { id: Some(id), ..Case::of(Some(Held { id: id.into(), ..lease() })) };
        match case.at(0) {
            Step::Keep { until } => until.as_second(),
            other => panic!("{other:?}"),
        }
    };
    let all: std::collections::BTreeSet<_> = (0..100).map(|number| due(&format!("lease-{number}"))).collect();
    assert!(all.len() > 50, "{}", all.len());
    assert!(all.last().unwrap() - all.first().unwrap() > 200);
}

/// Renews as the server does, until it can't; gives the seconds of the calls and of the replacement.
fn simulate(case: &mut Case, until: i64) -> (Vec<i64>, Option<i64>) {
    let (mut now, mut renewals) = (0, Vec::new());
    while now < until {
        match case.at(now) {
            Step::Keep { until } => now = until.as_second() + 1,
            Step::Renew => {
                renewals.push(now);
                let lease = case.ledger.lease.as_mut().unwrap();
                let ttl = case.ttl.unwrap_or(Duration::from_secs(HOUR as u64));
                lease.expires += ttl;
            }
            Step::Replace(_) => return (renewals, Some(now)),
            Step::LookAt => panic!("nothing to look at"),
        }
    }
    (renewals, None)
}

#[test]
fn over_days_each_ttl_costs_one_call() {
    // Neither what the peer recorded nor a max TTL that is unknown changes that.
    for (ttl, recorded) in [(HOUR, true), (HOUR, false), (300, true), (60, false), (5, true)] {
        let term = Duration::from_secs(ttl as u64);
        let held = Held { expires: at(ttl), ttl: recorded.then_some(term), max_ttl: None, ..lease() };
        let mut case = Case { ttl: Some(term), ..Case::of(Some(held)) };
        let (renewals, replaced) = simulate(&mut case, 100 * ttl);
        assert_eq!(replaced, None);
        assert!((99..=101).contains(&renewals.len()), "{ttl} s: {} renewals", renewals.len());
        let closest = renewals.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
        assert!(closest >= ttl - 1, "{ttl} s: two renewals within {closest} s");
    }
}

#[test]
fn near_its_max_ttl_a_lease_is_replaced_before_it_ends() {
    let mut case = Case::of(Some(lease()));
    let (renewals, replaced) = simulate(&mut case, 100 * HOUR);
    assert_eq!(renewals.len(), 23);
    let replaced = replaced.unwrap();
    assert!((23 * HOUR..24 * HOUR).contains(&replaced), "{replaced}");
    assert_eq!(case.at(replaced), Step::Replace(Reason::Ending));
}

#[test]
fn a_signed_token_is_replaced_and_never_renewed() {
    let case = Case { end: Some(at(HOUR)), ..Case::of(Some(lease())) };
    let Step::Keep { until } = case.at(0) else { panic!() };
    assert_eq!(case.at(until.as_second() + 1), Step::Replace(Reason::Ending));
    // Its own end counts where it is the sooner one, and the lease's where that is.
    let sooner = Case { end: Some(at(1_000)), ..Case::of(Some(lease())) };
    assert_eq!(sooner.at(1_000), Step::Replace(Reason::Expired));
    let later = Case { end: Some(at(9_000)), ..Case::of(Some(lease())) };
    assert_eq!(later.at(HOUR), Step::Replace(Reason::Expired));
}

#[test]
fn a_token_that_ends_long_before_its_lease_lives_its_own_life() {
    // A lease of a day, in a cluster that gives tokens of ten minutes.
    let day = Held { expires: at(24 * HOUR), ttl: Some(Duration::from_secs(24 * HOUR as u64)), ..lease() };
    let case = Case { ttl: day.ttl, end: Some(at(600)), ..Case::of(Some(day)) };
    let Step::Keep { until } = case.at(0) else { panic!("{:?}", case.at(0)) };
    assert!((420..=480).contains(&until.as_second()), "{until}");
    assert_eq!(case.at(until.as_second() + 1), Step::Replace(Reason::Ending));
}

#[test]
fn what_the_peer_recorded_is_kept_and_renewed_by_these_rules() {
    // Renewed by the peer to hour 10: the difference of its two times is ten hours.
    let held = Held { expires: at(10 * HOUR), ttl: None, ..lease() };
    let case = Case::of(Some(held.clone()));
    assert!(matches!(case.at(9 * HOUR + 600), Step::Keep { .. }));
    assert_eq!(case.at(10 * HOUR - 600), Step::Renew);
    // Without a TTL in the spec nothing better is known.
    let unknown = Case { ttl: None, ..Case::of(Some(held)) };
    assert_eq!(unknown.at(9 * HOUR), Step::Renew);
}

#[test]
fn another_dynamic_secret_or_a_wish_makes_a_new_lease_and_another_ttl_does_not() {
    let place = infisical::LeasePlace { project_slug: "shop".into(), environment: "dev".into(), path: "/".into() };
    let source = wanted().recorded(&place);
    let same = Case::of(Some(Held { source: Some(source.clone()), ..lease() }));
    assert!(matches!(same.at(0), Step::Keep { .. }));
    let moved = LeaseSource { environment_slug: Some("prod".into()), ..source };
    assert_eq!(Case::of(Some(Held { source: Some(moved), ..lease() })).at(0), Step::Replace(Reason::Moved));
    let asked = Case { reroll: Some("1"), ..Case::of(Some(lease())) };
    assert_eq!(asked.at(0), Step::Replace(Reason::Asked));
    let served = Case { reroll: Some("1"), ..Case::of(Some(Held { reroll: Some("1".into()), ..lease() })) };
    assert!(matches!(served.at(0), Step::Keep { .. }));
    let shorter = Case { ttl: Some(Duration::from_secs(300)), ..Case::of(Some(lease())) };
    assert!(matches!(shorter.at(0), Step::Keep { .. }));
}
