//! What is recorded of leases in a resource's status, as it is read and as it is written. Pure.
//!
//! All times are by the operator's clock. The server dates its leases by its own, which may be another: see [`times`].
use super::Source;
use api::{
    interval,
    text::Text,
    v1alpha1::{DynamicSecretStatus, LeaseSource, LeaseStatus, SupersededLease},
};
use infisical::{Lease, LeasePlace};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

/// A call that gave no answer may still make its lease: at the server it ends within the time-outs of its proxies and providers.
/// So long it is looked for.
pub const LATE: SignedDuration = SignedDuration::from_secs(120);

/// What server and operator may differ by and count as one: a second or two of each clock, and the way of the answer. Then what is
/// recorded is what the server says.
const ONE_CLOCK: SignedDuration = SignedDuration::from_secs(10);

/// The longest TTL of a lease that nothing says more of. As Infisical's manual has it.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub id: String,
    pub created: Timestamp,
    pub expires: Timestamp,
    /// From one renewal to the next; not known of leases of the peer.
    pub ttl: Option<Duration>,
    /// Not known of leases of the peer.
    pub source: Option<LeaseSource>,
    /// The wish that it was made for.
    pub reroll: Option<String>,
    /// Id of the dynamic secret.
    pub dynamic_secret: Option<String>,
    /// As the server words it.
    pub max_ttl: Option<String>,
}

impl Held {
    /// How long it can live, with all its renewals. A text that is none says nothing: the server will.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        self.max_ttl.as_deref().and_then(|text| interval::parse(text).ok())
    }

    /// A renewal for a TTL; where none was asked for, the end tells it.
    #[must_use]
    pub fn renewed(&self, lease: &Lease, asked: Option<Duration>) -> Self {
        let (_, expires) = times(lease, &(self.created..=self.created));
        let ttl = Duration::try_from(expires.duration_since(self.expires)).ok().filter(|ttl| !ttl.is_zero());
        // Renewals whose answers were lost have moved the end too.
        let ttl = ttl.map(|moved| asked.map_or(moved, |asked| moved.min(asked)));
        Self { expires, ttl: ttl.or(self.ttl), ..self.clone() }
    }

    fn written(&self) -> LeaseStatus {
        LeaseStatus {
            id: Some(self.id.clone()),
            version: Some(0),
            creation_timestamp: Some(Time(self.created)),
            expires_at: Some(Time(self.expires)),
            ttl: self.ttl.map(|ttl| format!("{}s", ttl.as_secs())),
            source: self.source.clone(),
            reroll: self.reroll.clone(),
        }
    }
}

/// Statuses hold whole seconds.
#[must_use]
pub fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A lease that another one took the place of, to be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    pub id: String,
    pub since: Timestamp,
    pub expires: Option<Timestamp>,
    pub source: Option<LeaseSource>,
}

impl Superseded {
    /// A lease that was made and never recorded, and could not be revoked when it was found.
    #[must_use]
    pub fn stray(lease: &Lease, source: LeaseSource, made: &RangeInclusive<Timestamp>) -> Self {
        let (_, expires) = times(lease, made);
        Self { id: lease.id.clone(), since: Timestamp::UNIX_EPOCH, expires: Some(expires), source: Some(source) }
    }

    /// When it is to be revoked: so long after another one took its place, or when it ends by itself. Whoever uses the Secret may
    /// not have seen yet that its content is another one.
    #[must_use]
    pub fn due(&self, hand_over: Duration) -> Timestamp {
        let due = self.since.saturating_add(hand_over).unwrap_or(Timestamp::MAX);
        self.expires.map_or(due, |end| end.min(due))
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// Everything recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub lease: Option<Held>,
    pub superseded: Vec<Superseded>,
    /// When the making of a lease was last tried, whose outcome is not known.
    pub requested: Option<Timestamp>,
}

impl Ledger {
    /// As a status says. A lease without its times counts as none: nothing could be decided about it.
    #[must_use]
    pub fn of(status: Option<&DynamicSecretStatus>) -> Self {
        let Some(status) = status else { return Self::default() };
        let lease = status.lease.as_ref().and_then(|lease| {
            Some(Held {
                id: lease.id.text()?.to_owned(),
                created: lease.creation_timestamp.as_ref()?.0,
                expires: lease.expires_at.as_ref()?.0,
                ttl: lease.ttl.text().and_then(|text| interval::parse(text).ok()),
                source: lease.source.clone(),
                reroll: lease.reroll.clone(),
                dynamic_secret: status.dynamic_secret_id.clone(),
                max_ttl: status.max_ttl.clone(),
            })
        });
        let superseded = status.superseded.iter().flatten().filter_map(|lease| {
            Some(Superseded {
                id: lease.id.text()?.to_owned(),
                since: lease.since.as_ref().map_or(Timestamp::UNIX_EPOCH, |since| since.0),
                expires: lease.expires_at.as_ref().map(|end| end.0),
                source: lease.source.clone(),
            })
        });
        Self { lease, superseded: superseded.collect(), requested: status.lease_requested_at.as_ref().map(|time| time.0) }
    }

    /// With that lease in the place of the one before, which is to be revoked if `revokes` and if it still lives.
    #[must_use]
    pub fn with(&self, lease: Held, revokes: bool, now: Timestamp) -> Self {
        let replaced = self.lease.as_ref().filter(|before| before.id != lease.id);
        let mut next = replaced.map_or_else(|| self.clone(), |before| self.leaving(before, revokes, now));
        next.superseded.retain(|before| before.id != lease.id);
        Self { lease: Some(lease), superseded: next.superseded, requested: None }
    }

