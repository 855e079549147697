//! Azure auth: an access token of Entra ID, which the server verifies by Entra's public keys.
//!
//! Two sources. A managed identity of the machine, by Azure's metadata service (IMDS). Workload identity of AKS, by a
//! projected token of the operator's service account that is exchanged at Entra's token endpoint. Where the settings name
//! none, workload identity is used if its webhook has set `AZURE_FEDERATED_TOKEN_FILE`, else the managed identity.
//!
//! What can go wrong is told apart by what the two services answer, each with what to do about it: no service, no identity,
//! several identities, an unknown resource, an expired projected token, an answer that is none.
#![forbid(unsafe_code)]
mod managed_identity;
mod resource;
mod workload_identity;

use plugin_sdk::{
    Descriptor, Error, Input, Need, Plugin, Violation,
    authenticator::{Authenticator, Exchange, Proved, Request},
    environment,
};
use resource::Resource;
use serde::Deserialize;
use serde_json::json;

/// The plugin.
pub struct Azure;

/// Its settings.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    source: Option<Source>,
    resource: Option<String>,
    client_id: Option<String>,
    tenant_id: Option<String>,
    token_file: Option<String>,
}

/// Where the token comes from.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Source {
    ManagedIdentity,
    WorkloadIdentity,
}

impl Settings {
    fn resource(&self) -> Result<Resource, Violation> {
        let mut resource = Resource::parse(self.resource.as_deref().unwrap_or_default())?;
        let named = self.client_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
        if let (Some(named), Some(within)) = (named, &resource.client_id)
            && named != within
        {
            let message = format!("is another than the client_id in /resource ({within}); leave one of them out");
            return Err(Violation::new("/client-id", message));
        }
        resource.client_id = named.map(str::to_owned).or(resource.client_id);
        Ok(resource)
    }
}

impl Plugin for Azure {
    type Settings = Settings;

    fn descriptor() -> Descriptor {
        let text = |description: &str| json!({"description": description, "type": "string", "minLength": 1, "maxLength": 1024});
        let mut descriptor =
            Descriptor::new("azure", env!("CARGO_PKG_VERSION"), "Logs in with a managed identity or a workload identity of Azure.")
                .settings(json!({
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "source": {
                            "description": "managed-identity: of the machine, by its metadata service. workload-identity: of the operator's service account, by a projected token. Without it: workload-identity where AZURE_FEDERATED_TOKEN_FILE is set, else managed-identity.",
                            "enum": ["managed-identity", "workload-identity"]
                        },
                        "resource": text("Audience of the token, https://management.azure.com/ by default. May end in &client_id=ID."),
                        "client-id": text("Client id of a user-assigned managed identity, or of the application of a workload identity (by default AZURE_CLIENT_ID)."),
                        "tenant-id": text("Tenant of a workload identity; by default AZURE_TENANT_ID."),
                        "token-file": text("Projected token of a workload identity, in the mount `azure`; by default AZURE_FEDERATED_TOKEN_FILE.")
                    }
                }))
                .input(Input::required("identity-id", "Id of the machine identity.").not_sensitive())
                .need(Need::optional(managed_identity::CAPABILITY, "To ask the metadata service for a token of a managed identity."))
                .need(Need::optional("mounts:azure", "To read the projected token of a workload identity."));
        for name in workload_identity::VARIABLES {
            descriptor = descriptor.need(Need::optional(&format!("environment:{name}"), "Set by the webhook of workload identity."));
        }
        for host in workload_identity::AUTHORITIES {
            descriptor =
                descriptor.need(Need::optional(&format!("http:https://{host}"), "To exchange the projected token of a workload identity."));
        }
        descriptor
    }

    fn check(settings: &Settings) -> Vec<Violation> {
        let only = |pointer: &str, given: &Option<String>| {
            let wrong = given.is_some() && settings.source == Some(Source::ManagedIdentity);
            wrong.then(|| Violation::new(pointer, "is only for the source workload-identity; remove it"))
        };
        let others = [only("/tenant-id", &settings.tenant_id), only("/token-file", &settings.token_file)];
        settings.resource().err().into_iter().chain(others.into_iter().flatten()).collect()
    }
}

impl Authenticator for Azure {
    fn authenticate(request: Request<Settings>) -> Result<Proved, Error> {
        let settings = &request.settings;
        let identity = request.required_text("identity-id")?;
        let resource = settings.resource().map_err(|violation| Error::Settings(vec![violation]))?;
        let token = match settings.source {
            Some(Source::ManagedIdentity) => managed_identity::token(&resource)?,
            Some(Source::WorkloadIdentity) => workload_identity::token(settings, &resource)?,
            None if workload_identity::is_set_up(settings)? => workload_identity::token(settings, &resource)?,
            None => managed_identity::token(&resource)?,
        };
        Ok(Exchange::to("azure-auth").text("identityId", identity).text("jwt", token).into())
    }
}

/// The access token of an answer with status 200, which `who` gave.
fn access_token(who: &str, body: &[u8]) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Answer {
        access_token: String,
    }
    match serde_json::from_slice::<Answer>(body) {
        Ok(Answer { access_token }) if !access_token.is_empty() => Ok(access_token),
        _ => {
            let what = if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() { "JSON without access_token" } else { "no JSON" };
            Err(Error::unavailable(format!("{who} answered 200 with {what}; check that no proxy or other service answers in its place")))
        }
    }
}

/// The form in which IMDS and Entra say no. Other forms read as empty.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: String,
    error_description: String,
    error_codes: Vec<u32>,
}

impl Refusal {
    fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Number of Entra's error, as in `AADSTS700024: …`; 0 where there is none.
    fn code(&self) -> u32 {
        let named = || self.error_description.split_once("AADSTS")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
        self.error_codes.first().copied().or_else(named).unwrap_or_default()
    }

    fn says(&self, words: &str) -> bool {
        self.error_description.to_ascii_lowercase().contains(words)
    }

    /// The first sentence or so of what it says: the host cuts texts, and what to do stands before this.
    fn words(&self) -> String {
        let line = self.error_description.lines().next().unwrap_or_default();
        let text = if line.is_empty() { &self.error } else { line };
        if text.is_empty() { "no reason given".into() } else { text.chars().take(120).collect() }
    }
}

/// Seconds of `Retry-After`.
fn retry_after(response: &plugin_sdk::http::Response) -> Option<u32> {
    std::str::from_utf8(response.header("retry-after")?).ok()?.trim().parse().ok()
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Result<Option<String>, Error> {
    Ok(environment::get(name)?.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()))
}

plugin_sdk::export_authenticator!(Azure);

#[cfg(test)]
mod tests;
