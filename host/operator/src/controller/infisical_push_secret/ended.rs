//! What an InfisicalPushSecret says at the end of a pass that came to its writes. Pure.
use super::{Ended, Planned};
use crate::{
    object::ObjectRef,
    outcome::{Class, Done, Fault, Outcome, Stage},
    plan::PUSH_SOURCE,
    push::{
        Wish,
        decide::{ABOUT_THAT_TIME, Decision},
        memory::Kept,
        source::Wanted,
        write::Written,
    },
    reason,
    report::said,
};
use api::well_known::annotation::REGENERATE;
use jiff::Unit;
use std::time::Duration;

/// How soon to look whether a write that was cut off has arrived.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What a decision says beside its writes.
pub struct Summary {
    kept: Vec<String>,
    adopted: Vec<String>,
    withheld: Vec<String>,
    claimed: Vec<String>,
}

impl Summary {
    pub fn of(decision: &Decision) -> Self {
        let Decision { kept, adopted, withheld, claimed, .. } = decision;
        Self { kept: kept.clone(), adopted: adopted.clone(), withheld: withheld.clone(), claimed: claimed.clone() }
    }
}

/// Step 8: what came of it all. What a user has to mend goes before what a person has to approve.
pub fn ended(
    object: &ObjectRef,
    planned: &Planned,
    wanted: Wanted,
    written: Written,
    summary: Summary,
    kept: &Kept,
    notices: Vec<Fault>,
) -> Ended {
    let Written { any, failed, fault, notices: made, .. } = written;
    let listed = |names: &[String]| said::push_secret::listed(names);
    let mend = |reason, message: String| (Stage::Apply, Fault::new(reason, Class::UserFix, format!("{object}: {message}")));
    let fault = fault
        .map(|(stage, fault)| (stage, planned.plan.login.placed(stage, Fault { message: format!("{object}: {}", fault.message), ..fault })))
        .or_else(|| wanted.faults.into_iter().next().map(|fault| (Stage::Render, fault)))
        .or_else(|| {
            let names = listed(&summary.claimed);
            let message = format!(
                "spec.destination: another InfisicalPushSecret pushes {names} to the same folder and was first; take them out of one of \
                 the two, or push to another folder"
            );
            (!summary.claimed.is_empty()).then(|| mend(reason::SECRET_CLAIMED, message))
        })
        .or_else(|| {
            let message = format!(
                "{PUSH_SOURCE}: it gives no secret at all, and {} were pushed from it before; that may be a mistake, so nothing is deleted; \
                 fill the Secret, or delete this resource",
                listed(&summary.withheld)
            );
            (!summary.withheld.is_empty()).then(|| mend(reason::SOURCE_EMPTY, message))
        });
    let outcome = match (fault, &kept.record.waiting) {
        (Some((stage, fault)), _) => planned.failed(stage)(fault),
        (None, Some(_)) => Outcome::Waiting(pending(object, kept)),
        (None, None) => {
            let secrets = wanted.wishes.values().filter(|wish| !matches!(wish, Wish::Unwritable)).count();
            let mut warnings = planned.plan.warnings.clone();
            warnings.extend(notices.into_iter().chain(wanted.notices).chain(made));
            if !summary.kept.is_empty() {
                let message = format!(
                    "{object}: Infisical holds other values of {}, which stay since updatePolicy is not Replace",
                    listed(&summary.kept)
                );
                warnings.push(Fault::new(reason::VALUE_KEPT, Class::UserFix, message));
            }
            if !summary.adopted.is_empty() {
                let message = format!(
                    "{object}: {PUSH_SOURCE}: the Secret was written to while no operator ran, and {}, made once from it, stay as they are; \
                     if it was its data that changed, have them made anew by the annotation {REGENERATE}",
                    listed(&summary.adopted)
                );
                warnings.push(Fault::new(reason::VALUE_KEPT, Class::UserFix, message));
            }
            let done = Done { method: planned.plan.login.method.clone(), secrets, warnings, ..Done::default() };
            if any { Outcome::Synced(done) } else { Outcome::Unchanged(done) }
        }
    };
    Ended { outcome, failed: Some(failed), gone: false }
}

/// What waits for an approval.
pub fn pending(object: &ObjectRef, kept: &Kept) -> Fault {
    let waiting = kept.record.waiting.clone().unwrap_or_default();
    let changes: Vec<_> = waiting.secrets.iter().map(|(key, asked)| format!("{} {key}", asked.kind)).collect();
    let requests = if waiting.requests.is_empty() { String::new() } else { format!(" (requests {})", waiting.requests.join(", ")) };
    let message = format!(
        "{object}: a policy of the folder asks for an approval: {}{requests}; approve it in Infisical. It is asked for again only when \
         what is to be pushed changes",
        said::push_secret::listed(&changes)
    );
    // Nothing is gained by asking soon again.
    Fault::new(reason::APPROVAL_PENDING, Class::UserFix, message)
}

/// What to wait for before what was pushed can count as taken away: a write of it was cut off. `until` says what has to wait.
pub fn cut_off(object: &ObjectRef, kept: &Kept, until: &str) -> Option<Fault> {
    let last = *kept.record.pending.values().max()?;
    let names: Vec<_> = kept.record.pending.keys().collect();
    let message = format!(
        "{object}: the answer was cut off when {} were written to Infisical, which may still happen until {}; {until} before that, or set \
         spec.deletionPolicy to None to leave them",
        said::push_secret::listed(&names),
        last.checked_add(ABOUT_THAT_TIME).and_then(|until| until.round(Unit::Second)).unwrap_or(last),
    );
    Some(Fault { retry_after: Some(LOOK_AGAIN), ..Fault::new(reason::WRITE_CUT_OFF, Class::Transient, message) })
}

/// That somebody may still approve what nobody wants any more.
pub fn left_open(object: &ObjectRef, kept: &Kept, creations: &[String]) -> Fault {
    let requests = kept.record.waiting.as_ref().map(|waiting| waiting.requests.join(", ")).unwrap_or_default();
    let message = format!(
        "{object}: its request to create {} ({requests}) is still open in Infisical: reject it there, since nobody looks after what is made \
         by its approval from now on; what was made in the last minutes may have to be deleted by hand",
        said::push_secret::listed(creations)
    );
    Fault::new(reason::APPROVAL_LEFT_OPEN, Class::UserFix, message)
}

/// Nothing is left to be reported.
pub fn gone() -> Ended {
    Ended { outcome: Outcome::Unchanged(Done::default()), failed: None, gone: true }
}
