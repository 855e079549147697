//! What a template sees as its data.
use go_template_engine::{Arg, Context, Error, Field, Kind, Map, Named, Str, Structure, Type, Value, functions};
use go_template_functions::Dialect;
use plugin_sdk::template::Secret;
use std::{cell::OnceCell, collections::BTreeMap, rc::Rc};

/// An entry of an InfisicalSecret's dot.
static INFISICAL: Named = Named { fields: FIELDS, ..Named::new("model.SecretTemplateOptions", Kind::Struct) };

/// Of an InfisicalStaticSecret's: the same, but it prints as its value.
static STATIC: Named = Named {
    fields: FIELDS,
    methods: || functions! { "String" => string, (Printable<'_>) },
    text: Some(text),
    ..Named::new("model.V1TemplateOptions", Kind::Struct)
};

static FIELDS: &[Field] = &[
    Field { name: "Value", kind: Type::STRING, json: Some("value") },
    Field { name: "SecretPath", kind: Type::STRING, json: Some("secretPath") },
];

const INFISICAL_TYPE: Type = Type::Named(&INFISICAL);
const STATIC_TYPE: Type = Type::Named(&STATIC);

/// The receiver of the string method.
struct Printable<'a>(&'a Structure);

impl<'a> Arg<'a> for Printable<'a> {
    const TYPE: Type = STATIC_TYPE;

    fn take(value: &'a Value) -> Option<Self> {
        match value {
            Value::Struct(structure) => Some(Self(structure)),
            _ => None,
        }
    }
}

fn string(_: &mut Context<'_>, entry: Printable<'_>) -> Result<Str, Error> {
    Ok(entry.0.field("Value").and_then(<&Str>::take).cloned().unwrap_or_default())
}

/// What printing shows.
fn text(entry: &Value) -> Str {
    Printable::take(entry).and_then(|entry| entry.0.field("Value")).and_then(<&Str>::take).cloned().unwrap_or_default()
}

/// The data of a target.
pub struct Dot {
    value: Value,
    /// For `secretFrom`: direct secrets, then imported ones.
    by_folder: Vec<(String, String, Value)>,
    folders: OnceCell<Folder>,
}

/// Secrets of a folder and its folders.
#[derive(Default)]
struct Folder {
    secrets: BTreeMap<String, Value>,
    folders: BTreeMap<String, Folder>,
}

impl Dot {
    /// Of a key that repeats the last counts, as in the peer's InfisicalSecret, or the first, as in its StaticSecret. A secret
    /// beats an import, and an earlier import a later one.
    pub fn new(dialect: Dialect, secrets: Vec<Secret>, imports: Vec<Secret>) -> Self {
        let mut entries: BTreeMap<Str, Value> = BTreeMap::new();
        let mut by_folder = Vec::new();
        for (secret, imported) in secrets.into_iter().map(|secret| (secret, false)).chain(imports.into_iter().map(|secret| (secret, true)))
        {
            let value = match dialect {
                Dialect::ExternalSecret => Value::string(secret.value),
                Dialect::InfisicalSecret => structure(&INFISICAL, secret.value, &secret.path),
                Dialect::StaticSecret => structure(&STATIC, secret.value, &secret.path),
            };
            if dialect == Dialect::StaticSecret {
                by_folder.push((secret.path, secret.key.clone(), value.clone()));
            }
            if imported || dialect == Dialect::StaticSecret {
                entries.entry(secret.key.into()).or_insert(value);
            } else {
                entries.insert(secret.key.into(), value);
            }
        }
        let elem = match dialect {
            Dialect::ExternalSecret => &Type::STRING,
            Dialect::InfisicalSecret => &INFISICAL_TYPE,
            Dialect::StaticSecret => &STATIC_TYPE,
        };
        Self { value: Value::Map(Map::of_strings(elem, entries)), by_folder, folders: OnceCell::new() }
    }

    /// For the engine.
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The first secret of that name in that folder, as the peer's `secretFrom` finds it.
    ///
    /// # Errors
    /// Where folder or secret are missing.
    pub fn secret_from(&self, path: &[u8], key: &[u8]) -> Result<Value, Error> {
        let path = String::from_utf8_lossy(path);
        let key = String::from_utf8_lossy(key);
        let mut folder = self.folders.get_or_init(|| Folder::of(&self.by_folder));
        for part in parts(&path) {
            folder = match folder.folders.get(part) {
                Some(folder) => folder,
                // The tree of the peer has one kind of node: below a secret there is nothing.
                None if folder.secrets.contains_key(part) => return Err(Error::new(format!("secretFrom: secret {key:?} not found"))),
                None => return Err(Error::new(format!("secretFrom: folder path {part:?} not found"))),
            };
        }
        folder.secrets.get(&*key).cloned().ok_or_else(|| Error::new(format!("secretFrom: secret {key:?} not found")))
    }
}

impl Folder {
    fn of(secrets: &[(String, String, Value)]) -> Self {
        let mut root = Self::default();
        for (path, key, value) in secrets {
            let folder = parts(path).fold(&mut root, |folder, part| folder.folders.entry(part.into()).or_default());
            folder.secrets.entry(key.clone()).or_insert_with(|| value.clone());
        }
        root
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn structure(named: &'static Named, value: Vec<u8>, path: &str) -> Value {
    Value::Struct(Rc::new(Structure::new(named, vec![Value::string(value), Value::string(path)])))
}
