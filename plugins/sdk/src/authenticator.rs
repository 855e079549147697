//! Plugins that prove to Infisical who the caller is.
//!
//! The plugin says what to post, the host posts it, and keeps, renews and revokes the token that comes back. What must hold
//! of an [`Exchange`], or the host answers that the result is bad: the method has 1 to 64 characters of a-z, 0-9 and `-`, no
//! field stands twice, none is `organizationSlug`, header names begin with `x-identity-`.
use crate::{Credential, Encoding, Error, Extensions, Plugin, backend};

/// A plugin of the world `authenticator-plugin`. Exported by [`export_authenticator!`](crate::export_authenticator).
pub trait Authenticator: Plugin {
    /// Proves who the caller is.
    ///
    /// # Errors
    /// [`Error::Credentials`] where a credential is missing or malformed, [`Error::Unavailable`] where something outside
    /// can't be reached; an error of an import is best handed on as it is.
    fn authenticate(request: Request<Self::Settings>) -> Result<Proved, Error>;
}

/// What the resource gave.
pub struct Request<S> {
    /// Checked by the schema of the descriptor and by [`Plugin::check`].
    pub settings: S,
    /// Inputs that are not sensitive, trimmed.
    pub inputs: Vec<(String, String)>,
    /// Empty today.
    pub extensions: Extensions,
}

impl<S> Request<S> {
    /// An input that is not sensitive; None where the resource gave none.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.inputs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The same, where it must be there.
    ///
    /// # Errors
    /// [`Error::Credentials`] naming the input.
    pub fn required_text(&self, name: &str) -> Result<&str, Error> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// A sensitive input, where it must be there.
    ///
    /// # Errors
    /// [`Error::Credentials`] naming the input.
    pub fn credential(&self, name: &str) -> Result<Credential, Error> {
        self.optional_credential(name)?.ok_or_else(|| missing(name))
    }

    /// A sensitive input; None where the resource gave none.
    ///
    /// # Errors
    /// Where too many handles are open.
    pub fn optional_credential(&self, name: &str) -> Result<Option<Credential>, Error> {
        Ok(backend::credential(name)?.map(Credential))
    }
}

fn missing(input: &str) -> Error {
    Error::Credentials(format!("input {input:?} is missing"))
}

/// A proof, and what the user should be told.
pub struct Proved {
    /// The proof.
    pub proof: Proof,
    /// Shown once, for example a deprecation. At most 8.
    pub notices: Vec<String>,
}

impl Proved {
    /// An access token as it is: used, never renewed, never revoked.
    #[must_use]
    pub fn token(token: Credential) -> Self {
        Self { proof: Proof::Token(token), notices: vec![] }
    }

    /// Adds a notice.
    #[must_use]
    pub fn notice(mut self, text: impl Into<String>) -> Self {
        self.notices.push(text.into());
        self
    }
}

impl From<Exchange> for Proved {
    fn from(exchange: Exchange) -> Self {
        Self { proof: Proof::Exchange(exchange), notices: vec![] }
    }
}

/// How a caller proves who it is.
pub enum Proof {
    /// The host puts it together and posts it.
    Exchange(Exchange),
    /// An access token.
    Token(Credential),
}

/// What the host posts, as a JSON object, to the server of the resource and to no other.
pub struct Exchange {
    /// `/v1/auth/METHOD/login`.
    pub path: String,
    /// Members of the body.
    pub fields: Vec<(String, Field)>,
    /// Headers.
    pub headers: Vec<(String, Field)>,
    /// Mutual TLS, for this one connection.
    pub client_identity: Option<ClientIdentity>,
}

impl Exchange {
    /// To `/v1/auth/METHOD/login`.
    #[must_use]
    pub fn to(method: &str) -> Self {
        Self { path: format!("/v1/auth/{method}/login"), fields: vec![], headers: vec![], client_identity: None }
    }

    /// Adds a member that is a string.
    #[must_use]
    pub fn text(self, name: &str, value: impl Into<String>) -> Self {
        self.field(name, Field::Text(value.into()))
    }

    /// Adds a member that is a string: the credential as it is, which must be UTF-8.
    #[must_use]
    pub fn credential(self, name: &str, credential: Credential) -> Self {
        self.field(name, Field::Credential(credential, Encoding::Raw))
    }

    /// Adds a member.
    #[must_use]
    pub fn field(mut self, name: &str, field: Field) -> Self {
        self.fields.push((name.into(), field));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, field: Field) -> Self {
        self.headers.push((name.into(), field));
        self
    }

    /// Presents a certificate to the server.
    #[must_use]
    pub fn client_identity(mut self, chain: Credential, key: Credential) -> Self {
        self.client_identity = Some(ClientIdentity { chain, key });
        self
    }
}

/// A value in an exchange. All of it counts as secret.
pub enum Field {
    /// A string.
    Text(String),
    /// A JSON document.
    Json(JsonField),
    /// A credential, as it is or as base64.
    Credential(Credential, Encoding),
}

/// A JSON document. Each object `{"$credential": NAME}` in it, optionally with `"encoding"`, stands for the credential of
/// that name and is replaced by a JSON string.
pub struct JsonField {
    /// The document.
    pub document: serde_json::Value,
    /// Credentials by name.
    pub credentials: Vec<(String, Credential)>,
    /// Raw: the document is the member's value. Base64: the value is a string, base64 of the document's text.
    pub encoding: Encoding,
}

/// A certificate chain and its key.
pub struct ClientIdentity {
    /// Certificates as PEM, the leaf first.
    pub chain: Credential,
    /// Private key as PEM.
    pub key: Credential,
}
