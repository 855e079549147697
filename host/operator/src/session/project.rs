//! Ids and slugs of projects, looked up once for all calls of a session.
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

/// Known ids and slugs. A mutex held while looking up: whoever needs one meanwhile waits for that answer.
#[derive(Default)]
pub(super) struct Projects {
    ids: tokio::sync::Mutex<HashMap<ProjectRef, Known>>,
    slugs: tokio::sync::Mutex<HashMap<ProjectRef, Known>>,
}

struct Known {
    until: Instant,
    name: Result<String, SessionError>,
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
        let mut known = self.projects.ids.lock().await;
        if let Some(name) = self.known(&known, project) {
            return name;
        }
        let found = self.call(Effect::LookUpProject, |client, token| look_up(client, token, project)).await;
        self.keep(&mut known, project, &found);
        found
    }

    /// The slug of a project, for the calls that take no id.
    ///
    /// # Errors
    /// Those of [`Session::call`].
    pub async fn project_slug(self: &Arc<Self>, project: &ProjectRef) -> Result<String, SessionError> {
        if let ProjectRef::Slug(slug) = project {
            return Ok(slug.clone());
        }
        let id = &self.project_id(project).await?;
        let mut known = self.projects.slugs.lock().await;
        if let Some(name) = self.known(&known, project) {
            return name;
        }
        let look_up = |client: Client, token: Token| async move { Ok(client.project_by_id(&token, id).await?.slug) };
        let found = self.call(Effect::LookUpProject, look_up).await;
        self.keep(&mut known, project, &found);
        found
    }

    fn known(&self, known: &HashMap<ProjectRef, Known>, project: &ProjectRef) -> Option<Result<String, SessionError>> {
        known.get(project).filter(|known| self.clock().now() < known.until).map(|known| known.name.clone())
    }

    fn keep(&self, known: &mut HashMap<ProjectRef, Known>, project: &ProjectRef, found: &Result<String, SessionError>) {
        let believed = if found.is_ok() { BELIEVED } else { FAILURE_SHARED };
        known.insert(project.clone(), Known { until: self.clock().now() + believed, name: found.clone() });
    }

    /// Forgets which projects have that slug, since nothing was found there.
    pub async fn forget_slug(&self, slug: &str) {
        self.projects.slugs.lock().await.retain(|_, known| known.name.as_deref().ok() != Some(slug));
    }

    /// Forgets the id and the slug of a project, since nothing was found there.
    pub async fn forget_project(&self, project: &ProjectRef) {
        self.projects.ids.lock().await.remove(project);
        self.projects.slugs.lock().await.remove(project);
    }
}

async fn look_up(client: Client, token: Token, project: &ProjectRef) -> Result<String, Error> {
    match project {
        ProjectRef::Id(id) => Ok(id.clone()),
        ProjectRef::Slug(slug) => Ok(client.project_by_slug(&token, slug).await?.id),
        ProjectRef::OfToken => client.project_of_token(&token).await,
    }
}
