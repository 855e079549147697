//! The setting `resource`: an audience, and what users put behind it.
//!
//! Early clients pasted the field into the address of the metadata service as it was, so resources in the field hold
//! `https://management.azure.com/&client_id=ID`, `resource=…&client_id=…`, and audiences that are percent-encoded already. All
//! of it is read as those clients' requests were. Anything else in such a text is refused by name.
use percent_encoding::percent_decode_str;
use plugin_sdk::Violation;

/// The audience where none is named: that of Azure's own management, which every tenant has.
pub const DEFAULT: &str = "https://management.azure.com/";

/// What the setting comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    /// For example `https://management.azure.com/`.
    pub audience: String,
    /// The identity that was named behind the audience.
    pub client_id: Option<String>,
}

impl Resource {
    /// Reads the setting; an empty text is the default.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let wrong = |message: String| Violation::new("/resource", message);
        let text = text.trim();
        let first = if text.starts_with("resource=") { String::new() } else { "resource=".into() };
        let (mut audience, mut client_id) = (None, None);
        for pair in format!("{first}{text}").split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value =
                percent_decode_str(value).decode_utf8().map_err(|_| wrong(format!("{name} is not UTF-8 after percent-decoding")))?;
            let place = match name {
                "resource" => &mut audience,
                "client_id" => &mut client_id,
                _ => {
                    let name: String = name.chars().take(40).collect();
                    return Err(wrong(format!("has {name:?} behind the audience; only &client_id=ID may stand there")));
                }
            };
            if place.replace(value.trim().to_owned()).is_some() {
                return Err(wrong(format!("names {name} twice")));
            }
        }
        if client_id.as_deref() == Some("") {
            return Err(wrong("ends in &client_id= without an id; write the client id of the managed identity, or leave it out".into()));
        }
        let audience = audience.filter(|audience| !audience.is_empty()).unwrap_or_else(|| DEFAULT.into());
        if audience.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong("has white space in it; write an audience such as https://management.azure.com/".into()));
        }
        Ok(Self { audience, client_id })
    }

    /// The audience as a scope of Entra's newer endpoint. A slash at its end is left out: the token has the audience as it
    /// stands here, and the server takes it with and without.
    pub fn scope(&self) -> String {
        format!("{}/.default", self.audience.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Option<String>) {
        let Resource { audience, client_id } = Resource::parse(text).unwrap();
        (audience, client_id)
    }

    #[test]
    fn all_forms_in_the_field_are_read() {
        let id = || Some("b3c1".to_owned());
        for (text, audience, client_id) in [
            ("", DEFAULT, None),
            (" https://vault.azure.net\n", "https://vault.azure.net", None),
            ("api://5f2c", "api://5f2c", None),
            ("https%3A%2F%2Fmanagement.azure.com/", DEFAULT, None),
            ("https://management.azure.com/&client_id=b3c1", DEFAULT, id()),
            ("resource=https://vault.azure.net&client_id=b3c1", "https://vault.azure.net", id()),
            ("resource=https%3A%2F%2Fvault.azure.net%2F&client_id=b3c1", "https://vault.azure.net/", id()),
            ("resource=&client_id=b3c1", DEFAULT, id()),
            ("&client_id=b3c1", DEFAULT, id()),
        ] {
            assert_eq!(parsed(text), (audience.to_owned(), client_id), "{text}");
        }
    }

    #[test]
    fn what_can_not_be_meant_is_refused_by_name() {
        for (text, words) in [
            ("https://a/&object_id=1", "object_id"),
            ("https://a/&client_id=", "without an id"),
            ("https://a/&client_id=1&client_id=2", "client_id twice"),
            ("resource=https://a/&resource=https://b/", "resource twice"),
            ("https://a/ client_id=1", "white space"),
            ("https://a/%ff", "UTF-8"),
        ] {
            let violation = Resource::parse(text).unwrap_err();
            assert_eq!(violation.pointer, "/resource");
            assert!(violation.message.contains(words), "{text}: {}", violation.message);
        }
    }

    #[test]
    fn a_scope_has_one_slash_before_default() {
        for (text, scope) in [("https://a/", "https://a/.default"), ("api://b", "api://b/.default")] {
            assert_eq!(Resource::parse(text).unwrap().scope(), scope);
        }
    }
}
