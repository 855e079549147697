//! What the tests of this module build on.
use super::object::Object;
use crate::{
    object::{Name, ObjectRef},
    plan::{CreationPolicy, Data, Desired, Owner, Target, TargetKind, Version},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, sync::Arc};

pub(crate) fn owner() -> Owner {
    Owner {
        object: ObjectRef { kind: "InfisicalSecret", namespace: "n".into(), name: "a".into() },
        api_version: "secrets.infisical.com/v1alpha1".into(),
        uid: "uid".into(),
        created: None,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    }
}

pub(crate) fn target(name: &str) -> Target {
    Target {
        kind: TargetKind::Secret,
        name: Name::new("n", name),
        selector: None,
        field: "spec.managedKubeSecretReferences[0]".into(),
        secret_type: String::new(),
        policy: CreationPolicy::Owner,
        template: None,
        metadata: None,
        labelled_once: false,
    }
}

pub(crate) fn data(pairs: &[(&str, &str)]) -> Data {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Arc::new(value.as_bytes().to_vec().into()))).collect()
}

pub(crate) fn version_of(data: &Data) -> String {
    api::version::v1alpha1(data.iter().map(|(key, value)| (key.as_str(), value.expose_secret())))
}

pub(crate) fn desired(pairs: &[(&str, &str)]) -> Desired {
    Desired {
        data: data(pairs),
        version: Version::Of(version_of),
        volatile: Default::default(),
        inputs: "inputs".into(),
        notices: Vec::new(),
    }
}

pub(crate) fn live(data: &Data) -> Object {
    let metadata = ObjectMeta {
        name: Some("t".into()),
        namespace: Some("n".into()),
        uid: Some("live".into()),
        resource_version: Some("1".into()),
        ..ObjectMeta::default()
    };
    Object { metadata, data: data.clone(), secret_type: Some("Opaque".into()), immutable: None }
}
