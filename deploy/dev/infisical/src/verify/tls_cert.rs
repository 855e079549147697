//! TLS certificate auth: the certificate that a client showed on its connection, issued by the authority that the identity
//! trusts.
//!
//! The real server stands behind a proxy, which asks each client for a certificate, has it prove that it holds the key, and
//! hands the certificate on in a header, in place of one that the client itself may have sent. This server is both: its
//! listener asks for a certificate and takes it from the handshake, and no header counts.
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::json;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::{Proven, configured};
use crate::auth::access_token::Login;
use crate::errors::ApiError;
use crate::input::Input;
use crate::seed::TokenSeed;
use crate::server::Shared;

/// Whose certificates are an identity.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsCertAuth {
    /// The authority that issues them, as PEM.
    pub ca_certificate: String,
    /// Comma list of their common names, empty for any.
    #[serde(default)]
    pub allowed_common_names: String,
    /// Tokens it gives.
    #[serde(flatten)]
    pub token: TokenSeed,
}

pub(super) fn verify(shared: &Shared, mut input: Input, chain: &[CertificateDer<'_>]) -> Result<Proven, ApiError> {
    let identity_id = input.required("identityId");
    input.finish()?;
    let Some(leaf) = chain.first() else {
        return Err(ApiError::bad_request("Missing TLS certificate in header"));
    };
    let world = shared.state.read();
    let (identity, auth) = configured(&world, identity_id.trim(), "TLS Certificate", |identity| identity.tls_cert.as_ref())?;
    let authority = CertificateDer::from_pem_slice(auth.ca_certificate.as_bytes()).map_err(|_| ApiError::internal())?;
    let (_, authority) = X509Certificate::from_der(&authority).map_err(|_| ApiError::internal())?;
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| ApiError::internal())?;
    issued(&leaf, &authority, shared.state.clock().now())?;
    if !auth.allowed_common_names.is_empty() {
        let name = leaf.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        if !auth.allowed_common_names.split(',').any(|allowed| Some(allowed.trim()) == name) {
            return Err(ApiError::unauthorized("Access denied: TLS Certificate Auth common name not allowed."));
        }
    }
    let organization = world.organization.id.clone();
    let login =
        Login { method: "tls-cert-auth", organization, bounds: auth.token.bounds(), client_secret_id: None, identity_auth: json!({}) };
    Ok(Proven { identity, login })
}

/// Directly by that authority, for now, and for clients.
fn issued(leaf: &X509Certificate<'_>, authority: &X509Certificate<'_>, now: Timestamp) -> Result<(), ApiError> {
    let denied = |message: &str| Err(ApiError::unauthorized(format!("Access denied: {message}")));
    if leaf.issuer() != authority.subject() || leaf.verify_signature(Some(authority.public_key())).is_err() {
        return denied("Certificate not issued by the provided CA.");
    }
    let now = ASN1Time::from_timestamp(now.as_second()).map_err(|_| ApiError::internal())?;
    if leaf.validity().not_after < now {
        return denied("Certificate has expired.");
    }
    if leaf.validity().not_before > now {
        return denied("Certificate not yet valid.");
    }
    if !authority.validity().is_valid_at(now) {
        return denied("Certificate not issued by the provided CA.");
    }
    for certificate in [leaf, authority] {
        let usage = certificate.extended_key_usage().map_err(|_| ApiError::internal())?;
        if usage.is_some_and(|usage| !usage.value.client_auth && !usage.value.any) {
            return denied("Certificate is not permitted for client authentication.");
        }
    }
    Ok(())
}
