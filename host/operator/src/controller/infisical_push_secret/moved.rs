//! An InfisicalPushSecret that pushes to another folder than before.
use super::{
    Planned,
    ended::{cut_off, left_open},
};
use crate::{
    controller::Context,
    outcome::{Class, Fault, Outcome, Stage},
    plan::Owner,
    push::{
        Kind, left,
        memory::Kept,
        record::{Place, Record},
    },
    reason,
    report::said,
    session::Session,
};
use std::{collections::BTreeMap, sync::Arc};

/// Makes the record one of this folder. What was written to another is taken away there, if the policy says so; at another server
/// it stays, since the credentials are this one's.
pub async fn settle(
    owner: &Owner,
    context: &Context,
    planned: &Planned,
    session: &Arc<Session>,
    place: &Place,
    kept: &mut Kept,
) -> Result<Option<Fault>, Outcome> {
    let Some(before) = kept.record.pushed_to.clone().filter(|before| before != place) else {
        kept.record.pushed_to = Some(place.clone());
        return Ok(None);
    };
    let names = kept.record.names();
    let listed = |names: &[String]| said::push_secret::listed(names);
    let there = format!("{} of environment {} of project {} at {}", before.path, before.environment, before.project_id, before.host);
    let left = |why: &str| {
        let message = format!("{}: {} stay in folder {there}: {why}", owner.object, listed(&names));
        (!names.is_empty()).then(|| Fault::new(reason::LEFT_BEHIND, Class::UserFix, message))
    };
    let left_behind = if before.host != place.host {
        left("it is another server's, for which these credentials are not")
    } else if !planned.plan.delete {
        left("deletionPolicy is not Delete")
    } else {
        let failed = |fault: Fault| {
            let message = format!(
                "{}: what was pushed to folder {there} can't be deleted there: {}; until then nothing is pushed to the new one, or set \
                 deletionPolicy to None to leave it",
                owner.object, fault.message
            );
            planned.failed(Stage::Apply)(Fault { message, ..fault })
        };
        let taken = left::take(session, owner, &before, kept, &context.pushes, context.clock.date()).await;
        let taken = taken.map_err(|error| failed(error.into()))?;
        if let Some((_, fault)) = taken.fault {
            return Err(failed(fault));
        }
        if let Some(fault) = cut_off(&owner.object, kept, "nothing is pushed to another folder") {
            return Err(Outcome::Waiting(fault));
        }
        let (deletions, creations) = (kept.record.awaited(Kind::Delete), kept.record.awaited(Kind::Create));
        match deletions.is_empty() {
            false => left("their deletion there waits for an approval, after which nobody looks"),
            true => (!creations.is_empty()).then(|| left_open(&owner.object, kept, &creations)),
        }
    };
    kept.asked.clear();
    kept.record = Record { managed: Some(BTreeMap::new()), pushed_to: Some(place.clone()), ..Record::default() };
    Ok(left_behind)
}
