//! What stands behind the imports: the host, or on any other target than wasm the test host. Both have the same functions.
#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::imports::*;
#[cfg(target_family = "wasm")]
pub(crate) use host::*;

#[cfg(target_family = "wasm")]
mod host {
    use crate::{Error, http as sdk, sys::imports};

    pub(crate) type Handle = imports::credentials::Credential;

    pub(crate) fn credential(name: &str) -> Result<Option<Handle>, Error> {
        imports::credentials::get(name)
    }

    pub(crate) fn reveal(handle: &Handle) -> Result<Vec<u8>, Error> {
        handle.reveal()
    }

    pub(crate) fn select(handle: &Handle, json_pointer: &str) -> Result<Handle, Error> {
        handle.select(json_pointer)
    }

    pub(crate) fn duplicate(handle: &Handle) -> Result<Handle, Error> {
        handle.duplicate()
    }

    pub(crate) fn open(mount: &str, path: &str) -> Result<Handle, Error> {
        imports::mounts::open(mount, path)
    }

    pub(crate) fn service_account_token(audiences: &[String]) -> Result<Handle, Error> {
        let request = imports::service_account::TokenRequest { audiences: audiences.to_vec(), extensions: vec![] };
        imports::service_account::token(&request)
    }

    pub(crate) fn sign(
        key: &Handle,
        passphrase: Option<&Handle>,
        algorithm: &str,
        data: &[u8],
        extensions: &[(String, String)],
    ) -> Result<Vec<u8>, Error> {
        imports::signing::sign(&imports::signing::SignRequest {
            key,
            passphrase,
            algorithm: algorithm.into(),
            data: data.to_vec(),
            extensions: extensions.to_vec(),
        })
    }

    pub(crate) fn generate_key(kind: &str) -> Result<Vec<u8>, Error> {
        imports::keys::generate(&imports::keys::KeyRequest { kind: kind.into(), extensions: vec![] })
    }

    pub(crate) fn send(request: &sdk::Request<'_>) -> Result<sdk::Response, Error> {
        use imports::http;
        fn content<'a>(content: &'a sdk::Content<'a>) -> http::Content<'a> {
            let part = |part: &'a sdk::Part<'a>| match part {
                sdk::Part::Text(text) => http::Part::Text(text.clone()),
                sdk::Part::Bytes(bytes) => http::Part::Bytes(bytes.clone()),
                sdk::Part::Credential(credential, encoding) => {
                    http::Part::Credential(http::Placed { credential: &credential.0, encoding: encoding.name().into(), extensions: vec![] })
                }
            };
            http::Content {
                prefix: content.prefix.clone(),
                parts: content.parts.iter().map(part).collect(),
                encoding: content.encoding.name().into(),
                extensions: vec![],
            }
        }
        let headers = request.headers.iter().map(|(name, value)| http::Header { name: name.clone(), value: content(value) });
        let timeout = request.timeout.iter().map(|timeout| ("timeout-ms".to_owned(), timeout.as_millis().max(1).to_string()));
        let response = http::send(&http::Request {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: headers.collect(),
            body: content(&request.body),
            extensions: timeout.collect(),
        })?;
        Ok(sdk::Response { status: response.status, headers: response.headers, body: response.body })
    }

    pub(crate) fn variable(name: &str) -> Result<Option<String>, Error> {
        imports::environment::get(name)
    }

    pub(crate) fn now() -> Result<u64, Error> {
        imports::clock::now()
    }

    pub(crate) fn elapsed() -> Result<u64, Error> {
        imports::clock::elapsed()
    }

    pub(crate) fn random(length: u32) -> Result<Vec<u8>, Error> {
        imports::random::bytes(length)
    }

    pub(crate) fn log(level: &str, message: &str, fields: &[(String, String)]) {
        imports::log::write(level, message, fields);
    }
}
