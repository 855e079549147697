//! What the server starts with: a file in YAML or JSON, whose form `seed.yaml` shows by example.
//!
//! Ids that the file does not name are derived from names, so that they are the same at each start.
use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::hidden::Hidden;
use crate::leases::DynamicSecretSeed;
use crate::state::identity::TokenBounds;
use crate::state::permission::{Role, Rule};
use crate::state::project::Metadata;
use crate::state::tokens::Scope;
use crate::verify::{
    AliCloudAuth, AlibabaCloud, AwsAuth, AzureAuth, GcpAuth, JwtAuth, LdapAuth, OciAuth, OidcAuth, OracleUser, TlsCertAuth,
};

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Seed {
    /// The organisation.
    pub organization: OrganizationSeed,
    /// Machine identities.
    pub identities: Vec<IdentitySeed>,
    /// Projects.
    pub projects: Vec<ProjectSeed>,
    /// Service tokens.
    pub service_tokens: Vec<ServiceTokenSeed>,
    /// Users of Oracle Cloud, which this server plays.
    pub oracle_users: Vec<OracleUser>,
    /// Alibaba Cloud, which this server plays.
    pub alibaba_cloud: AlibabaCloud,
}

/// The organisation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OrganizationSeed {
    /// Slug.
    pub slug: String,
    /// Slugs of sub-organisations.
    pub sub_organizations: Vec<String>,
}

impl Default for OrganizationSeed {
    fn default() -> Self {
        Self { slug: "demo-organization".to_owned(), sub_organizations: Vec::new() }
    }
}

/// A machine identity.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IdentitySeed {
    /// Name.
    pub name: String,
    /// Id; derived from the name if absent.
    pub id: Option<String>,
    /// Slugs of sub-organisations it belongs to beside the organisation itself.
    pub sub_organizations: Vec<String>,
    /// Universal auth.
    pub universal_auth: Option<UniversalAuthSeed>,
    /// Kubernetes auth.
    pub kubernetes_auth: Option<KubernetesAuthSeed>,
    /// AWS auth.
    pub aws_auth: Option<AwsAuth>,
    /// Azure auth.
    pub azure_auth: Option<AzureAuth>,
    /// Google Cloud auth.
    pub gcp_auth: Option<GcpAuth>,
    /// JWT auth.
    pub jwt_auth: Option<JwtAuth>,
    /// LDAP auth.
    pub ldap_auth: Option<LdapAuth>,
    /// OIDC auth.
    pub oidc_auth: Option<OidcAuth>,
    /// OCI auth.
    pub oci_auth: Option<OciAuth>,
    /// Alibaba Cloud auth.
    pub alicloud_auth: Option<AliCloudAuth>,
    /// TLS certificate auth.
    pub tls_cert_auth: Option<TlsCertAuth>,
}

/// Bounds of access tokens, under the server's own names; what is absent has the server's default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TokenSeed {
    /// Seconds.
    #[serde(rename = "accessTokenTTL")]
    pub ttl: Option<u64>,
    /// Seconds.
    #[serde(rename = "accessTokenMaxTTL")]
    pub max_ttl: Option<u64>,
    /// Uses.
    #[serde(rename = "accessTokenNumUsesLimit")]
    pub uses: Option<u64>,
    /// Seconds.
    #[serde(rename = "accessTokenPeriod")]
    pub period: Option<u64>,
}

impl TokenSeed {
    /// With the server's defaults where nothing is said.
    #[must_use]
    pub fn bounds(&self) -> TokenBounds {
        let default = TokenBounds::DEFAULT;
        TokenBounds {
            ttl: self.ttl.unwrap_or(default.ttl),
            max_ttl: self.max_ttl.unwrap_or(default.max_ttl),
            uses: self.uses.unwrap_or(default.uses),
            period: self.period.unwrap_or(default.period),
        }
    }
}

/// Universal auth.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UniversalAuthSeed {
    /// Client id.
    pub client_id: String,
    /// Client secrets.
    pub client_secrets: Vec<ClientSecretSeed>,
    /// Whether three wrong tries lock it; on by default.
    #[serde(default)]
    pub lockout_enabled: Option<bool>,
    /// Its tokens.
    #[serde(flatten)]
    pub token: TokenSeed,
}

/// A client secret: the text alone, or with bounds.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum ClientSecretSeed {
    /// The text.
    Plain(Hidden),
    /// With bounds.
    #[serde(rename_all = "camelCase")]
    Bounded {
        /// The text.
        secret: Hidden,
        /// Seconds from the start of the server, 0 for no bound.
        #[serde(default)]
        ttl: i64,
        /// Logins, 0 for no bound.
        #[serde(default)]
        num_uses_limit: u32,
    },
}

/// Kubernetes auth.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesAuthSeed {
    /// Comma list of globs, empty for any.
    pub allowed_namespaces: String,
    /// Comma list of globs, empty for any.
    pub allowed_names: String,
    /// Audience, empty for the API server's own.
    pub allowed_audience: String,
    /// Reviewer's token; else the server's configuration, else the login's own token.
    pub token_reviewer_jwt: Option<Hidden>,
    /// Its tokens.
    #[serde(flatten)]
    pub token: TokenSeed,
}

