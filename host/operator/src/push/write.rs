//! Writing what was decided, in batches, and noting what came of it.
//!
//! A batch that is refused holds no other up, and a secret that is refused none of its batch: see [`super::batches`]. After an
//! outage nothing more is tried. Where the server found the folder other than it was read (a secret is there already, or gone),
//! the pass reads and decides once more.
use super::{
    Folder, Kind, Once,
    batches::{Batches, Calls},
    decide::{Change, Decision, New},
    memory::Kept,
    record::{Asked, Made, Waiting},
};
use crate::{
    effect::Effect,
    generate,
    outcome::{Class, Fault, Stage},
    report::said::push_secret::listed,
    session::{Session, SessionError},
};
use infisical::{NewSecret, Written as Answer};
use runtime::SecretBytes;
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, future::Future, sync::Arc, time::Instant};

/// Requests for approval that are named: the newest.
const REQUESTS: usize = 10;

/// Names of what could not be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    pub create: Vec<String>,
    /// Of what was pushed before.
    pub update: Vec<String>,
    /// Of what was there before.
    pub replace: Vec<String>,
    pub delete: Vec<String>,
}

/// What came of it.
#[derive(Default)]
pub struct Written {
    /// Something was written.
    pub any: bool,
    pub failed: Failed,
    /// The first; what the server refused comes after all else.
    pub fault: Option<(Stage, Fault)>,
    /// The folder is not as it was read.
    pub conflict: bool,
    /// Of generators, for users.
    pub notices: Vec<Fault>,
    refused: Vec<Refusal>,
}

/// A secret that the server refused to write.
struct Refusal {
    kind: Kind,
    key: String,
    fault: Fault,
    /// It was refused by itself, and not only with others.
    alone: bool,
}

/// Where is written, and with what.
pub struct Writer<'a> {
    pub session: &'a Arc<Session>,
    pub folder: infisical::Folder,
    /// What was read there.
    pub there: &'a Folder,
    /// See [`super::approval::source`].
    pub source: &'a str,
    /// The pass does not decide once more.
    pub last: bool,
}

/// Makes values.
pub trait Makes: Sync {
    /// A value by the generator of that place in `spec.push.generators`.
    fn make(&self, index: usize) -> impl Future<Output = Result<generate::Made, Fault>> + Send;
}

/// A change with its value.
struct Ready {
    key: String,
    value: Arc<SecretBytes>,
    made: Option<Made>,
    ours: bool,
}

impl Ready {
    fn text(&self) -> &str {
        // It was looked at before it became a wish.
        std::str::from_utf8(self.value.expose_secret()).unwrap_or_default()
    }
}

