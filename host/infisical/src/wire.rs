//! The server's JSON, as far as it is read. Values go from the buffer straight into memory that is zeroed.
use secrecy::{SecretSlice, SecretString};
use serde::{
    Deserialize, Deserializer,
    de::{
        IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
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
    #[serde(default)]
    pub version: Option<serde_json::Value>,
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

/// Member of a lease's `config` that holds our mark.
pub(crate) const MARK: &str = "requestedBy";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lease {
    pub id: String,
    pub expire_at: jiff::Timestamp,
    #[serde(default)]
    pub created_at: Option<jiff::Timestamp>,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub config: Option<serde_json::Value>,
}

#[derive(Deserialize)]
pub(crate) struct OneLease {
    pub lease: Lease,
}

#[derive(Deserialize)]
pub(crate) struct FoundLease {
    pub lease: LeaseOf,
}

#[derive(Deserialize)]
pub(crate) struct LeaseOf {
    #[serde(flatten)]
    pub lease: Lease,
    #[serde(rename = "dynamicSecret")]
    pub dynamic_secret: DynamicSecret,
}

#[derive(Deserialize)]
pub(crate) struct AllLeases {
    pub leases: Vec<Lease>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MadeLease {
    pub lease: Lease,
    pub dynamic_secret: DynamicSecret,
    pub data: HashMap<String, LeaseValue>,
}

#[derive(Deserialize)]
pub(crate) struct DynamicSecret {
    pub id: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default, rename = "maxTTL")]
    pub max_ttl: Option<String>,
}

/// One credential: a text as it is, anything else as its JSON.
pub(crate) struct LeaseValue(pub SecretSlice<u8>);

impl<'de> Deserialize<'de> for LeaseValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl AnyValue {
    fn json(value: &impl serde::Serialize) -> LeaseValue {
        LeaseValue(serde_json::to_vec(value).unwrap_or_default().into())
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = LeaseValue;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<LeaseValue, E> {
        Ok(LeaseValue(to_bytes(text)))
    }

    fn visit_bool<E>(self, value: bool) -> Result<LeaseValue, E> {
        Ok(Self::json(&value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<LeaseValue, E> {
        Ok(Self::json(&value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<LeaseValue, E> {
        Ok(Self::json(&value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<LeaseValue, E> {
        Ok(Self::json(&value))
    }

    fn visit_unit<E>(self) -> Result<LeaseValue, E> {
        Ok(Self::json(&()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<LeaseValue, A::Error> {
        let items = serde_json::Value::deserialize(SeqAccessDeserializer::new(items))?;
        Ok(Self::json(&items))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<LeaseValue, A::Error> {
        let members = serde_json::Value::deserialize(MapAccessDeserializer::new(members))?;
        Ok(Self::json(&members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn what_is_no_text_is_its_json() {
        let text = r#"{"a":"1 \"x\"","b":5432,"c":-1,"d":1.5,"e":true,"f":null,"g":["x",{"k":1}],"h":{"k":"v"}}"#;
        let data: HashMap<String, LeaseValue> = serde_json::from_str(text).unwrap();
        let of = |key: &str| String::from_utf8(data[key].0.expose_secret().to_vec()).unwrap();
        let found = ["a", "b", "c", "d", "e", "f", "g", "h"].map(of);
        assert_eq!(found, ["1 \"x\"", "5432", "-1", "1.5", "true", "null", r#"["x",{"k":1}]"#, r#"{"k":"v"}"#]);
    }
}
