//! What a user may set: the region, and which keys to use. None of it is needed where the environment says it all.
use crate::region::Region;
use plugin_sdk::Violation;
use serde::Deserialize;
use serde_json::{Value, json};

/// The settings.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Else that of the environment, of the profile, of the instance.
    pub region: Option<String>,
    /// Where the keys come from.
    pub source: Source,
    /// A section of the shared file.
    pub profile: Option<String>,
}

/// Where the keys come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The first that is set up.
    #[default]
    Chain,
    /// `AWS_ACCESS_KEY_ID` and the others.
    Environment,
    /// `AWS_SHARED_CREDENTIALS_FILE`.
    SharedFile,
    /// `AWS_WEB_IDENTITY_TOKEN_FILE`.
    WebIdentity,
    /// `AWS_CONTAINER_CREDENTIALS_…`.
    Container,
    /// The instance metadata service.
    Imds,
}

/// As the descriptor has it.
pub fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "region": {
                "description": "Region whose STS checks the signature, for example eu-central-1. Else AWS_REGION, AWS_DEFAULT_REGION, the profile's or the instance's.",
                "type": "string",
                "pattern": "^[a-z0-9-]{1,20}$"
            },
            "source": {
                "description": "Where the keys come from. chain: the first that is set up, in the order of this list.",
                "enum": ["chain", "environment", "shared-file", "web-identity", "container", "imds"],
                "default": "chain"
            },
            "profile": {
                "description": "Section of the shared credentials file in the mount `aws`. Else AWS_PROFILE, else default.",
                "type": "string",
                "minLength": 1,
                "maxLength": 128
            }
        }
    })
}

impl Settings {
    /// What a schema can't say.
    pub fn check(&self) -> Vec<Violation> {
        let region = self.region.as_deref().and_then(|region| Region::parse(region).err());
        let region = region.map(|unknown| Violation::new("/region", unknown.to_string()));
        let elsewhere = self.profile.is_some() && !matches!(self.source, Source::Chain | Source::SharedFile);
        let profile = elsewhere.then(|| Violation::new("/profile", "is only for the source shared-file; remove it"));
        region.into_iter().chain(profile).collect()
    }
}
