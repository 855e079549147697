//! From what was read to the data of one target: as it is, or through a template plugin.
//!
//! One call renders all entries of a target; one entry that fails fails the target, so that no half of it is ever written.
use crate::{
    data::{self, Contents, Repeated},
    digest::Parts,
    outcome::{Class, Fault},
    plan::{Data, Desired, Dialect, Target, Template, Version},
    read::Snapshot,
    reason,
};
use runtime::{Ambient, Caller, Entry, RenderCall, Rendering, SourceSecret};
use secrecy::ExposeSecret;
use std::{collections::BTreeSet, future::Future, sync::Arc};

/// Of one target; more would hide what else a condition says.
const NOTICES: usize = 4;

/// Renders templates: the runtime, or a script in tests.
pub trait Renderer: Sync {
    fn render(&self, call: RenderCall) -> impl Future<Output = Result<Rendering, runtime::Failure>> + Send;
}

impl Renderer for runtime::Runtime {
    fn render(&self, call: RenderCall) -> impl Future<Output = Result<Rendering, runtime::Failure>> + Send {
        runtime::Runtime::render(self, call)
    }
}

/// What targets are made from.
pub struct Source {
    /// One for each key: what a target without a template holds.
    pub merged: Arc<Vec<SourceSecret>>,
    /// What templates see.
    pub contents: Contents,
    /// Of the data that is written.
    pub version: fn(&Data) -> String,
}

impl Source {
    /// What was read for a resource, one snapshot for each of its reads.
    #[must_use]
    pub fn of(dialect: Dialect, snapshots: &[Arc<Snapshot>]) -> Self {
        match (dialect, snapshots) {
            (Dialect::InfisicalSecret, [only]) => Self::infisical_secret(Arc::clone(&only.secrets)),
            (_, all) => Self::static_secret(Contents::joined(&all.iter().map(|snapshot| &snapshot.contents).collect::<Vec<_>>())),
        }
    }

    /// Its templates see no import as such, and each key once.
    #[must_use]
    pub fn infisical_secret(merged: Arc<Vec<SourceSecret>>) -> Self {
        Self { contents: Contents { secrets: Arc::clone(&merged), ..Contents::default() }, merged, version: v1alpha1 }
    }

    /// Its templates see what every source holds.
    #[must_use]
    pub fn static_secret(contents: Contents) -> Self {
        Self { merged: Arc::new(contents.merged(Repeated::FirstWins)), contents, version: v1beta1 }
    }
}

/// What a target must hold.
///
/// # Errors
/// The template fails, or Kubernetes would not take the data.
pub async fn desired(renderer: &impl Renderer, target: &Target, source: &Source, namespace: &str) -> Result<Desired, Fault> {
    let rendering = match target.template.as_ref().filter(|template| !template.entries.is_empty()) {
        Some(template) => {
            renderer.render(call(template, &source.contents, namespace)).await.map_err(|failure| at(&target.field, failure.into()))?
        }
        None => Rendering { entries: Vec::new(), notices: Vec::new() },
    };
    assembled(target, source, rendering)
}

/// What a target must hold, with what its template rendered.
///
/// # Errors
/// Kubernetes would not take the data.
pub fn assembled(target: &Target, source: &Source, rendering: Rendering) -> Result<Desired, Fault> {
    let mut desired = Desired {
        data: Data::new(),
        version: Version::Of(source.version),
        volatile: BTreeSet::new(),
        inputs: String::new(),
        notices: notices(&target.field, &rendering),
    };
    if target.template.as_ref().is_none_or(|template| template.include_all) {
        desired.data = source.merged.iter().map(|secret| (secret.key.clone(), Arc::clone(&secret.value))).collect();
    }
    for rendered in rendering.entries {
        if rendered.volatile {
            desired.volatile.insert(rendered.key.clone());
        }
        desired.data.insert(rendered.key, Arc::new(rendered.value));
    }
    if let (false, Some(template)) = (desired.volatile.is_empty(), &target.template) {
        desired.inputs = inputs(template, &source.contents);
    }
    data::check(target.kind, &target.field, &desired.data)?;
    Ok(desired)
}

fn v1alpha1(data: &Data) -> String {
    api::version::v1alpha1(data.iter().map(|(key, value)| (key.as_str(), value.expose_secret())))
}

fn v1beta1(data: &Data) -> String {
    api::version::v1beta1(data.iter().map(|(key, value)| (key.as_str(), value.expose_secret())))
}

pub(crate) fn call(template: &Template, contents: &Contents, namespace: &str) -> RenderCall {
    RenderCall {
        plugin: template.plugin.clone(),
        dot: template.dot,
        options: template.options.clone(),
        entries: template.entries.iter().map(|(key, source)| Entry { key: key.clone(), source: source.clone() }).collect(),
        secrets: Arc::clone(&contents.secrets),
        imports: Arc::clone(&contents.imports),
        // A template has no business with files, variables or the network of the machine.
        caller: Caller { namespace: namespace.into(), ambient: Ambient::Withheld, service_account: None },
    }
}

/// What the engine wants users to know, and how many missing keys it let pass.
pub(crate) fn notices(field: &str, rendering: &Rendering) -> Vec<Fault> {
    let place = |message: String| at(field, Fault::new(reason::TEMPLATE_NOTICE, Class::UserFix, message));
    let missing: Vec<_> = rendering.entries.iter().filter(|entry| entry.missing > 0).collect();
    let mut notices: Vec<_> = rendering.notices.iter().map(|notice| place(notice.clone())).collect();
    if !missing.is_empty() {
        let count: u32 = missing.iter().map(|entry| entry.missing).sum();
        let keys: Vec<_> = missing.iter().take(5).map(|entry| entry.key.as_str()).collect();
        let more = if missing.len() > keys.len() { ", …" } else { "" };
        let message = format!(
            "{count} of the values that the templates name are missing and print <no value> (in {}{more}); mend the names, or set \
             missingKey to error, and such a target is not written",
            keys.join(", ")
        );
        notices.push(at(field, Fault::new(reason::MISSING_VALUES, Class::UserFix, message)));
    }
    notices.truncate(NOTICES);
    notices
}

