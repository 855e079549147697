//! One open stream: frames in the form of its generation, until it ends, is cut, or its permission is gone.
//!
//! The newest generation sends `event: ping` and a blank line for a heartbeat; the older one a bare `1`, which sticks to
//! whatever comes next.
use std::io::{Error, ErrorKind};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

use super::{Conduct, Event, Happening, Open, Registration, Told};
use crate::auth;
use crate::server::{Generation, Shared};
use crate::state::permission::{Subject, Target};
use crate::state::tokens::Actor;

/// Whoever listens.
pub(crate) struct Subscriber {
    pub actor: Actor,
    pub token: auth::TokenId,
    /// Id.
    pub project: String,
    pub register: Vec<Registration>,
}

struct Stream {
    shared: Arc<Shared>,
    subscriber: Subscriber,
    generation: Generation,
    told: broadcast::Receiver<Told>,
    conduct: watch::Receiver<Conduct>,
    /// As it was when the stream opened.
    ends: u64,
    cuts: u64,
    heard: Instant,
    looked: Instant,
    last: Option<Last>,
    _open: Open,
}

/// What is still to come when a stream is over.
#[derive(Clone, Copy)]
enum Last {
    End,
    Break,
}

/// The body of an answer that goes on until the stream is over.
pub(crate) fn body(shared: Arc<Shared>, subscriber: Subscriber, open: Open) -> Body {
    let streams = shared.state.streams();
    let conduct = streams.conduct.subscribe();
    let told = streams.told.subscribe();
    let (ends, cuts) = (conduct.borrow().ends, conduct.borrow().cuts);
    let now = Instant::now();
    let generation = shared.generation();
    let stream = Stream { generation, shared, subscriber, told, conduct, ends, cuts, heard: now, looked: now, last: None, _open: open };
    Body::from_stream(stream::unfold(stream, |mut stream| async move {
        let frame = stream.next().await?;
        Some((frame, stream))
    }))
}

impl Stream {
    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        match self.last {
            Some(Last::End) => return None,
            Some(Last::Break) => {
                // What was sent before is flushed only while there is nothing more to send.
                tokio::task::yield_now().await;
                self.last = Some(Last::End);
                return Some(Err(Error::new(ErrorKind::ConnectionAborted, "cut on purpose")));
            }
            None => {}
        }
        loop {
            let conduct = self.conduct.borrow_and_update().clone();
            if conduct.ends != self.ends {
                return None;
            }
            if conduct.cuts != self.cuts {
                self.last = Some(Last::Break);
                let whole = frame(self.generation, &sample(), false, self.shared.state.clock().now());
                return Some(Ok(whole.slice(..whole.len() / 2)));
            }
            tokio::select! {
                // The sender lives in the state, which this stream holds.
                _ = self.conduct.changed() => {}
                told = self.told.recv() => {
                    if let Ok(told) = told
                        && !conduct.silent
                        && told.0 == self.subscriber.project
                        && self.wants(&told.1)
                    {
                        return Some(Ok(frame(self.generation, &told.1, conduct.unnamed, self.shared.state.clock().now())));
                    }
                }
                () = sleep_until(self.heard + conduct.heartbeat) => {
                    self.heard = Instant::now();
                    if !conduct.silent {
                        return Some(Ok(heartbeat(self.generation)));
                    }
                }
                () = sleep_until(self.looked + conduct.revalidation) => {
                    self.looked = Instant::now();
                    if !self.may() {
                        self.last = Some(Last::End);
                        let data = json!({ "message": "Permission denied or refresh failed" });
                        return Some(Ok(Bytes::from(format!("event: error\ndata: {data}\n\n"))));
                    }
                }
            }
        }
    }

    /// Whether the identity may still have what it registered for. The real server asks for permissions alone; here a token
    /// that has ended counts as well, which is harder for a client.
    fn may(&self) -> bool {
        let world = self.shared.state.read();
        let entered = world.enter(&self.subscriber.actor, &self.subscriber.project);
        let permitted = entered.is_ok_and(|(_, access)| self.subscriber.register.iter().all(|entry| entry.check(&access).is_ok()));
        permitted && self.subscriber.token.holds(&world, self.shared.state.clock().now())
    }

    fn wants(&self, event: &Event) -> bool {
        let world = self.shared.state.read();
        let Ok((_, access)) = world.enter(&self.subscriber.actor, &self.subscriber.project) else { return false };
        let target = Target { environment: &event.environment, path: &event.path, name: None };
        self.subscriber.register.iter().any(|entry| entry.covers(event, self.generation))
            && access.can(event.happening.action(), Subject::SecretEvents, &target)
    }
}

fn heartbeat(generation: Generation) -> Bytes {
    Bytes::from_static(match generation {
        Generation::Newest => b"event: ping\n\n",
        Generation::Mid => b"1",
    })
}

fn frame(generation: Generation, event: &Event, unnamed: bool, now: jiff::Timestamp) -> Bytes {
    let kind = event.happening.as_str();
    let (id, name, data) = match generation {
        Generation::Newest => (
            now.as_millisecond().to_string(),
            kind,
            json!({ "type": "secret-manager", "data": { "eventType": kind, "payload": payload(event, "secretKeys") } }),
        ),
        Generation::Mid => (
            format!("{now:.3}"),
            "secret-manager",
            json!({
                "datacontenttype": "application/json",
                "type": "secret-manager",
                "source": "infisical",
                "time": format!("{now:.3}"),
                "data": { "specversion": 1, "eventType": kind, "payload": payload(event, "secretKey") },
            }),
        ),
    };
    let named = if unnamed { String::new() } else { format!("event: {name}\n") };
    Bytes::from(format!("id: {id}\n{named}data: {data}\n\n"))
}

fn payload(event: &Event, key: &str) -> Value {
    let Event { happening, environment, path, keys } = event;
    if *happening == Happening::ImportMutation {
        return json!({ "environment": environment, "secretPath": path });
    }
    keys.iter().map(|name| json!({ "environment": environment, "secretPath": path, key: name })).collect()
}

fn sample() -> Event {
    Event { happening: Happening::Update, environment: "dev".into(), path: "/".into(), keys: vec!["CUT".into()] }
}
