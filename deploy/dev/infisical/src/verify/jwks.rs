//! Tokens that others have signed: key sets over HTTP, public keys as PEM, and the checks of a signature and of the times.
//!
//! Shared by all methods that take such a token. What can go wrong is told apart as the real server's libraries do, since their
//! words end up in its answers: a key set that can't be fetched, a key that it lacks, a token that does not verify. What is
//! promised: a key verifies only with algorithms of its own kind, so that neither `none` nor a MAC under a public key passes;
//! times are judged by the server's own clock, to the second; no message holds a part of a token.
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::auth::access_token::expired;
use crate::errors::ApiError;
use crate::state::permission::matches;

/// As the real server's client of key sets waits.
const PATIENCE: Duration = Duration::from_secs(30);
/// Key sets and discovery documents have some kilobytes.
const LONGEST: usize = 1 << 20;

/// Fetches documents of issuers. Follows no proxy: issuers of tests are on loopback.
pub(crate) struct Issuers(reqwest::Client);

/// Why there is no document, in words for the answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// No connection, no answer in time, an answer cut short.
    #[error("the issuer can't be reached")]
    Unreachable,
    /// Another status than success.
    #[error("Request failed with status code {0}")]
    Status(u16),
    /// More than a megabyte, or not the JSON that is wanted.
    #[error("the issuer's answer can't be understood")]
    Malformed,
}

impl Issuers {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().map(Self)
    }

    /// A JSON document.
    pub(crate) async fn document<T: DeserializeOwned>(&self, url: &str) -> Result<T, FetchError> {
        let mut response = self.0.get(url).send().await.map_err(|_| FetchError::Unreachable)?;
        if !response.status().is_success() {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| FetchError::Unreachable)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST {
                return Err(FetchError::Malformed);
            }
        }
        serde_json::from_slice(&bytes).map_err(|_| FetchError::Malformed)
    }

    /// The keys of a set that can be used for signatures, as the real server's client picks them. Fetched anew at each login,
    /// so that a rotated key counts at once.
    pub(crate) async fn keys(&self, url: &str) -> Result<Vec<Key>, FetchError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = self.document(url).await?;
        Ok(set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).filter_map(|key| Key::from_jwk(&key)).collect())
    }
}

/// A public key.
pub(crate) struct Key {
    /// By which tokens name it.
    pub(crate) id: Option<String>,
    key: DecodingKey,
}

impl Key {
    /// Of a key set; None for one that is no public key or not for signatures.
    pub(crate) fn from_jwk(jwk: &Jwk) -> Option<Self> {
        use jsonwebtoken::jwk::{AlgorithmParameters, PublicKeyUse};
        if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_)) || jwk.common.public_key_use == Some(PublicKeyUse::Encryption) {
            return None;
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self { id: jwk.common.key_id.clone(), key })
    }

    /// An RSA or elliptic key as PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`); None for anything else.
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        let pem = pem.as_bytes();
        let key = DecodingKey::from_rsa_pem(pem).or_else(|_| DecodingKey::from_ec_pem(pem)).ok()?;
        Some(Self { id: None, key })
    }

    /// The key of a certificate in PEM, which must be RSA; None for anything else. Nothing but the key is looked at.
    pub(crate) fn from_certificate(pem: &str) -> Option<Self> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
        let certificate = pem.parse_x509().ok()?;
        let key = certificate.public_key();
        matches!(key.parsed(), Ok(x509_parser::public_key::PublicKey::RSA(_)))
            .then(|| Self { id: None, key: DecodingKey::from_rsa_der(&key.subject_public_key.data) })
    }

    /// Verifies the signature of a token, then that it is valid now.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenFault> {
        let claims = self.signed(token)?;
        let time = |name| claims.0.get(name).map(|time: &Value| time.as_f64().ok_or(TokenFault::Time(name))).transpose();
        let now = now.as_second() as f64;
        if time("nbf")?.is_some_and(|from| from > now) {
            return Err(TokenFault::TooEarly);
        }
        if time("exp")?.is_some_and(|end| end <= now) {
            return Err(TokenFault::Expired);
        }
        Ok(claims)
    }

    /// Verifies the signature alone.
    pub(crate) fn signed(&self, token: &str) -> Result<Claims, TokenFault> {
        let header = Header::of(token).ok_or(TokenFault::Malformed)?;
        if token.ends_with('.') {
            return Err(TokenFault::Unsigned);
        }
        let mut validation = Validation::new_for_family(self.key.family());
        // The times are judged by the server's own clock, below; audience and issuer by the method.
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        validation.required_spec_claims.clear();
        if !validation.algorithms.iter().any(|algorithm| format!("{algorithm:?}") == header.alg) {
            return Err(TokenFault::Algorithm);
        }
        let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &self.key, &validation);
        Ok(Claims(claims.map_err(|error| TokenFault::of(error.kind()))?.claims))
    }
}

