//! Machine identities and how each may log in.
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::hidden::Hidden;
use crate::verify::{AliCloudAuth, AwsAuth, AzureAuth, GcpAuth, JwtAuth, LdapAuth, OciAuth, OidcAuth, TlsCertAuth};

/// The organisation and those below it.
#[derive(Clone, Debug)]
pub struct Organization {
    /// Id of the root organisation.
    pub id: String,
    /// Its slug.
    pub slug: String,
    /// Sub-organisations as (id, slug).
    pub below: Vec<(String, String)>,
}

impl Organization {
    /// The id of the root or of a sub-organisation.
    #[must_use]
    pub fn id_of(&self, slug: &str) -> Option<&str> {
        if slug == self.slug {
            return Some(&self.id);
        }
        self.below.iter().find(|(_, found)| found == slug).map(|(id, _)| id.as_str())
    }
}

/// A machine identity.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Ids of the organisations it belongs to.
    pub organizations: Vec<String>,
    /// Universal auth, if configured.
    pub universal: Option<UniversalAuth>,
    /// Kubernetes auth, if configured.
    pub kubernetes: Option<KubernetesAuth>,
    /// AWS auth, if configured.
    pub aws: Option<AwsAuth>,
    /// Azure auth, if configured.
    pub azure: Option<AzureAuth>,
    /// Google Cloud auth, if configured.
    pub gcp: Option<GcpAuth>,
    /// JWT auth, if configured.
    pub jwt: Option<JwtAuth>,
    /// LDAP auth, if configured.
    pub ldap: Option<LdapAuth>,
    /// OIDC auth, if configured.
    pub oidc: Option<OidcAuth>,
    /// OCI auth, if configured.
    pub oci: Option<OciAuth>,
    /// Alibaba Cloud auth, if configured.
    pub alicloud: Option<AliCloudAuth>,
    /// TLS certificate auth, if configured.
    pub tls_cert: Option<TlsCertAuth>,
    /// A test's own bounds for the tokens of every method.
    pub token_override: Option<TokenBounds>,
}

/// How long an access token lives and how often it may be used; 0 means without bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBounds {
    /// Seconds from issue or renewal.
    pub ttl: u64,
    /// Seconds from the login, over all renewals.
    pub max_ttl: u64,
    /// Uses.
    pub uses: u64,
    /// Seconds that each renewal gives anew, without a maximum; 0 for an ordinary token.
    pub period: u64,
}

impl TokenBounds {
    /// The server's own defaults: thirty days.
    pub const DEFAULT: Self = Self { ttl: 2_592_000, max_ttl: 2_592_000, uses: 0, period: 0 };
}

/// Universal auth: a client id with secrets.
#[derive(Clone, Debug)]
pub struct UniversalAuth {
    /// Client id.
    pub client_id: String,
    /// Client secrets, by their digests.
    pub secrets: Vec<ClientSecret>,
    /// Tokens it gives.
    pub bounds: TokenBounds,
    /// When too many wrong secrets were tried.
    pub lockout: Lockout,
    /// Wrong secrets tried so far.
    pub failures: Failures,
}

/// A client secret; only its digest is kept.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// Id.
    pub id: String,
    digest: [u8; 32],
    /// End of its life.
    pub expires_at: Option<Timestamp>,
    /// Logins left.
    pub uses_left: Option<u32>,
    /// No longer accepted.
    pub revoked: bool,
}

impl ClientSecret {
    /// A client secret without bounds.
    #[must_use]
    pub fn new(id: String, secret: &Hidden) -> Self {
        Self { id, digest: digest(secret.expose()), expires_at: None, uses_left: None, revoked: false }
    }

    /// Whether a text is this secret. Digests are compared, so timing tells nothing of the secret.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.digest == digest(text)
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// When an auth method is locked after wrong tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// Whether it locks at all.
    pub enabled: bool,
    /// Wrong tries.
    pub threshold: u32,
    /// Seconds for which it stays locked.
    pub duration: i64,
    /// Seconds after which wrong tries are forgotten.
    pub reset: i64,
}

impl Default for Lockout {
    fn default() -> Self {
        Self { enabled: true, threshold: 3, duration: 300, reset: 30 }
    }
}

/// Wrong tries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Failures {
    count: u32,
    last: Option<Timestamp>,
    locked_until: Option<Timestamp>,
}

impl Failures {
    /// Whether the method is locked now.
    #[must_use]
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// Counts a wrong try.
    pub fn note(&mut self, lockout: &Lockout, now: Timestamp) {
        if !lockout.enabled {
            return;
        }
        let forgotten = self.last.is_none_or(|last| now.as_second().saturating_sub(last.as_second()) >= lockout.reset);
        self.count = if forgotten { 1 } else { self.count.saturating_add(1) };
        self.last = Some(now);
        if self.count >= lockout.threshold {
            self.locked_until = now.checked_add(jiff::SignedDuration::from_secs(lockout.duration)).ok();
            self.count = 0;
        }
    }
}

/// Kubernetes auth: a service account, judged by its own cluster.
#[derive(Clone, Debug)]
pub struct KubernetesAuth {
    /// Allowed namespaces: comma list of globs, empty for any.
    pub allowed_namespaces: String,
    /// Allowed service accounts: comma list of globs, empty for any.
    pub allowed_names: String,
    /// Required audience, empty for the API server's own.
    pub allowed_audience: String,
    /// Token to ask the API server with; without one the login's own token is used.
    pub reviewer_token: Option<Hidden>,
    /// Tokens it gives.
    pub bounds: TokenBounds,
}
