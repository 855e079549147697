//! A whole answer in memory: read up to a limit, zeroed when dropped, and accepted only as JSON from the server itself.
use crate::{Error, Etag, refusal};
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, ETAG, HeaderName},
};
use serde::de::DeserializeOwned;
use std::time::Duration;
use zeroize::Zeroizing;

/// Status, the headers of interest, body.
pub(crate) struct Answer {
    operation: &'static str,
    origin: String,
    status: StatusCode,
    content_type: String,
    etag: Option<Etag>,
    retry_after: Option<Duration>,
    body: Zeroizing<Vec<u8>>,
}

/// Why an answer could not be read.
pub(crate) enum ReadError {
    Broken(reqwest::Error),
    Refused(Error),
}

impl ReadError {
    pub(crate) fn into_error(self, broken: impl FnOnce(reqwest::Error) -> Error) -> Error {
        match self {
            Self::Broken(error) => broken(error),
            Self::Refused(error) => error,
        }
    }
}

impl Answer {
    /// Reads the body up to `limit` bytes.
    pub(crate) async fn read(operation: &'static str, origin: String, mut response: Response, limit: usize) -> Result<Self, ReadError> {
        let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
        let mut answer = Self {
            operation,
            origin,
            status: response.status(),
            content_type: refusal::clean(header(CONTENT_TYPE).unwrap_or_default(), 64),
            etag: header(ETAG).map(|tag| Etag(tag.to_owned())),
            retry_after: refusal::retry_after(response.headers()),
            body: Zeroizing::default(),
        };
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        if announced <= limit {
            answer.body.reserve_exact(announced);
            while let Some(chunk) = response.chunk().await.map_err(ReadError::Broken)? {
                if answer.body.len().saturating_add(chunk.len()) > limit {
                    return Err(ReadError::Refused(answer.not_infisical(&format!("more than {limit} bytes"))));
                }
                append(&mut answer.body, &chunk);
            }
            return Ok(answer);
        }
        Err(ReadError::Refused(answer.not_infisical(&format!("more than {limit} bytes"))))
    }

    /// The answer, if it is one of success, or 304.
    pub(crate) fn accepted(self, sent: &[&str]) -> Result<Self, Error> {
        if self.status.is_success() || self.is_not_modified() {
            return Ok(self);
        }
        refusal::read(self.operation, self.status, &self.body, self.retry_after, sent)
            .map_or_else(|| Err(self.not_infisical("not the shape of an error")), Err)
    }

    pub(crate) fn is_not_modified(&self) -> bool {
        self.status == StatusCode::NOT_MODIFIED
    }

    pub(crate) fn etag(&self) -> Option<Etag> {
        self.etag.clone()
    }

    /// The body in the expected shape. What the parser says is not repeated: it may quote a value.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let json = self.content_type.contains("json");
            if json && error.is_eof() && !self.body.is_empty() {
                return Error::Unreachable { origin: self.origin.clone(), cause: "the answer broke off".into() };
            }
            self.not_infisical(if json { "not the expected members" } else { "not JSON" })
        })
    }

    pub(crate) fn not_infisical(&self, problem: &str) -> Error {
        let kind = if self.content_type.is_empty() { "without a content type" } else { &self.content_type };
        let found = format!("status {}, {kind}, {problem}", self.status.as_u16());
        Error::NotInfisical { operation: self.operation, origin: self.origin.clone(), found }
    }
}

/// Grows by copying into a new buffer, so that the old one is zeroed.
fn append(buffer: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    let needed = buffer.len() + chunk.len();
    if needed > buffer.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(buffer.capacity() * 2)));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    buffer.extend_from_slice(chunk);
}
