//! Puts together header values and bodies from parts, some of which are secrets that the plugin has by handle alone.
//!
//! A content is `prefix + encode(part + part + …)`, and each secret part may have an encoding of its own first: Basic
//! authentication is the prefix `Basic `, the parts user, `:` and password, and `base64` for the whole. The result counts
//! as secret, whatever went in. What can go wrong: an encoding that doesn't exist, bytes that can't stand in a JSON string,
//! more bytes than allowed. Nothing is cut or replaced silently.
use super::Refusal;
use crate::SecretBytes;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use std::borrow::Cow;
use zeroize::{Zeroize, Zeroizing};

/// What RFC 3986 calls unreserved stays, all else is escaped: valid in form bodies and in queries alike.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::EnumIter, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Encoding {
    /// As they are.
    Raw,
    /// Percent-encoded.
    Form,
    /// A JSON string with its quotes; the bytes must be UTF-8.
    JsonString,
    /// Standard alphabet, padded.
    Base64,
}

/// One part of a content.
pub(crate) enum Part<'a> {
    /// Text of the plugin.
    Text(&'a str),
    /// Bytes of the plugin.
    Bytes(&'a [u8]),
    /// A credential, with the name of an encoding for it alone.
    Secret {
        /// The credential.
        bytes: &'a [u8],
        /// Name of an [`Encoding`].
        encoding: &'a str,
    },
}

/// Why a content can't be put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContentError {
    /// No encoding has that name.
    #[error("the encoding {0:?} is not known; known are raw, form, json-string and base64")]
    Encoding(String),
    /// A JSON string can't hold it.
    #[error("bytes that are not UTF-8 can't become a json-string")]
    NotUtf8,
    /// Too long.
    #[error("it has more than {0} bytes put together")]
    TooLong(usize),
}

impl From<ContentError> for Refusal {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::NotUtf8 => Self::Credentials(error.to_string()),
            ContentError::Encoding(_) | ContentError::TooLong(_) => Self::Settings(error.to_string()),
        }
    }
}

impl Encoding {
    /// By its name in the contract.
    ///
    /// # Errors
    /// [`ContentError::Encoding`].
    pub(crate) fn named(name: &str) -> Result<Self, ContentError> {
        name.parse().map_err(|_| ContentError::Encoding(name.chars().take(64).collect()))
    }

    /// Writes `bytes` at the end of `out`.
    fn write(self, bytes: &[u8], out: &mut Buffer) -> Result<(), ContentError> {
        match self {
            Self::Raw => out.push(bytes),
            Self::Form => percent_encode(bytes, FORM).try_for_each(|piece| out.push(piece.as_bytes())),
            Self::JsonString => {
                let text = std::str::from_utf8(bytes).map_err(|_| ContentError::NotUtf8)?;
                // Writing a string to a buffer fails only where the buffer is full.
                serde_json::to_writer(&mut *out, text).map_err(|_| ContentError::TooLong(out.limit))
            }
            Self::Base64 => {
                let chunks = bytes.chunks(BASE64_CHUNK);
                let mut text = Zeroizing::new([0; BASE64_CHUNK / 3 * 4]);
                for chunk in chunks {
                    let length = STANDARD.encode_slice(chunk, text.as_mut()).map_err(|_| ContentError::TooLong(out.limit))?;
                    out.push(text.get(..length).unwrap_or_default())?;
                }
                Ok(())
            }
        }
    }

    /// Encodes bytes that may be secret.
    ///
    /// # Errors
    /// [`ContentError::NotUtf8`], [`ContentError::TooLong`].
    pub(crate) fn encode(self, bytes: &[u8], limit: usize) -> Result<SecretBytes, ContentError> {
        let mut out = Buffer::new(limit);
        self.write(bytes, &mut out)?;
        Ok(out.finish())
    }
}

/// A multiple of three, so that only the last chunk is padded.
const BASE64_CHUNK: usize = 768;

