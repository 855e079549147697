//! What a resource wants to be in its folder: the keys of its Secret, as they are or through a template, then what is
//! generated. A generator wins over a key of the same name, as with the peer.
//!
//! What can go wrong: a template fails, then nothing is wanted and nothing is done; a key or a value is none that Infisical
//! takes, or a generator is not there: then what is in the folder under that name stays, and the others are pushed.
use super::{Once, Wish, Wishes, seen};
use crate::{
    data::Contents,
    dereference::SecretData,
    digest::Parts,
    generate::Generator,
    outcome::{Class, Fault},
    plan::{self, PUSH_SOURCE, PushPlan, PushSource, Template},
    reason,
    render::{self, Renderer},
};
use runtime::{Rendering, SecretBytes, SourceSecret};
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, sync::Arc};

/// What is wanted.
#[derive(Default)]
pub struct Wanted {
    pub wishes: Wishes,
    /// The Secret is there but gives nothing.
    pub empty: bool,
    /// Of keys that can't be pushed, at the end of a pass that did all else.
    pub faults: Vec<Fault>,
    /// Of the template engine, for users.
    pub notices: Vec<Fault>,
}

/// What a plan wants, with the Secret that it names and the generators in their order.
///
/// # Errors
/// The template fails.
pub async fn wanted(
    renderer: &impl Renderer,
    plan: &PushPlan,
    secret: Option<&SecretData>,
    generators: &[Result<Generator, Fault>],
    namespace: &str,
) -> Result<Wanted, Fault> {
    let mut wanted = Wanted::default();
    if let (Some(source), Some(secret)) = (&plan.source, secret) {
        wanted.take(renderer, source, secret, &plan.read.path, namespace).await?;
    }
    for (index, (generated, generator)) in plan.generators.iter().zip(generators).enumerate() {
        let wish = match generator {
            Ok(generator) => Wish::Once { made_from: generator.digest(), value: Once::Generator(index) },
            Err(fault) => {
                wanted.faults.push(fault.clone());
                Wish::Unwritable
            }
        };
        wanted.wishes.insert(generated.key.clone(), wish);
    }
    Ok(wanted)
}

impl Wanted {
    async fn take(
        &mut self,
        renderer: &impl Renderer,
        source: &PushSource,
        secret: &SecretData,
        path: &str,
        namespace: &str,
    ) -> Result<(), Fault> {
        let mut volatile = BTreeMap::new();
        let mut values: BTreeMap<_, _> = BTreeMap::new();
        if source.template.as_ref().is_none_or(|template| template.include_all) {
            values.extend(secret.data.iter().map(|(key, value)| (key.clone(), Arc::clone(value))));
        }
        if let Some(template) = source.template.as_ref().filter(|template| !template.entries.is_empty()) {
            let rendering = rendered(renderer, template, secret, path, namespace).await?;
            self.notices = render::notices(PUSH_SOURCE, &rendering);
            let made_from = made_from(template, secret);
            for entry in rendering.entries {
                volatile.extend(entry.volatile.then(|| (entry.key.clone(), made_from.clone())));
                values.insert(entry.key, Arc::new(entry.value));
            }
        }
        self.empty = values.is_empty() || secret.data.is_empty();
        for (key, value) in values {
            let wish = match (writable(secret, &key, &value), volatile.remove(&key)) {
                (Ok(value), None) => Wish::Value(value),
                (Ok(value), Some(made_from)) => Wish::Once { made_from, value: Once::Rendered(value) },
                (Err(fault), _) => {
                    self.faults.push(fault);
                    Wish::Unwritable
                }
            };
            self.wishes.insert(key, wish);
        }
        Ok(())
    }
}

async fn rendered(
    renderer: &impl Renderer,
    template: &Template,
    secret: &SecretData,
    path: &str,
    namespace: &str,
) -> Result<Rendering, Fault> {
    let source = |(key, value): (&String, &Arc<SecretBytes>)| SourceSecret {
        key: key.clone(),
        value: Arc::clone(value),
        path: path.to_owned(),
        comment: String::new().into(),
        tags: Vec::new(),
    };
    let contents = Contents { secrets: Arc::new(secret.data.iter().map(source).collect()), ..Contents::default() };
    let call = render::call(template, &contents, namespace);
    renderer.render(call).await.map_err(|failure| render::at(PUSH_SOURCE, failure.into()))
}

/// Tells template and Secret without any value: it stands in the status, which more may read than the Secret.
fn made_from(template: &Template, secret: &SecretData) -> String {
    let mut parts = Parts::default();
    parts.add(template.options.to_string());
    template.entries.iter().for_each(|(key, text)| {
        parts.add(key);
        parts.add(text);
    });
    seen::from(&parts.hex(), &secret.version)
}

/// A value in the form in which the server keeps it, if it can.
fn writable(secret: &SecretData, key: &str, value: &Arc<SecretBytes>) -> Result<Arc<SecretBytes>, Fault> {
    let wrong = |reason, problem: String| {
        Fault::new(reason, Class::UserFix, format!("{PUSH_SOURCE}: key {key:?} of Secret {} is not pushed: {problem}", secret.name))
    };
    plan::push_name(key).map_err(|problem| wrong(reason::INVALID_KEY, problem))?;
    let text = std::str::from_utf8(value.expose_secret()).map_err(|_| {
        let problem = "its value is not text (UTF-8), which is all that Infisical holds; push it through a template with encodeBase64";
        wrong(reason::INVALID_VALUE, problem.into())
    })?;
    if !infisical::fits(key, text) {
        let problem = format!("its value has {} bytes, and Infisical takes 1 MiB with all that is around it", text.len());
        return Err(wrong(reason::TOO_LARGE, problem));
    }
    Ok(super::stored(Arc::clone(value)))
}
