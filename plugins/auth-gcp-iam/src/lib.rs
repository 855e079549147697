//! Google Cloud auth with a token that a service account has signed, which the server verifies by that account's public
//! certificates.
//!
//! With a key file the host signs: the private key stays in it, and of the file only `client_email` and `private_key_id` are
//! seen here. The file is named by the settings, else by the environment. Without one Google signs (IAM Credentials,
//! `signJwt`), as the service account of the machine. Both give the same token, as Google's own library writes it.
//!
//! What can go wrong: a file outside of the mount, one that is no key of a service account (said by kind, as far as its
//! members tell), a member that is missing or malformed, and what the two services of Google refuse.
#![forbid(unsafe_code)]
mod claims;
mod key_file;
mod sign_jwt;

use plugin_sdk::{
    Descriptor, Error, Input, Need, Plugin,
    authenticator::{Authenticator, Exchange, Proved, Request},
    environment,
};
use serde::Deserialize;
use serde_json::json;

/// The plugin.
pub struct GcpIam;

/// Its settings.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    key_file: Option<String>,
}

/// Where a key file is named if no setting does: by Infisical's clients, then by Google's.
const VARIABLES: [&str; 2] = ["INFISICAL_GCP_IAM_SERVICE_ACCOUNT_KEY_FILE_PATH", "GOOGLE_APPLICATION_CREDENTIALS"];

impl Plugin for GcpIam {
    type Settings = Settings;

    fn descriptor() -> Descriptor {
        let mut descriptor =
            Descriptor::new("gcp-iam", env!("CARGO_PKG_VERSION"), "Logs in with a token that a Google service account has signed.")
                .settings(json!({
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "key-file": {
                            "description": "Key file of the service account, in the mount `gcp`. Without it the operator's environment names the file; without that, Google signs as the service account of the machine.",
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 4096
                        }
                    }
                }))
                .input(Input::required("identity-id", "Id of the machine identity; the audience of the token.").not_sensitive())
                .need(Need::required("clock", "To date the token."))
                .need(Need::required("signing", "To sign the token with the private key of the file."))
                .need(Need::optional("mounts:gcp", "To read the key file."))
                .need(Need::optional("reveal:mounts/gcp#/client_email", "To name the service account in the token."))
                .need(Need::optional("reveal:mounts/gcp#/private_key_id", "To name the key in the token."))
                .need(gcp_metadata::need("Without a key file: to ask for a token of the machine's service account."))
                .need(Need::optional(sign_jwt::CAPABILITY, "Without a key file: to let Google sign."));
        for name in VARIABLES {
            descriptor = descriptor.need(Need::optional(&format!("environment:{name}"), "Names the key file where no setting does."));
        }
        descriptor
    }
}

impl Authenticator for GcpIam {
    fn authenticate(request: Request<Settings>) -> Result<Proved, Error> {
        let identity = request.required_text("identity-id")?;
        let token = match named(&request.settings)? {
            Some((by, path)) => key_file::signed(&by, &path, identity)?,
            None => sign_jwt::signed(identity)?,
        };
        Ok(Exchange::to("gcp-auth").text("identityId", identity).text("jwt", token).into())
    }
}

/// Who names the key file, and its path. Without the right to look a variable counts as not set.
fn named(settings: &Settings) -> Result<Option<(String, String)>, Error> {
    if let Some(path) = settings.key_file.as_deref().map(str::trim).filter(|path| !path.is_empty()) {
        return Ok(Some(("key-file".into(), path.into())));
    }
    for name in VARIABLES {
        match environment::get(name) {
            Ok(Some(path)) if !path.trim().is_empty() => return Ok(Some((name.into(), path.trim().into()))),
            Ok(_) | Err(Error::Denied(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether a text has the form of an account's address. It goes into an address of Google's.
fn is_email(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@.-_".contains(&byte);
    text.bytes().all(plain) && text.split('@').filter(|part| !part.is_empty()).count() == 2 && text.matches('@').count() == 1
}

plugin_sdk::export_authenticator!(GcpIam);

#[cfg(test)]
mod tests;
