//! The calls about leases, in a session: each an effect with its name.
use super::{Source, ledger::mark};
use crate::{
    effect::Effect,
    session::{Session, SessionError},
};
use api::{text::Text, v1alpha1::LeaseSource};
use infisical::{FoundLease, Lease, LeasePlace, LeaseRequest, MadeLease};
use std::{sync::Arc, time::Duration};

/// What a call says that ends a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The credentials are worth nothing.
    Now,
    /// The server could not take them back yet, and goes on trying.
    Later,
}

/// Whether the server has an answer of its own that another try won't change: it knows of no such lease, or refuses.
#[must_use]
pub fn is_refusal(error: &SessionError) -> bool {
    match error {
        SessionError::Call(infisical::Error::Refused { status, .. }) => matches!(status, 400 | 404 | 409 | 422),
        _ => false,
    }
}

/// Whether the lease is gone. Older servers answer 400.
#[must_use]
pub fn is_gone(error: &SessionError) -> bool {
    match error {
        SessionError::Call(infisical::Error::Refused { status: 404, .. }) => true,
        SessionError::Call(infisical::Error::Refused { status: 400, message, .. }) => message.contains("lease not found"),
        _ => false,
    }
}

/// Where a dynamic secret is, by the slug of its project.
///
/// # Errors
/// Those of [`Session::call`].
pub async fn place(session: &Arc<Session>, source: &Source) -> Result<LeasePlace, SessionError> {
    let project_slug = session.project_slug(&source.project).await?;
    Ok(LeasePlace { project_slug, environment: source.environment.clone(), path: source.path.clone() })
}

/// Where a recorded lease is from. None: at another server than this.
#[must_use]
pub fn recorded_place(source: &LeaseSource, server: &str) -> Option<LeasePlace> {
    if source.server.text() != Some(server) {
        return None;
    }
    Some(LeasePlace {
        project_slug: source.project_slug.text()?.to_owned(),
        environment: source.environment_slug.text()?.to_owned(),
        path: source.secrets_path.text()?.to_owned(),
    })
}

/// Makes a lease for the resource with that uid.
///
/// # Errors
/// Those of [`Session::call`].
pub async fn create(
    session: &Arc<Session>,
    source: &Source,
    place: &LeasePlace,
    ttl: Option<Duration>,
    uid: &str,
) -> Result<MadeLease, SessionError> {
    let request = &LeaseRequest {
        place: place.clone(),
        name: source.name.clone(),
        ttl: ttl.map(text),
        namespace: source.namespace.clone(),
        mark: mark(uid),
    };
    session.call(Effect::CreateLease, |client, token| async move { client.create_lease(&token, request).await }).await
}

/// Renews a lease.
///
/// # Errors
/// Those of [`Session::call`].
pub async fn renew(session: &Arc<Session>, place: &LeasePlace, id: &str, ttl: Option<Duration>) -> Result<Lease, SessionError> {
    let ttl = &ttl.map(text);
    session.call(Effect::RenewLease, |client, token| async move { client.renew_lease(&token, place, id, ttl.as_deref()).await }).await
}

/// Ends a lease. One that is gone has ended.
///
/// # Errors
/// Those of [`Session::call`].
pub async fn revoke(session: &Arc<Session>, place: &LeasePlace, id: &str) -> Result<Revoked, SessionError> {
    let ended = session.call(Effect::RevokeLease, |client, token| async move { client.revoke_lease(&token, place, id).await }).await;
    match ended {
        Ok(true) => Ok(Revoked::Later),
        Ok(false) => Ok(Revoked::Now),
        Err(error) if is_gone(&error) => Ok(Revoked::Now),
        Err(error) => Err(error),
    }
}

/// Looks at a lease. None: it is gone, or is not one of that dynamic secret.
///
/// # Errors
/// Those of [`Session::call`].
pub async fn look(session: &Arc<Session>, source: &Source, place: &LeasePlace, id: &str) -> Result<Option<FoundLease>, SessionError> {
    let found = session.call(Effect::ReadLeases, |client, token| async move { client.get_lease(&token, place, id).await }).await;
    match found {
        Ok(found) if found.dynamic_secret.name.eq_ignore_ascii_case(&source.name) => Ok(Some(found)),
        Ok(_) => Ok(None),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// All leases of a dynamic secret.
///
/// # Errors
/// Those of [`Session::call`].
pub async fn list(session: &Arc<Session>, source: &Source, place: &LeasePlace) -> Result<Vec<Lease>, SessionError> {
    let name = &source.name;
    session.call(Effect::ReadLeases, |client, token| async move { client.list_leases(&token, place, name).await }).await
}

/// In a form that the server reads, too.
fn text(ttl: Duration) -> String {
    format!("{}s", ttl.as_secs())
}
