//! What a template sees: each secret as a variable, and all of them as `secrets`.
use minijinja::value::{Enumerator, Object, Value};
use plugin_sdk::template::Secret;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
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
        let (mut items, binary) = (BTreeMap::new(), Arc::new(AtomicBool::new(false)));
        for secret in secrets.into_iter().chain(imports) {
            items.entry(secret.key.clone()).or_insert_with(|| Item::new(secret, &binary));
        }
        let values = items.iter().map(|(key, item)| (key.clone(), item.value.clone())).collect();
        let all = All(items.into_iter().map(|(key, item)| (key, Value::from_object(item))).collect());
        Some(Self { root: Arc::new(Root { values, all: Value::from_object(all), missing: AtomicU32::new(0), binary }) })
    }

    /// The variables.
    pub fn context(&self) -> Value {
        Value::from_dyn_object(Arc::clone(&self.root))
    }

    /// A template begins: counts anew.
    pub fn begin(&self) {
        self.root.missing.store(0, Ordering::Relaxed);
        self.root.binary.store(false, Ordering::Relaxed);
    }

    /// Whether a value that is not UTF-8 was printed, or made part of a text.
    pub fn printed_binary(&self) -> bool {
        self.root.binary.load(Ordering::Relaxed)
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
    binary: Arc<AtomicBool>,
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
    fn new(secret: Secret, binary: &Arc<AtomicBool>) -> Self {
        let value = match String::from_utf8(secret.value) {
            Ok(text) => Value::from(text),
            Err(_) => Value::from_object(Binary(Arc::clone(binary))),
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

/// A value that is not UTF-8. As a text it would be another one, so whoever takes it as text is found out.
struct Binary(Arc<AtomicBool>);

impl std::fmt::Debug for Binary {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.store(true, Ordering::Relaxed);
        out.write_str("binary")
    }
}

impl Object for Binary {
    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.store(true, Ordering::Relaxed);
        Ok(())
    }
}
