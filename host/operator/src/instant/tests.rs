use super::*;
use crate::{
    clock::manual::{ManualClock, until},
    outcome::Class,
    read::ReadRequest,
    session::SessionKey,
    testing::{login, user},
};
use infisical::{Change, ChangeKind, Error, Place, ProjectRef};
use std::collections::VecDeque;
use tokio::sync::mpsc;

/// What the scripted server does with the next subscription; without a script it takes all.
enum Answer {
    Refuse(u16, &'static str),
    Panic,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    /// Places of each subscription that was asked for.
    asked: Vec<Vec<String>>,
    open: Vec<mpsc::UnboundedSender<Result<Option<Event>, Error>>>,
}

/// A session of a scripted server.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

impl Scripted {
    fn script(&self) -> MutexGuard<'_, Script> {
        // A scripted panic poisons it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script().answers.extend(answers);
    }

    fn asked(&self) -> usize {
        self.script().asked.len()
    }

    /// Streams that somebody listens to.
    fn open(&self) -> usize {
        self.script().open.iter().filter(|stream| !stream.is_closed()).count()
    }

    fn send(&self, what: impl Fn() -> Result<Option<Event>, Error>) {
        self.script().open.iter().for_each(|stream| drop(stream.send(what())));
    }

    fn change(&self, environment: &str, path: &str) {
        let places = vec![Place { environment: environment.into(), path: path.into() }];
        self.send(|| Ok(Some(Event::Change(Change { kind: ChangeKind::Update, places: places.clone() }))));
    }
}

struct Stream(mpsc::UnboundedReceiver<Result<Option<Event>, Error>>);

impl Events for Stream {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, Error>> {
        Box::pin(async move { self.0.recv().await.unwrap_or(Ok(None)) })
    }
}

impl Opens for Scripted {
    fn open(&self, request: SubscribeRequest) -> BoxFuture<'_, Opened> {
        Box::pin(async move {
            let mut script = self.script();
            script.asked.push(request.places.iter().map(|place| format!("{}{}", place.environment, place.path)).collect());
            match script.answers.pop_front() {
                Some(Answer::Refuse(status, message)) => {
                    let request_id = Some("req-1".into());
                    let (operation, error) = ("subscribe to events", "X".into());
                    Err(SessionError::Call(Error::Refused {
                        operation,
                        status,
                        error,
                        message: message.into(),
                        request_id,
                        retry_after: None,
                    }))
                }
                Some(Answer::Panic) => panic!("on purpose"),
                None => {
                    let (sender, receiver) = mpsc::unbounded_channel();
                    script.open.push(sender);
                    Ok(Box::new(Stream(receiver)) as Box<dyn Events>)
                }
            }
        })
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What reads were told, as `live /a`, `dead /a`, `demand /a`, `nudge /a`.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn note(&self, what: &str, keys: &[ReadKey]) {
        self.0.lock().unwrap().extend(keys.iter().map(|key| format!("{what} {}", key.request.path)));
    }

    fn has(&self, what: &str) -> bool {
        self.0.lock().unwrap().iter().any(|heard| heard == what)
    }

    fn take(&self) -> Vec<String> {
        let mut heard = std::mem::take(&mut *self.0.lock().unwrap());
        heard.sort();
        heard
    }
}

impl Told for Heard {
    fn set_live(&self, keys: &[ReadKey], live: bool) {
        self.note(if live { "live" } else { "dead" }, keys);
    }

    fn demand(&self, keys: &[ReadKey]) {
        self.note("demand", keys);
    }

    fn nudge(&self, keys: &[ReadKey]) {
        self.note("nudge", keys);
    }

    fn catch_up(&self, keys: &[ReadKey], within: Duration) {
        self.note(&format!("catch up {}s", within.as_secs()), keys);
    }
}

struct Fixture {
    server: Scripted,
    instant: InstantUpdates<Scripted>,
    heard: Heard,
    woken: Arc<Mutex<Vec<String>>>,
    clock: Arc<ManualClock>,
    metrics: Arc<Metrics>,
}

impl Fixture {
    fn new() -> Self {
        let (clock, heard, metrics) = (Arc::new(ManualClock::default()), Heard::default(), Arc::<Metrics>::default());
        let woken: Arc<Mutex<Vec<String>>> = Arc::default();
        let wake = Box::new({
            let woken = woken.clone();
            move |user: &ObjectRef| woken.lock().unwrap().push(user.name.clone())
        });
        let instant = InstantUpdates::new(Box::new(heard.clone()), wake, clock.clone(), metrics.clone());
        Self { server: Scripted::default(), instant, heard, woken, clock, metrics }
    }

    fn follow(&self, name: &str, path: &str) {
        self.follow_with(name, &[(path, &[])], false);
    }

