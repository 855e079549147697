//! Who follows what, and which streams that takes: pure, and without any time but what it is given.
use super::{
    Opens,
    ladder::{self, Rung},
    matching,
};
use crate::{object::ObjectRef, outcome::Fault, read::ReadKey, session::SessionKey};
use infisical::{Change, Place, SubscribeRequest};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::AbortHandle;

/// A refusal must be this old before a user's change leads to another try: many resources may be changed at a time.
const ASKED_AGAIN: Duration = Duration::from_secs(60);

/// An identity at a server, and the id of a project there.
pub(super) type GroupKey = (SessionKey, String);

/// One read that a user follows.
pub(super) struct Followed {
    pub key: ReadKey,
    pub project_id: String,
    /// Folders from which it imported last.
    pub imports: Arc<Vec<Place>>,
}

/// A stream to be begun.
pub(super) struct Start<S> {
    pub group: GroupKey,
    pub number: u64,
    pub session: S,
    pub request: SubscribeRequest,
}

/// What a change here entails elsewhere.
pub(super) struct Steps<S> {
    pub start: Vec<Start<S>>,
    /// Reads of which nothing is told any more.
    pub dead: Vec<ReadKey>,
    pub live: Vec<ReadKey>,
    pub demand: Vec<ReadKey>,
    /// Reads that may have missed something, and the time within which many streams were opened for them.
    pub catch_up: Vec<(Vec<ReadKey>, Duration)>,
    /// Their notice has changed.
    pub wake: Vec<ObjectRef>,
}

impl<S> Default for Steps<S> {
    fn default() -> Self {
        Self { start: Vec::new(), dead: Vec::new(), live: Vec::new(), demand: Vec::new(), catch_up: Vec::new(), wake: Vec::new() }
    }
}

impl<S> Steps<S> {
    pub fn add(&mut self, more: Self) {
        self.start.extend(more.start);
        self.dead.extend(more.dead);
        self.live.extend(more.live);
        self.demand.extend(more.demand);
        self.catch_up.extend(more.catch_up);
        self.wake.extend(more.wake);
    }
}

struct Watch {
    users: BTreeSet<ObjectRef>,
    imports: Arc<Vec<Place>>,
}

struct Lane {
    number: u64,
    request: SubscribeRequest,
    up: bool,
    task: Option<AbortHandle>,
}

