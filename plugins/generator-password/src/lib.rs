//! Random passwords of letters, digits and symbols.
//!
//! How many of each there are is fixed; which they are and where they stand is drawn evenly. Drawn from the host's random
//! numbers alone. Settings that no password can satisfy are refused before, field by field.
#![forbid(unsafe_code)]
mod draw;
mod settings;

use plugin_sdk::{
    Descriptor, Error, Need, Plugin, Violation,
    generator::{Generated, Generator, Output, Request},
};
use serde_json::json;
pub use settings::Settings;

/// The plugin.
pub struct Password;

impl Plugin for Password {
    type Settings = Settings;

    fn descriptor() -> Descriptor {
        Descriptor::new("password", env!("CARGO_PKG_VERSION"), "Generates a random password.")
            .settings(json!({
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "length": {"type": "integer", "default": 24, "description": "Number of characters."},
                    "digits": {"type": "integer", "description": "How many of them are digits, a quarter by default."},
                    "symbols": {"type": "integer", "description": "How many of them are symbols, a quarter by default."},
                    "symbolCharacters": {"type": "string", "default": settings::SYMBOLS, "description": "The symbols to choose from."},
                    "noUpper": {"type": "boolean", "default": false, "description": "No upper-case letters."},
                    "allowRepeat": {"type": "boolean", "default": false, "description": "A character may come more than once."},
                },
            }))
            .need(Need::required("random", "draws the characters"))
    }

    fn check(settings: &Settings) -> Vec<Violation> {
        settings.recipe().err().unwrap_or_default()
    }
}

impl Generator for Password {
    fn generate(request: Request<Settings>) -> Result<Generated, Error> {
        let recipe = request.settings.recipe().map_err(Error::Settings)?;
        let mut password: Vec<char> = Vec::new();
        for class in &recipe.classes {
            password.extend(draw::some(&class.characters, class.count, recipe.allow_repeat)?);
        }
        draw::shuffle(&mut password)?;
        let value = password.into_iter().collect::<String>().into_bytes();
        Ok(Generated { outputs: vec![Output { key: "value".into(), value }], notices: vec![] })
    }
}

plugin_sdk::export_generator!(Password);

#[cfg(test)]
mod tests;