    fn follow_with(&self, name: &str, reads: &[(&str, &[(&str, &str)])], asked: bool) {
        self.follow_by(&self.server, name, reads, asked);
    }

    fn follow_by(&self, session: &Scripted, name: &str, reads: &[(&str, &[(&str, &str)])], asked: bool) {
        let followed = reads.iter().map(|(path, imports)| Followed {
            key: key(path),
            project_id: "p".into(),
            imports: Arc::new(
                imports.iter().map(|(environment, path)| Place { environment: (*environment).into(), path: (*path).into() }).collect(),
            ),
        });
        self.instant.follow_all(&user(name), session, followed.collect(), asked);
    }

    async fn heard(&self, what: &str) {
        until(what, || self.heard.has(what)).await;
    }

    async fn asked(&self, times: usize) {
        until(&format!("{times} subscriptions"), || self.server.asked() == times).await;
    }

    /// Lets time pass until the one who waits is due.
    async fn wait(&self) -> Duration {
        until("somebody waits", || !self.clock.sleeping().is_empty()).await;
        let wait = self.clock.sleeping()[0];
        self.clock.advance(wait);
        wait
    }

    fn streams(&self, state: &str) -> bool {
        self.metrics.text().unwrap().contains(&format!("event_streams{{state=\"{state}\"}} 1"))
    }
}

fn key(path: &str) -> ReadKey {
    let request = ReadRequest {
        project: ProjectRef::Slug("slug".into()),
        environment: "dev".into(),
        path: path.into(),
        recursive: false,
        expand_references: true,
        include_imports: true,
        tags: Vec::new(),
        secret: None,
    };
    ReadKey { session: SessionKey::of(&login("http://a", "s"), "d"), request }
}

fn end() -> Result<Option<Event>, Error> {
    Ok(None)
}

fn silence() -> Result<Option<Event>, Error> {
    Err(Error::TimedOut { origin: "http://a".into(), after: Duration::from_secs(45) })
}

#[tokio::test]
async fn one_stream_serves_all_and_wakes_only_the_reads_that_a_change_concerns() {
    let fixture = Fixture::new();
    for number in 0..20 {
        fixture.follow(&format!("u{number}"), &format!("/f{}", number % 4));
    }
    fixture.heard("demand /f3").await;
    assert_eq!((fixture.server.asked(), fixture.server.script().asked[0].len()), (1, 0), "the whole project, by one request");
    assert!(fixture.streams("connected"));
    fixture.heard.take();
    fixture.follow("later", "/late");
    assert_eq!(fixture.heard.take(), ["demand /late", "live /late"], "what is new is read once more, since it was read before");
    fixture.server.change("dev", "/f2");
    fixture.heard("nudge /late").await;
    let wanted = ["demand /f2", "nudge /f0", "nudge /f1", "nudge /f3", "nudge /late"];
    assert_eq!(fixture.heard.take(), wanted);
    assert_eq!(fixture.server.asked(), 1);
    assert!(fixture.metrics.text().unwrap().contains("events_total{kind=\"update\"} 1"));
}

#[tokio::test]
async fn a_change_in_a_folder_that_is_imported_wakes_who_imports_it() {
    let fixture = Fixture::new();
    fixture.follow_with("a", &[("/app", &[("prod", "/shared")])], false);
    fixture.heard("demand /app").await;
    fixture.heard.take();
    fixture.server.change("prod", "/shared");
    fixture.heard("demand /app").await;
    fixture.follow_with("a", &[("/app", &[])], false);
    fixture.heard.take();
    fixture.server.change("prod", "/shared");
    fixture.heard("nudge /app").await;
    assert!(!fixture.heard.has("demand /app"));
}

#[tokio::test]
async fn whatever_ends_a_stream_it_is_opened_again_and_all_is_read() {
    let fixture = Fixture::new();
    fixture.follow("a", "/a");
    for (times, over) in (2..).zip([end, silence, || Ok(Some(Event::Withdrawn))]) {
        fixture.heard("demand /a").await;
        fixture.server.send(|| Ok(Some(Event::Heartbeat)));
        fixture.heard.take();
        // As long as it must live for the first try to be soon.
        fixture.clock.advance(Duration::from_secs(60));
        fixture.server.send(over);
        fixture.heard("dead /a").await;
        until("it waits", || fixture.streams("waiting")).await;
        assert!(fixture.wait().await <= Duration::from_millis(1250), "the first try is soon");
        fixture.asked(times).await;
        fixture.heard("demand /a").await;
        assert_eq!(fixture.heard.take(), ["dead /a", "demand /a", "live /a"]);
        fixture.heard.note("demand", &[key("/a")]);
    }
    assert_eq!(fixture.server.open(), 1);
    assert!(fixture.woken.lock().unwrap().is_empty(), "nobody is told of what passes");
}