/// The first part of a token, believed by nobody.
#[derive(Deserialize)]
pub(crate) struct Header {
    /// Algorithm.
    pub(crate) alg: String,
    /// Id of the key.
    pub(crate) kid: Option<String>,
}

impl Header {
    /// None for a text that is no token in three parts.
    pub(crate) fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (first, second, Some(_), None) = (parts.next()?, parts.next()?, parts.next(), parts.next()) else { return None };
        let object = |part| serde_json::from_slice::<Map<String, Value>>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        object(second)?;
        serde_json::from_value(Value::Object(object(first)?)).ok()
    }
}

/// Why a token is not taken, in the words of the real server's library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFault {
    #[error("jwt malformed")]
    Malformed,
    #[error("jwt signature is required")]
    Unsigned,
    #[error("invalid algorithm")]
    Algorithm,
    #[error("invalid signature")]
    Signature,
    #[error("invalid {0} value")]
    Time(&'static str),
    #[error("jwt not active")]
    TooEarly,
    #[error("jwt expired")]
    Expired,
}

impl TokenFault {
    fn of(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => Self::Algorithm,
            _ => Self::Malformed,
        }
    }
}

/// A fault as 403 `TokenError`, which the real server makes of whatever its library throws: three of the library's words are put
/// in others.
pub(crate) fn token_error(fault: TokenFault) -> ApiError {
    match fault {
        TokenFault::Expired => expired(),
        TokenFault::Malformed => {
            ApiError::token("The provided access token is malformed. Please use a valid token or generate a new one and try again.")
        }
        TokenFault::Algorithm => {
            ApiError::token("The access token is signed with an invalid algorithm. Please provide a valid token and try again.")
        }
        other => ApiError::token(other.to_string()),
    }
}

/// What a verified token says. Has no `Debug`: claims may be personal.
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    /// What a token says of itself, verified by nobody: to find the key that verifies it.
    pub(crate) fn believed(token: &str) -> Option<Self> {
        Header::of(token)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok().map(Self)
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A claim by its name, or by a path with dots; None also where it is empty, null, false or 0, as the server sees it.
    pub(crate) fn get(&self, path: &str) -> Option<&Value> {
        let whole = self.0.get(path);
        let found = whole.or_else(|| {
            let (first, rest) = path.split_once('.')?;
            rest.split('.').try_fold(self.0.get(first)?, |value, name| value.get(name))
        })?;
        let empty = match found {
            Value::Null | Value::Bool(false) => true,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        (!empty).then_some(found)
    }
}

/// Whether a claim, or one of its items where it is a list, is allowed by one of several globs, written with `, ` between.
pub(crate) fn allowed(claim: &Value, policy: &str) -> bool {
    let one = |value: &Value| {
        let text = Plain(value).to_string();
        policy.split(", ").any(|entry| entry == text || matches(entry, &text))
    };
    match claim {
        Value::Array(items) => items.iter().any(one),
        _ => one(claim),
    }
}

/// A text without quotes, anything else as JSON.
struct Plain<'a>(&'a Value);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(text) => out.write_str(text),
            other => write!(out, "{other}"),
        }
    }
}
