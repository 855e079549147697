//! The calls about leases, in a session: each an effect with its name.
use super::{Source, ledger::mark};
use crate::{
    effect::Effect,
    session::{Session, SessionError},
};
use api::{text::Text, v1alpha1::LeaseSource};
use infisical::{Client, FoundLease, Lease, LeasePlace, LeaseRequest, MadeLease, ProjectRef};
use std::{sync::Arc, time::Duration};

/// What a call says that ends a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The credentials are worth nothing.
    Now,
    /// The server could not take them back yet, and goes on trying.
    Later,
}

/// Whether the server has an answer of its own that another try won't change: it knows of no such lease, or refuses. A 404 without
/// a request id is a router's.
#[must_use]
pub fn is_refusal(error: &SessionError) -> bool {
    match error {
        SessionError::Call(infisical::Error::Refused { status: 404, request_id, .. }) => request_id.is_some(),
        SessionError::Call(infisical::Error::Refused { status, .. }) => matches!(status, 400 | 409 | 422),
        _ => false,
    }
}

/// Whether the server itself refuses, so that nothing was done: also for want of a permission.
#[must_use]
pub fn is_definite(error: &SessionError) -> bool {
    match error {
        SessionError::Call(infisical::Error::Refused { status, request_id: Some(_), .. }) => {
            (400..500).contains(status) && !matches!(status, 408 | 429)
        }
        other => is_refusal(other),
    }
}

/// Whether it is the TTL that the server refuses, by its words: only a message depends on that.
#[must_use]
pub fn is_about_ttl(error: &SessionError) -> bool {
    match error {
        SessionError::Call(infisical::Error::Refused { status: 400 | 422, message, .. }) => message.contains("TTL"),
        _ => false,
    }
}

/// Whether there is no such dynamic secret, by the server's own word about it, and so none of its leases.
#[must_use]
pub fn has_none(error: &SessionError) -> bool {
    match error {
        SessionError::Call(infisical::Error::Refused { status: 404, message, request_id: Some(_), .. }) => {
            message.starts_with("Dynamic secret ")
        }
        _ => false,
    }
}