#[tokio::test]
async fn a_server_that_closes_at_once_is_asked_less_and_less_often() {
    let fixture = Fixture::new();
    fixture.follow("a", "/a");
    let mut waits = Vec::new();
    for times in 1..=8 {
        fixture.asked(times).await;
        until("it is open", || fixture.server.open() == 1).await;
        fixture.server.send(end);
        until("it is closed", || fixture.server.open() == 0).await;
        waits.push(fixture.wait().await);
    }
    assert!(waits[1] > waits[0] && waits[7] >= Duration::from_secs(60) && waits[7] <= Duration::from_secs(75), "{waits:?}");
}

#[tokio::test]
async fn streams_that_are_cut_early_are_opened_less_often_and_do_not_each_read_all_at_once() {
    let fixture = Fixture::new();
    fixture.follow("a", "/a");
    let (mut waits, mut caught_up) = (Vec::new(), Vec::new());
    for times in 1..=9 {
        fixture.asked(times).await;
        until("it is open", || fixture.streams("connected")).await;
        caught_up.extend(fixture.heard.take().into_iter().filter(|heard| !heard.starts_with("live") && !heard.starts_with("dead")));
        // Each tells that it lives before something on the way cuts it.
        fixture.server.send(|| Ok(Some(Event::Heartbeat)));
        fixture.clock.advance(Duration::from_secs(15));
        fixture.server.send(end);
        until("it is closed", || fixture.server.open() == 0).await;
        waits.push(fixture.wait().await);
    }
    assert!(waits[0] < Duration::from_secs(2) && waits[8] >= Duration::from_secs(60), "{waits:?}");
    assert_eq!(caught_up.len(), 9);
    assert!(caught_up[..5].iter().all(|heard| heard == "demand /a"), "some restarts cost nobody time: {caught_up:?}");
    assert!(caught_up[5..].iter().all(|heard| heard.starts_with("catch up ")), "{caught_up:?}");
}

#[tokio::test]
async fn a_login_that_is_changed_and_changed_back_has_its_stream_by_the_session_of_now() {
    let fixture = Fixture::new();
    fixture.follow("a", "/a");
    fixture.heard("live /a").await;
    fixture.heard("demand /a").await;
    fixture.heard.take();
    // Nothing was read by the login between, so that nothing took the stream away.
    let again = Scripted::default();
    fixture.follow_by(&again, "a", &[("/a", &[])], false);
    until("the stream of the session that has ended is closed", || fixture.server.open() == 0).await;
    fixture.heard("demand /a").await;
    assert_eq!(fixture.heard.take(), ["dead /a", "demand /a", "live /a"]);
    assert_eq!((again.open(), fixture.server.asked()), (1, 1));
    fixture.follow_by(&again, "b", &[("/a", &[])], false);
    assert_eq!(again.asked(), 1, "the same session keeps its stream");
}

#[tokio::test]
async fn a_panic_is_not_the_end() {
    let fixture = Fixture::new();
    fixture.server.next([Answer::Panic]);
    fixture.follow("a", "/a");
    fixture.wait().await;
    fixture.heard("live /a").await;
}

#[tokio::test]
async fn a_plan_without_events_is_said_once_and_asked_again_after_an_hour() {
    let fixture = Fixture::new();
    fixture.server.next([Answer::Refuse(400, "Event subscriptions are not available on your current plan.")]);
    fixture.follow("a", "/a");
    fixture.follow("b", "/b");
    until("both are woken", || fixture.woken.lock().unwrap().len() == 2).await;
    let notice = fixture.instant.notice(&user("a")).unwrap();
    assert_eq!((notice.reason, notice.class), (crate::reason::INSTANT_UPDATES, Class::UserFix));
    assert!(notice.message.contains("current plan"), "{}", notice.message);
    assert!(fixture.streams("refused") && fixture.heard.take().is_empty(), "nothing is live");
    // More resources, and more passes of the same ones, ask nobody.
    fixture.follow("c", "/c");
    fixture.follow_with("a", &[("/a", &[])], true);
    assert_eq!(fixture.server.asked(), 1);
    // A user's change asks again, once the refusal has some age.
    fixture.clock.advance(Duration::from_secs(61));
    fixture.server.next([Answer::Refuse(400, "Event subscriptions are not available on your current plan.")]);
    fixture.follow_with("a", &[("/a", &[])], true);
    fixture.asked(2).await;
    until("it rests", || fixture.streams("refused")).await;
    fixture.woken.lock().unwrap().clear();
    assert!(fixture.wait().await >= Duration::from_secs(3500));
    fixture.heard("live /a").await;
    until("the notice is taken back", || fixture.woken.lock().unwrap().len() == 3).await;
    assert_eq!((fixture.instant.notice(&user("a")), fixture.server.asked()), (None, 3));
}

