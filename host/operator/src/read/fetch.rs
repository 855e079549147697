//! One read at the server: find the project, list, and doubt an empty answer.
use super::{ReadRequest, Snapshot};
use crate::{
    clock::Clock,
    effect::Effect,
    outcome::{Class, Fault, Stage},
    session::{Session, SessionError},
};
use infisical::{Etag, ListRequest, Listed, Listing, SecretRequest};
use std::{sync::Arc, time::Duration};

/// Until an empty answer is asked for again: long enough for a write that clears and fills a folder to have ended, short enough
/// for a resource to wait for it.
pub(super) const EMPTY_DOUBTED: Duration = Duration::from_secs(1);

/// What is known from the read before.
#[derive(Clone, Default)]
pub(super) struct Known {
    pub snapshot: Option<Arc<Snapshot>>,
    pub etag: Option<Etag>,
}

/// A step that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub stage: Stage,
    pub fault: Fault,
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self { stage: error.stage(), fault: error.into() }
    }
}

/// Reads, and gives what is then known.
pub(super) async fn fetch(session: &Arc<Session>, request: &ReadRequest, known: Known, clock: &dyn Clock) -> Result<Known, Failure> {
    let began = clock.now();
    let result = read(session, request, known.etag.as_ref()).await;
    if let Err(SessionError::Call(infisical::Error::Refused { status: 404, .. })) = &result {
        // The project may have been made anew under the same slug.
        session.forget_project(&request.project).await;
    }
    let mut listing = match (result?, &known.snapshot) {
        (Listed::NotModified, Some(snapshot)) => {
            return Ok(Known { snapshot: Some(Arc::new(snapshot.confirmed(began))), etag: known.etag });
        }
        // An entity tag is kept only with its snapshot, so this can't be.
        (Listed::NotModified, None) => return Err(not_confirmed("the server says that nothing changed, but nothing was read before")),
        (Listed::Modified(listing), _) => listing,
    };
    let known_empty = known.snapshot.as_ref().is_some_and(|snapshot| snapshot.secrets.is_empty());
    if is_empty(&listing) && !known_empty {
        clock.sleep_until(clock.now() + EMPTY_DOUBTED).await;
        listing = again(session, request).await?;
    }
    let etag = listing.etag.take();
    let snapshot = Snapshot::new(known.snapshot.as_deref(), listing, began);
    Ok(Known { snapshot: Some(Arc::new(snapshot)), etag })
}

/// A second answer, to be believed even if it is empty. A recursive list of a folder that is not there is empty as well; a
/// plain one is refused.
async fn again(session: &Arc<Session>, request: &ReadRequest) -> Result<Listing, Failure> {
    let second = modified(read(session, request, None).await?)?;
    if is_empty(&second) && request.recursive && request.secret.is_none() {
        let plain = ReadRequest { recursive: false, ..request.clone() };
        if !is_empty(&modified(read(session, &plain, None).await?)?) {
            return Err(not_confirmed("the folder and all below it are listed as empty, but the folder alone is not"));
        }
    }
    Ok(second)
}

fn modified(listed: Listed) -> Result<Listing, Failure> {
    match listed {
        Listed::Modified(listing) => Ok(listing),
        Listed::NotModified => Err(not_confirmed("the server says that nothing changed, but was not asked that")),
    }
}

fn is_empty(listing: &Listing) -> bool {
    listing.secrets.is_empty() && listing.imports.iter().all(|import| import.secrets.is_empty())
}

fn not_confirmed(problem: &str) -> Failure {
    Failure { stage: Stage::Read, fault: Fault::new("EmptyNotConfirmed", Class::Transient, format!("{problem}; reading again")) }
}

async fn read(session: &Arc<Session>, request: &ReadRequest, etag: Option<&Etag>) -> Result<Listed, SessionError> {
    let project_id = session.project_id(&request.project).await?;
    let ReadRequest { environment, path, recursive, expand_references, include_imports, tags, secret, .. } = request.clone();
    match secret {
        Some(name) => {
            let request = &SecretRequest { project_id, environment, path, name, expand_references, include_imports };
            session.call(Effect::ReadSecrets, |client, token| async move { client.get_secret(&token, request, etag).await }).await
        }
        None => {
            let request = &ListRequest { project_id, environment, path, recursive, expand_references, include_imports, tags };
            session.call(Effect::ReadSecrets, |client, token| async move { client.list_secrets(&token, request, etag).await }).await
        }
    }
}
