//! The server's JSON, as far as it is read. Values go from the buffer straight into memory that is zeroed.
use secrecy::{SecretSlice, SecretString};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, Visitor},
};
use std::{collections::HashMap, fmt};

/// Any object.
pub(crate) type Object = HashMap<String, IgnoredAny>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Login {
    #[serde(deserialize_with = "secret_string")]
    pub access_token: SecretString,
    pub expires_in: Option<f64>,
    #[serde(rename = "accessTokenMaxTTL")]
    pub access_token_max_ttl: Option<f64>,
}

#[derive(Deserialize)]
pub(crate) struct Status {
    pub message: String,
}

#[derive(Deserialize)]
pub(crate) struct List {
    pub secrets: Vec<Secret>,
    #[serde(default)]
    pub imports: Option<Vec<Import>>,
}

#[derive(Deserialize)]
pub(crate) struct One {
    pub secret: Secret,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Import {
    pub secret_path: String,
    pub environment: String,
    pub secrets: Vec<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Secret {
    /// Beside `_id`, which is the same.
    #[serde(default)]
    pub id: Option<String>,
    pub secret_key: String,
    #[serde(default, deserialize_with = "bytes")]
    pub secret_value: Option<SecretSlice<u8>>,
    #[serde(default)]
    pub secret_value_hidden: Option<bool>,
    #[serde(default)]
    pub secret_path: Option<String>,
    #[serde(default, deserialize_with = "optional_secret_string")]
    pub secret_comment: Option<SecretString>,
    #[serde(default)]
    pub tags: Option<Vec<Tag>>,
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    #[serde(default)]
    pub created_at: Option<String>,
}

/// What a write of one secret or of several answers. Its values are not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Written {
    pub approval: Option<Approval>,
    pub secret: Option<WrittenSecret>,
    pub secrets: Option<Vec<WrittenSecret>>,
}

#[derive(Deserialize)]
pub(crate) struct Approval {
    pub id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WrittenSecret {
    pub id: Option<String>,
    pub secret_key: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Tag {
    pub slug: String,
}

/// A project stands bare, or in `project` or `workspace`, by the version of the path.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Project {
    Wrapped {
        #[serde(alias = "workspace")]
        project: BareProject,
    },
    Bare(BareProject),
}

#[derive(Deserialize)]
pub(crate) struct BareProject {
    pub id: String,
    pub slug: String,
}

#[derive(Deserialize)]
pub(crate) struct ServiceToken {
    pub workspace: String,
}

struct Text<T>(fn(&str) -> T);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}

struct Optional<T>(Text<T>);

impl<'de, T> Visitor<'de> for Optional<T> {
    type Value = Option<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text or null")
    }

    fn visit_none<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Option<T>, D::Error> {
        from.deserialize_str(self.0).map(Some)
    }
}

fn to_string(text: &str) -> SecretString {
    text.to_owned().into()
}

fn to_bytes(text: &str) -> SecretSlice<u8> {
    text.as_bytes().to_vec().into()
}

fn secret_string<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    from.deserialize_str(Text(to_string))
}

fn optional_secret_string<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    from.deserialize_option(Optional(Text(to_string)))
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretSlice<u8>>, D::Error> {
    from.deserialize_option(Optional(Text(to_bytes)))
}
