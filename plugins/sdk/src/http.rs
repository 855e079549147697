//! Buffered requests to granted origins. Capability `http:SCHEME://HOST[:PORT]`; at most 6 in a call.
//!
//! Redirects are returned, not followed; there is no proxy and no decompression. Credentials are placed by handle:
//!
//! ```no_run
//! # fn get(password: &plugin_sdk::Credential) -> Result<(), plugin_sdk::Error> {
//! use plugin_sdk::http::{Content, Request};
//! let response = Request::new("GET", "https://sts.example.com/token").header("Authorization", Content::basic("user", password)).send()?;
//! # let _ = response; Ok(()) }
//! ```
use crate::{Credential, Encoding, Error, backend};
use std::time::Duration;

/// A request.
pub struct Request<'a> {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Absolute, without user info.
    pub url: String,
    /// `Host`, `Connection`, `Transfer-Encoding`, `Content-Length`, `Proxy-…` are the host's own.
    pub headers: Vec<(String, Content<'a>)>,
    /// At most 256 KiB put together.
    pub body: Content<'a>,
    /// How long to wait for the whole response, in whole milliseconds; None for what the call has left.
    pub timeout: Option<Duration>,
}

impl<'a> Request<'a> {
    /// Without headers and body.
    #[must_use]
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: vec![], body: Content::default(), timeout: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Content<'a>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Content<'a>>) -> Self {
        self.body = body.into();
        self
    }

    /// Waits no longer than this for the whole response, and no longer than the call has left.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it. Any status is a response.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where none came, [`Error::Denied`] for an origin without grant.
    pub fn send(&self) -> Result<Response, Error> {
        backend::send(self)
    }
}

/// Parts, put together without anything between them, then encoded as a whole and put behind the prefix.
#[derive(Default)]
pub struct Content<'a> {
    /// Left as it is.
    pub prefix: String,
    /// What is encoded.
    pub parts: Vec<Part<'a>>,
    /// Of the whole.
    pub encoding: Encoding,
}

impl<'a> Content<'a> {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { prefix: text.into(), ..Self::default() }
    }

    /// `Bearer` and the token.
    #[must_use]
    pub fn bearer(token: &'a Credential) -> Self {
        Self::text("Bearer ").credential(token, Encoding::Raw)
    }

    /// `Basic` and user and password as base64.
    #[must_use]
    pub fn basic(user: &str, password: &'a Credential) -> Self {
        let parts = vec![Part::Text(format!("{user}:")), Part::Credential(password, Encoding::Raw)];
        Self { prefix: "Basic ".into(), parts, encoding: Encoding::Base64 }
    }

    /// Adds a credential, encoded for itself.
    #[must_use]
    pub fn credential(mut self, credential: &'a Credential, encoding: Encoding) -> Self {
        self.parts.push(Part::Credential(credential, encoding));
        self
    }

    /// Adds a text.
    #[must_use]
    pub fn then(mut self, text: impl Into<String>) -> Self {
        self.parts.push(Part::Text(text.into()));
        self
    }
}

impl From<&str> for Content<'_> {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// A part of a [`Content`].
pub enum Part<'a> {
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A credential, encoded for itself.
    Credential(&'a Credential, Encoding),
}

/// An answer. Can't be formatted: it may hold a token.
pub struct Response {
    /// Any.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }
}