#[tokio::test]
async fn without_the_right_to_all_it_asks_for_less_and_the_interval_stays() {
    let fixture = Fixture::new();
    fixture.server.next([Answer::Refuse(403, "no"), Answer::Refuse(422, "conditions")]);
    fixture.follow_with("a", &[("/app", &[("prod", "/shared")]), ("/web", &[])], false);
    fixture.heard("demand /web").await;
    until("two streams", || fixture.server.open() == 2).await;
    let asked = fixture.server.script().asked.clone();
    assert_eq!(asked[0], Vec::<String>::new());
    assert_eq!(asked[1], ["dev/", "dev/**"]);
    // The second environment was asked for or not, by the time at which the first was refused.
    assert_eq!(asked[asked.len() - 2..], [vec!["dev/app", "dev/web"], vec!["prod/shared"]]);
    assert!(!fixture.heard.has("live /app"), "references to other folders are not told of");
    fixture.heard.take();
    fixture.server.change("prod", "/shared");
    fixture.heard("demand /app").await;
}

#[tokio::test]
async fn when_nothing_less_is_left_the_missing_right_is_said() {
    let fixture = Fixture::new();
    fixture.server.next([Answer::Refuse(403, "no"), Answer::Refuse(403, "no"), Answer::Refuse(403, "no")]);
    fixture.follow("a", "/a");
    until("it is said", || fixture.instant.notice(&user("a")).is_some()).await;
    assert!(fixture.instant.notice(&user("a")).unwrap().message.contains("Secret Events"));
    assert_eq!(fixture.server.asked(), 3);
    fixture.wait().await;
    fixture.heard("live /a").await;
    assert_eq!(fixture.server.script().asked[3], Vec::<String>::new(), "after an hour all is asked for again");
}

#[test]
fn a_stream_whose_place_others_took_says_nothing_of_them() {
    let mut registry = Registry::default();
    let imports = Arc::new(vec![Place { environment: "prod".into(), path: "/shared".into() }]);
    let followed = Followed { key: key("/app"), project_id: "p".into(), imports };
    let whole = registry.follow(&user("a"), &Scripted::default(), vec![followed]).start.remove(0);
    let environments = registry.narrow(&whole.group, whole.number).unwrap().start;
    let [first, second] = &environments[..] else { panic!("{} streams", environments.len()) };
    let folders = registry.narrow(&first.group, first.number).unwrap().start;
    // The second is refused as well, before it is ended.
    let fault = || Fault::new(crate::reason::INSTANT_UPDATES, Class::UserFix, "refused");
    let now = std::time::Instant::now();
    assert!(registry.narrow(&second.group, second.number).is_none());
    assert!(registry.refuse(&second.group, second.number, fault(), now).is_none());
    assert_eq!(registry.notice(&user("a")), None);
    assert!(registry.opened(&folders[0].group, folders[0].number, None).is_some(), "those in its place go on");
    assert!(registry.refuse(&folders[0].group, folders[0].number, fault(), now).is_some());
    assert_eq!(registry.notice(&user("a")), Some(fault()));
}

#[tokio::test]
async fn too_many_streams_of_others_are_said_and_waited_for() {
    let fixture = Fixture::new();
    fixture.server.next((0..3).map(|_| Answer::Refuse(429, "Too many active connections")));
    fixture.follow("a", "/a");
    for times in 2..=4 {
        until("it is said", || fixture.instant.notice(&user("a")).is_some()).await;
        fixture.wait().await;
        fixture.asked(times).await;
    }
    fixture.heard("live /a").await;
    assert_eq!(*fixture.woken.lock().unwrap(), ["a", "a"], "once when it began and once when it was over");
}

#[tokio::test]
async fn a_stream_ends_with_its_last_follower_and_at_the_end_of_all() {
    let fixture = Fixture::new();
    fixture.follow("a", "/a");
    fixture.follow("b", "/a");
    until("it is open", || fixture.server.open() == 1).await;
    fixture.instant.leave(&user("a"));
    fixture.heard("demand /a").await;
    assert_eq!(fixture.server.open(), 1);
    fixture.instant.leave(&user("b"));
    until("it is closed", || fixture.server.open() == 0).await;
    assert!(fixture.heard.has("dead /a"));
    fixture.follow("c", "/c");
    until("it is open", || fixture.server.open() == 1).await;
    fixture.instant.close();
    until("it is closed", || fixture.server.open() == 0).await;
    fixture.follow("d", "/d");
    assert_eq!(fixture.server.asked(), 2, "none is opened after the end");
    until("no stream is shown", || !fixture.streams("connected") && !fixture.streams("waiting")).await;
}
