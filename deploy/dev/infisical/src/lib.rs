//! Infisical's HTTP API, for development and tests: faithful in what it answers and, above all, in how it fails.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use infisical_dev_server::{Config, Fault, Operation, Place, Seed, Server};
//!
//! let server = Server::start(Config::new(Seed::demo()?)).await?;
//! server.state().set_secret(&Place::new("demo", "dev", "/"), "GREETING", "hello")?;
//! server.faults().next(Operation::ListSecrets, 1, Fault::Cut);
//! server.calls().wait_for_calls(Operation::ListSecrets, 1).await;
//! # Ok(())
//! # }
//! ```
//!
//! Logins are verified for real (client secrets with lock-out, service account tokens by a TokenReview), tokens expire,
//! are renewed and revoked, permissions are judged per secret. State comes from a [`Seed`] and is saved nowhere. Secret
//! values and tokens appear in no log and no error. Not for production: whoever reaches the page may read everything.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod auth;
mod calls;
mod clock;
mod clouds;
mod errors;
mod etag;
mod events;
mod faults;
mod hidden;
mod input;
mod issuer;
mod leases;
mod listen;
mod operation;
mod rate_limit;
mod references;
mod routes;
mod seed;
mod server;
mod state;
mod tls;
mod verify;

pub use self::calls::{Call, CallLog, Calls};
pub use self::clock::Clock;
pub use self::clouds::{CloudError, Conduct, aws, azure, google};
pub use self::errors::ApiError;
pub use self::events::{Event, Happening, NO_PLAN, NO_PLAN_OLDER, Streams};
pub use self::faults::{Fault, Faults};
pub use self::hidden::Hidden;
pub use self::issuer::{Issuer, IssuerError};
pub use self::leases::{CredentialType, Database, DynamicSecret, DynamicSecretSeed, KubernetesInputs, Lease, Provider, RoleType};
pub use self::operation::Operation;
pub use self::rate_limit::Limits;
pub use self::seed::{Seed, SeedError, stable_id};
pub use self::server::{Config, Generation, KubernetesApi, Server, StartError};
pub use self::state::handle::{Place, State};
pub use self::state::identity::TokenBounds;
pub use self::state::permission::{Action, Membership, Role, Rule, Subject};
pub use self::state::{Environment, Folder, Identity, Project, Secret, World};
pub use self::tls::Tls;
pub use self::verify::{
    AliCloudAuth, AlibabaCloud, AlibabaKey, AllowedField, AwsAuth, AzureAuth, GcpAuth, GcpKind, JwtAuth, JwtKeys, KubeconfigError,
    LdapAuth, OciAuth, OidcAuth, OracleUser, TlsCertAuth,
};