/// Whether the lease of that id is gone, by the server's own word about it: a project, an environment or a folder that is not
/// found says nothing about the lease. Older servers answer 400.
#[must_use]
pub fn is_gone(error: &SessionError, id: &str) -> bool {
    match error {
        SessionError::Call(infisical::Error::Refused { status: 404, message, request_id: Some(_), .. }) => {
            message.contains("lease") && message.contains(id)
        }
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

/// Where a recorded lease is from. None: at another server than this. A project that is recorded by its id may have another slug
/// by now; where the server does not tell, the recorded one is taken.
pub async fn recorded_place(session: &Arc<Session>, source: &LeaseSource) -> Option<LeasePlace> {
    if source.server.text() != Some(&session.server()) {
        return None;
    }
    let now = match source.project_id.text() {
        Some(id) => session.project_slug(&ProjectRef::Id(id.to_owned())).await.ok(),
        None => None,
    };
    Some(LeasePlace {
        project_slug: now.or_else(|| source.project_slug.text().map(str::to_owned))?,
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
    let made = session.call(Effect::CreateLease, |client, token| async move { client.create_lease(&token, request).await }).await;
    heard(session, place, made).await
}

/// Renews a lease.
///
/// # Errors
/// Those of [`Session::call`].
pub async fn renew(session: &Arc<Session>, place: &LeasePlace, id: &str, ttl: Option<Duration>) -> Result<Lease, SessionError> {
    let ttl = &ttl.map(text);
    let renewed = |client: Client, token| async move { client.renew_lease(&token, place, id, ttl.as_deref()).await };
    heard(session, place, session.call(Effect::RenewLease, renewed).await).await
}

/// Ends a lease. One that is gone has ended.
///
/// # Errors
/// Those of [`Session::call`].
pub async fn revoke(session: &Arc<Session>, place: &LeasePlace, id: &str) -> Result<Revoked, SessionError> {
    let ended = session.call(Effect::RevokeLease, |client, token| async move { client.revoke_lease(&token, place, id).await }).await;
    match heard(session, place, ended).await {
        Ok(true) => Ok(Revoked::Later),
        Ok(false) => Ok(Revoked::Now),
        Err(error) if is_gone(&error, id) => Ok(Revoked::Now),
        Err(error) => Err(error),
    }
}

/// Looks at a lease. None: it is gone, or is not one of that dynamic secret.
///
/// # Errors
/// Those of [`Session::call`].
pub async fn look(session: &Arc<Session>, source: &Source, place: &LeasePlace, id: &str) -> Result<Option<FoundLease>, SessionError> {
    let found = session.call(Effect::ReadLeases, |client, token| async move { client.get_lease(&token, place, id).await }).await;
    match heard(session, place, found).await {
        Ok(found) if found.dynamic_secret.name.eq_ignore_ascii_case(&source.name) => Ok(Some(found)),
        Ok(_) => Ok(None),
        Err(error) if is_gone(&error, id) => Ok(None),
        Err(error) => Err(error),
    }
}

/// All leases of a dynamic secret.
///
/// # Errors
/// Those of [`Session::call`].
pub async fn list(session: &Arc<Session>, source: &Source, place: &LeasePlace) -> Result<Vec<Lease>, SessionError> {
    let name = &source.name;
    let listed = session.call(Effect::ReadLeases, |client, token| async move { client.list_leases(&token, place, name).await }).await;
    heard(session, place, listed).await
}

/// Where nothing was found, the project may have another slug by now: the next call asks for it.
async fn heard<T>(session: &Session, place: &LeasePlace, answer: Result<T, SessionError>) -> Result<T, SessionError> {
    if let Err(SessionError::Call(infisical::Error::Refused { status: 404, .. })) = &answer {
        session.forget_slug(&place.project_slug).await;
    }
    answer
}

/// In a form that the server reads, too.
fn text(ttl: Duration) -> String {
    format!("{}s", ttl.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, message: &str, request_id: Option<&str>) -> SessionError {
        SessionError::Call(infisical::Error::Refused {
            operation: "revoke lease",
            status,
            error: "NotFound".into(),
            message: message.into(),
            request_id: request_id.map(str::to_owned),
            retry_after: None,
        })
    }

    #[test]
    fn only_the_servers_word_about_the_lease_says_that_it_is_gone() {
        let id = "6f1c";
        let gone = |status, message: &str, request_id| is_gone(&refused(status, message, request_id), id);
        assert!(gone(404, "Dynamic secret lease with ID '6f1c' not found", Some("req-1")));
        assert!(gone(400, "Dynamic secret lease not found", None));
        for message in [
            "Project with slug 'shop' not found",
            "Folder with path '/' in environment with slug 'dev' not found",
            "Dynamic secret lease with ID '7a00' not found",
        ] {
            assert!(!gone(404, message, Some("req-1")), "{message}");
        }
        let of_a_router = refused(404, "Route DELETE:/api/v1/dynamic-secrets/leases/6f1c not found", None);
        assert!(!is_gone(&of_a_router, id) && !is_refusal(&of_a_router));
        let there_is_none = |message: &str| has_none(&refused(404, message, Some("req-1")));
        assert!(there_is_none("Dynamic secret with name 'db' in folder with path '/' not found"));
        assert!(!there_is_none("Project with slug 'shop' not found"));
        assert!(!gone(403, "You are not allowed to lease on dynamic-secrets", Some("req-1")));
    }

    #[test]
    fn a_refusal_of_the_server_itself_leaves_nothing_behind() {
        let definite = |status, request_id| is_definite(&refused(status, "no", request_id));
        for status in [400, 401, 403, 404, 422] {
            assert!(definite(status, Some("req-1")), "{status}");
        }
        // Of a proxy, which may have passed the request on; too slow; try again.
        assert!(!definite(403, None) && !definite(404, None) && !definite(408, Some("req-1")) && !definite(429, Some("req-1")));
        assert!(!definite(500, Some("req-1")) && !is_definite(&SessionError::Call(infisical::Error::Request("cut".into()))));
    }
}
