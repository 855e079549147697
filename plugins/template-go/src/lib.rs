//! Templates in Go's language, over the data that Infisical's operator gives to them.
//!
//! Dots: `infisical-secret` (`{{ .KEY.Value }}`, `{{ .KEY.SecretPath }}`, bare `{{ .KEY }}` prints both), `static-secret` (the
//! same, but bare `{{ .KEY }}` prints the value), `external-secret` (`{{ .KEY }}` is the value). A missing key prints
//! `<no value>` and is counted, or is an error at its place with the option `missing-key: error`. Values that are not UTF-8
//! pass through unharmed. Errors tell line and column and never quote a value.
//!
//! The language is [`engine`]'s, an interim one: `bulk` and `keys-and-values` are refused, and of the functions only those in
//! `engine/functions.rs` are there.
#![forbid(unsafe_code)]
mod dot;
mod engine;

use dot::{Dot, Shape};
use engine::Engine;
use plugin_sdk::{
    Descriptor, Diagnostic, Error, NoSettings, Plugin,
    template::{MissingKey, Rendered, Rendering, Request, Scope, Template},
    volatile,
};

/// The plugin.
pub struct GoTemplate;

impl Plugin for GoTemplate {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("go-template", env!("CARGO_PKG_VERSION"), "Templates in Go's language.")
    }
}

impl Template for GoTemplate {
    fn render(request: Request) -> Result<Rendering, Error> {
        let shape = Shape::named(&request.dot).ok_or_else(|| wrong("/dot", "is not known to this plugin"))?;
        if request.options.bulk {
            return Err(wrong("/options/bulk", "this version of the plugin renders values only"));
        }
        if request.options.scope != Scope::Values {
            return Err(wrong("/options/scope", "this version of the plugin renders values only"));
        }
        let dot = Dot::new(shape, request.secrets, request.imports);
        let strict = request.options.missing_key == MissingKey::Error;
        let engine = Engine::new(dot, strict, request.options.delimiters);
        let mut rendering = Rendering::default();
        let mut diagnostics = Vec::new();
        for entry in request.entries {
            // What Infisical's operator calls the template of an InfisicalSecret; elsewhere the key.
            let name = if shape == Shape::Struct { "secret-templates" } else { &entry.key };
            match volatile::watch(|| engine.render(name, &entry.source)) {
                (Ok(output), volatile) => {
                    rendering.entries.push(Rendered { key: entry.key, value: output.value, volatile, missing: output.missing });
                }
                (Err(problem), _) => diagnostics.push(Diagnostic::new(entry.key, problem.line, problem.column, problem.message)),
            }
        }
        if diagnostics.is_empty() { Ok(rendering) } else { Err(Error::Template(diagnostics)) }
    }
}

fn wrong(pointer: &str, message: &str) -> Error {
    Error::setting(pointer, message)
}

#[cfg(feature = "export")]
plugin_sdk::export_template!(GoTemplate);

#[cfg(test)]
mod tests;