impl Writer<'_> {
    /// Writes.
    pub async fn write(&self, decision: Decision, kept: &mut Kept, makes: &impl Makes) -> Written {
        let mut written = Written::default();
        // What is not sent needs no note.
        let mut noted = std::mem::take(&mut kept.record.remaking);
        let mut calls = Calls::of(&kept.refused, Instant::now());
        let creates = written.ready(decision.create, Kind::Create, makes).await;
        if self.write_all(Kind::Create, creates, &mut calls, &mut written, kept).await {
            let updates = written.ready(decision.update, Kind::Update, makes).await;
            noted.retain(|key, _| updates.iter().any(|ready| ready.key == *key));
            kept.record.remaking = noted;
            if self.write_all(Kind::Update, updates, &mut calls, &mut written, kept).await {
                let nothing = Arc::new(SecretBytes::from(Vec::new()));
                let gone = |key: String| Ready { key, value: Arc::clone(&nothing), made: None, ours: true };
                let deletions = decision.delete.into_iter().map(gone).collect();
                self.write_all(Kind::Delete, deletions, &mut calls, &mut written, kept).await;
            }
        }
        written.tell();
        written
    }

    /// Writes what is to be written so. False: nothing more is to be tried.
    async fn write_all(&self, kind: Kind, all: Vec<Ready>, calls: &mut Calls, written: &mut Written, kept: &mut Kept) -> bool {
        let cut = |all| infisical::batches(all, |ready: &Ready| (&ready.key, ready.text()));
        let mut batches = Batches::new(all, &kept.refused, calls, |ready| &ready.key, cut);
        while let Some((batch, divisible)) = batches.take() {
            let (batch, error) = match self.send(kind, &batch).await {
                Ok(Answer::Done(ids)) => {
                    written.done(kind, ids, batch, self, kept);
                    continue;
                }
                Ok(Answer::Approval { id }) => {
                    written.asked(kind, id, batch, self, kept);
                    continue;
                }
                Ok(Answer::Partly { done, error }) => {
                    let (made, rest) = batch.into_iter().partition(|ready| done.contains_key(&ready.key));
                    written.done(kind, done, made, self, kept);
                    (rest, SessionError::Call(error))
                }
                Err(error) => (batch, error),
            };
            // What is there or gone by now is decided once more.
            let of_some = is_of_some(&error) && (self.last || !is_conflict(&error));
            let refused = match of_some && divisible {
                true => batches.halve(batch, calls, &mut kept.refused, Instant::now()),
                false => Err(batch),
            };
            if let Err(batch) = refused
                && !written.failed(kind, error, of_some, batch, kept)
            {
                return false;
            }
        }
        true
    }

    async fn send(&self, kind: Kind, batch: &[Ready]) -> Result<Answer, SessionError> {
        let (session, folder) = (self.session, &self.folder);
        let secrets: Vec<_> = batch.iter().map(|ready| NewSecret { key: &ready.key, value: ready.text() }).collect();
        let keys: Vec<_> = batch.iter().map(|ready| ready.key.as_str()).collect();
        let (secrets, keys) = (&*secrets, &*keys);
        match kind {
            Kind::Create => {
                let call = |client: infisical::Client, token| async move { client.create_secrets(&token, folder, secrets).await };
                session.call(Effect::CreateSecrets, call).await
            }
            Kind::Update => {
                let call = |client: infisical::Client, token| async move { client.update_secrets(&token, folder, secrets).await };
                session.call(Effect::UpdateSecrets, call).await
            }
            Kind::Delete => {
                let call = |client: infisical::Client, token| async move { client.delete_secrets(&token, folder, keys).await };
                session.call(Effect::DeleteSecrets, call).await
            }
        }
    }
}

impl Written {
    /// Changes with their values; those whose value can't be made have failed.
    async fn ready(&mut self, changes: Vec<Change>, kind: Kind, makes: &impl Makes) -> Vec<Ready> {
        let mut all = Vec::with_capacity(changes.len());
        for change in changes {
            let Change { key, value, ours } = change;
            let (value, made) = match value {
                New::Value(value) => (value, None),
                New::Once(Once::Rendered(value), made) => (value, Some(made)),
                New::Once(Once::Generator(index), made) => match makes.make(index).await {
                    Ok(generated) => {
                        self.notices.extend(generated.notices);
                        // As the server keeps it, so that it is known again.
                        (super::stored(generated.value), Some(made))
                    }
                    Err(fault) => {
                        let list = if kind == Kind::Create { &mut self.failed.create } else { &mut self.failed.update };
                        list.push(key);
                        self.fault.get_or_insert((Stage::Render, fault));
                        continue;
                    }
                },
            };
            all.push(Ready { key, value, made, ours });
        }
        all
    }

    fn done(&mut self, kind: Kind, mut ids: BTreeMap<String, String>, batch: Vec<Ready>, writer: &Writer<'_>, kept: &mut Kept) {
        self.any = true;
        for Ready { key, made, .. } in batch {
            kept.asked.remove(&key);
            kept.record.remaking.remove(&key);
            kept.refused.remove(&key);
            if let Some(made) = made {
                kept.record.made.insert(key.clone(), made);
            }
            let told = ids.remove(&key).filter(|id| !id.is_empty());
            let id = told.or_else(|| writer.there.get(&key).map(|remote| remote.id.clone()));
            match (kind, id) {
                (Kind::Delete, _) => kept.record.managed.iter_mut().for_each(|managed| managed.retain(|_, name| *name != key)),
                (_, Some(id)) => {
                    kept.record.pending.remove(&key);
                    kept.record.note(id, key);
                }
                // What is pending is known again at the next read.
                (_, None) => {}
            }
        }
    }

