//! Calls of a component's exports.
use super::{
    bindings::{
        authenticator::{self as bound_authenticator, exports::infisical::plugin::authenticator},
        generator::{self as bound_generator, exports::infisical::plugin::generator},
        imports,
        metadata::{self as bound_metadata, exports::infisical::plugin::metadata},
        policy::{self as bound_policy, exports::infisical::plugin::policy},
        template::{self as bound_template, exports::infisical::plugin::template},
    },
    export,
};
use crate::{
    Decision, Diagnostic, Entry, Generated, Output, Rendered, Rendering, SecretBytes, SourceSecret, Verdict, Violation, World,
    context::Context,
    contract::{self, Answered},
};
use imports::infisical::plugin::types;
use secrecy::ExposeSecret;
use strum::IntoEnumIterator;
use wasmtime::{
    Engine, Result, Store,
    component::{Component, HasSelf, Linker},
};

/// A component, linked and checked to export what its world does. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Guest {
    metadata: bound_metadata::MetadataPre<Context>,
    export: Export,
}

#[derive(Clone)]
enum Export {
    Authenticator(bound_authenticator::AuthenticatorPre<Context>),
    Template(bound_template::TemplatePre<Context>),
    Generator(bound_generator::GeneratorPre<Context>),
    Policy(bound_policy::PolicyPre<Context>),
}

/// The world of another call than the plugin's: the registry chooses by world, so this is a fault of the host.
const WRONG_WORLD: crate::context::Stop = crate::context::Stop::Host("a plugin of another world was called");

impl Guest {
    /// All imports of the contract.
    pub(crate) fn link(linker: &mut Linker<Context>) -> Result<()> {
        imports::Imports::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)
    }

    /// The first of the four worlds whose interface a component exports.
    pub(crate) fn world(engine: &Engine, component: &Component) -> Option<World> {
        let kind = component.component_type();
        World::iter().find(|world| kind.get_export(engine, &export(*world)).is_some())
    }

    /// Fails where an import doesn't link or an export is missing or has another type.
    pub(crate) fn new(linker: &Linker<Context>, component: &Component, world: World) -> Result<Self> {
        let pre = linker.instantiate_pre(component)?;
        let export = match world {
            World::Authenticator => Export::Authenticator(bound_authenticator::AuthenticatorPre::new(pre.clone())?),
            World::Template => Export::Template(bound_template::TemplatePre::new(pre.clone())?),
            World::Generator => Export::Generator(bound_generator::GeneratorPre::new(pre.clone())?),
            World::Policy => Export::Policy(bound_policy::PolicyPre::new(pre.clone())?),
        };
        Ok(Self { metadata: bound_metadata::MetadataPre::new(pre)?, export })
    }

    /// Makes an instance and calls nothing.
    pub(crate) async fn instantiate(&self, store: &mut Store<Context>) -> Result<()> {
        self.metadata.instantiate_async(store).await.map(drop)
    }

    pub(crate) async fn describe(&self, store: &mut Store<Context>) -> Result<String> {
        let plugin = self.metadata.instantiate_async(&mut *store).await?;
        store.data_mut().instantiated = true;
        plugin.infisical_plugin_metadata().call_describe(store).await
    }

    pub(crate) async fn check_settings(&self, store: &mut Store<Context>, settings: &str) -> Result<Vec<Violation>> {
        let plugin = self.metadata.instantiate_async(&mut *store).await?;
        store.data_mut().instantiated = true;
        let check = metadata::SettingsCheck { settings, extensions: &vec![] };
        let verdict = plugin.infisical_plugin_metadata().call_check_settings(store, check).await?;
        Ok(verdict.violations.into_iter().map(Into::into).collect())
    }

    pub(crate) async fn authenticate(
        &self,
        store: &mut Store<Context>,
        settings: &str,
        inputs: &[(&str, &str)],
    ) -> Answered<contract::Proved> {
        let Export::Authenticator(pre) = &self.export else { return Err(WRONG_WORLD.into()) };
        let plugin = pre.instantiate_async(&mut *store).await?;
        store.data_mut().instantiated = true;
        let request = authenticator::AuthRequest { settings, inputs, extensions: &vec![] };
        let answer = plugin.infisical_plugin_authenticator().call_authenticate(store, request).await?;
        Ok(answer.map(Into::into).map_err(Into::into))
    }

    pub(crate) async fn render(
        &self,
        store: &mut Store<Context>,
        dot: &str,
        options: &str,
        entries: &[Entry],
        secrets: &[SourceSecret],
        imports: &[SourceSecret],
    ) -> Answered<Rendering> {
        let Export::Template(pre) = &self.export else { return Err(WRONG_WORLD.into()) };
        let plugin = pre.instantiate_async(&mut *store).await?;
        store.data_mut().instantiated = true;
        let none = &vec![];
        let entries: Vec<_> =
            entries.iter().map(|entry| template::Entry { key: &entry.key, source: &entry.source, extensions: none }).collect();
        // Tags are lists of texts, for which the bindings want a list of references first.
        let tags = |secrets: &[SourceSecret]| -> Vec<Vec<String>> { secrets.iter().map(|secret| secret.tags.clone()).collect() };
        let (tags, import_tags) = (tags(secrets), tags(imports));
        let (tags, import_tags) = (borrow(&tags), borrow(&import_tags));
        let (secrets, imports) = (lend(secrets, &tags, none), lend(imports, &import_tags, none));
        let request = template::RenderRequest { dot, options, entries: &entries, secrets: &secrets, imports: &imports, extensions: none };
        let answer = plugin.infisical_plugin_template().call_render(store, request).await?;
        Ok(answer.map(Into::into).map_err(Into::into))
    }

    pub(crate) async fn generate(&self, store: &mut Store<Context>, settings: &str) -> Answered<Generated> {
        let Export::Generator(pre) = &self.export else { return Err(WRONG_WORLD.into()) };
        let plugin = pre.instantiate_async(&mut *store).await?;
        store.data_mut().instantiated = true;
        let request = generator::GenerateRequest { settings, extensions: &vec![] };
        let answer = plugin.infisical_plugin_generator().call_generate(store, request).await?;
        Ok(answer.map(Into::into).map_err(Into::into))
    }

    pub(crate) async fn evaluate(&self, store: &mut Store<Context>, settings: &str, stage: &str, subject: &str) -> Answered<Verdict> {
        let Export::Policy(pre) = &self.export else { return Err(WRONG_WORLD.into()) };
        let plugin = pre.instantiate_async(&mut *store).await?;
        store.data_mut().instantiated = true;
        let request = policy::EvaluateRequest { settings, stage, subject, extensions: &vec![] };
        let answer = plugin.infisical_plugin_policy().call_evaluate(store, request).await?;
        Ok(answer.map(Into::into).map_err(Into::into))
    }
}

