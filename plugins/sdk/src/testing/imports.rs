//! The functions that the modules of this crate call, answered by the test host of this thread.
use crate::{
    Encoding, Error, http,
    testing::{Sent, state},
};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::rc::Rc;

/// What a credential is natively: bytes, and where they came from.
pub(crate) struct Handle {
    pub(crate) bytes: Rc<[u8]>,
    /// `input/NAME`, `mounts/NAME`, with the pointer behind `#`; empty where nothing can be revealed.
    source: String,
}

impl Handle {
    fn new(bytes: impl Into<Rc<[u8]>>, source: String) -> Self {
        Self { bytes: bytes.into(), source }
    }
}

pub(crate) fn credential(name: &str) -> Result<Option<Handle>, Error> {
    state::with(|call| {
        if !call.sensitive.contains(name) {
            return Err(Error::Credentials(format!("the descriptor has no sensitive input {name:?}")));
        }
        let input = call.host.inputs.get(name).filter(|bytes| !bytes.trim_ascii().is_empty());
        Ok(input.map(|bytes| Handle::new(bytes.clone(), format!("input/{name}"))))
    })
}

pub(crate) fn reveal(handle: &Handle) -> Result<Vec<u8>, Error> {
    let whole = handle.source.split('#').next().unwrap_or_default();
    state::with(|call| call.allow(&[format!("reveal:{}", handle.source), format!("reveal:{whole}")]))?;
    Ok(handle.bytes.to_vec())
}

pub(crate) fn select(handle: &Handle, json_pointer: &str) -> Result<Handle, Error> {
    let missing = || Error::Credentials(format!("the credential has no member {json_pointer}"));
    let document: serde_json::Value =
        serde_json::from_slice(&handle.bytes).map_err(|_| Error::Credentials("the credential is not JSON".into()))?;
    let member = document.pointer(json_pointer).ok_or_else(missing)?;
    let text = member.as_str().map_or_else(|| member.to_string(), str::to_owned);
    let separator = if handle.source.contains('#') { "" } else { "#" };
    Ok(Handle::new(text.into_bytes(), format!("{}{separator}{json_pointer}", handle.source)))
}

pub(crate) fn duplicate(handle: &Handle) -> Result<Handle, Error> {
    Ok(Handle { bytes: Rc::clone(&handle.bytes), source: handle.source.clone() })
}

pub(crate) fn open(mount: &str, path: &str) -> Result<Handle, Error> {
    state::with(|call| {
        let below = |folder: &str| path.strip_prefix(folder)?.strip_prefix('/');
        let mut folders = call.host.folders.iter().filter(|(_, name)| mount.is_empty() || name == mount);
        let located = folders.find_map(|(folder, mount)| Some((mount.clone(), below(folder)?)));
        let (mount, path) = match located {
            Some(located) => located,
            None if mount.is_empty() => return Err(Error::Credentials(format!("the file {path:?} lies in no mount"))),
            None => (mount.to_owned(), path),
        };
        call.allow(&[format!("mounts:{mount}")])?;
        let file = call.host.files.get(&(mount.clone(), path.into()));
        let bytes = file.ok_or_else(|| Error::Credentials(format!("mount {mount:?} has no file {path:?}")))?;
        Ok(Handle::new(bytes.clone(), format!("mounts/{mount}")))
    })
}

pub(crate) fn service_account_token(audiences: &[String]) -> Result<Handle, Error> {
    let script = state::with(|call| {
        call.allow(&["service-account".into()])?;
        call.host.tokens.clone().ok_or_else(|| Error::Credentials("the resource names no service account".into()))
    })?;
    Ok(Handle::new(script(audiences)?.into_bytes(), String::new()))
}

