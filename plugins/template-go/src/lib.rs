//! Templates in Go's language, over the data that Infisical's operator and External Secrets Operator give to them.
//!
//! Dots: `infisical-secret` (`{{ .KEY.Value }}`, `{{ .KEY.SecretPath }}`, bare `{{ .KEY }}` prints both), `static-secret` (the
//! same, but bare `{{ .KEY }}` prints the value, and `secretFrom` finds secrets by folder), `external-secret` (`{{ .KEY }}` is
//! the value, and a missing key is an error). Where a missing key is none, it prints `<no value>` and is counted; with the
//! option `missing-key: error` it is an error at its place. Values that are not UTF-8 pass through unharmed. Errors tell line
//! and column, both 0 where not the template is wrong but what it rendered, and never quote a value.
//!
//! The language is [`go_template_engine`]'s, its functions are [`go_template_functions`]'.
#![forbid(unsafe_code)]
mod decoding;
mod dot;
mod host;
mod post;

use dot::Dot;
use go_template_engine::{Context, Limits, MissingKey, Options, Problem, Template as Source};
use go_template_functions::{Dialect, functions};
use host::Imports;
use plugin_sdk::{
    Descriptor, Diagnostic, Error, Need, NoSettings, Plugin,
    template::{self, Entry, Rendered, Rendering, Request, Scope, Template},
    volatile,
};

/// The plugin.
pub struct GoTemplate;

impl Plugin for GoTemplate {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("go-template", env!("CARGO_PKG_VERSION"), "Templates in Go's language.")
            .need(Need::optional("random", "randAlphaNum, uuidv4, bcrypt, genPrivateKey and their like"))
            .need(Need::optional("clock", "now, ago, date without a date, genSelfSignedCert and their like"))
            .need(Need::optional("keys", "genPrivateKey, genCA, genSelfSignedCert and their like"))
    }
}

impl Template for GoTemplate {
    fn render(request: Request) -> Result<Rendering, Error> {
        let dialect = match request.dot.as_str() {
            "infisical-secret" => Dialect::InfisicalSecret,
            "static-secret" => Dialect::StaticSecret,
            "external-secret" => Dialect::ExternalSecret,
            _ => return Err(wrong("/dot", "is not known to this plugin")),
        };
        if request.options.bulk && dialect != Dialect::StaticSecret {
            return Err(wrong("/options/bulk", "is for the dot static-secret; others have the scope keys-and-values"));
        }
        if request.options.scope == Scope::Unknown {
            return Err(wrong("/options/scope", "unknown scope; write values or keys-and-values"));
        }
        let mut job =
            Job { dialect, dot: Dot::new(dialect, request.secrets, request.imports), options: request.options, limits: Limits::default() };
        let mut rendering = Rendering::default();
        let mut diagnostics = Vec::new();
        for entry in request.entries {
            if job.options.check {
                diagnostics.extend(job.parse(&entry).err());
                continue;
            }
            match volatile::watch(|| job.entry(&entry)) {
                (Ok(values), volatile) => {
                    let missing = values.missing;
                    rendering.entries.extend(values.made.into_iter().map(|(key, value)| Rendered { key, value, volatile, missing }));
                }
                (Err(diagnostic), _) => diagnostics.push(diagnostic),
            }
        }
        if diagnostics.is_empty() { Ok(rendering) } else { Err(Error::Template(diagnostics)) }
    }
}

/// All entries of one target.
struct Job {
    dialect: Dialect,
    dot: Dot,
    options: template::Options,
    limits: Limits,
}

/// What one entry made.
struct Values {
    made: Vec<(String, Vec<u8>)>,
    missing: u32,
}

impl Job {
    fn parse<'a>(&'a self, entry: &'a Entry) -> Result<Source<'a>, Diagnostic> {
        let name = self.name(entry);
        let strict = self.dialect == Dialect::ExternalSecret || self.options.missing_key == template::MissingKey::Error;
        let delimiters = self.options.delimiters.as_ref().map_or(("", ""), |(left, right)| (left, right));
        let missing_key = if strict { MissingKey::Error } else { MissingKey::Invalid };
        let options = Options { functions: functions(self.dialect), delimiters, missing_key };
        Source::parse(&name, &entry.source, options, &self.limits).map_err(|problem| in_source(&entry.key, &problem))
    }

    fn entry(&mut self, entry: &Entry) -> Result<Values, Diagnostic> {
        let source = self.parse(entry)?;
        let mut host = Imports { dot: &self.dot };
        let mut context = Context::new(&mut host, &self.limits);
        let output = source.execute(&mut context, self.dot.value()).map_err(|problem| in_source(&entry.key, &problem))?;
        let made = post::process(&self.options, &entry.key, output.text).map_err(|message| in_output(&entry.key, message))?;
        Ok(Values { made, missing: output.missing })
    }

    /// What the peers call the main template, which a `define` in it can't be called.
    fn name(&self, entry: &Entry) -> String {
        match (&self.options.template_name, self.dialect) {
            (Some(name), _) => name.clone(),
            (None, Dialect::InfisicalSecret) => "secret-templates".into(),
            (None, Dialect::StaticSecret) if self.options.bulk => "template.data".into(),
            (None, Dialect::ExternalSecret) if self.options.scope == Scope::KeysAndValues => entry.source.clone(),
            (None, _) => entry.key.clone(),
        }
    }
}

fn in_source(entry: &str, problem: &Problem) -> Diagnostic {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Diagnostic::new(entry, number(problem.line), number(problem.column), problem.to_string())
}

/// Of what was rendered, not of the template: it has no place there.
fn in_output(entry: &str, message: String) -> Diagnostic {
    Diagnostic::new(entry, 0, 0, message)
}

fn wrong(pointer: &str, message: &str) -> Error {
    Error::setting(pointer, message)
}

#[cfg(feature = "export")]
plugin_sdk::export_template!(GoTemplate);

#[cfg(test)]
mod tests;