    fn asked(&mut self, kind: Kind, id: Option<String>, batch: Vec<Ready>, writer: &Writer<'_>, kept: &mut Kept) {
        self.any = true;
        let waiting = kept.record.waiting.get_or_insert_with(Waiting::default);
        waiting.source = writer.source.to_owned();
        waiting.requests.extend(id);
        let older = waiting.requests.len().saturating_sub(REQUESTS);
        waiting.requests.drain(..older);
        for Ready { key, value, made, .. } in batch {
            let version = writer.there.get(&key).and_then(|remote| remote.version);
            waiting.secrets.insert(key.clone(), Asked { kind, version, made });
            kept.record.pending.remove(&key);
            kept.record.remaking.remove(&key);
            kept.refused.remove(&key);
            if kind != Kind::Delete {
                kept.asked.insert(key, value);
            }
        }
    }

    /// Notes a batch that was not written, `of_some` for what is in it. False: nothing more is to be tried.
    fn failed(&mut self, kind: Kind, error: SessionError, of_some: bool, batch: Vec<Ready>, kept: &mut Kept) -> bool {
        self.conflict |= is_conflict(&error);
        let for_certain = is_refusal(&error);
        let stage = if error.stage() == Stage::Read { Stage::Apply } else { error.stage() };
        let fault = Fault::from(error);
        let single = batch.len() == 1;
        for Ready { key, ours, .. } in batch {
            // What the server refused is not there by us, whoever made it meanwhile.
            if for_certain {
                kept.record.pending.remove(&key);
                kept.record.remaking.remove(&key);
            }
            if of_some {
                if single {
                    kept.refused.add(&key);
                }
                let alone = kept.refused.has(&key);
                self.refused.push(Refusal { kind, key: key.clone(), fault: fault.clone(), alone });
            }
            match (kind, ours) {
                (Kind::Create, _) => self.failed.create.push(key),
                (Kind::Update, true) => self.failed.update.push(key),
                (Kind::Update, false) => self.failed.replace.push(key),
                (Kind::Delete, _) => self.failed.delete.push(key),
            }
        }
        let outage = !matches!(fault.class, Class::UserFix | Class::Denied);
        if !of_some {
            self.fault.get_or_insert((stage, fault));
        }
        !outage
    }

    /// Says what was refused, and in which words, unless there is something else to say.
    fn tell(&mut self) {
        let Failed { create, update, replace, delete } = &mut self.failed;
        [create, update, replace, delete].into_iter().for_each(|names| names.sort());
        let Some(first) = self.refused.iter().find(|refusal| refusal.alone).or(self.refused.first()) else { return };
        let as_first =
            |other: &&Refusal| other.kind == first.kind && other.alone == first.alone && other.fault.message == first.fault.message;
        let mut names: Vec<_> = self.refused.iter().filter(as_first).map(|refusal| refusal.key.as_str()).collect();
        names.sort_unstable();
        let all = if first.alone { "" } else { "some of " };
        let mut message = format!("Infisical refuses to {} {all}{}: {}", first.kind, listed(&names), first.fault.message);
        match self.refused.len() - names.len() {
            0 => {}
            more => message.push_str(&format!("; {more} more could not be written, see the other conditions")),
        }
        // As long as some of it comes through, the rest is told apart soon.
        let goes_on = self.any && self.refused.iter().any(|refusal| !refusal.alone);
        let class = if goes_on { Class::Transient } else { first.fault.class };
        self.fault.get_or_insert((Stage::Apply, Fault { message, class, ..first.fault.clone() }));
    }
}

/// Whether the server said itself that nothing was written. After any other failure that is not known.
fn is_refusal(error: &SessionError) -> bool {
    match error {
        SessionError::Call(infisical::Error::Refused { status, .. }) => (400..500).contains(status),
        SessionError::Call(_) => false,
        // Nothing was sent.
        _ => true,
    }
}

/// Whether it was refused for what is in the batch, of which other parts may be taken.
fn is_of_some(error: &SessionError) -> bool {
    let SessionError::Call(call @ infisical::Error::Refused { .. }) = error else { return false };
    matches!(call.class(), infisical::Class::UserFix | infisical::Class::Denied)
}

/// Whether the server found the folder other than it was read.
fn is_conflict(error: &SessionError) -> bool {
    matches!(error, SessionError::Call(infisical::Error::Refused { status: 400 | 404, .. }))
}