impl Lane {
    fn end(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

struct Group<S> {
    session: S,
    rung: Rung,
    watches: HashMap<ReadKey, Watch>,
    lanes: Vec<Lane>,
    notice: Option<Fault>,
    refused: Option<Instant>,
}

/// All groups.
pub(super) struct Registry<S> {
    groups: HashMap<GroupKey, Group<S>>,
    users: HashMap<ObjectRef, BTreeSet<(GroupKey, ReadKey)>>,
    lanes: u64,
    closed: bool,
}

impl<S> Default for Registry<S> {
    fn default() -> Self {
        Self { groups: HashMap::new(), users: HashMap::new(), lanes: 0, closed: false }
    }
}

impl<S: Opens> Registry<S> {
    /// Makes these the reads that a user follows, and no others.
    pub fn follow(&mut self, user: &ObjectRef, session: &S, followed: Vec<Followed>) -> Steps<S> {
        let mut steps = Steps::default();
        if self.closed {
            return steps;
        }
        let mut wanted = BTreeSet::new();
        let mut touched = BTreeSet::new();
        for Followed { key, project_id, imports } in followed {
            let id: GroupKey = (key.session, project_id);
            let group = self.groups.entry(id.clone()).or_insert_with(|| Group::new(session.clone()));
            if !group.session.is(session) {
                // The login was another one meanwhile, so that the session of before has ended.
                group.session = session.clone();
                group.refused = None;
                if group.is_whole() {
                    steps.dead.extend(group.watches.keys().cloned());
                }
                group.lanes.drain(..).for_each(|lane| lane.end());
            }
            let known = group.watches.contains_key(&key);
            let watch = group.watches.entry(key.clone()).or_insert_with(|| Watch { users: BTreeSet::new(), imports: Arc::default() });
            watch.users.insert(user.clone());
            watch.imports = imports;
            if group.is_whole() {
                steps.live.push(key.clone());
            }
            if !known && group.lanes.iter().any(|lane| lane.up) {
                // It was read before anything was told of it.
                steps.demand.push(key.clone());
            }
            touched.insert(id.clone());
            wanted.insert((id, key));
        }
        let before = self.users.insert(user.clone(), wanted.clone()).unwrap_or_default();
        touched.extend(before.iter().map(|(id, _)| id.clone()));
        before.difference(&wanted).for_each(|(id, key)| self.unwatch(user, id, key, &mut steps));
        touched.iter().for_each(|id| self.arrange(id, &mut steps));
        steps
    }

    /// The user follows nothing any more.
    pub fn leave(&mut self, user: &ObjectRef) -> Steps<S> {
        let mut steps = Steps::default();
        let followed = self.users.remove(user).unwrap_or_default();
        followed.iter().for_each(|(id, key)| self.unwatch(user, id, key, &mut steps));
        let touched: BTreeSet<_> = followed.into_iter().map(|(id, _)| id).collect();
        touched.iter().for_each(|id| self.arrange(id, &mut steps));
        steps
    }

    fn unwatch(&mut self, user: &ObjectRef, id: &GroupKey, key: &ReadKey, steps: &mut Steps<S>) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some(watch) = group.watches.get_mut(key) else { return };
        watch.users.remove(user);
        if watch.users.is_empty() {
            group.watches.remove(key);
            steps.dead.push(key.clone());
        }
        if group.watches.is_empty() {
            group.lanes.iter().for_each(Lane::end);
            self.groups.remove(id);
        }
    }

    /// Ends the streams that are not needed, and begins those that are missing.
    fn arrange(&mut self, id: &GroupKey, steps: &mut Steps<S>) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let wanted = ladder::requests(group.rung, &id.1, group.watches.iter().map(|(key, watch)| (&key.request, &**watch.imports)));
        let was_whole = group.is_whole();
        group.lanes.retain(|lane| {
            let kept = wanted.contains(&lane.request);
            if !kept {
                lane.end();
            }
            kept
        });
        if was_whole && !group.is_whole() {
            steps.dead.extend(group.watches.keys().cloned());
        }
        for request in wanted {
            if group.lanes.iter().any(|lane| lane.request == request) {
                continue;
            }
            self.lanes += 1;
            let number = self.lanes;
            group.lanes.push(Lane { number, request: request.clone(), up: false, task: None });
            steps.start.push(Start { group: id.clone(), number, session: group.session.clone(), request });
        }
    }

    /// Hands over what ends a stream. False: it is not wanted any more.
    pub fn started(&mut self, id: &GroupKey, number: u64, task: AbortHandle) -> bool {
        match self.lane(id, number) {
            Some(lane) => {
                lane.task = Some(task);
                true
            }
            None => false,
        }
    }

    /// A stream is up: what it will tell is all that can be missed from now on, and what was before is read. `within`: many were
    /// opened in its place in that time.
    pub fn opened(&mut self, id: &GroupKey, number: u64, within: Option<Duration>) -> Option<Steps<S>> {
        self.lane(id, number)?.up = true;
        let mut steps = self.note(id, None);
        let group = self.groups.get_mut(id)?;
        group.refused = None;
        let keys: Vec<_> = group.watches.keys().cloned().collect();
        if group.is_whole() {
            steps.live.clone_from(&keys);
        }
        match within {
            Some(within) => steps.catch_up.push((keys, within)),
            None => steps.demand = keys,
        }
        Some(steps)
    }

    /// A stream is down.
    pub fn closed(&mut self, id: &GroupKey, number: u64) -> Steps<S> {
        let mut steps = Steps::default();
        match self.lane(id, number) {
            Some(lane) => lane.up = false,
            None => return steps,
        }
        if let Some(group) = self.groups.get(id).filter(|group| group.rung == Rung::Project) {
            steps.dead.extend(group.watches.keys().cloned());
        }
        steps
    }

