//! What is to be done about a lease now. Pure: no client, no clock.
//!
//! A lease is renewed when a part of its life is left that depends on its TTL alone, and replaced where a renewal can't help:
//! its max TTL is near, its credentials carry an end of their own (a signed token), or the server refused one. It is replaced at
//! once where it is over, where its credentials are lost, where it is one of another dynamic secret, and where its user asks.
use super::{Held, Ledger, Source};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Of a TTL, what is left when a lease is renewed: from this …
const EARLIEST: f64 = 0.3;
/// … to this, by lease, so that those that were made together are not renewed together. As the peer has it.
const LATEST: f64 = 0.2;
/// Time enough to log in and to call, and to do so again once.
const ENOUGH: Duration = Duration::from_secs(10);

/// The credentials at hand: in this process, or in the Secret.
#[derive(Clone, Copy, Debug)]
pub struct Hand<'a> {
    /// The lease that they are of.
    pub id: &'a str,
    /// The lease itself, where this process has made it or asked about it.
    pub held: Option<&'a Held>,
    /// Until when they are good by themselves, whatever becomes of the lease.
    pub end: Option<Timestamp>,
}

/// All that the decision depends on.
pub struct Situation<'a> {
    pub wanted: &'a Source,
    /// Of the spec.
    pub ttl: Option<Duration>,
    /// Value of the annotation that asks for a new lease.
    pub reroll: Option<&'a str>,
    pub ledger: &'a Ledger,
    /// None: the Secret is not there, or holds something else than what was written.
    pub hand: Option<Hand<'a>>,
    pub now: Timestamp,
}

/// Why a lease is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There was none.
    First,
    /// The Secret with its credentials was deleted or edited while nobody knew them.
    Lost,
    /// It is of another dynamic secret than the spec says now.
    Moved,
    /// Its user asked for another one.
    Asked,
    /// It is over.
    Expired,
    /// The server no longer has it.
    Gone,
    /// It can't be renewed any more, and is about to end.
    Ending,
    /// The server refused to renew it.
    Refused,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, before then.
    Keep {
        until: Timestamp,
    },
    /// Ask the server about the lease in the Secret, which nobody recorded.
    LookAt,
    Renew,
    Replace(Reason),
}

/// Decides.
#[must_use]
pub fn decide(situation: &Situation<'_>) -> Step {
    let Situation { wanted, ttl, reroll, ledger, hand, now } = situation;
    let Some(hand) = hand else {
        return Step::Replace(if ledger.lease.is_some() { Reason::Lost } else { Reason::First });
    };
    let recorded = ledger.lease.as_ref().filter(|lease| lease.id == hand.id);
    let Some(lease) = recorded.or(hand.held) else { return Step::LookAt };
    if lease.source.as_ref().is_some_and(|source| !wanted.is(source)) {
        return Step::Replace(Reason::Moved);
    }
    if reroll.is_some() && *reroll != lease.reroll.as_deref() {
        return Step::Replace(Reason::Asked);
    }
    let end = hand.end.map_or(lease.expires, |own| own.min(lease.expires));
    if *now >= end {
        return Step::Replace(Reason::Expired);
    }
    let due = end - lead(lease, *ttl, end);
    if *now < due {
        return Step::Keep { until: due };
    }
    if hand.end.is_some() || !fits(lease, *ttl) { Step::Replace(Reason::Ending) } else { Step::Renew }
}

/// How long before its end a lease is renewed. Credentials with an earlier end of their own, as of a cluster that gives none for longer
/// tokens, live that long only.
fn lead(lease: &Held, ttl: Option<Duration>, end: Timestamp) -> SignedDuration {
    let whole = Duration::try_from(end.duration_since(lease.created)).unwrap_or_default();
    let term = term(lease, ttl).min(whole);
    let part = term.mul_f64(LATEST + (EARLIEST - LATEST) * spread(&lease.id));
    // Of a very short TTL half is left for the life before.
    SignedDuration::try_from(part.max(ENOUGH.min(term / 2))).unwrap_or(SignedDuration::ZERO)
}

/// How long a lease lasts from one renewal to the next. What the peer recorded is the first creation and the last end, whose
/// difference grows with each renewal; so the TTL of the spec counts where there is one.
fn term(lease: &Held, ttl: Option<Duration>) -> Duration {
    let life = Duration::try_from(lease.expires.duration_since(lease.created)).unwrap_or_default();
    lease.ttl.or(ttl).map_or(life, |ttl| ttl.min(life))
}

/// Whether the server can renew it for a whole TTL.
fn fits(lease: &Held, ttl: Option<Duration>) -> bool {
    let Some(longest) = lease.longest() else { return true };
    let renewed = lease.expires.checked_add(ttl.unwrap_or_else(|| term(lease, None)));
    let latest = lease.created.checked_add(longest);
    match (renewed, latest) {
        (Ok(renewed), Ok(latest)) => renewed <= latest,
        _ => false,
    }
}

/// From 0 to 1, the same for the same lease.
fn spread(id: &str) -> f64 {
    let [a, b, ..] = <[u8; 32]>::from(Sha256::digest(id));
    f64::from(u16::from_le_bytes([a, b])) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests;
