//! Tokens of service accounts, made by the API server (TokenRequest).
use super::{Cluster, RequestError, request::collection};
use crate::{effect::Effect, object::Name};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use runtime::{SecretBytes, TokenFailure, TokenFuture, TokenSource};
use std::sync::Arc;

/// The shortest that the API server allows: a login follows at once.
const LIFETIME_SECONDS: i64 = 600;

struct ServiceAccountTokens {
    cluster: Cluster,
    account: Name,
    trusted: bool,
}

impl Cluster {
    /// Tokens of that account, each fresh and good for ten minutes. `trusted` says whether the server that gets them is one
    /// of the administrator's choice: a token without audiences is good for the Kubernetes API itself and goes to no other.
    #[must_use]
    pub fn token_source(&self, account: Name, trusted: bool) -> Arc<dyn TokenSource> {
        Arc::new(ServiceAccountTokens { cluster: self.clone(), account, trusted })
    }
}

impl TokenSource for ServiceAccountTokens {
    fn token(&self, audiences: Vec<String>) -> TokenFuture<'_> {
        Box::pin(self.make(audiences))
    }
}

impl ServiceAccountTokens {
    async fn make(&self, audiences: Vec<String>) -> Result<SecretBytes, TokenFailure> {
        let Name { namespace, name } = &self.account;
        if audiences.is_empty() && !self.trusted {
            return Err(TokenFailure::Denied(format!(
                "a token of service account {} without audiences would be good for the Kubernetes API: name audiences, or have the \
                 administrator trust the server with --trusted-host",
                self.account
            )));
        }
        let spec = TokenRequestSpec { audiences, expiration_seconds: Some(LIFETIME_SECONDS), ..TokenRequestSpec::default() };
        let body = TokenRequest { spec, ..TokenRequest::default() };
        let requests = &self.cluster.inner.requests;
        let accounts = collection::<ServiceAccount>(namespace);
        let answer: Result<TokenRequest, _> =
            requests.create_subresource(Effect::RequestAccountToken, accounts, name, "token", &body).await;
        let made = answer.map_err(|error| failure(&error, &self.account))?;
        let token = made.status.map(|status| status.token).filter(|token| !token.is_empty());
        token
            .map(|token| token.into_bytes().into())
            .ok_or_else(|| TokenFailure::Credentials(format!("the API server made no token of service account {}", self.account)))
    }
}

fn failure(error: &RequestError, account: &Name) -> TokenFailure {
    match error {
        RequestError::Status(status) if status.code == 404 => TokenFailure::Credentials(format!("service account {account} is not there")),
        RequestError::Status(status) if status.code == 403 => TokenFailure::Credentials(format!(
            "the operator may not make tokens of service account {account}: grant it the verb create on serviceaccounts/token"
        )),
        RequestError::Status(status) if (400..500).contains(&status.code) && status.code != 429 => {
            TokenFailure::Credentials(error.fault(&format!("make a token of service account {account}"), std::iter::empty()).message)
        }
        RequestError::Undecodable => {
            TokenFailure::Credentials(format!("the answer of the API server to a token request of {account} can't be decoded"))
        }
        _ => TokenFailure::Unavailable,
    }
}
