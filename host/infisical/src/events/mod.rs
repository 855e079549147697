//! Events of a project: an answer that does not end, read one event at a time.
//!
//! What can go wrong: the plan has no events, the identity may not hear of them, the stream ends, breaks, or falls silent;
//! servers differ in their heartbeats and in the shape of events. What is promised: a stream that says nothing for longer
//! than heartbeats take is an [`Error`]; what is not understood of an event counts as a change anywhere, never as none;
//! nothing of an event's data is printed; memory is bounded, whatever the server sends. The time-out of calls bounds the
//! beginning of a stream, and not its life. What happens while no stream is open is never told.
mod payload;
mod reader;

use crate::{Client, Error, Token, answer::Answer, client::bearer};
use reader::Reader;
use reqwest::{
    Response,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

const OPERATION: &str = "subscribe to events";

/// Entries that the server takes for one stream.
pub const MOST_ENTRIES: usize = 10;

/// Entries that one place takes: one for each [`ChangeKind`] that the server tells apart.
pub const ENTRIES_PER_PLACE: usize = KINDS.len();

const KINDS: [&str; 4] = ["secret:create", "secret:update", "secret:delete", "secret:import-mutation"];

/// Longer than any stream lives. A request without a time-out of its own has the client's.
const ENDLESS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What to hear of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscribeRequest {
    /// Id of the project.
    pub project_id: String,
    /// Folders, as the server is to match them: by prefix of text in newer versions, by glob in older ones. None for the
    /// whole project, which takes the permission for all of it. At most [`MOST_ENTRIES`] / [`ENTRIES_PER_PLACE`].
    pub places: Vec<Place>,
}

/// A folder of a project.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Slug of the environment.
    pub environment: String,
    /// Path, for example `/app`.
    pub path: String,
}

/// What an event says, as far as it is looked at.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// The stream lives.
    Heartbeat,
    /// Something changed.
    Change(Change),
    /// The server is about to end the stream: the permission or the token is gone.
    Withdrawn,
}

/// A change at the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// What kind.
    pub kind: ChangeKind,
    /// The folders; empty where the server did not say, or not in a way that is known: then it may be any.
    pub places: Vec<Place>,
}

/// Kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum ChangeKind {
    /// A secret was created.
    Create,
    /// A secret was changed.
    Update,
    /// A secret was deleted.
    Delete,
    /// The imports of a folder were changed.
    Import,
    /// Something else, or not understood.
    Other,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    project_id: &'a str,
    register: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<Conditions<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conditions<'a> {
    environment_slug: &'a str,
    secret_path: &'a str,
}

impl<'a> Conditions<'a> {
    fn of(place: &'a Place) -> Self {
        Self { environment_slug: &place.environment, secret_path: &place.path }
    }
}

impl SubscribeRequest {
    fn body(&self) -> Body<'_> {
        let places = self.places.iter().map(Some).chain(self.places.is_empty().then_some(None));
        let entries = places.flat_map(|place| KINDS.map(|event| Entry { event, conditions: place.map(Conditions::of) }));
        Body { project_id: &self.project_id, register: entries.collect() }
    }
}

/// An open stream. Dropping it closes its connection.
pub struct EventStream {
    client: Client,
    response: Response,
    reader: Reader,
    silence: Duration,
    heard: Instant,
}

impl Client {
    /// Opens a stream of a project's events.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` with 400 where the plan has no events, 403 where the identity may not hear of all the
    /// places, 429 where it has too many streams; [`Error::Request`] for more places than one stream takes.
    pub async fn subscribe(&self, token: &Token, request: &SubscribeRequest) -> Result<EventStream, Error> {
        let result = self.open(token, request).await;
        self.observed(OPERATION, result.as_ref().err());
        result
    }

    async fn open(&self, token: &Token, request: &SubscribeRequest) -> Result<EventStream, Error> {
        if request.places.len() * ENTRIES_PER_PLACE > MOST_ENTRIES {
            return Err(Error::Request(format!("{} places are too many for one stream", request.places.len())));
        }
        let body = serde_json::to_vec(&request.body()).map_err(|error| Error::Request(error.to_string()))?;
        let post = self.http().post(self.address().endpoint("/v1/events/subscribe/project-events")).timeout(ENDLESS);
        let post = bearer(post, token)?.header(ACCEPT, "text/event-stream").header(CONTENT_TYPE, "application/json").body(body);
        let (origin, patience) = (self.address().origin(), self.timeouts().total);
        let begin = async {
            let response = post.send().await.map_err(|error| self.broken(&error))?;
            let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            if response.status().is_success() && kind.starts_with("text/event-stream") {
                return Ok(response);
            }
            let answer = Answer::read(OPERATION, origin.clone(), response, self.max_answer()).await;
            let answer = answer.map_err(|failure| failure.into_error(|error| self.broken(&error)))?;
            Err(answer.accepted(&[token.expose()])?.not_infisical("not a stream of events"))
        };
        let response = timeout(patience, begin).await.unwrap_or(Err(Error::TimedOut { origin: origin.clone(), after: patience }))?;
        let silence = self.silence();
        Ok(EventStream { client: self.clone(), response, reader: Reader::default(), silence, heard: Instant::now() })
    }
}

impl EventStream {
    /// The next event; None at the end of the stream. May be dropped and called again without losing anything.
    ///
    /// # Errors
    /// [`Error::Unreachable`] where the stream breaks; [`Error::TimedOut`] where it is silent for longer than
    /// [`crate::ClientConfig::silence`].
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.reader.take() {
                return Ok(Some(event));
            }
            match timeout_at(self.heard + self.silence, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    self.heard = Instant::now();
                    self.reader.feed(&chunk);
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => return Err(self.client.broken(&error)),
                Err(_) => return Err(Error::TimedOut { origin: self.client.address().origin(), after: self.silence }),
            }
        }
    }
}