/// Puts a content together: at most `limit` bytes.
///
/// # Errors
/// Any [`ContentError`].
pub(crate) fn assemble(prefix: &str, parts: &[Part<'_>], encoding: &str, limit: usize) -> Result<SecretBytes, ContentError> {
    let whole = Encoding::named(encoding)?;
    let mut inner = Buffer::new(limit);
    for part in parts {
        match part {
            Part::Text(text) => inner.push(text.as_bytes())?,
            Part::Bytes(bytes) => inner.push(bytes)?,
            Part::Secret { bytes, encoding } => Encoding::named(encoding)?.write(bytes, &mut inner)?,
        }
    }
    let mut out = Buffer::new(limit);
    out.push(prefix.as_bytes())?;
    whole.write(&inner.bytes, &mut out)?;
    Ok(out.finish())
}

/// Bytes that are zeroed wherever they have lain, when the buffer grows too.
struct Buffer {
    bytes: Vec<u8>,
    limit: usize,
}

impl Buffer {
    fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), ContentError> {
        let needed = self.bytes.len().saturating_add(bytes.len());
        if needed > self.limit {
            return Err(ContentError::TooLong(self.limit));
        }
        if needed > self.bytes.capacity() {
            let mut larger = Vec::with_capacity(needed.next_power_of_two());
            larger.extend_from_slice(&self.bytes);
            std::mem::replace(&mut self.bytes, larger).zeroize();
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self) -> SecretBytes {
        secret(&self.bytes)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl std::io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.push(bytes).map_err(|_| std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Copies bytes into a buffer of exactly their size: making a boxed slice of a larger one may move it and leave the old
/// bytes behind.
pub(crate) fn secret(bytes: &[u8]) -> SecretBytes {
    SecretBytes::from(Cow::Borrowed(bytes).into_owned().into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn built(prefix: &str, parts: &[Part<'_>], encoding: &str) -> Result<String, ContentError> {
        assemble(prefix, parts, encoding, 4096).map(|bytes| String::from_utf8(bytes.expose_secret().to_vec()).unwrap())
    }

    #[test]
    fn basic_authentication_is_built_from_handles() {
        let secret = |text: &'static str| Part::Secret { bytes: text.as_bytes(), encoding: "raw" };
        let value = built("Basic ", &[secret("Aladdin"), Part::Text(":"), secret("open sesame")], "base64").unwrap();
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn a_secret_is_escaped_for_the_place_it_stands_in() {
        let place =
            |encoding| built("", &[Part::Text("["), Part::Secret { bytes: b"a b\"&=+\xc3\xa9~", encoding }, Part::Text("]")], "raw");
        assert_eq!(place("form").unwrap(), "[a%20b%22%26%3D%2B%C3%A9~]");
        assert_eq!(place("json-string").unwrap(), r#"["a b\"&=+é~"]"#);
        assert_eq!(place("raw").unwrap(), "[a b\"&=+é~]");
        assert_eq!(place("base64").unwrap(), "[YSBiIiY9K8Opfg==]");
    }

    #[test]
    fn an_encoding_that_is_not_known_is_named_with_those_that_are() {
        for (part, whole) in [("hex", "raw"), ("raw", "hex"), ("Raw", "raw"), ("raw", "")] {
            let error = built("", &[Part::Secret { bytes: b"canary-4711", encoding: part }], whole).unwrap_err();
            assert!(error.to_string().contains("json-string"), "{error}");
            assert!(!error.to_string().contains("canary"));
            assert!(matches!(Refusal::from(error), Refusal::Settings(_)));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_no_json_string() {
        for (part, whole) in [("json-string", "raw"), ("raw", "json-string")] {
            let error = built("", &[Part::Secret { bytes: b"\xff", encoding: part }], whole).unwrap_err();
            assert_eq!(error, ContentError::NotUtf8);
        }
    }

    #[test]
    fn the_limit_counts_what_is_sent() {
        let bytes = [b'a'; 100];
        for (encoding, length) in [("raw", 100), ("base64", 136), ("json-string", 102), ("form", 100)] {
            assert_eq!(assemble("", &[Part::Bytes(&bytes)], encoding, length).unwrap().expose_secret().len(), length);
            let error = assemble("", &[Part::Bytes(&bytes)], encoding, length - 1).err();
            assert_eq!(error, Some(ContentError::TooLong(length - 1)), "{encoding}");
        }
        assert_eq!(assemble("Bearer ", &[], "raw", 6).err(), Some(ContentError::TooLong(6)));
    }

    #[test]
    fn base64_is_the_same_in_one_piece_or_many() {
        for length in [0, 1, 767, 768, 769, 1536, 5000] {
            let bytes: Vec<u8> = (0..length).map(|at: usize| at.to_le_bytes()[0]).collect();
            let whole = Encoding::Base64.encode(&bytes, 1 << 20).unwrap();
            assert_eq!(whole.expose_secret(), STANDARD.encode(&bytes).as_bytes(), "{length}");
        }
    }
}
