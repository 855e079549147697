//! What a template sees: each secret as a variable, and all of them as `secrets`.
use minijinja::value::{Enumerator, Object, Value};
use plugin_sdk::template::Secret;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// The variable with all secrets by key.
const ALL: &str = "secrets";

/// The data of one call.
pub struct Data {
    root: Arc<Root>,
}

impl Data {
    /// Of a key that repeats the first counts; a secret beats an import. None: the dot is not known.
    pub fn new(dot: &str, secrets: Vec<Secret>, imports: Vec<Secret>) -> Option<Self> {
        if !["infisical-secret", "static-secret", "external-secret"].contains(&dot) {
            return None;
        }
        let mut items = BTreeMap::new();
        for secret in secrets.into_iter().chain(imports) {
            items.entry(secret.key.clone()).or_insert_with(|| Item::new(secret));
        }
        let values = items.iter().map(|(key, item)| (key.clone(), item.value.clone())).collect();
        let all = All(items.into_iter().map(|(key, item)| (key, Value::from_object(item))).collect());
        Some(Self { root: Arc::new(Root { values, all: Value::from_object(all), missing: AtomicU32::new(0) }) })
    }

    /// The variables.
    pub fn context(&self) -> Value {
        Value::from_dyn_object(Arc::clone(&self.root))
    }

    /// A template begins: counts anew.
    pub fn begin(&self) {
        self.root.missing.store(0, Ordering::Relaxed);
    }

    /// Missing variables that were printed.
    pub fn missing(&self) -> u32 {
        self.root.missing.load(Ordering::Relaxed)
    }

    /// Counts one that was printed.
    pub fn counter(&self) -> impl Fn() + Send + Sync + 'static {
        let root = Arc::clone(&self.root);
        move || {
            root.missing.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Root {
    values: BTreeMap<String, Value>,
    all: Value,
    missing: AtomicU32,
}

impl std::fmt::Debug for Root {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("secrets")
    }
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        self.values.get(key).cloned().or_else(|| (key == ALL).then(|| self.all.clone()))
    }
}

/// All secrets by key.
struct All(BTreeMap<String, Value>);

impl std::fmt::Debug for All {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("secrets")
    }
}

impl Object for All {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|key| Value::from(key.as_str())).collect())
    }
}

/// A secret. Prints as its value.
pub struct Item {
    pub value: Value,
    path: Value,
    comment: Value,
    tags: Value,
}

impl Item {
    fn new(secret: Secret) -> Self {
        let value = match String::from_utf8(secret.value) {
            Ok(text) => Value::from(text),
            Err(error) => Value::from_bytes(error.into_bytes()),
        };
        Self { value, path: secret.path.into(), comment: secret.comment.into(), tags: secret.tags.into_iter().collect() }
    }
}

impl std::fmt::Debug for Item {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("secret")
    }
}

impl Object for Item {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "value" => Some(self.value.clone()),
            "path" => Some(self.path.clone()),
            "comment" => Some(self.comment.clone()),
            "tags" => Some(self.tags.clone()),
            _ => None,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.value.is_true()
    }

    /// For filters, which take it as text.
    fn render(self: &Arc<Self>, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.value, out)
    }
}
