//! Secrets by handle.
use crate::{Error, backend};

/// A handle on something secret: an input, a mounted file, a token. The bytes stay in the host. Can't be formatted or
/// compared. At most 64 are open at a time.
pub struct Credential(pub(crate) backend::Handle);

impl Credential {
    /// The bytes themselves.
    ///
    /// # Errors
    /// [`Error::Denied`] without the grant `reveal:…` for this very input or file.
    pub fn reveal(&self) -> Result<Vec<u8>, Error> {
        backend::reveal(&self.0)
    }

    /// The bytes as text.
    ///
    /// # Errors
    /// As [`Credential::reveal`]; [`Error::Credentials`] where they are no UTF-8.
    pub fn reveal_text(&self) -> Result<String, Error> {
        String::from_utf8(self.reveal()?).map_err(|_| Error::Credentials("the credential is not text".into()))
    }

    /// A member of a credential that is a JSON document, by JSON pointer, as a handle of its own.
    ///
    /// # Errors
    /// [`Error::Credentials`] where it is no JSON or has no such member.
    pub fn select(&self, json_pointer: &str) -> Result<Self, Error> {
        backend::select(&self.0, json_pointer).map(Self)
    }

    /// A second handle on the same secret: one that is placed in a result is given away.
    ///
    /// # Errors
    /// Where too many handles are open.
    pub fn duplicate(&self) -> Result<Self, Error> {
        backend::duplicate(&self.0).map(Self)
    }
}

/// How a credential is placed into a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// As it is.
    #[default]
    Raw,
    /// Standard alphabet, padded.
    Base64,
    /// Percent-encoded, for forms. Only in HTTP requests.
    Form,
    /// With its quotes. Only in HTTP requests.
    JsonString,
}

impl Encoding {
    /// As the contract spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Base64 => "base64",
            Self::Form => "form",
            Self::JsonString => "json-string",
        }
    }
}
