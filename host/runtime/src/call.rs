//! What goes into a call and what comes out of it, in the runtime's own types: nothing above this crate names a generated
//! one.
use crate::SecretBytes;
use serde_json::Value;
use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

/// On whose behalf a plugin is called.
#[derive(Clone)]
pub struct Caller {
    /// Namespace of the resource: failures are counted and the plugin is held off per namespace first.
    pub namespace: String,
    /// Whether this call may use the capabilities that are ambient ([`crate::Capability::is_ambient`]).
    pub ambient: Ambient,
    /// Tokens of the service account that the resource names; None where it names none.
    pub service_account: Option<Arc<dyn TokenSource>>,
}

/// Whether ambient sources are open to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambient {
    /// As the grants say: the server is trusted.
    Granted,
    /// Not at all, whatever the grants say.
    Withheld,
}

/// Makes tokens of one service account. Implemented above, where Kubernetes is known.
pub trait TokenSource: Send + Sync {
    /// A token for these audiences.
    fn token(&self, audiences: Vec<String>) -> TokenFuture<'_>;
}

/// The answer of a [`TokenSource`].
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<SecretBytes, TokenFailure>> + Send + 'a>>;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    /// It must not be made: another namespace, an empty audience towards an untrusted server.
    #[error("{0}")]
    Denied(String),
    /// The account is not there, or the API server refused.
    #[error("{0}")]
    Credentials(String),
    /// The API server can't be reached.
    #[error("the API server can't be reached")]
    Unavailable,
}

/// A call of an authenticator.
pub struct AuthCall {
    /// Name of the plugin.
    pub plugin: String,
    /// The settings, an object.
    pub settings: Value,
    /// All inputs that the resource gave. The runtime places each by the descriptor: as trimmed text or as a handle.
    pub inputs: BTreeMap<String, SecretBytes>,
    /// On whose behalf.
    pub caller: Caller,
}

/// What an authenticator answered, checked and put together.
pub struct Proved {
    /// The proof.
    pub proof: Proof,
    /// To be shown once.
    pub notices: Vec<String>,
    /// Digest of the component that proved it: tokens of an older version are not reused.
    pub digest: String,
}

/// How a caller proves who it is.
pub enum Proof {
    /// To be posted.
    Exchange(Exchange),
    /// An access token as it is: used, never renewed, never revoked.
    Token(secrecy::SecretString),
}

/// A login, ready to be posted to the server of the resource.
pub struct Exchange {
    /// `/v1/auth/NAME/login`.
    pub path: String,
    /// Members of the body. All values are secret: the type can't be formatted and must be handed on whole.
    pub fields: serde_json::Map<String, Value>,
    /// Names begin with `x-identity-`.
    pub headers: Vec<(String, secrecy::SecretString)>,
    /// For mutual TLS.
    pub client_identity: Option<ClientIdentity>,
}

/// A certificate chain and its key, as PEM.
pub struct ClientIdentity {
    /// The leaf first.
    pub chain: SecretBytes,
    /// Private key.
    pub key: SecretBytes,
}

/// A call of a template.
pub struct RenderCall {
    /// Name of the plugin.
    pub plugin: String,
    /// `infisical-secret`, `static-secret`, `external-secret`.
    pub dot: &'static str,
    /// An object.
    pub options: Value,
    /// What to render.
    pub entries: Vec<Entry>,
    /// The data, shared with the read it came from.
    pub secrets: Arc<Vec<SourceSecret>>,
    /// The same for imports.
    pub imports: Arc<Vec<SourceSecret>>,
    /// On whose behalf.
    pub caller: Caller,
}

/// One template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Key in the target.
    pub key: String,
    /// Text of the template.
    pub source: String,
}

/// A secret as a template sees it. Its value can't be formatted.
#[derive(Clone)]
pub struct SourceSecret {
    /// Key.
    pub key: String,
    /// Value, shared with whoever writes it unrendered.
    pub value: Arc<SecretBytes>,
    /// Folder.
    pub path: String,
    /// Comment.
    pub comment: secrecy::SecretString,
    /// Slugs.
    pub tags: Vec<String>,
}

/// What a template answered.
pub struct Rendering {
    /// No key twice.
    pub entries: Vec<Rendered>,
    /// To be shown once.
    pub notices: Vec<String>,
}

/// One rendered value.
pub struct Rendered {
    /// Key in the target.
    pub key: String,
    /// Value.
    pub value: SecretBytes,
    /// Used random numbers, the time or fresh keys.
    pub volatile: bool,
    /// Missing keys that were let pass.
    pub missing: u32,
}

/// A call of a generator.
pub struct GenerateCall {
    /// Name of the plugin.
    pub plugin: String,
    /// An object.
    pub settings: Value,
    /// On whose behalf.
    pub caller: Caller,
}

/// What a generator answered.
pub struct Generated {
    /// No key twice.
    pub outputs: Vec<Output>,
    /// To be shown once.
    pub notices: Vec<String>,
}

/// One generated value.
pub struct Output {
    /// Key.
    pub key: String,
    /// Value.
    pub value: SecretBytes,
}

/// A call of a policy.
pub struct EvaluateCall {
    /// Name of the plugin.
    pub plugin: String,
    /// An object.
    pub settings: Value,
    /// `before-login` or `before-apply`.
    pub stage: &'static str,
    /// An object.
    pub subject: Value,
    /// On whose behalf.
    pub caller: Caller,
}

/// What a policy answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// Reasons.
    pub texts: Vec<String>,
}

/// Closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Allow,
    /// Go on and say so.
    Warn,
    /// Stop.
    Deny,
}
