//! Ids of projects, looked up once for all reads of a session.
use super::{Session, SessionError};
use crate::effect::Effect;
use infisical::{Client, Error, ProjectRef, Token};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// A project may be deleted and made again under its slug; a read that finds nothing asks again before that.
const BELIEVED: Duration = Duration::from_secs(30 * 60);
/// The reads that wait for one look-up share its failure.
const FAILURE_SHARED: Duration = Duration::from_secs(1);

/// Known ids. A mutex held while looking up: whoever needs one meanwhile waits for that answer.
#[derive(Default)]
pub(super) struct Projects(tokio::sync::Mutex<HashMap<ProjectRef, Known>>);

struct Known {
    until: Instant,
    id: Result<String, SessionError>,
}

impl Session {
    /// The id of a project.
    ///
    /// # Errors
    /// Those of [`Session::call`].
    pub async fn project_id(self: &Arc<Self>, project: &ProjectRef) -> Result<String, SessionError> {
        if let ProjectRef::Id(id) = project {
            return Ok(id.clone());
        }
        let mut known = self.projects.0.lock().await;
        if let Some(Known { until, id }) = known.get(project)
            && self.clock().now() < *until
        {
            return id.clone();
        }
        let found = self.call(Effect::LookUpProject, |client, token| look_up(client, token, project)).await;
        let believed = if found.is_ok() { BELIEVED } else { FAILURE_SHARED };
        known.insert(project.clone(), Known { until: self.clock().now() + believed, id: found.clone() });
        found
    }

    /// Forgets the id of a project, since nothing was found there.
    pub async fn forget_project(&self, project: &ProjectRef) {
        self.projects.0.lock().await.remove(project);
    }
}

async fn look_up(client: Client, token: Token, project: &ProjectRef) -> Result<String, Error> {
    match project {
        ProjectRef::Id(id) => Ok(id.clone()),
        ProjectRef::Slug(slug) => Ok(client.project_by_slug(&token, slug).await?.id),
        ProjectRef::OfToken => client.project_of_token(&token).await,
    }
}
