//! Values that generators make: which generator a reference means, and one value of it.
//!
//! A reference means the ClusterGenerator of that name; where there is none, the Password or UUID of that name in the
//! resource's namespace. Whoever refers to a generator is woken when it changes, appears or goes.
//!
//! A value is made once and kept by whoever asked for it; [`Generator::digest`] tells when another one is due. It follows from
//! the settings as they count: not from a default that is written out, and not from the generator's name or the plugin's
//! version, for a new password that nobody asked for is an outage.
use crate::{
    chain::Kept,
    cluster::Requests,
    object::{Name, ObjectRef},
    outcome::{Class, Fault},
    plan::Settings,
    reason,
    trigger::Triggers,
};
use api::{
    names,
    text::Text,
    v1alpha1::{ClusterGenerator, GeneratorReference, Password, PasswordRules, Uuid},
};
use runtime::{Ambient, Caller, Failure, GenerateCall, Generated, SecretBytes};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, future::Future, sync::Arc};

/// Length of a password whose generator says none.
const LENGTH: i64 = 24;

/// What a generator generates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString)]
pub enum Kind {
    Password,
    #[strum(serialize = "UUID")]
    Uuid,
}

impl Kind {
    /// The plugin that generates it.
    const fn plugin(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Uuid => "uuid",
        }
    }
}

/// A generator that a reference means.
#[derive(Clone, Debug, PartialEq)]
pub struct Generator {
    /// Whose it is, for messages: `ClusterGenerator db` or `Password shop/db`.
    pub object: ObjectRef,
    /// The plugin that generates.
    pub plugin: &'static str,
    /// Its settings: an object without anything that is not set.
    pub settings: Value,
}

impl Generator {
    /// Digest of plugin and settings, in hex. Equal settings give equal digests, whatever generator they are of.
    #[must_use]
    pub fn digest(&self) -> String {
        // An object's members come in one order.
        hex::encode(Sha256::digest(format!("{} {}", self.plugin, self.settings)))
    }

    /// What a ClusterGenerator generates.
    ///
    /// # Errors
    /// It says no kind, or one that is none.
    pub fn of_cluster(generator: &ClusterGenerator) -> Result<(Kind, Self), Fault> {
        let object = ObjectRef::of(generator);
        let written = generator.spec.kind.text().unwrap_or_default();
        let kind: Kind = written.parse().map_err(|_| {
            let found: String = written.chars().take(64).collect();
            fault(&object, reason::INVALID_SPEC, format!("spec.kind is {found:?}; write Password or UUID"))
        })?;
        let rules = generator.spec.generator.as_ref().and_then(|specs| specs.password_spec.clone());
        Ok((kind, Self::new(object, kind, rules.as_ref())))
    }

    /// What a Password generates.
    #[must_use]
    pub fn of_password(generator: &Password) -> Self {
        Self::new(ObjectRef::of(generator), Kind::Password, Some(&generator.spec.rules))
    }

    /// What a UUID generates.
    #[must_use]
    pub fn of_uuid(generator: &Uuid) -> Self {
        Self::new(ObjectRef::of(generator), Kind::Uuid, None)
    }

    fn new(object: ObjectRef, kind: Kind, rules: Option<&PasswordRules>) -> Self {
        let settings = match kind {
            Kind::Password => settings(rules.unwrap_or(&PasswordRules::default())),
            Kind::Uuid => json!({}),
        };
        Self { object, plugin: kind.plugin(), settings }
    }
}

/// The settings as they count: what is not set is left out, but for what the definition fills in.
fn settings(rules: &PasswordRules) -> Value {
    let mut settings = Map::new();
    let mut set = |name: &str, value: Option<Value>| settings.extend(value.map(|value| (name.to_owned(), value)));
    set("length", Some(rules.length.unwrap_or(LENGTH).into()));
    set("digits", rules.digits.map(Value::from));
    set("symbols", rules.symbols.map(Value::from));
    // A text of symbols is taken as it is, space included.
    set("symbolCharacters", rules.symbol_characters.clone().filter(|symbols| !symbols.is_empty()).map(Value::from));
    set("noUpper", Some(rules.no_upper.unwrap_or(false).into()));
    set("allowRepeat", Some(rules.allow_repeat.unwrap_or(false).into()));
    Value::Object(settings)
}

