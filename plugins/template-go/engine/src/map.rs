//! Maps.
use crate::{
    compare,
    error::Error,
    text::Str,
    types::{Kind, Type},
    value::Value,
};
use std::{cell::RefCell, cmp::Ordering, collections::BTreeMap, rc::Rc};

/// A map with its types. Cloning shares: a change is seen by all. Iterates in the order of `text/template` and `fmt`, that is
/// sorted.
#[derive(Clone)]
pub struct Map(Rc<Inner>);

struct Inner {
    key: &'static Type,
    elem: &'static Type,
    nil: bool,
    entries: RefCell<Entries>,
}

enum Entries {
    Text(BTreeMap<Str, Value>),
    Any(BTreeMap<Key, Value>),
}

impl Map {
    /// An empty one.
    pub fn new(key: &'static Type, elem: &'static Type) -> Self {
        Self::with(key, elem, false)
    }

    /// An empty `map[string]interface {}`.
    pub fn dict() -> Self {
        Self::new(&Type::STRING, &Type::Interface)
    }

    /// A nil one: empty, `null` in JSON, and nothing can be put in.
    pub fn nil(key: &'static Type, elem: &'static Type) -> Self {
        Self::with(key, elem, true)
    }

    /// A `map[string]T` of these.
    pub fn of_strings(elem: &'static Type, entries: BTreeMap<Str, Value>) -> Self {
        Self(Rc::new(Inner { key: &Type::STRING, elem, nil: false, entries: RefCell::new(Entries::Text(entries)) }))
    }

    fn with(key: &'static Type, elem: &'static Type, nil: bool) -> Self {
        let text = key.kind() == Kind::String;
        let entries = if text { Entries::Text(BTreeMap::new()) } else { Entries::Any(BTreeMap::new()) };
        Self(Rc::new(Inner { key, elem, nil, entries: RefCell::new(entries) }))
    }

    /// Type of the keys.
    pub fn key(&self) -> &'static Type {
        self.0.key
    }

    /// Type of the values.
    pub fn elem(&self) -> &'static Type {
        self.0.elem
    }

    /// Whether it is a nil map.
    pub fn is_nil(&self) -> bool {
        self.0.nil
    }

    /// Whether both are the same map, not only alike.
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    pub fn len(&self) -> usize {
        match &*self.0.entries.borrow() {
            Entries::Text(entries) => entries.len(),
            Entries::Any(entries) => entries.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Of a string key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        match &*self.0.entries.borrow() {
            Entries::Text(entries) => entries.get(key).cloned(),
            Entries::Any(entries) => entries.get(&Key(Value::string(key))).cloned(),
        }
    }

    /// Of any key.
    pub fn get_value(&self, key: &Value) -> Option<Value> {
        match (&*self.0.entries.borrow(), key) {
            (Entries::Text(entries), Value::String(key)) => entries.get(key).cloned(),
            (Entries::Text(_), _) => None,
            (Entries::Any(entries), key) => entries.get(&Key(key.clone())).cloned(),
        }
    }

    /// Whether there is such a key.
    pub fn has(&self, key: &[u8]) -> bool {
        match &*self.0.entries.borrow() {
            Entries::Text(entries) => entries.contains_key(key),
            Entries::Any(entries) => entries.contains_key(&Key(Value::string(key))),
        }
    }

    /// Puts in or replaces.
    ///
    /// # Errors
    /// On a nil map, as Go panics.
    pub fn set(&self, key: impl Into<Str>, value: Value) -> Result<(), Error> {
        self.set_value(Value::String(key.into()), value)
    }

    /// Puts in or replaces, with any key that fits the type.
    ///
    /// # Errors
    /// On a nil map, as Go panics, and for a key of another type.
    pub fn set_value(&self, key: Value, value: Value) -> Result<(), Error> {
        if self.0.nil {
            return Err(Error::panic("assignment to entry in nil map"));
        }
        match (&mut *self.0.entries.borrow_mut(), key) {
            (Entries::Text(entries), Value::String(key)) => drop(entries.insert(key, value)),
            (Entries::Text(_), key) => return Err(Error::new(format!("a key of type {} in a map of strings", key.type_name()))),
            (Entries::Any(entries), key) => drop(entries.insert(Key(key), value)),
        }
        Ok(())
    }

    /// Takes out.
    pub fn remove(&self, key: &[u8]) {
        match &mut *self.0.entries.borrow_mut() {
            Entries::Text(entries) => drop(entries.remove(key)),
            Entries::Any(entries) => drop(entries.remove(&Key(Value::string(key)))),
        }
    }

    /// Sorted by key, as they are now.
    pub fn entries(&self) -> Vec<(Value, Value)> {
        match &*self.0.entries.borrow() {
            Entries::Text(entries) => entries.iter().map(|(key, value)| (Value::String(key.clone()), value.clone())).collect(),
            Entries::Any(entries) => entries.iter().map(|(key, value)| (key.0.clone(), value.clone())).collect(),
        }
    }

    /// `reflect.DeepEqual`.
    pub fn deep_equal(&self, other: &Self) -> bool {
        self.same(other)
            || self.key() == other.key()
                && self.elem() == other.elem()
                && self.is_nil() == other.is_nil()
                && self.len() == other.len()
                && self.entries().iter().all(|(key, value)| other.get_value(key).is_some_and(|other| value.deep_equal(&other)))
    }
}

/// A key of a map whose keys are no strings.
struct Key(Value);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        compare::keys(&self.0, &other.0)
    }
}
