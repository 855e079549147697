//! Implements the generated traits for whatever implements ours: reads settings, converts, reports panics.
use crate::{
    Encoding, Error, authenticator as auth, generator, log, parse_settings,
    plugin::{Plugin, checked},
    policy, sys, template,
};
use std::marker::PhantomData;

/// A plugin as the contract sees it.
pub struct Exported<P>(PhantomData<P>);

/// Sends the place of a panic, never its text, to the log: on this target nothing else of it reaches the host. Each export
/// calls it, since an instance has no place to start from.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!("panicked at {}:{}", place.file(), place.line()));
        log::error(place.as_deref().unwrap_or("panicked"));
    }));
}

impl<P: Plugin> sys::metadata::Guest for Exported<P> {
    fn describe() -> String {
        report_panics();
        P::descriptor().to_json()
    }

    fn check_settings(check: sys::metadata::SettingsCheck) -> sys::metadata::SettingsVerdict {
        report_panics();
        sys::metadata::SettingsVerdict { violations: checked::<P>(&check.settings).err().unwrap_or_default(), extensions: vec![] }
    }
}

impl<P: auth::Authenticator> sys::authenticator::Guest for Exported<P> {
    fn authenticate(request: sys::authenticator::AuthRequest) -> Result<sys::authenticator::Proved, Error> {
        report_panics();
        let settings = checked::<P>(&request.settings).map_err(Error::Settings)?;
        let proved = P::authenticate(auth::Request { settings, inputs: request.inputs, extensions: request.extensions })?;
        let proof = match proved.proof {
            auth::Proof::Token(token) => sys::authenticator::Proof::Token(token.0),
            auth::Proof::Exchange(exchange) => sys::authenticator::Proof::Exchange(sys::authenticator::Exchange {
                path: exchange.path,
                fields: exchange.fields.into_iter().map(|(name, value)| (name, field(value))).collect(),
                headers: exchange.headers.into_iter().map(|(name, value)| (name, field(value))).collect(),
                client_identity: exchange.client_identity.map(|identity| sys::authenticator::ClientIdentity {
                    chain: identity.chain.0,
                    key: identity.key.0,
                    extensions: vec![],
                }),
                extensions: vec![],
            }),
        };
        Ok(sys::authenticator::Proved { proof, notices: proved.notices, extensions: vec![] })
    }
}

fn field(field: auth::Field) -> sys::authenticator::Field {
    let name = |encoding: Encoding| encoding.name().to_owned();
    match field {
        auth::Field::Text(text) => sys::authenticator::Field::Text(text),
        auth::Field::Credential(credential, encoding) => sys::authenticator::Field::Credential(sys::authenticator::Placed {
            credential: credential.0,
            encoding: name(encoding),
            extensions: vec![],
        }),
        auth::Field::Json(json) => sys::authenticator::Field::Json(sys::authenticator::JsonField {
            document: json.document.to_string(),
            credentials: json.credentials.into_iter().map(|(name, credential)| (name, credential.0)).collect(),
            encoding: name(json.encoding),
            extensions: vec![],
        }),
    }
}

impl<P: template::Template> sys::template::Guest for Exported<P> {
    fn render(request: sys::template::RenderRequest) -> Result<sys::template::Rendering, Error> {
        report_panics();
        let secrets = |secrets: Vec<sys::template::Secret>| {
            let secret =
                |s: sys::template::Secret| template::Secret { key: s.key, value: s.value, path: s.path, comment: s.comment, tags: s.tags };
            secrets.into_iter().map(secret).collect()
        };
        let rendering = P::render(template::Request {
            dot: request.dot,
            options: parse_settings(&request.options)?,
            entries: request.entries.into_iter().map(|entry| template::Entry { key: entry.key, source: entry.source }).collect(),
            secrets: secrets(request.secrets),
            imports: secrets(request.imports),
            extensions: request.extensions,
        })?;
        let rendered = |r: template::Rendered| sys::template::Rendered {
            key: r.key,
            value: r.value,
            volatile: r.volatile,
            missing: r.missing,
            extensions: vec![],
        };
        let entries = rendering.entries.into_iter().map(rendered).collect();
        Ok(sys::template::Rendering { entries, notices: rendering.notices, extensions: vec![] })
    }
}

impl<P: generator::Generator> sys::generator::Guest for Exported<P> {
    fn generate(request: sys::generator::GenerateRequest) -> Result<sys::generator::Generated, Error> {
        report_panics();
        let settings = checked::<P>(&request.settings).map_err(Error::Settings)?;
        let generated = P::generate(generator::Request { settings, extensions: request.extensions })?;
        let output = |o: generator::Output| sys::generator::Output { key: o.key, value: o.value, extensions: vec![] };
        let outputs = generated.outputs.into_iter().map(output).collect();
        Ok(sys::generator::Generated { outputs, notices: generated.notices, extensions: vec![] })
    }
}

impl<P: policy::Policy> sys::policy::Guest for Exported<P> {
    fn evaluate(request: sys::policy::EvaluateRequest) -> Result<sys::policy::Verdict, Error> {
        report_panics();
        let settings = checked::<P>(&request.settings).map_err(Error::Settings)?;
        let subject = parse_settings(&request.subject)?;
        let verdict = P::evaluate(policy::Request { settings, stage: request.stage, subject, extensions: request.extensions })?;
        Ok(sys::policy::Verdict { decision: verdict.decision, texts: verdict.texts, extensions: vec![] })
    }
}
