//! A runtime under attack.
use crate::{canary, neighbour::Neighbour};
use hostile::{Bench, CANARY, Plugin, posted, workspace_guest};
use runtime::{Config, Failure, Limits, Proved, World};
use serde_json::{Value, json};
use std::{future::Future, sync::OnceLock, time::Duration};
use support::Target;

/// Tenants who attack at once.
const ATTACKERS: usize = 3;

/// Half a second of CPU, and more patience than a busy machine needs.
pub fn short() -> Limits {
    Limits { ticks: 50, wall: Duration::from_secs(60), ..Limits::default() }
}

/// A runtime with `universal`, which the neighbour calls, and with what misbehaves.
pub struct Arena {
    pub bench: Bench,
}

/// One thing that hostile does, and what must come of it.
pub struct Attack {
    settings: Value,
    reason: &'static str,
    said: String,
}

impl Attack {
    pub fn new(deed: &str, reason: &'static str, said: &str) -> Self {
        Self { settings: json!({"do": deed}), reason, said: said.into() }
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings[name] = value.into();
        self
    }
}

impl Arena {
    pub async fn new(plugins: &[Plugin]) -> Self {
        Self::with(plugins, |_| {}).await
    }

    /// Half a second of CPU for a call.
    pub async fn with(plugins: &[Plugin], change: impl FnOnce(&mut Config)) -> Self {
        canary::watch();
        static COMPILER: OnceLock<()> = OnceLock::new();
        COMPILER.get_or_init(|| drop(Target::of_this_program().unwrap().build("compile-plugin").unwrap()));
        let bench = Bench::with(&with_universal(plugins), |config| {
            for world in [World::Authenticator, World::Template, World::Generator, World::Policy] {
                config.limits.insert(world, short());
            }
            change(config);
        })
        .await;
        Self { bench }
    }

    /// Lets something happen while the neighbour calls.
    pub async fn attack<T>(&self, attack: impl Future<Output = T>) -> T {
        let neighbour = Neighbour::move_in(&self.bench.runtime).await;
        let result = attack.await;
        neighbour.unharmed().await;
        canary::assert_silent();
        result
    }

    /// Several tenants attack at once, then behave. One attack after the other, each with namespaces of its own: the breaker
    /// is not under test.
    pub async fn each(&self, attacks: &[Attack]) {
        for (number, attack) in attacks.iter().enumerate() {
            let namespaces: [_; ATTACKERS] = std::array::from_fn(|attacker| format!("{number}-{attacker}"));
            let [a, b, c] = &namespaces;
            let act = |namespace| self.bench.act_with(namespace, attack.settings.clone());
            let (a, b, c) = self.attack(async { tokio::join!(act(a), act(b), act(c)) }).await;
            for result in [a, b, c] {
                attack.judge(result);
            }
            for namespace in &namespaces {
                self.behaves(namespace).await;
            }
        }
    }

    /// Hostile serves as if nothing had happened.
    pub async fn behaves(&self, namespace: &str) {
        let proved = self.bench.act_in(namespace, "behave").await.unwrap_or_else(|failure| panic!("it is not served: {failure}"));
        assert_eq!(posted(&proved).1, json!({"calls": "1"}));
    }
}

impl Attack {
    fn judge(&self, result: Result<Proved, Failure>) {
        let Err(failure) = result else { panic!("{} succeeds", self.settings) };
        fails(&self.settings.to_string(), &failure, self.reason, &self.said);
    }
}

/// A failure is as expected, and can be shown.
pub fn fails(what: &str, failure: &Failure, reason: &str, said: &str) {
    let text = failure.to_string();
    assert_eq!(failure.reason(), reason, "{what}: {text}");
    assert!(text.contains(said), "{what}: {text}");
    presentable(&text);
}

/// A text is short, on one line and without the canary.
pub fn presentable(text: &str) {
    assert!(text.chars().count() < 1200, "{} characters: {text}", text.chars().count());
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(!text.contains(CANARY), "it quotes the canary");
}

pub fn with_universal(plugins: &[Plugin]) -> Vec<Plugin> {
    plugins.iter().cloned().chain([workspace_guest("universal")]).collect()
}
