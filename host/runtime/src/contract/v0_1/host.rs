//! The imports of this version, on top of what every version shares.
use super::bindings::imports::infisical::plugin::{
    clock, credentials, environment, http, keys, log, mounts, random, service_account, signing,
    types::{self, Error, Unavailability, Violation},
};
use crate::{
    capability::Refusal,
    context::{Content, Context, Credential, Imported, Part, Request},
    text,
};
use std::{num::NonZeroU32, time::Duration};
use wasmtime::{Result, component::Resource};

/// The contract's form of a refusal. A fault of the host never gets here: it ends the call.
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Settings(message) => {
                Self::Settings(vec![Violation { pointer: String::new(), message: text::cut(&message), extensions: vec![] }])
            }
            Refusal::Credentials(message) => Self::Credentials(text::cut(&message)),
            Refusal::Denied(capability) => Self::Denied(text::cut(&capability)),
            Refusal::Unavailable(message) => {
                Self::Unavailable(Unavailability { text: text::cut(&message), retry_after: None, extensions: vec![] })
            }
            Refusal::Host(message) => Self::Internal(message.to_owned()),
        }
    }
}

fn own<T>(imported: Imported<T>) -> Result<Result<T, Error>> {
    imported.map(|result| result.map_err(Error::from))
}

impl types::Host for Context {}

impl credentials::Host for Context {
    async fn get(&mut self, name: String) -> Result<Result<Option<Resource<Credential>>, Error>> {
        own(self.input(name))
    }
}

impl credentials::HostCredential for Context {
    async fn reveal(&mut self, handle: Resource<Credential>) -> Result<Result<Vec<u8>, Error>> {
        own(Context::reveal(self, &handle))
    }

    async fn select(&mut self, handle: Resource<Credential>, pointer: String) -> Result<Result<Resource<Credential>, Error>> {
        own(Context::select(self, &handle, &pointer))
    }

    async fn duplicate(&mut self, handle: Resource<Credential>) -> Result<Result<Resource<Credential>, Error>> {
        own(Context::duplicate(self, &handle))
    }

    async fn drop(&mut self, handle: Resource<Credential>) -> Result<()> {
        self.release(handle)
    }
}

impl mounts::Host for Context {
    async fn open(&mut self, mount: String, path: String) -> Result<Result<Resource<Credential>, Error>> {
        own(Context::open(self, mount, path).await)
    }
}

impl service_account::Host for Context {
    async fn token(&mut self, request: service_account::TokenRequest) -> Result<Result<Resource<Credential>, Error>> {
        own(Context::token(self, request.audiences).await)
    }
}

impl signing::Host for Context {
    async fn sign(&mut self, request: signing::SignRequest) -> Result<Result<Vec<u8>, Error>> {
        let signing::SignRequest { key, passphrase, algorithm, data, extensions } = request;
        let suffix = extensions.into_iter().find(|(name, _)| name == "key-suffix").map(|(_, suffix)| suffix);
        own(Context::sign(self, &key, passphrase.as_ref(), algorithm, data, suffix).await)
    }
}

impl keys::Host for Context {
    async fn generate(&mut self, request: keys::KeyRequest) -> Result<Result<Vec<u8>, Error>> {
        own(self.generate_key(request.kind).await)
    }
}

impl http::Host for Context {
    async fn send(&mut self, request: http::Request) -> Result<Result<http::Response, Error>> {
        let http::Request { method, url, headers, body, extensions } = request;
        let timeout = extensions.into_iter().find(|(name, _)| name == "timeout-ms").map(|(_, text)| text);
        let timeout = match timeout.map(|text| text.parse::<NonZeroU32>()).transpose() {
            Ok(timeout) => timeout.map(|timeout| Duration::from_millis(timeout.get().into())),
            Err(_) => return own(Ok(Err(Refusal::Settings("timeout-ms is not a whole number from 1".into())))),
        };
        let headers = headers.into_iter().map(|header| (header.name, header.value.into())).collect();
        let sent = own(Context::send(self, Request { method, url, headers, body: body.into(), timeout }).await)?;
        Ok(sent.map(|response| http::Response {
            status: response.status,
            headers: response.headers,
            body: response.body,
            extensions: vec![],
        }))
    }
}

impl From<http::Content> for Content {
    fn from(content: http::Content) -> Self {
        let parts = content.parts.into_iter().map(|part| match part {
            http::Part::Text(text) => Part::Text(text),
            http::Part::Bytes(bytes) => Part::Bytes(bytes),
            http::Part::Credential(http::Placed { credential, encoding, extensions: _ }) => {
                Part::Credential { handle: credential, encoding }
            }
        });
        Self { prefix: content.prefix, parts: parts.collect(), encoding: content.encoding }
    }
}

impl environment::Host for Context {
    async fn get(&mut self, name: String) -> Result<Result<Option<String>, Error>> {
        own(self.variable(name))
    }
}

impl clock::Host for Context {
    async fn now(&mut self) -> Result<Result<u64, Error>> {
        own(Context::now(self))
    }

    async fn elapsed(&mut self) -> Result<Result<u64, Error>> {
        own(Context::elapsed(self))
    }
}

impl random::Host for Context {
    async fn bytes(&mut self, length: u32) -> Result<Result<Vec<u8>, Error>> {
        own(self.random(length))
    }
}

impl log::Host for Context {
    async fn write(&mut self, level: String, message: String, fields: Vec<(String, String)>) -> Result<()> {
        self.write_line(&level, &message, &fields)
    }
}
