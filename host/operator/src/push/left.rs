//! Taking away what a resource wrote to a folder that it no longer pushes to, or when it goes itself.
//!
//! Only what is recorded, and was not renamed or made anew since, and what no other resource wants. A folder, an environment or
//! a project that is not there holds nothing of ours.
use super::{
    Wishes, approval,
    decide::{Decision, Rules, decide},
    folder,
    memory::{Kept, Pushes},
    record::Place,
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
use std::{collections::BTreeMap, sync::Arc};

/// Takes it away. Deletions that wait for an approval are in the record.
///
/// # Errors
/// The folder can't be read.
pub async fn take(session: &Arc<Session>, owner: &Owner, place: &Place, kept: &mut Kept, pushes: &Pushes) -> Result<Written, SessionError> {
    let there = match list(session, place).await? {
        Some(contents) => folder(&contents),
        None => BTreeMap::new(),
    };
    let names = kept.record.managed.iter().flat_map(BTreeMap::values).chain(kept.record.pending.keys());
    let wanted = names.filter(|key| pushes.wanted_by_another(owner, place, key)).cloned().collect();
    let rules = Rules { delete: true, ..Rules::default() };
    let mut decision = decide(&Wishes::new(), &there, &kept.record, rules, &wanted);
    let source = approval::source(&"deletion", None);
    approval::hold_back(&mut decision, &mut kept.asked, &source);
    kept.record = decision.record.clone();
    if let Some(managed) = &mut kept.record.managed {
        managed.retain(|_, key| !wanted.contains(key));
    }
    let folder =
        infisical::Folder { project_id: place.project_id.clone(), environment: place.environment.clone(), path: place.path.clone() };
    let writer = Writer { session, folder, there: &there, source: &source };
    Ok(writer.write(Decision { record: super::record::Record::default(), ..decision }, kept, &Nothing).await)
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
