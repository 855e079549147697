//! Takes secrets out of texts of a guest before anybody sees them.
//!
//! This guards against an honest plugin that quotes what it works on; a dishonest one can always disguise what it knows,
//! which is why a plugin is given so little. What is looked for is not copied.
use crate::{SecretBytes, SourceSecret, text};
use secrecy::ExposeSecret;
use std::{borrow::Cow, cmp::Reverse, sync::Arc};

/// Shorter ones occur in ordinary words and numbers.
const SHORTEST: usize = 6;

/// A longer text is not shown at all: to search it for every secret would cost more than it is worth, and to cut it first
/// could leave half of a secret.
const LONGEST_TEXT: usize = 2048;

const SUBSTITUTE: &str = "***";

/// The secrets that a call has come across.
#[derive(Default)]
pub(crate) struct Scrubber {
    single: Vec<Arc<SecretBytes>>,
    sources: Vec<Arc<Vec<SourceSecret>>>,
}

impl Scrubber {
    pub(crate) fn add(&mut self, secret: Arc<SecretBytes>) {
        self.single.push(secret);
    }

    pub(crate) fn add_all(&mut self, secrets: Arc<Vec<SourceSecret>>) {
        self.sources.push(secrets);
    }

    /// Without secrets, on one line, cut.
    pub(crate) fn clean(&self, text: &str) -> String {
        if text.len() > LONGEST_TEXT {
            return format!("(a text of {} bytes, too long to be shown)", text.len());
        }
        let sources = self.sources.iter().flat_map(|secrets| secrets.iter());
        let values = self.single.iter().map(|secret| secret.expose_secret()).chain(sources.map(|secret| secret.value.expose_secret()));
        let values = values.filter_map(|value| std::str::from_utf8(value).ok());
        // A key may be quoted line by line.
        let mut found: Vec<_> = values.flat_map(|value| std::iter::once(value).chain(value.lines())).map(str::trim).collect();
        found.retain(|value| value.len() >= SHORTEST && text.contains(value));
        // The longest first: what is left of one that begins like another must not stay.
        found.sort_by_key(|value| Reverse(value.len()));
        let mut clean = Cow::Borrowed(text);
        for value in found {
            clean = Cow::Owned(clean.replace(value, SUBSTITUTE));
        }
        text::cut(&clean)
    }

    /// At most so many as are shown.
    pub(crate) fn clean_all(&self, texts: &[String]) -> Vec<String> {
        texts.iter().take(text::COUNT).map(|text| self.clean(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubber(secrets: &[&str]) -> Scrubber {
        let mut scrubber = Scrubber::default();
        for secret in secrets {
            scrubber.add(Arc::new(SecretBytes::from(secret.as_bytes().to_vec())));
        }
        scrubber
    }

    #[test]
    fn a_secret_is_taken_out_wherever_it_stands() {
        let scrubber = scrubber(&["canary-4711\n", "tiny"]);
        assert_eq!(scrubber.clean("bad password canary-4711, tiny canary-4711"), "bad password ***, tiny ***");
    }

    #[test]
    fn a_secret_that_begins_like_another_is_taken_out_whole() {
        assert_eq!(scrubber(&["canary", "canary-4711"]).clean("canary-4711, canary"), "***, ***");
    }

    #[test]
    fn a_line_of_a_longer_secret_is_taken_out_too() {
        assert_eq!(scrubber(&["-----BEGIN\ncanary-4711==\n-----END"]).clean("found \"canary-4711==\""), "found \"***\"");
    }

    #[test]
    fn a_cut_never_leaves_half_a_secret() {
        let scrubber = scrubber(&["canary-4711"]);
        let text = format!("{}canary-4711", "x".repeat(text::LENGTH - 5));
        assert!(!scrubber.clean(&text).contains("cana"));
        assert!(!scrubber.clean(&format!("{}canary-4711", "x".repeat(LONGEST_TEXT - 5))).contains("cana"));
    }
}
