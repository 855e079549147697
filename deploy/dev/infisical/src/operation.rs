//! What a call is for, told from its method and path alone, so that faults and counters also see calls that never
//! reach a route.
use axum::http::Method;
use serde::{Deserialize, Serialize};

/// The kinds of calls that tests count and faults select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// `GET /api/status`.
    Status,
    /// `POST /api/v1/auth/<method>/login`.
    Login,
    /// `POST /api/v1/auth/token/renew`.
    Renew,
    /// `POST /api/v1/auth/token/revoke`.
    Revoke,
    /// A project by slug or id, its environments.
    Project,
    /// The secrets of a folder, v3 or v4.
    ListSecrets,
    /// One secret by name.
    GetSecret,
    /// Create, update or delete, one or a batch.
    WriteSecret,
    /// Reading or changing folders.
    Folder,
    /// Reading or changing imports.
    Import,
    /// `GET /api/v2/service-token`.
    ServiceToken,
    /// `POST /api/v1/events/subscribe/project-events`.
    Subscribe,
    /// A new lease of a dynamic secret.
    CreateLease,
    /// A lease's renewal.
    RenewLease,
    /// A lease's end.
    RevokeLease,
    /// Reading leases or dynamic secrets.
    ReadLease,
    /// Anything else below `/api`.
    Other,
}

/// The limiter's category of a call, as the server counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// Reads that are not secrets.
    Read,
    /// Logins, renewals, revocations.
    Write,
    /// Everything about secrets, folder writes, imports.
    Secrets,
}

impl Operation {
    /// The operation of a request; `path` begins with `/api`.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Self {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let read = method == Method::GET;
        match segments.as_slice() {
            ["api", "status"] => Self::Status,
            ["api", "v1", "auth", "token", "renew"] => Self::Renew,
            ["api", "v1", "auth", "token", "revoke"] => Self::Revoke,
            ["api", "v1", "auth", _, "login"] => Self::Login,
            ["api", "v3", "secrets", "raw"] | ["api", "v4", "secrets"] if read => Self::ListSecrets,
            ["api", "v3", "secrets", "raw", _] | ["api", "v4", "secrets", _] | ["api", "v4", "secrets", "id", _] if read => Self::GetSecret,
            ["api", "v3" | "v4", "secrets", ..] => Self::WriteSecret,
            ["api", "v1" | "v2", "folders", ..] => Self::Folder,
            ["api", "v1" | "v2", "secret-imports", ..] => Self::Import,
            ["api", "v1", "projects", ..] | ["api", "v1" | "v2", "workspace", ..] => Self::Project,
            ["api", "v2", "service-token"] => Self::ServiceToken,
            ["api", "v1", "events", "subscribe", ..] => Self::Subscribe,
            ["api", "v1", "dynamic-secrets", ..] if read => Self::ReadLease,
            ["api", "v1", "dynamic-secrets", "leases", _, "renew"] => Self::RenewLease,
            ["api", "v1", "dynamic-secrets", "leases", ..] if method == Method::DELETE => Self::RevokeLease,
            ["api", "v1", "dynamic-secrets", "leases", ..] => Self::CreateLease,
            _ => Self::Other,
        }
    }

    /// Which of the limiter's counters the call charges; the status probe charges none.
    #[must_use]
    pub fn category(self, method: &Method) -> Option<Category> {
        match self {
            Self::Status => None,
            Self::Login | Self::Renew | Self::Revoke => Some(Category::Write),
            Self::CreateLease | Self::RenewLease | Self::RevokeLease => Some(Category::Write),
            Self::ListSecrets | Self::GetSecret | Self::WriteSecret | Self::Import => Some(Category::Secrets),
            Self::Folder if method != Method::GET => Some(Category::Secrets),
            Self::Project if method != Method::GET => Some(Category::Write),
            Self::Folder | Self::Project | Self::ServiceToken | Self::Subscribe | Self::ReadLease | Self::Other => Some(Category::Read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_both_generations_mean_the_same() {
        for (method, path, wanted) in [
            (Method::GET, "/api/v3/secrets/raw", Operation::ListSecrets),
            (Method::GET, "/api/v4/secrets/", Operation::ListSecrets),
            (Method::GET, "/api/v4/secrets/KEY", Operation::GetSecret),
            (Method::DELETE, "/api/v3/secrets/raw/KEY", Operation::WriteSecret),
            (Method::POST, "/api/v4/secrets/batch", Operation::WriteSecret),
            (Method::POST, "/api/v1/auth/universal-auth/login", Operation::Login),
            (Method::GET, "/api/v2/workspace/demo", Operation::Project),
            (Method::POST, "/api/v1/dynamic-secrets/leases", Operation::CreateLease),
            (Method::POST, "/api/v1/dynamic-secrets/leases/1/renew", Operation::RenewLease),
            (Method::DELETE, "/api/v1/dynamic-secrets/leases/1", Operation::RevokeLease),
            (Method::GET, "/api/v1/dynamic-secrets/db/leases", Operation::ReadLease),
            (Method::GET, "/api/v9", Operation::Other),
        ] {
            assert_eq!(Operation::of(&method, path), wanted, "{method} {path}");
        }
    }
}
