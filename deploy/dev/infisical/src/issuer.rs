//! An issuer of signed tokens on loopback: a discovery document, a key set, and tokens with whatever claims a test wants.
//!
//! Keys are made at each start. [`Issuer::rotate`] makes a new one and forgets the old, as providers do over days; tokens of
//! before then verify no more.
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Map, Value, json};
use tokio::task::AbortHandle;
use uuid::Uuid;

/// A running issuer; it ends when this is dropped.
pub struct Issuer {
    address: SocketAddr,
    keys: Arc<RwLock<Keys>>,
    serving: AbortHandle,
}

/// Why an issuer does not start, or gives no token.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// No port.
    #[error("can't listen on loopback: {0}")]
    Listen(#[from] std::io::Error),
    /// No key pair.
    #[error("can't make a key: {0}")]
    Key(#[from] rcgen::Error),
    /// A key that can't sign.
    #[error("can't sign: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// The key in force.
struct Keys {
    id: String,
    signing: EncodingKey,
    public_pem: String,
    set: Value,
}

impl Keys {
    fn new() -> Result<Self, IssuerError> {
        let pair = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)?;
        let signing = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes())?;
        let id = Uuid::new_v4().to_string();
        let mut key = Jwk::from_encoding_key(&signing, Algorithm::RS256)?;
        key.common.key_id = Some(id.clone());
        key.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        Ok(Self { id, signing, public_pem: pair.public_key_pem(), set: json!({ "keys": [key] }) })
    }
}

type Shared = (String, Arc<RwLock<Keys>>);

impl Issuer {
    /// Starts; from here on its documents are served.
    ///
    /// # Errors
    /// No port, or no key.
    pub async fn start() -> Result<Self, IssuerError> {
        let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = socket.local_addr()?;
        let keys = Arc::new(RwLock::new(Keys::new()?));
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(key_set))
            .with_state((format!("http://{address}"), keys.clone()));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(socket, routes).await {
                tracing::error!(%error, "the issuer ended");
            }
        });
        Ok(Self { address, keys, serving: serving.abort_handle() })
    }

    /// What stands in `iss`; the discovery document is below it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Address of the key set.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/keys", self.url())
    }

    /// The public key in force, as PEM.
    #[must_use]
    pub fn public_key(&self) -> String {
        self.read(|keys| keys.public_pem.clone())
    }

    /// A token of one hour. `claims`, an object, is added to `iss`, `iat`, `nbf` and `exp`, or takes their place; null
    /// takes one away.
    ///
    /// # Errors
    /// It can't be signed.
    pub fn token(&self, claims: &Value) -> Result<String, IssuerError> {
        self.token_with(Some(self.read(|keys| keys.id.clone())), claims)
    }

    /// The same with another key id, or none, in its header.
    ///
    /// # Errors
    /// It can't be signed.
    pub fn token_with(&self, key_id: Option<String>, claims: &Value) -> Result<String, IssuerError> {
        const LIFE: i64 = 3600;
        let now = jiff::Timestamp::now().as_second();
        let mut all = Map::new();
        let standard = [("iss", json!(self.url())), ("iat", json!(now)), ("nbf", json!(now)), ("exp", json!(now + LIFE))];
        all.extend(standard.map(|(name, value)| (name.to_owned(), value)));
        all.extend(claims.as_object().cloned().unwrap_or_default());
        all.retain(|_, value| !value.is_null());
        let header = Header { kid: key_id, ..Header::new(Algorithm::RS256) };
        self.read(|keys| Ok(jsonwebtoken::encode(&header, &all, &keys.signing)?))
    }

    /// Puts a new key in the place of the old.
    ///
    /// # Errors
    /// No key.
    pub fn rotate(&self) -> Result<(), IssuerError> {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Keys::new()?;
        Ok(())
    }

    fn read<T>(&self, look: impl FnOnce(&Keys) -> T) -> T {
        look(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn discovery(State((url, _)): State<Shared>) -> Json<Value> {
    Json(json!({
        "issuer": url,
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
}

async fn key_set(State((_, keys)): State<Shared>) -> Json<Value> {
    Json(keys.read().unwrap_or_else(PoisonError::into_inner).set.clone())
}
