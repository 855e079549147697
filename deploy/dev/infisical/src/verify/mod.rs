//! Verification of logins, a file per method. Each reads its own body, proves the caller for real, and gives back the
//! identity and what goes into the token; issuing the token is the same for all.
//!
//! A method is added by a file here with its configuration, a field for that in `state::identity` and the seed, and a line in
//! [`login`].
mod alicloud;
mod aws;
mod azure;
mod gcp;
mod jwks;
mod jwt;
mod kubeconfig;
mod kubernetes;
mod ldap;
mod oci;
mod oidc;
mod tls_cert;
mod universal;

pub use self::alicloud::{AliCloudAuth, AlibabaCloud, AlibabaKey};
pub use self::aws::AwsAuth;
pub(crate) use self::aws::Sts;
pub use self::azure::AzureAuth;
pub use self::gcp::{GcpAuth, GcpKind};
pub(crate) use self::jwks::{Claims, FetchError, Header as TokenHeader, Issuers, TokenFault};
pub use self::jwt::{JwtAuth, JwtKeys};
pub use self::kubeconfig::KubeconfigError;
pub use self::kubernetes::KubernetesApi;
pub(crate) use self::kubernetes::Reviewer;
pub use self::ldap::{AllowedField, LdapAuth};
pub use self::oci::{OciAuth, OracleUser};
pub use self::oidc::OidcAuth;
pub use self::tls_cert::TlsCertAuth;

use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use crate::auth::access_token::{Granted, Login};
use crate::errors::ApiError;
use crate::input::Input;
use crate::server::Shared;
use crate::state::{Identity, World};

/// What a client is told while too many wrong tries are remembered.
const LOCKED: &str = "This identity auth method is temporarily locked, please try again later";

/// What a verified login proves: who it is, and the token it earns, whose organisation is filled in afterwards.
struct Proven {
    identity: Identity,
    login: Login,
}

/// Verifies a login by the method of its route and gives a token. `chain` is what the client showed on its connection.
///
/// # Errors
/// As each method words them; an organisation that is unknown (404) or that the identity does not belong to (401).
pub async fn login(shared: &Arc<Shared>, method: &str, mut input: Input, chain: &[CertificateDer<'_>]) -> Result<Granted, ApiError> {
    let slug = input.string("organizationSlug").or_else(|| input.string("subOrganizationName"));
    let Proven { identity, mut login } = match method {
        "universal-auth" => universal::verify(shared, input)?,
        "kubernetes-auth" => kubernetes::verify(shared, input).await?,
        "aws-auth" => aws::verify(shared, input).await?,
        "azure-auth" => azure::verify(shared, input).await?,
        "gcp-auth" => gcp::verify(shared, input).await?,
        "jwt-auth" => jwt::verify(shared, input).await?,
        "ldap-auth" => ldap::verify(shared, input).await?,
        "alicloud-auth" => alicloud::verify(shared, input)?,
        "oci-auth" => oci::verify(shared, input)?,
        "tls-cert-auth" => tls_cert::verify(shared, input, chain)?,
        "oidc-auth" => oidc::verify(shared, input).await?,
        _ => return Err(ApiError::not_found(format!("Auth method {method} not found"))),
    };
    let mut world = shared.state.write();
    if let Some(slug) = slug.filter(|slug| !slug.is_empty()) {
        login.organization = organization(&world, &identity, &slug)?;
    }
    shared.keys.issue(&mut world, &identity, login, shared.state.clock().now())
}

/// Whether a method is served at all.
#[must_use]
pub fn is_known(method: &str) -> bool {
    matches!(
        method,
        "alicloud-auth"
            | "aws-auth"
            | "azure-auth"
            | "gcp-auth"
            | "jwt-auth"
            | "kubernetes-auth"
            | "ldap-auth"
            | "oci-auth"
            | "oidc-auth"
            | "tls-cert-auth"
            | "universal-auth"
    )
}

fn organization(world: &World, identity: &Identity, slug: &str) -> Result<String, ApiError> {
    let id = world.organization.id_of(slug);
    let id = id.ok_or_else(|| ApiError::not_found(format!("Sub organization with slug {slug} not found")))?;
    if identity.organizations.iter().any(|held| held == id) {
        Ok(id.to_owned())
    } else {
        Err(ApiError::unauthorized(format!("Identity not authorized to access sub organization {slug}")))
    }
}

/// The configuration of a method, of the identity that a login names.
fn configured<T>(world: &World, identity_id: &str, method: &str, pick: impl Fn(&Identity) -> Option<&T>) -> Result<(Identity, T), ApiError>
where
    T: Clone,
{
    let identity = world.identity(identity_id);
    let found = identity.and_then(|identity| pick(identity).map(|auth| (identity.clone(), auth.clone())));
    found.ok_or_else(|| ApiError::not_found(format!("{method} auth method not found for identity, did you configure {method} auth?")))
}
