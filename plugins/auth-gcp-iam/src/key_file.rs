//! Signs with the key file of a service account.
//!
//! The file is a handle: its members are selected, and two of them revealed. What kind of file it is otherwise, its members
//! tell by being there. No message quotes any of it.
use crate::{
    claims::{claims, header},
    is_email,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use plugin_sdk::{
    Credential, Error, mounts,
    signing::{Algorithm, Signer},
};

/// Members by which files that Google's tools write too are told from keys of service accounts.
const OTHERS: [(&str, &str); 4] = [
    ("/refresh_token", "the login of a person (authorized_user)"),
    ("/credential_source", "a workload identity federation (external_account)"),
    ("/source_credentials", "an impersonation (impersonated_service_account)"),
    ("/installed", "an OAuth client"),
];

/// A token, signed with the key in the file at `path`, which `by` names.
pub fn signed(by: &str, path: &str, identity: &str) -> Result<String, Error> {
    let file = mounts::open("gcp", path).map_err(|error| said(by, error))?;
    let named = format!("{by} {path:?}");
    if file.select("").is_err() {
        return Err(wrong(&named, "is not JSON; create a key of type JSON in Google's console and mount it whole"));
    }
    let account = member(&named, &file, "/client_email", is_email, "an address such as name@project.iam.gserviceaccount.com")?;
    let key_id = member(&named, &file, "/private_key_id", is_key_id, "the id of the key, in hexadecimal digits")?;
    let key = file.select("/private_key").map_err(|_| wrong(&named, "has no private_key; mount the key file whole, as Google made it"))?;

    let part = |json: String| BASE64_URL_SAFE_NO_PAD.encode(json);
    let text = format!("{}.{}", part(header(&key_id)), part(claims(&account, identity)?));
    let signature = Signer::new(&key, Algorithm::RsaPkcs1Sha256)
        .sign(text.as_bytes())
        .map_err(|error| said(&format!("private_key of {named}"), error))?;
    Ok(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

fn member(named: &str, file: &Credential, pointer: &str, fits: fn(&str) -> bool, form: &str) -> Result<String, Error> {
    let name = pointer.trim_start_matches('/');
    let Ok(found) = file.select(pointer) else {
        let other = OTHERS.iter().find(|(pointer, _)| file.select(pointer).is_ok());
        let text = match other {
            Some((_, kind)) => format!("is {kind}; a key of a service account is needed, whose type is service_account"),
            None => format!("has no {name}; is it the key of a service account, whole, as Google made it?"),
        };
        return Err(wrong(named, &text));
    };
    let text = found.reveal_text()?;
    if fits(&text) { Ok(text) } else { Err(wrong(named, &format!("has a {name} that is not {form}"))) }
}

fn is_key_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn wrong(named: &str, text: &str) -> Error {
    Error::Credentials(format!("{named} {text}"))
}

/// What the host says of a file or a key, with what it is about before it.
fn said(about: &str, error: Error) -> Error {
    match error {
        Error::Credentials(text) => Error::Credentials(format!("{about}: {text}")),
        other => other,
    }
}
