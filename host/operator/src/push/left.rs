//! Taking away what a resource wrote to a folder that it no longer pushes to, or when it goes itself.
//!
//! Only what is recorded, and was not renamed or made anew since, and what no other resource wants. A folder, an environment or
//! a project that is not there holds nothing of ours. What may yet arrive stays in the record: a write that was cut off, and a
//! creation that somebody may approve.
use super::{
    Kind, Wishes, approval,
    decide::{Decision, Rules, decide},
    folder,
    memory::{Kept, Pushes},
    record::{Place, Record, Waiting},
    write::{Makes, Writer, Written},
};
use crate::{
    data::Contents,
    effect::Effect,
    generate,
    outcome::{Class, Fault},
    plan::Owner,
    session::{Session, SessionError},
};
use infisical::{Error, ListRequest, Listed};
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc};

/// Takes it away. Deletions that wait for an approval are in the record.
///
/// # Errors
/// The folder can't be read.
pub async fn take(
    session: &Arc<Session>,
    owner: &Owner,
    place: &Place,
    kept: &mut Kept,
    pushes: &Pushes,
    now: Timestamp,
) -> Result<Written, SessionError> {
    let there = match list(session, place).await? {
        Some(contents) => folder(&contents),
        None => BTreeMap::new(),
    };
    approval::settle(&mut kept.record, &Wishes::new(), &there, &mut kept.asked);
    let names = kept.record.managed.iter().flat_map(BTreeMap::values).chain(kept.record.pending.keys());
    let wanted = names.filter(|key| pushes.wanted_by_another(owner, place, key)).cloned().collect();
    let rules = Rules { delete: true, now, ..Rules::default() };
    let mut decision = decide(&Wishes::new(), &there, &kept.record, rules, &wanted);
    let source = approval::source(&"deletion", None);
    let (waiting, values) = (kept.record.waiting.clone(), kept.asked.clone());
    approval::hold_back(&mut decision, &mut kept.asked, &kept.seen, &source);
    kept.record = decision.record.clone();
    kept.record.waiting = with_creations(kept.record.waiting.take(), waiting);
    kept.asked.extend(values.into_iter().filter(|(key, _)| kept.record.awaits(key, Kind::Create)));
    kept.record.pending.retain(|key, _| !wanted.contains(key));
    if let Some(managed) = &mut kept.record.managed {
        managed.retain(|_, key| !wanted.contains(key));
    }
    let folder =
        infisical::Folder { project_id: place.project_id.clone(), environment: place.environment.clone(), path: place.path.clone() };
    let writer = Writer { session, folder, there: &there, source: &source, last: true };
    Ok(writer.write(Decision { record: Record::default(), ..decision }, kept, &Nothing).await)
}

/// What still waits, with the creations that waited before: nobody wants them any more, and they may be approved all the same.
fn with_creations(held: Option<Waiting>, before: Option<Waiting>) -> Option<Waiting> {
    let mut before = before?;
    before.secrets.retain(|_, asked| asked.kind == Kind::Create);
    if let Some(held) = held {
        before.secrets.extend(held.secrets);
    }
    Some(before).filter(|waiting| !waiting.secrets.is_empty())
}

/// A deletion makes nothing.
struct Nothing;

impl Makes for Nothing {
    async fn make(&self, _: usize) -> Result<generate::Made, Fault> {
        Err(Fault::new("Bug", Class::Bug, "a value was to be made for a deletion; report this"))
    }
}

/// None: there is no such folder.
async fn list(session: &Arc<Session>, place: &Place) -> Result<Option<Contents>, SessionError> {
    let request = &ListRequest {
        project_id: place.project_id.clone(),
        environment: place.environment.clone(),
        path: place.path.clone(),
        recursive: false,
        expand_references: false,
        include_imports: false,
        tags: Vec::new(),
    };
    let read = session.call(Effect::ReadSecrets, |client, token| async move { client.list_secrets(&token, request, None).await }).await;
    match read {
        Ok(Listed::Modified(listing)) => Ok(Some(Contents::of(listing))),
        // It is said only to who sends an entity tag.
        Ok(Listed::NotModified) => Ok(None),
        // With an id it is the server's own word, and not that of something between.
        Err(SessionError::Call(Error::Refused { status: 404, request_id: Some(_), .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::record::Asked;

    #[test]
    fn a_creation_that_waits_is_not_forgotten_with_the_wish_for_it() {
        let waiting = |secrets: &[(&str, Kind)]| {
            let asked = |(key, kind): &(&str, Kind)| ((*key).to_owned(), Asked { kind: *kind, version: None, made: None });
            Some(Waiting { requests: vec!["r".into()], secrets: secrets.iter().map(asked).collect(), source: "s".into() })
        };
        let before = || waiting(&[("A", Kind::Create), ("B", Kind::Update), ("C", Kind::Delete)]);
        assert_eq!(with_creations(None, before()), waiting(&[("A", Kind::Create)]));
        let held = waiting(&[("C", Kind::Delete)]);
        assert_eq!(with_creations(held, before()), waiting(&[("A", Kind::Create), ("C", Kind::Delete)]));
        assert_eq!(with_creations(None, waiting(&[("B", Kind::Update)])), None);
        assert_eq!(with_creations(None, None), None);
    }
}
