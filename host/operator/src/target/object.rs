//! A Secret or a ConfigMap, as far as a target is concerned: both are compared and written by the same rules.
use crate::{
    cluster::{Identity, Key, RequestError, Requests, State, collection},
    effect::Effect,
    object::Name,
    plan::{Data, TargetKind},
};
use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::core::params::{DeleteParams, Preconditions};
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, sync::Arc};

/// An object as it is or as it is to be. Its values can't be formatted.
#[derive(Clone)]
pub(crate) struct Object {
    pub metadata: ObjectMeta,
    pub data: Data,
    /// Of a Secret.
    pub secret_type: Option<String>,
    pub immutable: Option<bool>,
}

impl Object {
    pub fn identity(&self) -> Identity {
        Identity {
            uid: self.metadata.uid.clone().unwrap_or_default(),
            resource_version: self.metadata.resource_version.clone().unwrap_or_default(),
        }
    }

    pub fn state(&self) -> State {
        State::Present(self.identity())
    }

    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// None: there is no such object.
    pub async fn get(requests: &Requests, key: &Key) -> Result<Option<Self>, RequestError> {
        let (collection, name) = place(key);
        Ok(match key.kind {
            TargetKind::Secret => requests.get::<Secret>(collection, name).await?.map(Self::from),
            TargetKind::ConfigMap => requests.get::<ConfigMap>(collection, name).await?.map(Self::from),
        })
    }

    /// What was made.
    pub async fn create(self, requests: &Requests, key: &Key) -> Result<Identity, RequestError> {
        let (collection, _) = place(key);
        made(match key.kind {
            TargetKind::Secret => requests.create(Effect::CreateTarget, collection, &Secret::from(self)).await?.metadata,
            TargetKind::ConfigMap => requests.create(Effect::CreateTarget, collection, &ConfigMap::from(self)).await?.metadata,
        })
    }

    /// Only if it is still at the version it was read at: else 409.
    pub async fn replace(self, requests: &Requests, key: &Key) -> Result<Identity, RequestError> {
        let (collection, name) = place(key);
        let effect = Effect::ReplaceTarget;
        made(match key.kind {
            TargetKind::Secret => requests.replace_briefly(effect, collection, name, &Secret::from(self)).await?.metadata,
            TargetKind::ConfigMap => requests.replace_briefly(effect, collection, name, &ConfigMap::from(self)).await?.metadata,
        })
    }

    /// Only if it is still at the version it was read at: else 409.
    pub async fn delete(&self, requests: &Requests, key: &Key) -> Result<(), RequestError> {
        let (collection, name) = place(key);
        let preconditions = Preconditions { resource_version: self.metadata.resource_version.clone(), uid: self.metadata.uid.clone() };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        requests.delete(Effect::DeleteTarget, collection, name, &params).await
    }
}

fn place(key: &Key) -> (String, &str) {
    let Name { namespace, name } = &key.name;
    let collection = match key.kind {
        TargetKind::Secret => collection::<Secret>(namespace),
        TargetKind::ConfigMap => collection::<ConfigMap>(namespace),
    };
    (collection, name)
}

/// What a write made.
fn made(metadata: ObjectMeta) -> Result<Identity, RequestError> {
    match (metadata.uid, metadata.resource_version) {
        (Some(uid), Some(resource_version)) => Ok(Identity { uid, resource_version }),
        _ => Err(RequestError::Undecodable),
    }
}

impl From<Secret> for Object {
    fn from(secret: Secret) -> Self {
        let data = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, Arc::new(value.0.into()))).collect();
        Self { metadata: secret.metadata, data, secret_type: secret.type_, immutable: secret.immutable }
    }
}

impl From<ConfigMap> for Object {
    fn from(map: ConfigMap) -> Self {
        let text = map.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into_bytes()));
        let binary = map.binary_data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
        let data = text.chain(binary).map(|(key, value)| (key, Arc::new(value.into()))).collect();
        Self { metadata: map.metadata, data, secret_type: None, immutable: map.immutable }
    }
}

impl From<Object> for Secret {
    fn from(object: Object) -> Self {
        let data = object.data.into_iter().map(|(key, value)| (key, ByteString(value.expose_secret().to_vec()))).collect();
        Self { data: Some(data), immutable: object.immutable, metadata: object.metadata, string_data: None, type_: object.secret_type }
    }
}

impl From<Object> for ConfigMap {
    fn from(object: Object) -> Self {
        let (mut text, mut binary) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in object.data {
            match std::str::from_utf8(value.expose_secret()) {
                Ok(value) => drop(text.insert(key, value.to_owned())),
                Err(_) => drop(binary.insert(key, ByteString(value.expose_secret().to_vec()))),
            }
        }
        Self {
            data: (!text.is_empty()).then_some(text),
            binary_data: (!binary.is_empty()).then_some(binary),
            immutable: object.immutable,
            metadata: object.metadata,
        }
    }
}

/// Whether both hold the same values under the same keys.
pub(crate) fn same_data(a: &Data, b: &Data) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((key, value), (other, wanted))| key == other && same_value(value, wanted))
}

fn same_value(a: &Arc<runtime::SecretBytes>, b: &Arc<runtime::SecretBytes>) -> bool {
    Arc::ptr_eq(a, b) || a.expose_secret() == b.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_map_keeps_what_is_no_text_as_binary() {
        let data = [("text", b"a".to_vec()), ("bytes", vec![0xff, 0xfe])];
        let data: Data = data.into_iter().map(|(key, value)| (key.to_owned(), Arc::new(value.into()))).collect();
        let object = Object { metadata: ObjectMeta::default(), data, secret_type: None, immutable: None };
        let map = ConfigMap::from(object.clone());
        assert_eq!(map.data, Some([("text".to_owned(), "a".to_owned())].into()));
        assert_eq!(map.binary_data, Some([("bytes".to_owned(), ByteString(vec![0xff, 0xfe]))].into()));
        assert!(same_data(&Object::from(map).data, &object.data));
    }
}
