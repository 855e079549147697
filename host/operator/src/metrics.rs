//! Metrics, in base units and with bounded labels: no name of an object and no text of an error is ever one.
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reconciled {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Failed {
    kind: &'static str,
    stage: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ApiCall {
    operation: &'static str,
    /// `200`, `304`, `429` …, or the name of an error without a status.
    status: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Method {
    plugin: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CacheUse {
    cache: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PluginCall {
    plugin: String,
    world: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Plugin {
    plugin: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Load {
    plugin: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Loaded {
    plugin: String,
    version: String,
    digest: String,
}

/// What a stream of events does.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum StreamState {
    Connecting,
    Connected,
    /// To be opened again.
    Waiting,
    /// By plan, permission or version of the server.
    Refused,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Told {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Right {
    verbs: &'static str,
    resource: String,
}

/// One stream in [`Metrics`], as long as it is kept.
pub struct StreamMetric {
    streams: Family<InState, Gauge>,
    state: Option<StreamState>,
}

impl StreamMetric {
    pub fn set(&mut self, state: StreamState) {
        self.end();
        self.streams.get_or_create(&InState { state: state.into() }).inc();
        self.state = Some(state);
    }

    fn end(&mut self) {
        if let Some(state) = self.state.take() {
            self.streams.get_or_create(&InState { state: state.into() }).dec();
        }
    }
}

impl Drop for StreamMetric {
    fn drop(&mut self) {
        self.end();
    }
}

/// Everything that `/metrics` shows.
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Reconciled, Counter>,
    reconcile_seconds: Family<Kind, Histogram>,
    failures: Family<Failed, Counter>,
    api_calls: Family<ApiCall, Counter>,
    logins: Family<Method, Counter>,
    caches: Family<CacheUse, Counter>,
    streams: Family<InState, Gauge>,
    events: Family<Told, Counter>,
    rights: Family<Right, Gauge>,
    /// With the place where each is missing.
    missing: Mutex<BTreeSet<(&'static str, String, String)>>,
    plugin_calls: Family<PluginCall, Counter>,
    plugin_seconds: Family<PluginCall, Histogram>,
    plugin_memory: Family<Plugin, Gauge>,
    plugin_loads: Family<Load, Counter>,
    plugin_loaded: Family<Loaded, Gauge>,
    /// One version of a plugin serves at a time: the series of the one before is taken away.
    serving: Mutex<std::collections::BTreeMap<String, Loaded>>,
}

/// From 1 ms to 30 s: a reconcile waits for a login of tens of milliseconds, or for a time-out.
fn reconcile_buckets() -> Histogram {
    Histogram::new([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 30.0])
}

/// From 20 µs, half of a call of the smallest plugin, to the 15 s of the limit.
fn plugin_buckets() -> Histogram {
    Histogram::new([0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.02, 0.1, 1.0, 15.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("infisical_operator");
        let reconciles = Family::default();
        let reconcile_seconds = Family::new_with_constructor(reconcile_buckets as fn() -> Histogram);
        let failures = Family::default();
        let api_calls = Family::default();
        let logins = Family::default();
        let caches = Family::default();
        let (streams, events) = (Family::default(), Family::default());
        let rights = Family::default();
        let plugin_calls = Family::default();
        let plugin_seconds = Family::new_with_constructor(plugin_buckets as fn() -> Histogram);
        let plugin_memory = Family::default();
        let plugin_loads = Family::default();
        let plugin_loaded = Family::default();
        registry.register("reconciles", "Reconciles by kind and outcome", reconciles.clone());
        registry.register_with_unit("reconcile_duration", "Time of a reconcile", Unit::Seconds, reconcile_seconds.clone());
        registry.register("reconcile_failures", "Failed reconciles by the step and the reason", failures.clone());
        registry.register("infisical_calls", "Calls to Infisical by operation and status", api_calls.clone());
        registry.register("logins", "Logins by plugin and outcome", logins.clone());
        registry.register("cache_requests", "Requests to the session and read caches", caches.clone());
        registry.register("event_streams", "Streams of instant updates by state", streams.clone());
        registry.register("events", "Events of instant updates by kind", events.clone());
        registry.register("rights_missing", "Rights that the role does not give, by the places where they are missing", rights.clone());
        registry.register("plugin_calls", "Calls of plugins by world and outcome", plugin_calls.clone());
        registry.register_with_unit("plugin_call_duration", "Time of a plugin's call", Unit::Seconds, plugin_seconds.clone());
        registry.register_with_unit("plugin_memory_peak", "Largest linear memory of a call so far", Unit::Bytes, plugin_memory.clone());
        registry.register("plugin_loads", "Attempts to load a plugin by outcome", plugin_loads.clone());
        registry.register("plugin_loaded", "1 for the version of a plugin that serves", plugin_loaded.clone());
        Self {
            registry,
            reconciles,
            reconcile_seconds,
            failures,
            api_calls,
            logins,
            caches,
            streams,
            events,
            rights,
            missing: Mutex::default(),
            plugin_calls,
            plugin_seconds,
            plugin_memory,
            plugin_loads,
            plugin_loaded,
            serving: Mutex::default(),
        }
    }
}

impl Metrics {
    pub fn reconciled(&self, kind: &'static str, outcome: &'static str, took: Duration) {
        self.reconciles.get_or_create(&Reconciled { kind, outcome }).inc();
        self.reconcile_seconds.get_or_create(&Kind { kind }).observe(took.as_secs_f64());
    }

    pub fn failed(&self, kind: &'static str, stage: &'static str, reason: &'static str) {
        self.failures.get_or_create(&Failed { kind, stage, reason }).inc();
    }

    /// A call to Infisical ended; `status` is the HTTP status, or the reason of an error that has none.
    pub fn called(&self, operation: &'static str, status: String) {
        self.api_calls.get_or_create(&ApiCall { operation, status }).inc();
    }

    /// `outcome`: `ok` or a reason.
    pub fn login(&self, plugin: &str, outcome: &'static str) {
        // A resource may name any plugin: one that is not there gets no series of its own.
        let plugin = if outcome == "PluginNotFound" { "" } else { plugin };
        self.logins.get_or_create(&Method { plugin: plugin.into(), outcome }).inc();
    }

    /// `cache`: `session` or `read`; a hit is served without a call.
    pub fn cache(&self, cache: &'static str, hit: bool) {
        self.caches.get_or_create(&CacheUse { cache, outcome: if hit { "hit" } else { "miss" } }).inc();
    }

    /// A stream of events, in no state yet.
    #[must_use]
    pub fn stream(&self) -> StreamMetric {
        StreamMetric { streams: self.streams.clone(), state: None }
    }

    /// An event came.
    pub fn event(&self, kind: &'static str) {
        self.events.get_or_create(&Told { kind }).inc();
    }

    /// A right is missing, or no longer, or never was: its verbs as a rule lists them, the resource as `events.events.k8s.io`, and
    /// where: a namespace, or nothing for all.
    pub fn right(&self, verbs: &'static str, resource: &str, place: &str, missing: bool) {
        let mut all = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (verbs, resource.to_owned(), place.to_owned());
        let changed = if missing { all.insert(key) } else { all.remove(&key) };
        if !changed {
            return;
        }
        let places = all.iter().filter(|(of, what, _)| (*of, what.as_str()) == (verbs, resource)).count();
        let labels = Right { verbs, resource: resource.to_owned() };
        match i64::try_from(places) {
            Ok(0) => drop(self.rights.remove(&labels)),
            places => drop(self.rights.get_or_create(&labels).set(places.unwrap_or(i64::MAX))),
        }
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    /// Never in practice: writing to a string does not fail.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl infisical::Observer for Metrics {
    fn called(&self, operation: &'static str, status: &str) {
        self.called(operation, status.to_owned());
    }
}

impl runtime::Observer for Metrics {
    fn called(&self, record: &runtime::CallRecord<'_>) {
        let labels = PluginCall { plugin: record.plugin.into(), world: record.world.into(), outcome: record.outcome };
        self.plugin_calls.get_or_create(&labels).inc();
        self.plugin_seconds.get_or_create(&labels).observe(record.duration.as_secs_f64());
        let peak = i64::try_from(record.memory_peak).unwrap_or(i64::MAX);
        let gauge = self.plugin_memory.get_or_create(&Plugin { plugin: record.plugin.into() });
        if gauge.get() < peak {
            gauge.set(peak);
        }
    }

    fn loaded(&self, record: &runtime::LoadRecord<'_>) {
        let outcome = if record.error.is_some() { "failed" } else { "ok" };
        self.plugin_loads.get_or_create(&Load { plugin: record.plugin.into(), outcome }).inc();
        if record.error.is_some() {
            return;
        }
        let labels = Loaded {
            plugin: record.plugin.into(),
            version: record.version.unwrap_or_default().into(),
            digest: record.digest.chars().take(19).collect(),
        };
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = serving.insert(record.plugin.into(), labels.clone()) {
            self.plugin_loaded.remove(&before);
        }
        self.plugin_loaded.get_or_create(&labels).set(1);
    }

    fn removed(&self, plugin: &str) {
        if let Some(labels) = self.serving.lock().unwrap_or_else(PoisonError::into_inner).remove(plugin) {
            self.plugin_loaded.remove(&labels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::{LoadRecord, Observer};

    #[test]
    fn a_plugin_is_shown_with_one_version_while_it_serves() {
        let metrics = Metrics::default();
        let load = |version, digest| metrics.loaded(&LoadRecord { plugin: "jwt", version: Some(version), digest, code: None, error: None });
        load("1.0.0", "sha256:00");
        load("2.0.0", "sha256:11");
        let text = metrics.text().unwrap();
        assert!(text.contains("2.0.0") && !text.contains("1.0.0"), "{text}");
        metrics.removed("jwt");
        assert!(!metrics.text().unwrap().contains("2.0.0"));
    }

    #[test]
    fn a_missing_right_is_shown_with_the_number_of_places_until_it_is_granted() {
        let metrics = Metrics::default();
        for (place, missing) in [("a", true), ("b", true), ("a", true), ("c", false)] {
            metrics.right("list,watch", "secrets", place, missing);
        }
        let shown = |metrics: &Metrics| metrics.text().unwrap().lines().find(|line| line.contains("rights_missing{")).map(str::to_owned);
        let two = r#"infisical_operator_rights_missing{verbs="list,watch",resource="secrets"} 2"#;
        assert_eq!(shown(&metrics).as_deref(), Some(two));
        metrics.right("list,watch", "secrets", "a", false);
        metrics.right("list,watch", "secrets", "b", false);
        assert_eq!(shown(&metrics), None);
    }

    #[test]
    fn a_plugin_that_is_not_there_gets_no_series_of_its_own() -> Result<(), std::fmt::Error> {
        let metrics = Metrics::default();
        metrics.login("universal", "ok");
        metrics.login("whatever-a-user-writes", "PluginNotFound");
        metrics.login("and-another", "PluginNotFound");
        let text = metrics.text()?;
        assert!(text.contains(r#"logins_total{plugin="universal",outcome="ok"} 1"#), "{text}");
        assert!(text.contains(r#"logins_total{plugin="",outcome="PluginNotFound"} 2"#), "{text}");
        Ok(())
    }
}