    /// With a lease that another one is to take the place of, recorded or not, among those to be revoked if `revokes` and if it
    /// still lives.
    #[must_use]
    pub fn leaving(&self, lease: &Held, revokes: bool, now: Timestamp) -> Self {
        let mut next = self.clone();
        let is_known = next.superseded.iter().any(|before| before.id == lease.id);
        if revokes && lease.expires > now && !is_known {
            let Held { id, expires, source, .. } = lease.clone();
            next.superseded.push(Superseded { id, since: whole(now), expires: Some(expires), source });
        }
        next
    }

    /// When a lease can have been made whose making is not recorded.
    #[must_use]
    pub fn made(&self, now: Timestamp) -> RangeInclusive<Timestamp> {
        self.requested.unwrap_or(Timestamp::MIN)..=now
    }

    /// Until when a lease may live whose making was cut off, under the TTL of the spec. None: there is none.
    #[must_use]
    pub fn open_until(&self, ttl: Option<Duration>) -> Option<Timestamp> {
        let held = self.lease.as_ref();
        let unknown = || held.and_then(Held::longest).unwrap_or(DAY);
        let longest = ttl.unwrap_or_else(unknown).max(held.and_then(|lease| lease.ttl).unwrap_or_default());
        let requested = self.requested?;
        let answered = requested.saturating_add(LATE).ok()?;
        Some(answered.saturating_add(longest).unwrap_or(Timestamp::MAX))
    }

    /// As a merge patch of the status; what is not in the ledger is taken away.
    #[must_use]
    pub fn patch(&self) -> Value {
        let superseded: Vec<_> = self
            .superseded
            .iter()
            .map(|lease| SupersededLease {
                id: Some(lease.id.clone()),
                since: Some(Time(lease.since)),
                expires_at: lease.expires.map(Time),
                source: lease.source.clone(),
            })
            .collect();
        let mut status = json!({
            "superseded": (!superseded.is_empty()).then_some(superseded),
            "leaseRequestedAt": self.requested.map(Time),
        });
        if let (Some(lease), Some(status)) = (&self.lease, status.as_object_mut()) {
            status.insert("lease".into(), self.lease_patch(lease));
            status.insert("dynamicSecretId".into(), json!(lease.dynamic_secret));
            status.insert("maxTTL".into(), json!(lease.max_ttl));
        }
        json!({ "status": status })
    }

    /// What the lease before had and this one has not must go.
    fn lease_patch(&self, lease: &Held) -> Value {
        let mut patch = json!(lease.written());
        if let Some(members) = patch.as_object_mut() {
            for name in ["ttl", "source", "reroll"] {
                members.entry(name).or_insert(Value::Null);
            }
            if let Some(source) = members.get_mut("source").and_then(Value::as_object_mut) {
                for name in ["projectId", "kubernetesNamespace"] {
                    source.entry(name).or_insert(Value::Null);
                }
            }
        }
        patch
    }

    /// Ids that are accounted for.
    fn ids(&self) -> BTreeSet<&str> {
        self.lease.iter().map(|lease| lease.id.as_str()).chain(self.superseded.iter().map(|lease| lease.id.as_str())).collect()
    }
}

/// Of the server's list, leases that were made for the resource with that uid and that nobody knows: the answer was lost.
#[must_use]
pub fn strays<'a>(listed: &'a [Lease], uid: &str, ledger: &Ledger, in_hand: Option<&str>) -> Vec<&'a Lease> {
    let known = ledger.ids();
    let is_stray = |lease: &&Lease| {
        lease.mark.as_deref() == Some(mark(uid).as_str()) && !known.contains(lease.id.as_str()) && in_hand != Some(lease.id.as_str())
    };
    listed.iter().filter(is_stray).collect()
}

/// What leases of a resource bear.
#[must_use]
pub fn mark(uid: &str) -> String {
    format!("infisical-operator/{uid}")
}

/// Creation and end of a lease by the operator's clock, in whole seconds, if it was `made` within that time by this clock.
///
/// They are what the server says, unless that can't be: then the clocks differ, and the lease lasts as long as it does by the
/// server's, from when it was asked for, or from the end of that time where its beginning is not known.
#[must_use]
pub fn times(lease: &Lease, made: &RangeInclusive<Timestamp>) -> (Timestamp, Timestamp) {
    let said = lease.created.unwrap_or(*made.end());
    let possible = said.max(*made.start()).min(*made.end());
    if said.duration_since(possible).abs() <= ONE_CLOCK {
        return (whole(said), whole(lease.expires));
    }
    let created = if *made.start() == Timestamp::MIN { *made.end() } else { *made.start() };
    (whole(created), whole(lease.expires.saturating_sub(said.duration_since(created)).unwrap_or(lease.expires)))
}

/// A lease that was found at the server, as it is to be recorded; `made` as [`times`] has it.
#[must_use]
pub fn found(
    lease: &Lease,
    source: &Source,
    place: &LeasePlace,
    secret: &infisical::DynamicSecret,
    reroll: Option<&str>,
    made: &RangeInclusive<Timestamp>,
) -> Held {
    let (created, expires) = times(lease, made);
    Held {
        id: lease.id.clone(),
        created,
        expires,
        ttl: None,
        source: Some(source.recorded(place)),
        reroll: reroll.map(str::to_owned),
        dynamic_secret: Some(secret.id.clone()),
        max_ttl: secret.max_ttl.clone(),
    }
}

#[cfg(test)]
mod tests;
