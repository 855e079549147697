//! What Kubernetes takes as a name, checked before anything is written, so that one bad key is named instead of the whole
//! object being refused.
use thiserror::Error;

/// Longest key of a Secret or ConfigMap, and longest name of an object.
const LONGEST: usize = 253;
/// Longest label value, and longest name part of a label or annotation key.
const LONGEST_LABEL: usize = 63;

/// Why a text is no such name. Quotes the text, cut to 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// A key of a Secret or ConfigMap.
    #[error("{0:?} can't be a key: 1 to 253 characters of a-z, A-Z, 0-9, -, _ and ., but not . or .. or a name that begins with ..")]
    DataKey(String),
    /// A name of an object.
    #[error(
        "{0:?} can't be a name: 1 to 253 characters of a-z, 0-9, - and ., each part between dots beginning and ending with a letter or digit"
    )]
    Object(String),
    /// A name of a namespace.
    #[error("{0:?} can't be a namespace: 1 to 63 characters of a-z, 0-9 and -, beginning and ending with a letter or digit")]
    Namespace(String),
    /// A key of a label or annotation.
    #[error(
        "{0:?} can't be the key of a label or annotation: [DNS name/]1 to 63 characters of a-z, A-Z, 0-9, -, _ and ., beginning and ending with a letter or digit"
    )]
    Qualified(String),
    /// A value of a label.
    #[error(
        "{0:?} can't be the value of a label: at most 63 characters of a-z, A-Z, 0-9, -, _ and ., beginning and ending with a letter or digit"
    )]
    LabelValue(String),
}

/// A key in the data of a Secret or ConfigMap.
///
/// # Errors
/// [`NameError::DataKey`].
pub fn data_key(text: &str) -> Result<(), NameError> {
    let valid = within(text, LONGEST) && text.bytes().all(loose) && text != "." && !text.starts_with("..");
    valid.then_some(()).ok_or_else(|| NameError::DataKey(cut(text)))
}

/// The name of an object (a DNS subdomain).
///
/// # Errors
/// [`NameError::Object`].
pub fn object(text: &str) -> Result<(), NameError> {
    let valid = within(text, LONGEST) && text.split('.').all(|part| dns_part(part, LONGEST));
    valid.then_some(()).ok_or_else(|| NameError::Object(cut(text)))
}

/// The name of a namespace (a DNS label).
///
/// # Errors
/// [`NameError::Namespace`].
pub fn namespace(text: &str) -> Result<(), NameError> {
    dns_part(text, LONGEST_LABEL).then_some(()).ok_or_else(|| NameError::Namespace(cut(text)))
}

/// The key of a label or annotation.
///
/// # Errors
/// [`NameError::Qualified`].
pub fn qualified(text: &str) -> Result<(), NameError> {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let valid = prefix.is_none_or(|prefix| object(prefix).is_ok()) && within(name, LONGEST_LABEL) && bounded(name);
    valid.then_some(()).ok_or_else(|| NameError::Qualified(cut(text)))
}

/// The value of a label; may be empty.
///
/// # Errors
/// [`NameError::LabelValue`].
pub fn label_value(text: &str) -> Result<(), NameError> {
    let valid = text.is_empty() || (within(text, LONGEST_LABEL) && bounded(text));
    valid.then_some(()).ok_or_else(|| NameError::LabelValue(cut(text)))
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

fn within(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest
}

fn loose(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Loose characters, with letters or digits at both ends.
fn bounded(text: &str) -> bool {
    text.bytes().all(loose) && ends(text, |byte| byte.is_ascii_alphanumeric())
}

fn dns_part(text: &str, longest: usize) -> bool {
    let strict = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    within(text, longest) && text.bytes().all(|byte| strict(byte) || byte == b'-') && ends(text, strict)
}

fn ends(text: &str, valid: impl Fn(u8) -> bool) -> bool {
    [text.bytes().next(), text.bytes().next_back()].into_iter().all(|byte| byte.is_some_and(&valid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(check: fn(&str) -> Result<(), NameError>, good: &[&str], bad: &[&str]) {
        good.iter().for_each(|text| assert_eq!(check(text), Ok(()), "{text:?}"));
        bad.iter().for_each(|text| assert!(check(text).is_err(), "{text:?}"));
    }

    #[test]
    fn names_are_those_that_the_api_server_takes() {
        let (long, longer, label) = ("a".repeat(253), "a".repeat(254), "a".repeat(64));
        all(data_key, &["A", "a.b-c_D1", ".a", "-", &long], &["", ".", "..", "..a", "a b", "é", "a/b", &longer]);
        all(object, &["a", "a.b-c.0", &long], &["", "A", "a..b", "-a", "a-", ".a", "a_b", &longer]);
        all(namespace, &["a", "kube-system", "0"], &["", "a.b", "-a", "a-", "A", &label]);
        all(
            qualified,
            &["a", "A_b.c", "example.com/A", "app.kubernetes.io/name"],
            &["", "/a", "a/", "A.com/a/b", "Ex.com/a", "-a", "a b", &label],
        );
        all(label_value, &["", "a", "A_b.c-1"], &["-", "a b", "a/b", "a-", &label]);
    }

    #[test]
    fn an_error_quotes_only_the_beginning() {
        assert!(data_key(&" ".repeat(10_000)).unwrap_err().to_string().len() < 300);
    }
}
