//! `wasi:http/outgoing-handler` on the client and the rules of the import `http`.
//!
//! A request is read whole, judged, sent and answered whole, with the same bounds; there is no other sender behind it. What
//! was refused is kept, so that the host reports the denial whatever the plugin makes of it.
use super::Http;
use crate::capability::{
    Refusal,
    content::secret,
    egress::Egress,
    http::{Bounds, HttpError, Request, Response, is_reserved},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

/// Denials that are kept; the first ones say enough.
const MAX_DENIED: usize = 16;

pub(super) struct Hooks {
    http: Option<Http>,
    denied: Arc<Mutex<Vec<String>>>,
    over_budget: bool,
}

type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl Hooks {
    pub(super) fn new(http: Option<Http>) -> Self {
        Self { http, denied: Arc::default(), over_budget: false }
    }

    pub(super) fn denied(&self) -> Vec<String> {
        lock(&self.denied).clone()
    }

    pub(super) fn over_budget(&self) -> bool {
        self.over_budget
    }
}

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        // The library checks the length that a plugin states against the body that it sends, so it may state one.
        Arc::new(|name| is_reserved(name) && name != http::header::CONTENT_LENGTH)
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let Some(http) = &mut self.http else {
            // Without a grant the rules allow nothing, and say so in the same words.
            let judged = request.uri().to_string().parse().map_err(|_| HttpError::Url("it is no absolute URL"));
            let judged = judged.and_then(|url| Ok(Egress::default().check(&url)?));
            let error = judged.err().map_or(Error::HttpRequestDenied, |error| refused(error, &self.denied));
            return Box::new(async { Err(error) });
        };
        let Some(left) = http.requests.checked_sub(1) else {
            self.over_budget = true;
            return Box::new(async { Err(Error::ConnectionLimitReached) });
        };
        http.requests = left;
        let mut bounds = http.bounds;
        // The response is read whole, so the time to its first byte is the time to its last.
        if let Some(patience) = options.and_then(|options| options.first_byte_timeout) {
            bounds.time = bounds.time.min(patience);
        }
        let (client, egress, denied) = (http.client.clone(), http.egress.clone(), self.denied.clone());
        Box::new(async move {
            let request = gather(request, bounds).await?;
            let response = client.send(&egress, request, bounds).await.map_err(|error| refused(error, &denied))?;
            Ok((answer(response)?, Box::new(async { Ok(()) }) as Box<_>))
        })
    }
}

async fn gather(request: http::Request<WasiBody>, bounds: Bounds) -> Result<Request, Error> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, bounds.request).collect().await.map_err(|error| match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(_) => Error::HttpRequestBodySize(Some(bounds.request as u64)),
    })?;
    let headers = head.headers.iter().filter(|(name, _)| !is_reserved(name));
    Ok(Request {
        method: head.method.to_string(),
        url: head.uri.to_string(),
        headers: headers.map(|(name, value)| (name.to_string(), secret(value.as_bytes()))).collect(),
        body: secret(&body.to_bytes()),
    })
}

fn answer(response: Response) -> Result<http::Response<WasiBody>, Error> {
    let mut built = http::Response::builder().status(response.status);
    for (name, value) in response.headers {
        built = built.header(name, value);
    }
    let body = Full::new(Bytes::from(response.body)).map_err(Error::from).boxed_unsync();
    built.body(body).map_err(|_| Error::HttpProtocolError)
}

fn refused(error: HttpError, denied: &Mutex<Vec<String>>) -> Error {
    let found = match &error {
        HttpError::Method => Error::HttpRequestMethodInvalid,
        HttpError::Url(_) => Error::HttpRequestUriInvalid,
        HttpError::Egress(_) => Error::HttpRequestDenied,
        HttpError::Header { .. } | HttpError::Headers => Error::HttpRequestHeaderSectionSize(None),
        HttpError::RequestTooLong(limit) => Error::HttpRequestBodySize(Some(*limit as u64)),
        HttpError::ResponseTooLong { .. } => Error::HttpResponseBodySize(None),
        HttpError::TimedOut(_) => Error::HttpResponseTimeout,
        HttpError::Unreachable { .. } => Error::DestinationUnavailable,
        HttpError::Client => Error::ConfigurationError,
    };
    if let Refusal::Denied(capability) = error.into() {
        deny(denied, capability);
    }
    found
}

fn deny(denied: &Mutex<Vec<String>>, capability: String) {
    let mut denied = lock(denied);
    if denied.len() < MAX_DENIED {
        denied.push(capability);
    }
}

/// A list of texts is whole whoever panicked while holding it.
fn lock(denied: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    denied.lock().unwrap_or_else(PoisonError::into_inner)
}
