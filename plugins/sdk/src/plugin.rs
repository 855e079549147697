//! What every plugin says about itself, and how its settings are read.
use crate::{Descriptor, Error, Violation};
use serde::{Deserialize, de::DeserializeOwned};

/// What every plugin implements, whatever its world.
pub trait Plugin {
    /// What a user may set. The host checks it against the schema of the descriptor first; this type should agree with it.
    type Settings: DeserializeOwned;

    /// Name, version, inputs, needs. Must be the same each time.
    fn descriptor() -> Descriptor;

    /// What is wrong with settings that parse. Nothing, where this is not overridden.
    fn check(settings: &Self::Settings) -> Vec<Violation> {
        let _ = settings;
        Vec::new()
    }
}

/// Settings of a plugin that has none: only an empty object parses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Reads a JSON document into a type; an empty text counts as an empty object.
///
/// # Errors
/// [`Error::Settings`] with the JSON pointer of what does not fit, and with what serde says about it.
pub fn parse_settings<T: DeserializeOwned>(document: &str) -> Result<T, Error> {
    parse(document).map_err(|violation| Error::Settings(vec![violation]))
}

fn parse<T: DeserializeOwned>(document: &str) -> Result<T, Violation> {
    let document = if document.is_empty() { "{}" } else { document };
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(document))
        .map_err(|error| Violation::new(pointer(error.path()), error.inner().to_string()))
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } | Segment::Enum { variant: key } => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

/// Reads the settings and lets the plugin check them; else all that is wrong with them.
pub(crate) fn checked<P: Plugin>(document: &str) -> Result<P::Settings, Vec<Violation>> {
    let settings = parse(document).map_err(|violation| vec![violation])?;
    let violations = P::check(&settings);
    if violations.is_empty() { Ok(settings) } else { Err(violations) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Nested {
        #[serde(rename = "a/b")]
        _list: Vec<u8>,
    }

    #[test]
    fn a_fault_is_named_by_its_pointer() {
        let Err(Error::Settings(violations)) = parse_settings::<Nested>(r#"{"a/b": [1, "two"]}"#) else { panic!() };
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].pointer, "/a~1b/1");
    }

    #[test]
    fn no_settings_are_an_empty_object_only() {
        assert_eq!(parse_settings::<NoSettings>("{}"), Ok(NoSettings {}));
        assert_eq!(parse_settings::<NoSettings>(""), Ok(NoSettings {}));
        assert!(parse_settings::<NoSettings>(r#"{"a": 1}"#).is_err());
    }
}
