mod live;

use super::{fetch::EMPTY_DOUBTED, *};
use crate::{
    clock::manual::until,
    testing::{CANARY, FakeInfisical, Scripted, World, login, user},
};
use futures::future::join_all;
use infisical::Listing;
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, sync::atomic::Ordering};

const MINUTE: Duration = Duration::from_secs(60);

struct Fixture {
    server: FakeInfisical,
    world: World,
    reads: Reads,
    woken: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Fixture {
    async fn start() -> Self {
        let (server, world) = (FakeInfisical::start().await, World::new());
        let woken: Arc<Mutex<Vec<String>>> = Arc::default();
        let wake = Box::new({
            let woken = woken.clone();
            move |user: &ObjectRef| woken.lock().unwrap().push(user.name.clone())
        });
        let reads = Reads::new(wake, world.clock.clone(), world.metrics.clone());
        let stop = CancellationToken::new();
        tokio::spawn({
            let (reads, stop) = (reads.clone(), stop.clone());
            async move { reads.run(stop).await }
        });
        let fixture = Self { server, world, reads, woken, stop };
        fixture.folder("/", &[("A", CANARY)]);
        fixture
    }

    fn folder(&self, path: &str, secrets: &[(&str, &str)]) {
        let secrets: BTreeMap<_, _> = secrets.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.server.script().folders.insert(path.into(), secrets);
    }

    fn session(&self, name: impl ToString) -> Arc<Session> {
        self.world.sessions.lease(&user(name), &login(&self.server.address, CANARY), "sha256:1").unwrap()
    }

    fn subscribe(&self, name: impl ToString, path: &str) -> ReadKey {
        self.subscribe_to(name, request(path), MINUTE)
    }

    fn subscribe_to(&self, name: impl ToString, request: ReadRequest, interval: Duration) -> ReadKey {
        let session = self.session(name.to_string());
        self.reads.subscribe(&user(name), &session, &[request], interval).remove(0)
    }

    async fn get(&self, name: impl ToString, key: &ReadKey) -> Result<Arc<Snapshot>, ReadError> {
        self.reads.get(&user(name), key, None).await
    }

    /// Lets time pass until the number of lists that came in is `lists`.
    async fn until_lists(&self, lists: usize) {
        for _ in 0..70 {
            if self.server.lists() >= lists {
                break;
            }
            self.world.clock.advance(Duration::from_secs(1));
            self.settle().await;
        }
        assert_eq!(self.server.lists(), lists);
        self.settle().await;
    }

    /// Until every flight has ended: what is not in the air is scheduled.
    async fn settle(&self) {
        until("no flight", || {
            let now = self.world.clock.now();
            let schedule = self.reads.0.schedule();
            schedule.flying() == 0 && schedule.next().is_none_or(|next| next > now)
        })
        .await;
    }

    fn woken(&self) -> Vec<String> {
        let mut woken = std::mem::take(&mut *self.woken.lock().unwrap());
        woken.sort();
        woken
    }
}

fn request(path: &str) -> ReadRequest {
    ReadRequest {
        project: ProjectRef::Slug("slug".into()),
        environment: "dev".into(),
        path: path.into(),
        recursive: false,
        expand_references: true,
        include_imports: true,
        tags: Vec::new(),
        secret: None,
    }
}

fn value(snapshot: &Snapshot) -> String {
    let bytes = snapshot.secrets.first().map(|secret| secret.value.expose_secret().to_vec()).unwrap_or_default();
    String::from_utf8(bytes).unwrap()
}

fn fault(result: Result<Arc<Snapshot>, ReadError>) -> (Stage, Fault) {
    match result {
        Ok(_) => panic!("a snapshot"),
        Err(ReadError::Failed { stage, fault }) => (stage, fault),
        Err(ReadError::Pending(_)) => panic!("pending"),
    }
}

#[tokio::test]
async fn a_hundred_subscribers_share_one_login_one_look_up_and_one_list() {
    let fixture = Fixture::start().await;
    let keys: Vec<_> = (0..100).map(|name| fixture.subscribe(name, "/")).collect();
    let key = &keys[0];
    let snapshots = join_all((0..100).map(|name| fixture.get(name, key))).await;
    for snapshot in &snapshots {
        let snapshot = snapshot.as_ref().unwrap();
        assert_eq!((value(snapshot).as_str(), snapshot.generation, snapshot.changed), (CANARY, 1, true));
        assert!(Arc::ptr_eq(&snapshot.secrets, &snapshots[0].as_ref().unwrap().secrets));
    }
    let lookups = fixture.server.script().lookups;
    assert_eq!((fixture.server.logins(), lookups, fixture.server.lists()), (1, 1, 1));
    assert!(fixture.woken().is_empty(), "who was served needs no waking");
    let text = fixture.world.metrics.text().unwrap();
    assert!(text.contains(r#"cache_requests_total{cache="read",outcome="miss"} 1"#), "{text}");
    assert!(text.contains(r#"cache_requests_total{cache="read",outcome="hit"} 99"#), "{text}");
    assert!(!text.contains(CANARY));
}

#[tokio::test]
async fn the_interval_reads_once_and_wakes_all_even_if_nothing_changed() {
    let fixture = Fixture::start().await;
    let key = fixture.subscribe("a", "/");
    fixture.subscribe("b", "/");
    let first = fixture.get("a", &key).await.unwrap();
    fixture.get("b", &key).await.unwrap();
    fixture.woken();

    fixture.until_lists(2).await;
    assert_eq!(fixture.woken(), ["a", "b"]);
    let text = fixture.world.metrics.text().unwrap();
    assert!(text.contains(r#"infisical_calls_total{operation="list secrets",status="304"} 1"#), "{text}");
    let second = fixture.get("a", &key).await.unwrap();
    assert_eq!((second.generation, second.changed), (1, false));
    assert!(second.read_at > first.read_at && Arc::ptr_eq(&first.secrets, &second.secrets));

    fixture.folder("/", &[("A", "changed")]);
    fixture.until_lists(3).await;
    assert_eq!(fixture.woken(), ["a", "b"]);
    let third = fixture.get("b", &key).await.unwrap();
    assert_eq!((value(&third).as_str(), third.generation, third.changed), ("changed", 2, true));
    assert_eq!(fixture.server.lists(), 3);
}

#[tokio::test]
async fn an_answer_without_a_change_of_content_is_no_change() {
    let fixture = Fixture::start().await;
    let body = r#"{"secrets":[{"secretKey":"A","secretValue":"v","version":1}]}"#;
    fixture.server.script().next_lists = vec![Scripted(200, body.into(), None), Scripted(200, body.replace('1', "2"), None)];
    let key = fixture.subscribe("a", "/");
    assert!(fixture.get("a", &key).await.unwrap().changed);
    fixture.until_lists(2).await;
    let second = fixture.get("a", &key).await.unwrap();
    assert_eq!((second.generation, second.changed), (1, false));
}

#[tokio::test]
async fn only_a_wish_for_a_fresh_read_reads_ahead_of_the_interval() {
    let fixture = Fixture::start().await;
    let key = fixture.subscribe("a", "/");
    fixture.get("a", &key).await.unwrap();
    fixture.folder("/", &[("A", "new")]);
    assert_eq!(value(&fixture.get("a", &key).await.unwrap()), CANARY);
    let wish = fixture.world.clock.now() + Duration::from_millis(1);
    fixture.world.clock.advance(Duration::from_millis(2));
    fixture.settle().await;
    let lists = fixture.server.lists();
    let fresh = fixture.reads.get(&user("a"), &key, Some(wish)).await.unwrap();
    assert_eq!((value(&fresh).as_str(), fixture.server.lists()), ("new", lists + 1));
    // The wish is fulfilled: asked again, it costs nothing.
    fixture.reads.get(&user("a"), &key, Some(wish)).await.unwrap();
    assert_eq!(fixture.server.lists(), lists + 1);
}

#[tokio::test]
async fn a_failure_is_reported_without_losing_what_was_read() {
    let fixture = Fixture::start().await;
    let key = fixture.subscribe("a", "/");
    fixture.get("a", &key).await.unwrap();
    fixture.server.script().refuse_read = Some(Scripted::error(503, "Unavailable"));
    until_failed(&fixture, &key).await;
    assert_eq!(fixture.woken(), ["a"]);
    let (stage, fault) = fault(fixture.get("a", &key).await);
    assert_eq!((stage, fault.reason, fault.class), (Stage::Read, "ServerError", Class::Transient));
    assert!(fault.retry_after.is_some_and(|after| after <= Duration::from_secs(2)));
    assert_eq!(value(&fixture.reads.last(&key).unwrap()), CANARY);

    // The same failure again is no news, the recovery is.
    fixture.world.clock.advance(Duration::from_secs(2));
    fixture.settle().await;
    assert!(fixture.woken().is_empty());
    fixture.server.script().refuse_read = None;
    fixture.folder("/", &[("A", "after")]);
    fixture.world.clock.advance(Duration::from_secs(4));
    until("it recovers", || fixture.reads.last(&key).is_some_and(|last| value(&last) == "after")).await;
    until("it is told", || !fixture.woken.lock().unwrap().is_empty()).await;
    assert_eq!(value(&fixture.get("a", &key).await.unwrap()), "after");
}

async fn until_failed(fixture: &Fixture, key: &ReadKey) {
    for _ in 0..70 {
        fixture.world.clock.advance(Duration::from_secs(1));
        fixture.settle().await;
        if fixture.get("a", key).await.is_err() {
            return;
        }
    }
    panic!("it never failed");
}

#[tokio::test]
async fn a_login_that_fails_is_told_from_a_read_that_fails() {
    let fixture = Fixture::start().await;
    fixture.server.script().refuse_login = Some(Scripted::error(401, "UnauthorizedError"));
    let key = fixture.subscribe("a", "/");
    let (stage, fault) = fault(fixture.get("a", &key).await);
    assert_eq!((stage, fault.reason), (Stage::Login, "LoginFailed"));
    assert!(!format!("{fault:?}").contains(CANARY), "{fault:?}");
}

#[tokio::test]
async fn a_server_that_asks_for_silence_is_not_asked_by_any_read_of_the_session() {
    let fixture = Fixture::start().await;
    fixture.folder("/other", &[("B", "b")]);
    let (key, other) = (fixture.subscribe("a", "/"), fixture.subscribe("b", "/other"));
    fixture.get("a", &key).await.unwrap();
    fixture.server.script().refuse_read = Some(Scripted::error(429, "RateLimitExceeded").after(30));
    fixture.folder("/", &[("A", "new")]);
    fixture.world.clock.advance(Duration::from_millis(1));
    let now = fixture.world.clock.now();
    let (_, first) = fault(fixture.reads.get(&user("a"), &key, Some(now)).await);
    assert_eq!(first.reason, "RateLimited");
    assert!(first.retry_after.unwrap() >= Duration::from_secs(30));
    fixture.server.script().refuse_read = None;
    let calls = fixture.server.lists();
    let (_, second) = fault(fixture.get("b", &other).await);
    assert_eq!(second.reason, "RateLimited");
    fixture.world.clock.advance(Duration::from_secs(20));
    let (_, wished) = fault(fixture.reads.get(&user("a"), &key, Some(fixture.world.clock.now())).await);
    assert_eq!((wished.reason, fixture.server.lists()), ("RateLimited", calls));
    fixture.world.clock.advance(Duration::from_secs(12));
    fixture.settle().await;
    assert_eq!(value(&fixture.get("b", &other).await.unwrap()), "b");
}

/// Lets the moment pass after which an empty answer is doubted no more.
async fn doubt(fixture: &Fixture, lists: usize) {
    until("it waits a moment", || fixture.server.lists() == lists && fixture.world.clock.sleeping().contains(&EMPTY_DOUBTED)).await;
    fixture.world.clock.advance(EMPTY_DOUBTED);
}

#[tokio::test]
async fn an_emptiness_counts_only_if_it_is_confirmed() {
    let fixture = Fixture::start().await;
    let key = fixture.subscribe("a", "/");
    fixture.get("a", &key).await.unwrap();
    let empty = || Scripted(200, r#"{"secrets":[],"imports":[]}"#.into(), None);

    // A glitch: the second answer has the secrets.
    fixture.server.script().next_lists = vec![empty()];
    wish(&fixture, &key);
    doubt(&fixture, 2).await;
    fixture.settle().await;
    let after = fixture.reads.last(&key).unwrap();
    assert_eq!((value(&after).as_str(), after.generation, fixture.server.lists()), (CANARY, 1, 3));

    // The folder is gone: an error, and the secrets are kept.
    fixture.server.script().next_lists = vec![empty(), Scripted::error(404, "SecretPathNotFound")];
    wish(&fixture, &key);
    doubt(&fixture, 4).await;
    fixture.settle().await;
    assert_eq!(fault(fixture.get("a", &key).await).1.reason, "NotFound");
    assert_eq!(value(&fixture.reads.last(&key).unwrap()), CANARY);

    // Truly empty.
    fixture.folder("/", &[]);
    fixture.world.clock.advance(Duration::from_secs(1));
    wish(&fixture, &key);
    doubt(&fixture, 6).await;
    fixture.settle().await;
    let empty = fixture.get("a", &key).await.unwrap();
    assert_eq!((empty.secrets.len(), empty.generation, fixture.server.lists()), (0, 2, 7));

    // Known to be empty: no doubt any more.
    fixture.until_lists(8).await;
    assert_eq!(fixture.get("a", &key).await.unwrap().generation, 2);
}

/// Asks for a read that begins now, in the background.
fn wish(fixture: &Fixture, key: &ReadKey) {
    fixture.world.clock.advance(Duration::from_millis(1));
    let (reads, key, now) = (fixture.reads.clone(), key.clone(), fixture.world.clock.now());
    tokio::spawn(async move { drop(reads.get(&user("a"), &key, Some(now)).await) });
}

#[tokio::test]
async fn a_first_answer_that_is_empty_is_doubted_and_a_recursive_one_twice() {
    let fixture = Fixture::start().await;
    fixture.folder("/none", &[]);
    let key = fixture.subscribe_to("a", ReadRequest { recursive: true, ..request("/none") }, MINUTE);
    wish(&fixture, &key);
    doubt(&fixture, 1).await;
    fixture.settle().await;
    assert_eq!(fixture.get("a", &key).await.unwrap().secrets.len(), 0);
    let lists = fixture.server.script().lists.clone();
    let recursive: Vec<_> = lists.iter().map(|query| query.contains("recursive=true")).collect();
    assert_eq!(recursive, [true, true, false]);

    // Below a folder that is not there, a recursive list is empty too.
    let gone = fixture.subscribe_to("a", ReadRequest { recursive: true, ..request("/gone") }, MINUTE);
    let empty = || Scripted(200, r#"{"secrets":[]}"#.into(), None);
    fixture.server.script().next_lists = vec![empty(), empty()];
    wish(&fixture, &gone);
    doubt(&fixture, 4).await;
    fixture.settle().await;
    assert_eq!(fault(fixture.get("a", &gone).await).1.reason, "NotFound");
}

#[tokio::test]
async fn one_secret_that_is_not_there_is_an_error() {
    let fixture = Fixture::start().await;
    let key = fixture.subscribe_to("a", ReadRequest { secret: Some("X".into()), ..request("/") }, MINUTE);
    fixture.server.script().next_lists = vec![Scripted::error(404, "NotFound")];
    let (stage, fault) = fault(fixture.get("a", &key).await);
    assert_eq!((stage, fault.reason, fault.class), (Stage::Read, "NotFound", Class::UserFix));
    fixture.server.script().next_lists = vec![Scripted(200, r#"{"secret":{"secretKey":"X","secretValue":"x"}}"#.into(), None)];
    fixture.world.clock.advance(MINUTE);
    fixture.settle().await;
    assert_eq!(value(&fixture.get("a", &key).await.unwrap()), "x");
}

#[tokio::test]
async fn values_go_with_the_last_subscriber() {
    let fixture = Fixture::start().await;
    let key = fixture.subscribe("a", "/");
    fixture.subscribe("b", "/");
    let secrets = Arc::downgrade(&fixture.get("a", &key).await.unwrap().secrets);
    fixture.reads.unsubscribe(&user("a"));
    assert!(secrets.upgrade().is_some() && fixture.get("a", &key).await.is_err());
    // Another folder instead: the first has no subscriber any more.
    fixture.subscribe("b", "/other");
    assert!(secrets.upgrade().is_none());
    assert_eq!(fixture.reads.len(), 1);
    fixture.reads.unsubscribe(&user("b"));
    assert!(fixture.reads.is_empty());
}

#[tokio::test]
async fn a_read_that_nobody_wants_any_more_is_cut() {
    let fixture = Fixture::start().await;
    let key = fixture.subscribe("a", "/");
    fixture.get("a", &key).await.unwrap();
    fixture.server.close();
    wish(&fixture, &key);
    until("it is under way", || fixture.server.in_flight.load(Ordering::SeqCst) == 1).await;
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    fixture.reads.unsubscribe(&user("a"));
    until("its task is gone", || tokio::runtime::Handle::current().metrics().num_alive_tasks() < tasks).await;
}

#[tokio::test]
async fn nobody_waits_long_for_a_server_that_hangs_but_is_woken_when_it_answers() {
    let fixture = Fixture::start().await;
    fixture.server.close();
    let key = fixture.subscribe("a", "/");
    let waiting = tokio::spawn({
        let (reads, key) = (fixture.reads.clone(), key.clone());
        async move { reads.get(&user("a"), &key, None).await.err() }
    });
    until("it waits", || fixture.world.clock.sleeping().contains(&PATIENCE)).await;
    fixture.world.clock.advance(PATIENCE);
    assert!(matches!(waiting.await.unwrap(), Some(ReadError::Pending(fault)) if fault.reason == "Reading"));
    // The next does not wait at all.
    assert!(matches!(fixture.get("a", &key).await, Err(ReadError::Pending(_))));
    fixture.server.open();
    until("it is woken", || *fixture.woken.lock().unwrap() == ["a"]).await;
    assert_eq!(value(&fixture.get("a", &key).await.unwrap()), CANARY);
}

#[tokio::test]
async fn a_failure_is_said_until_the_next_read_has_ended() {
    let fixture = Fixture::start().await;
    let key = fixture.subscribe("a", "/");
    fixture.get("a", &key).await.unwrap();
    fixture.server.script().refuse_read = Some(Scripted::error(503, "Unavailable"));
    until_failed(&fixture, &key).await;
    fixture.server.close();
    let mut hung = false;
    for _ in 0..10 {
        fixture.world.clock.advance(PATIENCE);
        let asking = tokio::spawn({
            let (reads, key) = (fixture.reads.clone(), key.clone());
            async move { reads.get(&user("a"), &key, None).await }
        });
        until("it waits or is answered", || asking.is_finished() || fixture.world.clock.sleeping().contains(&PATIENCE)).await;
        hung |= !asking.is_finished();
        fixture.world.clock.advance(PATIENCE);
        assert_eq!(fault(asking.await.unwrap()).1.reason, "ServerError");
    }
    assert!(hung, "no read was under way");
    fixture.server.open();
}

#[tokio::test]
async fn a_full_line_before_a_server_that_hangs_costs_nobody_time() {
    let fixture = Fixture::start().await;
    let paths: Vec<_> = (0..20).map(|number| format!("/{number}")).collect();
    paths.iter().for_each(|path| fixture.folder(path, &[("A", "a")]));
    let warm = fixture.subscribe("warm", "/");
    fixture.get("warm", &warm).await.unwrap();
    fixture.server.close();
    let first: Vec<_> = paths[..10].iter().map(|path| (path.clone(), fixture.subscribe(path, path))).collect();
    for (path, key) in first {
        let reads = fixture.reads.clone();
        tokio::spawn(async move { drop(reads.get(&user(path), &key, None).await) });
    }
    until("its line is full", || fixture.server.in_flight.load(Ordering::SeqCst) == 8).await;
    fixture.world.clock.advance(PATIENCE);
    for path in &paths[10..] {
        let key = fixture.subscribe(path, path);
        assert!(matches!(fixture.get(path, &key).await, Err(ReadError::Pending(_))));
    }
}

/// Runs twenty keys for an hour of simulated time.
#[test]
fn twenty_folders_are_read_twenty_times_a_minute_and_evenly() {
    use super::{
        fetch::Known,
        schedule::{Answer, Schedule},
    };
    use rand::{Rng, SeedableRng, rngs::StdRng};
    let mut random = StdRng::seed_from_u64(7);
    let session = SessionKey::of(&login("http://a", "s"), "d");
    let mut schedule: Schedule<()> = Schedule::default();
    let start = Instant::now();
    let known = |now| Known {
        snapshot: Some(Arc::new(Snapshot::new(None, Listing { secrets: vec![], imports: vec![], etag: None }, now))),
        etag: None,
    };
    for number in 0..20 {
        let key = ReadKey { session, request: request(&format!("/{number}")) };
        schedule.subscribe(&user(number), &(), [key.clone()], MINUTE.into(), start);
        let Answer::Start(flight) = schedule.ask(&user(number), &key, None, start) else { panic!("not started") };
        assert!(schedule.end(&key, flight.number, Ok(known(start)), start, random.random()).contains(&user(number)));
    }
    let (mut reads, mut last) = (Vec::new(), BTreeMap::new());
    while let Some(now) = schedule.next().filter(|next| *next < start + MINUTE * 60) {
        for flight in schedule.start_due(now) {
            reads.push(now - start);
            let before = last.insert(flight.key.clone(), now).unwrap_or(start);
            assert!(now - before <= MINUTE, "never later than the interval");
            let woken = schedule.end(&flight.key, flight.number, Ok(known(now)), now + Duration::from_millis(20), random.random());
            assert_eq!(woken.len(), 1);
        }
    }
    for minute in 0..60 {
        let within = |from: Duration, length: Duration| reads.iter().filter(|at| (from..from + length).contains(*at)).count();
        let count = within(MINUTE * minute, MINUTE);
        assert!((18..=22).contains(&count), "minute {minute}: {count}");
        let burst = within(MINUTE * minute, Duration::from_secs(1));
        assert!(burst <= 6, "minute {minute} begins with {burst} at once");
    }
}

#[tokio::test]
async fn an_interval_without_end_is_one_all_the_same() {
    let fixture = Fixture::start().await;
    let key = fixture.subscribe_to("a", request("/"), Duration::MAX);
    assert_eq!(value(&fixture.get("a", &key).await.unwrap()), CANARY);
}

#[tokio::test]
async fn the_shortest_interval_of_the_subscribers_counts() {
    let fixture = Fixture::start().await;
    let slow = fixture.subscribe_to("slow", request("/"), Duration::from_secs(3600));
    fixture.get("slow", &slow).await.unwrap();
    fixture.subscribe_to("quick", request("/"), Duration::from_secs(10));
    fixture.world.clock.advance(Duration::from_secs(10));
    fixture.settle().await;
    assert_eq!(fixture.server.lists(), 2);
    fixture.world.clock.advance(Duration::from_secs(10));
    fixture.settle().await;
    assert_eq!((fixture.server.lists(), fixture.woken()), (3, vec!["quick".into(), "quick".into(), "slow".into(), "slow".into()]));
    fixture.reads.unsubscribe(&user("quick"));
}