pub(crate) fn sign(
    key: &Handle,
    passphrase: Option<&Handle>,
    algorithm: &str,
    data: &[u8],
    extensions: &[(String, String)],
) -> Result<Vec<u8>, Error> {
    let script = state::with(|call| {
        call.allow(&["signing".into()])?;
        call.host.signer.clone().ok_or_else(|| Error::Internal("the test host was given no signer".into()))
    })?;
    let passphrase = passphrase.map(|handle| &*handle.bytes);
    script(&state::Signed { key: &key.bytes, passphrase, algorithm, data, extensions })
}

pub(crate) fn generate_key(kind: &str) -> Result<Vec<u8>, Error> {
    state::with(|call| {
        call.allow(&["keys".into()])?;
        let key = call.host.keys.get(kind).cloned();
        key.ok_or_else(|| Error::Internal(format!("the test host was given no key of kind {kind:?}")))
    })
}

pub(crate) fn send(request: &http::Request<'_>) -> Result<http::Response, Error> {
    let script = state::with(|call| {
        call.allow(&[format!("http:{}", origin(&request.url)?)])?;
        call.host.http.clone().ok_or_else(|| Error::unavailable("the test host was given no answers to requests"))
    })?;
    let mut headers = Vec::new();
    for (name, value) in &request.headers {
        headers.push((name.to_ascii_lowercase(), content(value)?));
    }
    script(&Sent {
        method: request.method.clone(),
        url: request.url.clone(),
        headers,
        body: content(&request.body)?,
        timeout: request.timeout,
    })
}

pub(crate) fn variable(name: &str) -> Result<Option<String>, Error> {
    state::with(|call| {
        call.allow(&[format!("environment:{name}")])?;
        Ok(call.host.variables.get(name).cloned())
    })
}

pub(crate) fn now() -> Result<u64, Error> {
    state::with(|call| {
        call.allow(&["clock".into()])?;
        u64::try_from(call.host.now.as_millis()).map_err(|_| Error::Internal("the time is too far in the future".into()))
    })
}

pub(crate) fn elapsed() -> Result<u64, Error> {
    state::with(|call| call.allow(&["clock".into()]))?;
    Ok(0)
}

pub(crate) fn random(length: u32) -> Result<Vec<u8>, Error> {
    state::with(|call| {
        call.allow(&["random".into()])?;
        Ok(call.host.seed.iter().copied().cycle().take(length as usize).collect())
    })
}

pub(crate) fn log(level: &str, message: &str, fields: &[(String, String)]) {
    eprintln!("plugin {level}: {message} {fields:?}");
}

/// Scheme, host and port of an address, as they stand in a grant.
fn origin(url: &str) -> Result<String, Error> {
    let wrong = || Error::Internal(format!("{url:?} is no absolute address"));
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Error::Internal("user info in an address is refused".into()));
    }
    Ok(format!("{scheme}://{authority}"))
}

fn content(content: &http::Content<'_>) -> Result<Vec<u8>, Error> {
    let mut parts = Vec::new();
    for part in &content.parts {
        match part {
            http::Part::Text(text) => parts.extend_from_slice(text.as_bytes()),
            http::Part::Bytes(bytes) => parts.extend_from_slice(bytes),
            http::Part::Credential(credential, encoding) => parts.extend(encode(&credential.0.bytes, *encoding)?),
        }
    }
    Ok([content.prefix.as_bytes(), &encode(&parts, content.encoding)?].concat())
}

/// What an encoding makes of bytes.
pub(crate) fn encode(bytes: &[u8], encoding: Encoding) -> Result<Vec<u8>, Error> {
    let text = || std::str::from_utf8(bytes).map_err(|_| Error::Credentials("the credential is not text".into()));
    Ok(match encoding {
        Encoding::Raw => bytes.to_vec(),
        Encoding::Base64 => BASE64_STANDARD.encode(bytes).into_bytes(),
        Encoding::JsonString => serde_json::Value::from(text()?).to_string().into_bytes(),
        Encoding::Form => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
            let one = |byte: &u8| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
            bytes.iter().map(one).collect::<String>().into_bytes()
        }
    })
}
