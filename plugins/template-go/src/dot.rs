//! What a template sees as its data, whatever the engine.
use plugin_sdk::template::Secret;
use std::collections::BTreeMap;

/// The form of a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `infisical-secret`: keys to structs with `Value` and `SecretPath`.
    Struct,
    /// `static-secret`: the same, and such a struct prints as its value.
    PrintableStruct,
    /// `external-secret`: keys to values.
    Value,
}

impl Shape {
    /// By its name in the contract.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "infisical-secret" => Some(Self::Struct),
            "static-secret" => Some(Self::PrintableStruct),
            "external-secret" => Some(Self::Value),
            _ => None,
        }
    }
}

/// The data.
pub struct Dot {
    /// Its form.
    pub shape: Shape,
    /// By key.
    pub items: BTreeMap<String, Item>,
}

/// One secret.
pub struct Item {
    /// Any bytes.
    pub value: Vec<u8>,
    /// Folder.
    pub path: String,
}

impl Dot {
    /// Of a key that repeats the last counts, as in the peer's InfisicalSecret, or the first, as in its StaticSecret. A secret
    /// beats an import, and an earlier import a later one.
    pub fn new(shape: Shape, secrets: Vec<Secret>, imports: Vec<Secret>) -> Self {
        let mut items = BTreeMap::new();
        for secret in secrets {
            let item = Item { value: secret.value, path: secret.path };
            match shape {
                Shape::PrintableStruct => drop(items.entry(secret.key).or_insert(item)),
                Shape::Struct | Shape::Value => drop(items.insert(secret.key, item)),
            }
        }
        for import in imports {
            items.entry(import.key).or_insert(Item { value: import.value, path: import.path });
        }
        Self { shape, items }
    }
}