/// A project.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProjectSeed {
    /// Slug.
    pub slug: String,
    /// Id; derived from the slug if absent.
    pub id: Option<String>,
    /// Display name; the slug if absent.
    pub name: Option<String>,
    /// Slug of its sub-organisation; the organisation itself if absent.
    pub sub_organization: Option<String>,
    /// Slugs of tags.
    pub tags: Vec<String>,
    /// Members by identity name.
    pub members: BTreeMap<String, MemberSeed>,
    /// Environments in order.
    pub environments: Vec<EnvironmentSeed>,
}

/// A member of a project.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MemberSeed {
    /// Role.
    pub role: Role,
    /// Rules beside it, the last matching one deciding.
    pub rules: Vec<Rule>,
}

/// An environment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentSeed {
    /// Slug.
    pub slug: String,
    /// Display name; the slug if absent.
    pub name: Option<String>,
    /// Folders by path; parents are made too.
    pub folders: BTreeMap<String, FolderSeed>,
    /// Globs of paths where a change needs an approval.
    pub approvals: Vec<String>,
}

/// A folder.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FolderSeed {
    /// Secrets by key.
    pub secrets: BTreeMap<String, SecretSeed>,
    /// Imports, the last one winning.
    pub imports: Vec<ImportSeed>,
    /// Dynamic secrets by name.
    pub dynamic_secrets: BTreeMap<String, DynamicSecretSeed>,
}

/// An import.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportSeed {
    /// Slug of the environment.
    pub environment: String,
    /// Path.
    pub path: String,
}

/// A secret: the value alone, or with everything around it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum SecretSeed {
    /// The value.
    Plain(Hidden),
    /// With everything around it.
    #[serde(rename_all = "camelCase")]
    Full {
        /// Value.
        value: Hidden,
        /// Id; derived from its place if absent.
        #[serde(default)]
        id: Option<String>,
        /// Comment.
        #[serde(default)]
        comment: String,
        /// Slugs of tags.
        #[serde(default)]
        tags: Vec<String>,
        /// Metadata.
        #[serde(default)]
        metadata: Vec<Metadata>,
        /// Whether multi-line values put in by a reference are quoted.
        #[serde(default)]
        skip_multiline_encoding: Option<bool>,
    },
}

impl SecretSeed {
    /// The id that the file names.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Plain(_) => None,
            Self::Full { id, .. } => id.as_deref(),
        }
    }
}

/// A service token.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceTokenSeed {
    /// The token, `st.<id>.<secret>` with or without a fourth part.
    pub token: Hidden,
    /// Slug of its project.
    pub project: String,
    /// Where it is good for.
    pub scopes: Vec<Scope>,
    /// `read`, `write`; both if absent.
    #[serde(default)]
    pub permissions: Option<Vec<String>>,
    /// Seconds from the start of the server.
    #[serde(default)]
    pub ttl: Option<i64>,
}

/// Why a text is no seed.
#[derive(Debug, thiserror::Error)]
#[error("the seed can't be read: {0}")]
pub struct SeedError(String);

impl Seed {
    /// Reads YAML or JSON.
    ///
    /// # Errors
    /// Another form than `seed.yaml` shows; the message has line and column but no value.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        serde_yaml::from_str(text).map_err(|error| {
            let place = error.location().map_or_else(String::new, |place| format!(" at line {} column {}", place.line(), place.column()));
            // The reader's own text may quote a value, which may be a secret.
            let text = error.to_string();
            let cause = if text.contains("invalid type") || text.contains("untagged") { "a value of the wrong type" } else { &text };
            SeedError(format!("{cause}{place}; see deploy/dev/infisical/seed.yaml for the form"))
        })
    }

    /// The seed of the demo.
    ///
    /// # Errors
    /// None in a build whose tests pass: the file is part of the program.
    pub fn demo() -> Result<Self, SeedError> {
        Self::parse(include_str!("../seed.yaml"))
    }

    /// For benchmarks: project `bench`, environment `dev`, folders `/f0` … with `keys` keys `KEY_0` … each, readable by
    /// the client `bench` with the client secret `bench-secret`.
    #[must_use]
    pub fn uniform(folders: usize, keys: usize) -> Self {
        let folder = |index: usize| {
            let secrets = (0..keys).map(|key| (format!("KEY_{key}"), SecretSeed::Plain(format!("value-{index}-{key}").into()))).collect();
            (format!("/f{index}"), FolderSeed { secrets, ..FolderSeed::default() })
        };
        let login = UniversalAuthSeed {
            client_id: "bench".to_owned(),
            client_secrets: vec![ClientSecretSeed::Plain("bench-secret".into())],
            lockout_enabled: None,
            token: TokenSeed::default(),
        };
        let environment =
            EnvironmentSeed { slug: "dev".to_owned(), folders: (0..folders).map(folder).collect(), ..EnvironmentSeed::default() };
        Self {
            identities: vec![IdentitySeed { name: "bench".to_owned(), universal_auth: Some(login), ..IdentitySeed::default() }],
            projects: vec![ProjectSeed {
                slug: "bench".to_owned(),
                members: [("bench".to_owned(), MemberSeed { role: Role::Viewer, rules: Vec::new() })].into(),
                environments: vec![environment],
                ..ProjectSeed::default()
            }],
            ..Self::default()
        }
    }
}

/// The id that something gets when the file names none: the same for the same name, in the form of a random one.
#[must_use]
pub fn stable_id(kind: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{kind}\n{name}"));
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
