//! Events of projects: what changed where, told to every open stream that registered for it.
//!
//! A change is noted in its project while the state is locked, and told when the lock is released; a batch is one event.
//! Nothing is kept: a stream that opens later, or is closed meanwhile, never hears of it. [`Streams`] holds the switches
//! with which tests end, cut and silence streams, and the open streams by project and identity.
mod registration;
mod stream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, watch};

pub(crate) use self::registration::Registration;
pub(crate) use self::stream::{Subscriber, body};

/// Heartbeats of the real server.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After which the real server looks at permissions again.
const REVALIDATION: Duration = Duration::from_secs(60);
/// Open streams of one identity in one project.
const LIMIT: usize = 5;
/// Events that a stream may be behind before it misses some, as under back pressure at the real one.
const BACKLOG: usize = 1024;

/// What the newest generation says of a plan without events.
pub const NO_PLAN: &str = "Event subscriptions are not available on your current plan. Please upgrade to access this feature.";
/// What the older generation says of it.
pub const NO_PLAN_OLDER: &str =
    "Failed to use event subscriptions due to plan restriction. Upgrade your plan to enable event subscriptions.";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// A secret was created.
    Create,
    /// A secret was changed.
    Update,
    /// A secret was deleted.
    Delete,
    /// The imports of a folder were changed.
    ImportMutation,
}

impl Happening {
    /// As it stands on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "secret:create",
            Self::Update => "secret:update",
            Self::Delete => "secret:delete",
            Self::ImportMutation => "secret:import-mutation",
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub happening: Happening,
    /// Slug of the environment.
    pub environment: String,
    /// Path of the folder.
    pub path: String,
    /// Keys of the secrets; none for imports.
    pub keys: Vec<String>,
}

/// Adds an event to those of one change: a batch is told at once.
pub(crate) fn note(all: &mut Vec<Event>, event: Event) {
    match all.last_mut() {
        Some(last)
            if (last.happening, &last.environment, &last.path) == (event.happening, &event.environment, &event.path)
                && event.happening != Happening::ImportMutation =>
        {
            last.keys.extend(event.keys);
        }
        _ => all.push(event),
    }
}

/// How every stream is to behave.
#[derive(Clone, Debug)]
pub(crate) struct Conduct {
    pub heartbeat: Duration,
    pub revalidation: Duration,
    pub silent: bool,
    pub unnamed: bool,
    /// Counted, so that streams of later are not concerned.
    pub ends: u64,
    pub cuts: u64,
    pub limit: usize,
    pub refusal: Option<String>,
}

/// An event with the id of its project.
pub(crate) type Told = Arc<(String, Event)>;

/// The switches of event streams, and how many are open. Clones share them.
#[derive(Clone, Debug)]
pub struct Streams {
    told: broadcast::Sender<Told>,
    conduct: watch::Sender<Conduct>,
    open: Arc<Mutex<HashMap<(String, String), usize>>>,
    changed: watch::Sender<usize>,
}

impl Default for Streams {
    fn default() -> Self {
        let conduct = Conduct {
            heartbeat: HEARTBEAT,
            revalidation: REVALIDATION,
            silent: false,
            unnamed: false,
            ends: 0,
            cuts: 0,
            limit: LIMIT,
            refusal: None,
        };
        let conduct = watch::Sender::new(conduct);
        Self { told: broadcast::Sender::new(BACKLOG), conduct, open: Arc::default(), changed: watch::Sender::new(0) }
    }
}

impl Streams {
    /// Another time between heartbeats, also for open streams.
    pub fn set_heartbeat(&self, every: Duration) {
        self.conduct.send_modify(|conduct| conduct.heartbeat = every);
    }

    /// Another time between two looks at whether a stream's token and permissions still hold, also for open streams.
    pub fn set_revalidation(&self, every: Duration) {
        self.conduct.send_modify(|conduct| conduct.revalidation = every);
    }

    /// Refuses subscriptions with 400 and these words, as a plan without events does.
    pub fn refuse_plan(&self, words: Option<&str>) {
        self.conduct.send_modify(|conduct| conduct.refusal = words.map(str::to_owned));
    }

    /// Open streams that one identity may have in a project; the real server allows five.
    pub fn set_limit(&self, limit: usize) {
        self.conduct.send_modify(|conduct| conduct.limit = limit);
    }

    /// Leaves the line `event:` out of events.
    pub fn set_unnamed(&self, unnamed: bool) {
        self.conduct.send_modify(|conduct| conduct.unnamed = unnamed);
    }

    /// While on, streams stay open but say nothing: neither events nor heartbeats. What happens meanwhile is lost.
    pub fn silence(&self, silent: bool) {
        self.conduct.send_modify(|conduct| conduct.silent = silent);
    }

    /// Ends all open streams as a server does that restarts in good order.
    pub fn end(&self) {
        self.conduct.send_modify(|conduct| conduct.ends += 1);
    }

    /// Breaks all open streams in the middle of an event.
    pub fn cut(&self) {
        self.conduct.send_modify(|conduct| conduct.cuts += 1);
    }

    /// Streams that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        *self.changed.borrow()
    }

    /// Waits until so many are open. No time limit: put a `timeout` around it.
    pub async fn wait_for_open(&self, wanted: usize) {
        // The sender lives as long as `self`.
        let _ = self.changed.subscribe().wait_for(|open| *open == wanted).await;
    }

    pub(crate) fn tell(&self, project: &str, event: Event) {
        // Without a stream nobody hears it.
        let _ = self.told.send(Arc::new((project.to_owned(), event)));
    }

    pub(crate) fn conduct(&self) -> Conduct {
        self.conduct.borrow().clone()
    }

    /// Takes one of the places that an identity has in a project; `None` when all are taken.
    pub(crate) fn enter(&self, project: &str, identity: &str) -> Option<Open> {
        let key = (project.to_owned(), identity.to_owned());
        let limit = self.conduct().limit;
        let mut open = self.lock();
        let count = open.entry(key.clone()).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        self.changed.send_replace(open.values().sum());
        Some(Open { streams: self.clone(), key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of an open stream, free again when this is dropped.
pub(crate) struct Open {
    streams: Streams,
    key: (String, String),
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        if let Some(count) = open.get_mut(&self.key) {
            *count = count.saturating_sub(1);
        }
        self.streams.changed.send_replace(open.values().sum());
    }
}