/// A fault of the template of a field.
pub(crate) fn at(field: &str, fault: Fault) -> Fault {
    Fault { message: format!("{field}.template: {}", fault.message), ..fault }
}

/// Digest of all that a rendering depends on, but not of the plugin: a newer version must not re-roll random values.
fn inputs(template: &Template, contents: &Contents) -> String {
    let mut parts = Parts::default();
    parts.add(template.dot.as_bytes());
    parts.add(template.options.to_string().as_bytes());
    for (key, source) in &template.entries {
        parts.add(key.as_bytes());
        parts.add(source.as_bytes());
    }
    for secret in contents.secrets.iter().chain(contents.imports.iter()) {
        parts.add(secret.key.as_bytes());
        parts.add(secret.path.as_bytes());
        parts.add(secret.value.expose_secret());
    }
    parts.hex()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        object::Name,
        outcome::Class,
        plan::{CreationPolicy, TargetKind},
    };
    use runtime::{Diagnostic, Failure, Rendered, SecretBytes};
    use std::collections::BTreeMap;

    struct Script(Result<Vec<(&'static str, &'static str, bool)>, Failure>);

    impl Renderer for Script {
        async fn render(&self, _: RenderCall) -> Result<Rendering, Failure> {
            let value = |text: &str| SecretBytes::from(text.as_bytes().to_vec());
            let entries = self.0.clone()?.into_iter();
            let entries = entries.map(|(key, text, volatile)| Rendered { key: key.into(), value: value(text), volatile, missing: 0 });
            Ok(Rendering { entries: entries.collect(), notices: vec![] })
        }
    }

    fn target(template: Option<(bool, &[(&str, &str)])>) -> Target {
        let template = template.map(|(include_all, entries)| Template {
            plugin: "go-template".into(),
            dot: "infisical-secret",
            options: serde_json::json!({}),
            include_all,
            entries: entries.iter().map(|(key, source)| ((*key).into(), (*source).into())).collect::<BTreeMap<_, _>>(),
        });
        Target {
            kind: TargetKind::Secret,
            name: Name::new("n", "t"),
            selector: None,
            field: "spec.managedSecretReference".into(),
            secret_type: String::new(),
            policy: CreationPolicy::Orphan,
            template,
            metadata: None,
            labelled_once: false,
        }
    }

    fn source() -> Source {
        let secret = |key: &str, value: &str| SourceSecret {
            key: key.into(),
            value: Arc::new(SecretBytes::from(value.as_bytes().to_vec())),
            path: "/".into(),
            comment: String::new().into(),
            tags: vec![],
        };
        let merged = Arc::new(vec![secret("A", "1"), secret("B", "2")]);
        Source { contents: Contents { secrets: Arc::clone(&merged), ..Contents::default() }, merged, version: v1alpha1 }
    }

    async fn data(script: Script, template: Option<(bool, &[(&str, &str)])>) -> Result<Vec<(String, String)>, Fault> {
        let desired = desired(&script, &target(template), &source(), "n").await?;
        let text = |value: &SecretBytes| String::from_utf8(value.expose_secret().to_vec()).unwrap();
        Ok(desired.data.iter().map(|(key, value)| (key.clone(), text(value))).collect())
    }

    fn row(key: &str, value: &str) -> (String, String) {
        (key.into(), value.into())
    }

    #[tokio::test]
    async fn a_target_without_a_template_holds_everything_and_asks_no_plugin() {
        let script = Script(Err(Failure::Busy));
        assert_eq!(data(script, None).await.unwrap(), [row("A", "1"), row("B", "2")]);
    }

    #[tokio::test]
    async fn with_a_template_only_its_keys_count_unless_all_are_wanted_and_it_overrides() {
        let script = || Script(Ok(vec![("A", "rendered", false)]));
        assert_eq!(data(script(), Some((false, &[("A", "x")]))).await.unwrap(), [row("A", "rendered")]);
        assert_eq!(data(script(), Some((true, &[("A", "x")]))).await.unwrap(), [row("A", "rendered"), row("B", "2")]);
    }

    #[tokio::test]
    async fn a_failure_names_the_field_and_the_line() {
        let diagnostic = Diagnostic { entry: "A".into(), line: 2, column: 3, message: "no such key".into() };
        let fault = data(Script(Err(Failure::Template(vec![diagnostic]))), Some((false, &[("A", "x")]))).await.unwrap_err();
        assert_eq!((fault.reason, fault.class), ("TemplateFailed", Class::UserFix));
        assert!(
            fault.message.starts_with("spec.managedSecretReference.template: ") && fault.message.contains("line 2"),
            "{}",
            fault.message
        );
    }

    #[tokio::test]
    async fn volatile_values_carry_the_digest_of_what_they_were_made_from() {
        let rendered = |text: &'static str| async move {
            let template: &[(&str, &str)] = &[("A", text)];
            desired(&Script(Ok(vec![("A", "r", true)])), &target(Some((false, template))), &source(), "n").await.unwrap()
        };
        let (one, same, other) = (rendered("x").await, rendered("x").await, rendered("y").await);
        assert!(one.volatile.contains("A") && one.inputs == same.inputs && one.inputs != other.inputs);
    }
}