/// All that is known of generators, and who refers to them.
pub struct Generators {
    pub clusters: Kept<ClusterGenerator>,
    pub passwords: Kept<Password>,
    pub uuids: Kept<Uuid>,
    /// Only some namespaces are served, so there may be no right to read what has no namespace.
    scoped: bool,
}

impl Generators {
    /// `scopes` are the watched namespaces, or None for all.
    #[must_use]
    pub fn new(requests: &Requests, triggers: &Arc<Triggers>, scopes: &[Option<String>]) -> Self {
        Self {
            clusters: Kept::new(requests, triggers, &[None]),
            passwords: Kept::new(requests, triggers, scopes),
            uuids: Kept::new(requests, triggers, scopes),
            scoped: !scopes.contains(&None),
        }
    }

    /// Looks up all generators that a resource refers to, in their order: for each reference, where it is written (for example
    /// `spec.push.generators[0].generatorRef`) and what it says. The resource is woken when one of them changes.
    pub async fn find(&self, user: &ObjectRef, references: &[(String, Option<GeneratorReference>)]) -> Vec<Result<Generator, Fault>> {
        let wanted: Vec<_> = references.iter().map(|(place, reference)| wanted(user, place, reference.as_ref())).collect();
        let names = |kind: Option<Kind>, namespace: &str| {
            let of_kind = wanted.iter().flatten().filter(|wanted| kind.is_none_or(|kind| kind == wanted.kind));
            of_kind.map(|wanted| Name::new(namespace, &wanted.name)).collect::<BTreeSet<_>>()
        };
        self.clusters.refer(user, names(None, ""));
        self.passwords.refer(user, names(Some(Kind::Password), &user.namespace));
        self.uuids.refer(user, names(Some(Kind::Uuid), &user.namespace));
        let mut found = Vec::new();
        for wanted in wanted {
            found.push(match wanted {
                Ok(wanted) => self.find_one(user, &wanted).await,
                Err(fault) => Err(fault),
            });
        }
        found
    }

    async fn find_one(&self, user: &ObjectRef, wanted: &Wanted<'_>) -> Result<Generator, Fault> {
        let Wanted { kind, name, .. } = wanted;
        // That a right is missing says nothing about what is there, but where it is not to be had, nobody relies on it.
        let (cluster, unread) = match self.clusters.get(&Name::new("", name)).await {
            Err(fault) if fault.class == Class::Denied && self.scoped => (None, true),
            found => (found?, false),
        };
        if let Some(cluster) = cluster {
            return wanted.of_cluster(user, &cluster);
        }
        let local = Name::new(&user.namespace, name);
        let found = match kind {
            Kind::Password => self.passwords.get(&local).await?.map(|generator| Generator::of_password(&generator)),
            Kind::Uuid => self.uuids.get(&local).await?.map(|generator| Generator::of_uuid(&generator)),
        };
        found.ok_or_else(|| wanted.not_found(user, unread))
    }

    /// The resource is gone.
    pub fn forget(&self, user: &ObjectRef) {
        self.clusters.forget(user);
        self.passwords.forget(user);
        self.uuids.forget(user);
    }
}

/// What a reference says.
struct Wanted<'a> {
    place: &'a str,
    kind: Kind,
    name: String,
}

impl Wanted<'_> {
    fn of_cluster(&self, user: &ObjectRef, cluster: &ClusterGenerator) -> Result<Generator, Fault> {
        let Self { place, kind, .. } = self;
        let (found, generator) = Generator::of_cluster(cluster)?;
        if found == *kind {
            return Ok(generator);
        }
        let message = format!("{place}.kind is {kind}, but {} generates a {found}; write {found}, or name another one", generator.object);
        Err(fault(user, reason::GENERATOR_KIND, message))
    }

    fn not_found(&self, user: &ObjectRef, unread: bool) -> Fault {
        let Self { place, kind, name } = self;
        let cluster = if unread { "no ClusterGenerator may be read" } else { "there is no ClusterGenerator" };
        let local = Name::new(&user.namespace, name);
        let message = format!("{place}: {cluster} {name}, and there is no {kind} {local}; create one of them");
        fault(user, reason::GENERATOR_NOT_FOUND, message)
    }
}