fn borrow(texts: &[Vec<String>]) -> Vec<Vec<&str>> {
    texts.iter().map(|texts| texts.iter().map(String::as_str).collect()).collect()
}

fn lend<'a>(secrets: &'a [SourceSecret], tags: &'a [Vec<&'a str>], none: &'a types::Extensions) -> Vec<template::Secret<'a>> {
    secrets
        .iter()
        .zip(tags)
        .map(|(secret, tags)| template::Secret {
            key: &secret.key,
            value: secret.value.expose_secret(),
            path: &secret.path,
            comment: secret.comment.expose_secret(),
            tags,
            extensions: none,
        })
        .collect()
}

impl From<types::Violation> for Violation {
    fn from(violation: types::Violation) -> Self {
        Self { pointer: violation.pointer, message: violation.message }
    }
}

impl From<types::Diagnostic> for Diagnostic {
    fn from(diagnostic: types::Diagnostic) -> Self {
        let types::Diagnostic { entry, line, column, message, extensions: _ } = diagnostic;
        Self { entry, line, column, message }
    }
}

impl From<types::Error> for contract::Error {
    fn from(error: types::Error) -> Self {
        match error {
            types::Error::Settings(violations) => Self::Settings(violations.into_iter().map(Into::into).collect()),
            types::Error::Template(diagnostics) => Self::Template(diagnostics.into_iter().map(Into::into).collect()),
            types::Error::Credentials(text) => Self::Credentials(text),
            types::Error::Denied(text) => Self::Denied(text),
            types::Error::Unavailable(types::Unavailability { text, retry_after, extensions: _ }) => {
                Self::Unavailable { text, retry_after }
            }
            types::Error::Internal(text) => Self::Internal(text),
        }
    }
}

impl From<authenticator::Proved> for contract::Proved {
    fn from(proved: authenticator::Proved) -> Self {
        let proof = match proved.proof {
            authenticator::Proof::Exchange(exchange) => contract::Proof::Exchange(contract::Exchange {
                path: exchange.path,
                fields: exchange.fields.into_iter().map(|(name, field)| (name, field.into())).collect(),
                headers: exchange.headers.into_iter().map(|(name, field)| (name, field.into())).collect(),
                client_identity: exchange.client_identity.map(|identity| (identity.chain, identity.key)),
            }),
            authenticator::Proof::Token(handle) => contract::Proof::Token(handle),
        };
        Self { proof, notices: proved.notices }
    }
}

impl From<authenticator::Field> for contract::Field {
    fn from(field: authenticator::Field) -> Self {
        match field {
            authenticator::Field::Text(text) => Self::Text(text),
            authenticator::Field::Json(authenticator::JsonField { document, credentials, encoding, extensions: _ }) => {
                Self::Json { document, credentials, encoding }
            }
            authenticator::Field::Credential(authenticator::Placed { credential, encoding, extensions: _ }) => {
                Self::Credential { handle: credential, encoding }
            }
        }
    }
}

impl From<template::Rendering> for Rendering {
    fn from(rendering: template::Rendering) -> Self {
        let entries = rendering.entries.into_iter().map(|entry| Rendered {
            key: entry.key,
            value: SecretBytes::from(entry.value),
            volatile: entry.volatile,
            missing: entry.missing,
        });
        Self { entries: entries.collect(), notices: rendering.notices }
    }
}

impl From<generator::Generated> for Generated {
    fn from(generated: generator::Generated) -> Self {
        let outputs = generated.outputs.into_iter().map(|output| Output { key: output.key, value: SecretBytes::from(output.value) });
        Self { outputs: outputs.collect(), notices: generated.notices }
    }
}

impl From<policy::Verdict> for Verdict {
    fn from(verdict: policy::Verdict) -> Self {
        let decision = match verdict.decision {
            policy::Decision::Allow => Decision::Allow,
            policy::Decision::Warn => Decision::Warn,
            policy::Decision::Deny => Decision::Deny,
        };
        Self { decision, texts: verdict.texts }
    }
}
