//! What the imitated tenant holds.
use serde_json::{Value, json};

use crate::clouds::Conduct;

/// Seconds that an access token lives.
const LIFE: i64 = 3600;

/// One tenant of Entra, and the machine whose metadata service is asked.
#[derive(Clone, Debug, Default)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// Audiences that there are, with or without a slash at their end.
    pub resources: Vec<String>,
    /// Assigned to the machine. The first is its system-assigned one where that is said of it.
    pub managed_identities: Vec<ManagedIdentity>,
    /// Applications, and managed identities that pods may act as.
    pub applications: Vec<Application>,
    /// How the metadata service behaves.
    pub imds: Conduct,
    /// How the token endpoint behaves.
    pub token_endpoint: Conduct,
}

/// An identity of a machine.
#[derive(Clone, Debug)]
pub struct ManagedIdentity {
    /// By which clients name it.
    pub client_id: String,
    /// Id of its service principal, which tokens carry as `oid`.
    pub principal_id: String,
    /// Made with the machine, and the one that is meant where none is named.
    pub system_assigned: bool,
}

/// What a projected token can be exchanged for.
#[derive(Clone, Debug)]
pub struct Application {
    /// By which clients name it.
    pub client_id: String,
    /// Id of its service principal, which tokens carry as `oid`.
    pub principal_id: String,
    /// Whom it trusts.
    pub federated: Vec<FederatedCredential>,
}

/// Whose projected tokens stand for an application.
#[derive(Clone, Debug)]
pub struct FederatedCredential {
    /// The cluster's issuer, whose discovery document leads to its keys.
    pub issuer: String,
    /// `system:serviceaccount:NAMESPACE:NAME`
    pub subject: String,
    /// `api://AzureADTokenExchange` as a rule.
    pub audience: String,
}

impl Tenant {
    /// A tenant that has the resource of Azure's management, and nobody in it.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), resources: vec!["https://management.azure.com/".to_owned()], ..Self::default() }
    }

    pub(super) fn has_resource(&self, audience: &str) -> bool {
        let bare = |text: &str| text.trim_end_matches('/').to_owned();
        self.resources.iter().any(|resource| bare(resource) == bare(audience))
    }

    /// What an access token says.
    pub(super) fn claims(&self, client_id: &str, principal_id: &str, audience: &str, now: i64) -> Value {
        json!({
            "aud": audience,
            "iss": format!("https://sts.windows.net/{}/", self.id),
            "iat": now,
            "nbf": now,
            "exp": now + LIFE,
            "appid": client_id,
            "oid": principal_id,
            "sub": principal_id,
            "tid": self.id,
            "idtyp": "app",
            "ver": "1.0",
        })
    }
}

/// An answer with a token. IMDS writes numbers as strings, Entra as numbers.
pub(super) fn granted(token: String, audience: &str, as_text: bool) -> Value {
    let life = if as_text { json!(LIFE.to_string()) } else { json!(LIFE) };
    json!({ "access_token": token, "expires_in": life, "resource": audience, "token_type": "Bearer" })
}
