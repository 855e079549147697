//! A workload identity of AKS: a projected token of the operator's service account, exchanged for one of Entra.
//!
//! The webhook of workload identity mounts the token and sets four variables; settings come before them. The token goes to
//! the token endpoint by handle, and only to Entra's own hosts. Entra says no with a number (`AADSTS…`), which decides what
//! a user is told to do.
use crate::{Refusal, Settings, access_token, resource::Resource, retry_after, variable};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use plugin_sdk::{
    Encoding, Error,
    http::{self, Content},
    mounts,
};
use std::time::Duration;

const FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
const CLIENT: &str = "AZURE_CLIENT_ID";
const TENANT: &str = "AZURE_TENANT_ID";
const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";

/// What the webhook sets.
pub const VARIABLES: [&str; 4] = [FILE, CLIENT, TENANT, AUTHORITY];

/// Entra's login endpoints: public, US Government, China. The first is the default.
pub const AUTHORITIES: [&str; 3] = ["login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn"];

/// A login takes well below a second; a call has 15.
const PATIENCE: Duration = Duration::from_secs(10);

/// What may stand in a form or a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether there is a projected token to use. Without the right to look there is none.
pub fn is_set_up(settings: &Settings) -> Result<bool, Error> {
    match variable(FILE) {
        Ok(file) => Ok(settings.token_file.is_some() || file.is_some()),
        Err(Error::Denied(_)) => Ok(settings.token_file.is_some()),
        Err(error) => Err(error),
    }
}

/// An access token for the resource.
pub fn token(settings: &Settings, resource: &Resource) -> Result<String, Error> {
    let file = given("/token-file", &settings.token_file, FILE)?;
    let tenant = given("/tenant-id", &settings.tenant_id, TENANT)?;
    let client = given("/client-id", &resource.client_id, CLIENT)?;
    let authority = authority()?;
    let assertion = mounts::open("azure", &file)?;

    let form = [
        ("client_id", client.as_str()),
        ("scope", &resource.scope()),
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
    ];
    let form: String = form.iter().map(|(name, value)| format!("{name}={}&", utf8_percent_encode(value, PLAIN))).collect();
    let body = Content::text(format!("{form}client_assertion=")).credential(&assertion, Encoding::Form);
    let url = format!("{authority}/{}/oauth2/v2.0/token", utf8_percent_encode(&tenant, PLAIN));
    let request = http::Request::new("POST", url)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Accept", "application/json")
        .body(body)
        .timeout(PATIENCE);
    let response = request.send().map_err(|error| match error {
        Error::Unavailable(found) => {
            Error::unavailable(format!("Entra's token endpoint: {}; let network policies pass it, or correct {AUTHORITY}", found.text))
        }
        other => other,
    })?;
    if response.status == 200 {
        return access_token("Entra's token endpoint", &response.body);
    }
    Err(refused(&response, &Asked { authority: &authority, tenant: &tenant, client: &client, file: &file, resource }))
}

/// A setting, else a variable.
fn given(pointer: &str, setting: &Option<String>, name: &str) -> Result<String, Error> {
    if let Some(text) = setting.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        return Ok(text.to_owned());
    }
    let missing = || {
        let message = format!(
            "is missing, and {name} is not set; add the label azure.workload.identity/use: \"true\" to the operator's pod, or write it here"
        );
        Error::setting(pointer, message)
    };
    variable(name)?.ok_or_else(missing)
}

/// With a scheme and without a slash at its end. Azure's own clients take it without a scheme too.
fn authority() -> Result<String, Error> {
    let authority = variable(AUTHORITY)?.unwrap_or_else(|| AUTHORITIES[0].into());
    let authority = authority.trim_end_matches('/');
    Ok(if authority.contains("://") { authority.to_owned() } else { format!("https://{authority}") })
}

/// What was asked for, for messages.
struct Asked<'a> {
    authority: &'a str,
    tenant: &'a str,
    client: &'a str,
    file: &'a str,
    resource: &'a Resource,
}

fn refused(response: &http::Response, asked: &Asked<'_>) -> Error {
    let Asked { authority, tenant, client, file, resource } = asked;
    let refusal = Refusal::of(&response.body);
    let (status, words, code) = (response.status, refusal.words(), refusal.code());
    match (status, code) {
        (429 | 500.., _) => {
            let text = format!("Entra's token endpoint is busy (status {status}: {words})");
            match retry_after(response) {
                Some(seconds) => Error::unavailable_for(seconds, text),
                None => Error::unavailable(text),
            }
        }
        (_, 700_024) => Error::Credentials(format!(
            "the projected token in {file} has expired or is not valid yet (AADSTS700024); mount it as a projected volume, which the kubelet renews, and check the clocks"
        )),
        (_, 70_021 | 700_211..=700_213) => Error::Credentials(format!(
            "application {client} has no federated credential for the projected token; add one, or use another client id ({words})"
        )),
        (_, 50_013 | 700_027) => Error::Credentials(format!(
            "Entra can't verify the projected token in {file}; check that the issuer of the federated credential is this cluster's ({words})"
        )),
        (_, 700_016) => Error::setting("/client-id", format!("is {client:?}, an application that tenant {tenant} does not have ({words})")),
        (_, 90_002 | 900_021 | 900_023) => Error::setting(
            "/tenant-id",
            format!("is {tenant:?}, a tenant that {authority} does not have; correct it, or {AUTHORITY} for another cloud"),
        ),
        (_, 500_011 | 50_001 | 1_002_012 | 70_011) => {
            Error::setting("/resource", format!("names {:?}, which the tenant does not know ({words})", resource.audience))
        }
        (400 | 401 | 403, _) => Error::Credentials(format!("Entra refused the projected token with status {status}: {words}")),
        _ => Error::unavailable(format!("{authority} answered status {status}; check that it is Entra's login endpoint")),
    }
}