    /// Asks for less. None: there is nothing less, or the stream is not wanted any more. The stream that was refused is over.
    pub fn narrow(&mut self, id: &GroupKey, number: u64) -> Option<Steps<S>> {
        self.lane(id, number)?;
        let group = self.groups.get_mut(id)?;
        group.rung = group.rung.narrower()?;
        Some(self.anew(id))
    }

    /// A refusal has become old: all is asked for again.
    pub fn widen(&mut self, id: &GroupKey) -> Steps<S> {
        let Some(group) = self.groups.get_mut(id) else { return Steps::default() };
        group.rung = Rung::Project;
        group.refused = None;
        self.anew(id)
    }

    fn anew(&mut self, id: &GroupKey) -> Steps<S> {
        let mut steps = Steps::default();
        if let Some(group) = self.groups.get_mut(id) {
            // The caller may be one of these; it ends at its next step.
            group.lanes.drain(..).for_each(|lane| lane.end());
        }
        self.arrange(id, &mut steps);
        steps
    }

    /// A refusal that no waiting cures. None: the stream is not wanted any more, so that it says nothing of those in its place.
    pub fn refuse(&mut self, id: &GroupKey, number: u64, fault: Fault, now: Instant) -> Option<Steps<S>> {
        self.lane(id, number)?;
        self.groups.get_mut(id)?.refused = Some(now);
        Some(self.note(id, Some(fault)))
    }

    /// What users of a group are told; they are woken only where that is news.
    pub fn note(&mut self, id: &GroupKey, notice: Option<Fault>) -> Steps<S> {
        let mut steps = Steps::default();
        let Some(group) = self.groups.get_mut(id) else { return steps };
        let text = |notice: &Option<Fault>| notice.as_ref().map(|fault| fault.message.clone());
        if text(&group.notice) != text(&notice) {
            group.notice = notice;
            let users: BTreeSet<_> = group.watches.values().flat_map(|watch| &watch.users).collect();
            steps.wake = users.into_iter().cloned().collect();
        }
        steps
    }

    /// A user changed something, perhaps because of a refusal.
    pub fn ask_again(&mut self, user: &ObjectRef, now: Instant) -> Steps<S> {
        let mut steps = Steps::default();
        let ids: BTreeSet<_> = self.users.get(user).into_iter().flatten().map(|(id, _)| id.clone()).collect();
        for id in ids {
            let refused = self.groups.get(&id).and_then(|group| group.refused);
            if refused.is_some_and(|since| now.saturating_duration_since(since) >= ASKED_AGAIN) {
                steps.add(self.widen(&id));
            }
        }
        steps
    }

    /// The reads that a change concerns, and those to which it may matter.
    pub fn changed(&self, id: &GroupKey, change: &Change) -> (Vec<ReadKey>, Vec<ReadKey>) {
        let Some(group) = self.groups.get(id) else { return Default::default() };
        let (concerned, others): (Vec<_>, Vec<_>) =
            group.watches.iter().partition(|(key, watch)| matching::concerns(&key.request, &watch.imports, change));
        let keys = |watches: Vec<(&ReadKey, &Watch)>| watches.into_iter().map(|(key, _)| key.clone()).collect();
        (keys(concerned), keys(others))
    }

    pub fn notice(&self, user: &ObjectRef) -> Option<Fault> {
        self.users.get(user)?.iter().find_map(|(id, _)| self.groups.get(id)?.notice.clone())
    }

    /// Ends all streams for ever.
    pub fn close(&mut self) {
        self.closed = true;
        self.users.clear();
        self.groups.drain().for_each(|(_, group)| group.lanes.iter().for_each(Lane::end));
    }

    fn lane(&mut self, id: &GroupKey, number: u64) -> Option<&mut Lane> {
        self.groups.get_mut(id)?.lanes.iter_mut().find(|lane| lane.number == number)
    }
}

impl<S> Group<S> {
    fn new(session: S) -> Self {
        Self { session, rung: Rung::Project, watches: HashMap::new(), lanes: Vec::new(), notice: None, refused: None }
    }

    /// All of the project is told.
    fn is_whole(&self) -> bool {
        self.rung == Rung::Project && self.lanes.iter().any(|lane| lane.up)
    }
}
