//! Writing what was decided, in batches, and noting what came of it.
//!
//! A batch that is refused holds no other up. After an outage nothing more is tried. Where the server found the folder other
//! than it was read (a secret is there already, or gone), the pass reads and decides once more.
use super::{
    Folder, Once,
    approval::{self, Asked},
    decide::{Change, Decision, New},
    memory::Kept,
    record::{Made, Waiting},
};
use crate::{
    effect::Effect,
    generate,
    outcome::{Class, Fault, Stage},
    session::{Session, SessionError},
};
use infisical::{NewSecret, Written as Answer};
use runtime::SecretBytes;
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, future::Future, sync::Arc};

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
    /// The first.
    pub fault: Option<(Stage, Fault)>,
    /// The folder is not as it was read.
    pub conflict: bool,
    /// Of generators, for users.
    pub notices: Vec<Fault>,
}

/// Where is written, and with what.
pub struct Writer<'a> {
    pub session: &'a Arc<Session>,
    pub folder: infisical::Folder,
    /// What was read there.
    pub there: &'a Folder,
    /// See [`approval::source`].
    pub source: &'a str,
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
    asked: Asked,
    ours: bool,
}

impl Ready {
    fn text(&self) -> &str {
        // It was looked at before it became a wish.
        std::str::from_utf8(self.value.expose_secret()).unwrap_or_default()
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Create,
    Update,
    Delete,
}

impl Writer<'_> {
    /// Writes.
    pub async fn write(&self, decision: Decision, kept: &mut Kept, makes: &impl Makes) -> Written {
        let mut written = Written::default();
        // What is not sent needs no note.
        let noted = std::mem::take(&mut kept.record.remaking);
        let creates = written.ready(decision.create, approval::CREATE, makes).await;
        for batch in infisical::batches(creates, |ready| (&ready.key, ready.text())) {
            let answer = self.send(Kind::Create, &batch).await;
            if written.note(Kind::Create, answer, batch, self, kept) {
                return written;
            }
        }
        let updates = written.ready(decision.update, approval::UPDATE, makes).await;
        for batch in infisical::batches(updates, |ready| (&ready.key, ready.text())) {
            let sent = batch.iter().filter_map(|ready| Some((ready.key.clone(), noted.get(&ready.key)?.clone())));
            kept.record.remaking.extend(sent);
            let answer = self.send(Kind::Update, &batch).await;
            if written.note(Kind::Update, answer, batch, self, kept) {
                return written;
            }
        }
        let nothing = Arc::new(SecretBytes::from(Vec::new()));
        let gone = |key: String| Ready { key, value: Arc::clone(&nothing), made: None, asked: Asked::Deletion, ours: true };
        for batch in infisical::batches(decision.delete.into_iter().map(gone).collect(), |ready| (&ready.key, "")) {
            let answer = self.send(Kind::Delete, &batch).await;
            if written.note(Kind::Delete, answer, batch, self, kept) {
                return written;
            }
        }
        written
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
    async fn ready(&mut self, changes: Vec<Change>, kind: &'static str, makes: &impl Makes) -> Vec<Ready> {
        let mut all = Vec::with_capacity(changes.len());
        for change in changes {
            let asked = Asked::of(kind, &change);
            let Change { key, value, ours } = change;
            let (value, made) = match value {
                New::Value(value) => (value, None),
                New::Once(Once::Rendered(value), made) => (value, Some(made)),
                New::Once(Once::Generator(index), made) => match makes.make(index).await {
                    Ok(generated) => {
                        self.notices.extend(generated.notices);
                        (generated.value, Some(made))
                    }
                    Err(fault) => {
                        let list = if kind == approval::CREATE { &mut self.failed.create } else { &mut self.failed.update };
                        list.push(key);
                        self.fault.get_or_insert((Stage::Render, fault));
                        continue;
                    }
                },
            };
            all.push(Ready { key, value, made, asked, ours });
        }
        all
    }

    /// Notes what came of a batch. True: nothing more is to be tried.
    fn note(&mut self, kind: Kind, answer: Result<Answer, SessionError>, batch: Vec<Ready>, writer: &Writer<'_>, kept: &mut Kept) -> bool {
        match answer {
            Ok(Answer::Done(ids)) => self.done(kind, ids, batch, writer, kept),
            Ok(Answer::Partly { done, error }) => {
                let (made, rest) = batch.into_iter().partition(|ready| done.contains_key(&ready.key));
                self.done(kind, done, made, writer, kept);
                return self.refused(kind, SessionError::Call(error), rest, kept);
            }
            Ok(Answer::Approval { id }) => self.asked(kind, id, batch, writer, kept),
            Err(error) => return self.refused(kind, error, batch, kept),
        }
        false
    }

    fn done(&mut self, kind: Kind, mut ids: BTreeMap<String, String>, batch: Vec<Ready>, writer: &Writer<'_>, kept: &mut Kept) {
        self.any = true;
        for Ready { key, made, .. } in batch {
            kept.asked.remove(&key);
            kept.record.remaking.remove(&key);
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
        let name = match kind {
            Kind::Create => approval::CREATE,
            Kind::Update => approval::UPDATE,
            Kind::Delete => approval::DELETE,
        };
        for Ready { key, asked, .. } in batch {
            waiting.secrets.insert(key.clone(), name.to_owned());
            kept.record.pending.remove(&key);
            kept.record.remaking.remove(&key);
            kept.asked.insert(key, asked);
        }
    }

    fn refused(&mut self, kind: Kind, error: SessionError, batch: Vec<Ready>, kept: &mut Kept) -> bool {
        self.conflict |= is_conflict(&error);
        let for_certain = is_refusal(&error);
        for Ready { key, ours, .. } in batch {
            // What the server refused is not there by us, whoever made it meanwhile.
            if for_certain {
                kept.record.pending.remove(&key);
                kept.record.remaking.remove(&key);
            }
            match (kind, ours) {
                (Kind::Create, _) => self.failed.create.push(key),
                (Kind::Update, true) => self.failed.update.push(key),
                (Kind::Update, false) => self.failed.replace.push(key),
                (Kind::Delete, _) => self.failed.delete.push(key),
            }
        }
        let stage = if error.stage() == Stage::Read { Stage::Apply } else { error.stage() };
        let fault = Fault::from(error);
        let outage = !matches!(fault.class, Class::UserFix | Class::Denied);
        self.fault.get_or_insert((stage, fault));
        outage
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

/// Whether the server found the folder other than it was read.
fn is_conflict(error: &SessionError) -> bool {
    matches!(error, SessionError::Call(infisical::Error::Refused { status: 400 | 404, .. }))
}