/// The generator that a reference at a place means, among these.
///
/// # Errors
/// It is no reference; the generator is not among them, or generates something else.
pub fn among<'a>(
    user: &ObjectRef,
    (place, reference): (&str, Option<&GeneratorReference>),
    clusters: impl IntoIterator<Item = &'a ClusterGenerator>,
    passwords: impl IntoIterator<Item = &'a Password>,
    uuids: impl IntoIterator<Item = &'a Uuid>,
) -> Result<Generator, Fault> {
    let wanted = wanted(user, place, reference)?;
    if let Some(cluster) = clusters.into_iter().find(|one| ObjectRef::of(*one).name == wanted.name) {
        return wanted.of_cluster(user, cluster);
    }
    let meant = |found: ObjectRef| found.name == wanted.name && found.namespace == user.namespace;
    let found = match wanted.kind {
        Kind::Password => passwords.into_iter().find(|one| meant(ObjectRef::of(*one))).map(Generator::of_password),
        Kind::Uuid => uuids.into_iter().find(|one| meant(ObjectRef::of(*one))).map(Generator::of_uuid),
    };
    found.ok_or_else(|| wanted.not_found(user, false))
}

fn wanted<'a>(user: &ObjectRef, place: &'a str, reference: Option<&GeneratorReference>) -> Result<Wanted<'a>, Fault> {
    let wrong = |message: String| fault(user, reason::INVALID_SPEC, format!("{place}{message}"));
    let (kind, name) = reference.map_or((None, None), |reference| (reference.kind.text(), reference.name.text()));
    let name = name.ok_or_else(|| wrong(".name is empty; name a generator".into()))?;
    names::object(name).map_err(|error| wrong(format!(".name: {error}")))?;
    let kind = kind.unwrap_or_default();
    let kind =
        kind.parse().map_err(|_| wrong(format!(".kind is {:?}; write Password or UUID", kind.chars().take(64).collect::<String>())))?;
    Ok(Wanted { place, kind, name: name.to_owned() })
}

/// Runs generators: the runtime, or a script in tests.
pub trait Generating: Sync {
    fn generate(&self, call: GenerateCall) -> impl Future<Output = Result<Generated, Failure>> + Send;
}

impl Generating for runtime::Runtime {
    fn generate(&self, call: GenerateCall) -> impl Future<Output = Result<Generated, Failure>> + Send {
        runtime::Runtime::generate(self, call)
    }
}

/// One value. Can't be formatted.
pub struct Made {
    pub value: Arc<SecretBytes>,
    /// What the generator wants users to know.
    pub notices: Vec<Fault>,
}

/// Makes one value for a resource.
///
/// # Errors
/// The namespace may not use the plugin; its settings are wrong, with field, what was found and what is allowed; the plugin
/// fails.
pub async fn generate(generating: &impl Generating, user: &ObjectRef, generator: &Generator, settings: &Settings) -> Result<Made, Fault> {
    settings.may_use(user, &generator.object.to_string(), generator.plugin)?;
    let placed = |fault: Fault| Fault { message: format!("{}: {}", generator.object, fault.message), ..fault };
    let caller = Caller { namespace: user.namespace.clone(), ambient: Ambient::Withheld, service_account: None };
    let call = GenerateCall { plugin: generator.plugin.into(), settings: generator.settings.clone(), caller };
    let Generated { outputs, notices } = generating.generate(call).await.map_err(|failure| placed(failure.into()))?;
    let notices = notices.into_iter().map(|text| placed(Fault::new(reason::GENERATOR_NOTICE, Class::UserFix, text))).collect();
    match <[_; 1]>::try_from(outputs) {
        Ok([output]) => Ok(Made { value: Arc::new(output.value), notices }),
        Err(outputs) => {
            let message = format!("plugin {} made {} values where one was asked for", generator.plugin, outputs.len());
            Err(placed(Fault::new("Bug", Class::Bug, message)))
        }
    }
}

fn fault(object: &ObjectRef, reason: &'static str, message: impl AsRef<str>) -> Fault {
    Fault::new(reason, Class::UserFix, format!("{object}: {}", message.as_ref()))
}

#[cfg(test)]
mod tests;
