//! Leases of dynamic secrets: which one a resource holds, what is to be done about it, and its credentials.
//!
//! A lease's id stands in three places: in the resource's status (the ledger), in the version annotation of the managed Secret
//! together with the credentials, in one write, and in this process. What to do follows from these and the time alone
//! ([`decide`]); the server is asked only by the calls in [`calls`].
//!
//! What can go wrong is that the process ends between any two steps. Before a lease is made the ledger says so; the lease bears
//! the uid of its resource, so that one whose answer was lost is found in the server's list ([`ledger::strays`]). Credentials are
//! written before the lease is recorded: a Secret with an unrecorded lease is asked about at the server and recorded. A lease that
//! was replaced stays in the ledger until it is revoked.
pub mod calls;
pub mod decide;
pub mod ledger;
mod purse;

pub use decide::{Hand, Reason, Situation, Step, decide};
pub use ledger::{Held, LATE, Ledger, Superseded};
pub use purse::{Credentials, Purse, digest};

use api::{text::Text, v1alpha1::LeaseSource};
use infisical::{LeasePlace, ProjectRef};

/// The dynamic secret that a resource wants leases of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Address of the server.
    pub server: String,
    pub project: ProjectRef,
    /// Slug.
    pub environment: String,
    /// In one spelling: `/app`.
    pub path: String,
    /// In lower case, as the server keeps it.
    pub name: String,
    /// Of the Kubernetes provider, where it allows several.
    pub namespace: Option<String>,
}

impl Source {
    /// Whether a lease that was recorded so is one of this dynamic secret. A project is the same by either of its names.
    #[must_use]
    pub fn is(&self, recorded: &LeaseSource) -> bool {
        let project = match &self.project {
            ProjectRef::Id(id) => recorded.project_id.text() == Some(id),
            ProjectRef::Slug(slug) => recorded.project_slug.text() == Some(slug),
            ProjectRef::OfToken => false,
        };
        project
            && recorded.server.text() == Some(&self.server)
            && recorded.environment_slug.text() == Some(&self.environment)
            && recorded.secrets_path.text() == Some(&self.path)
            && recorded.secret_name.text() == Some(&self.name)
            && recorded.kubernetes_namespace.text() == self.namespace.as_deref()
    }

    /// As it is recorded.
    #[must_use]
    pub fn recorded(&self, place: &LeasePlace) -> LeaseSource {
        LeaseSource {
            server: Some(self.server.clone()),
            project_id: match &self.project {
                ProjectRef::Id(id) => Some(id.clone()),
                ProjectRef::Slug(_) | ProjectRef::OfToken => None,
            },
            project_slug: Some(place.project_slug.clone()),
            environment_slug: Some(self.environment.clone()),
            secrets_path: Some(self.path.clone()),
            secret_name: Some(self.name.clone()),
            kubernetes_namespace: self.namespace.clone(),
        }
    }
}

/// Value of the version annotation of a Secret with the credentials of a lease. The peer counts versions and never gets past 0.
#[must_use]
pub fn version(id: &str) -> String {
    format!("{id}-0")
}

/// The lease that a version annotation names.
#[must_use]
pub fn of_version(version: &str) -> Option<&str> {
    version.strip_suffix("-0").filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(project: ProjectRef) -> Source {
        Source { server: "https://a/api".into(), project, environment: "dev".into(), path: "/".into(), name: "db".into(), namespace: None }
    }

    #[test]
    fn a_project_is_the_same_by_either_name() {
        let place = LeasePlace { project_slug: "shop".into(), environment: "dev".into(), path: "/".into() };
        let recorded = source(ProjectRef::Id("p1".into())).recorded(&place);
        assert!(source(ProjectRef::Id("p1".into())).is(&recorded));
        assert!(source(ProjectRef::Slug("shop".into())).is(&recorded));
        assert!(!source(ProjectRef::Slug("other".into())).is(&recorded));
        let elsewhere = Source { server: "https://b/api".into(), ..source(ProjectRef::Id("p1".into())) };
        assert!(!elsewhere.is(&recorded));
        let in_namespace = Source { namespace: Some("n".into()), ..source(ProjectRef::Id("p1".into())) };
        assert!(!in_namespace.is(&recorded) && in_namespace.is(&in_namespace.recorded(&place)));
    }

    #[test]
    fn the_version_is_that_of_the_peer() {
        assert_eq!(version("lease-1"), "lease-1-0");
        assert_eq!(of_version("lease-1-0"), Some("lease-1"));
        assert_eq!((of_version("-0"), of_version("W/\"secrets-0-00000000\"")), (None, None));
    }
}
