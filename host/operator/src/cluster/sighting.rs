//! What a watch keeps of an object: enough to know that it changed and who owns it.
//!
//! An annotation may hold secret values (`kubectl.kubernetes.io/last-applied-configuration` of a Secret does), so this type
//! has no room for any but those that it is told to keep: they are skipped while the answer is decoded.
use k8s_openapi::{
    Metadata, NamespaceResourceScope,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::Resource;
use serde::{Deserialize, Deserializer, de};
use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

/// Says which annotations of a kind are kept.
pub trait Keep: Send + Sync + 'static {
    fn keeps(annotation: &str) -> bool;
}

/// Metadata of a `K`, without managed fields and labels, with the annotations that `A` keeps.
#[derive(Deserialize)]
#[serde(from = "Wire<A>", bound = "A: Keep")]
pub struct Sighting<K, A> {
    pub metadata: ObjectMeta,
    marker: PhantomData<fn() -> (K, A)>,
}

// Not derived: a derive would ask for the same of the markers.
impl<K, A> Clone for Sighting<K, A> {
    fn clone(&self) -> Self {
        Self { metadata: self.metadata.clone(), marker: PhantomData }
    }
}

impl<K, A> fmt::Debug for Sighting<K, A> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metadata.fmt(out)
    }
}

/// A namespaced kind whose metadata can be watched.
pub trait Watched: k8s_openapi::Resource<Scope = NamespaceResourceScope> + Metadata<Ty = ObjectMeta> + 'static {}

impl<K: k8s_openapi::Resource<Scope = NamespaceResourceScope> + Metadata<Ty = ObjectMeta> + 'static> Watched for K {}

#[derive(Deserialize)]
#[serde(bound = "A: Keep")]
struct Wire<A> {
    #[serde(default)]
    metadata: WireMeta<A>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "A: Keep")]
struct WireMeta<A> {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    owner_references: Option<Vec<OwnerReference>>,
    #[serde(default)]
    annotations: Kept<A>,
}

impl<A> Default for WireMeta<A> {
    fn default() -> Self {
        Self {
            name: None,
            namespace: None,
            uid: None,
            resource_version: None,
            generation: None,
            owner_references: None,
            annotations: Kept::default(),
        }
    }
}

struct Kept<A> {
    annotations: BTreeMap<String, String>,
    marker: PhantomData<A>,
}

impl<A> Default for Kept<A> {
    fn default() -> Self {
        Self { annotations: BTreeMap::new(), marker: PhantomData }
    }
}

impl<'de, A: Keep> Deserialize<'de> for Kept<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<A>(PhantomData<A>);
        impl<'de, A: Keep> de::Visitor<'de> for Visitor<A> {
            type Value = Kept<A>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("annotations")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Kept::default())
            }

            fn visit_map<M: de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut kept = Kept::default();
                while let Some(key) = map.next_key::<String>()? {
                    if A::keeps(&key) {
                        kept.annotations.insert(key, map.next_value()?);
                    } else {
                        map.next_value::<de::IgnoredAny>()?;
                    }
                }
                Ok(kept)
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

impl<K, A> From<Wire<A>> for Sighting<K, A> {
    fn from(wire: Wire<A>) -> Self {
        let WireMeta { name, namespace, uid, resource_version, generation, owner_references, annotations } = wire.metadata;
        let annotations = Some(annotations.annotations).filter(|kept| !kept.is_empty());
        let metadata =
            ObjectMeta { name, namespace, uid, resource_version, generation, owner_references, annotations, ..ObjectMeta::default() };
        Self { metadata, marker: PhantomData }
    }
}

impl<K: Watched, A> Resource for Sighting<K, A> {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn metadata_api() -> bool {
        true
    }

    fn kind((): &()) -> Cow<'_, str> {
        K::KIND.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        K::GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        K::VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::URL_PATH_SEGMENT.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Secret;
    use serde_json::json;

    struct Nothing;

    impl Keep for Nothing {
        fn keeps(_: &str) -> bool {
            false
        }
    }

    struct Versions;

    impl Keep for Versions {
        fn keeps(annotation: &str) -> bool {
            annotation.ends_with("/version")
        }
    }

    fn answer() -> serde_json::Value {
        json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": {
                "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7", "generation": 3,
                "labels": {"canary-label": "x"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary", "secrets.infisical.com/version": "v"},
                "managedFields": [{"manager": "canary"}],
                "ownerReferences": [{"apiVersion": "x/v1", "kind": "X", "name": "x", "uid": "o"}],
            }
        })
    }

    #[test]
    fn keeps_only_what_it_is_told_to() -> Result<(), serde_json::Error> {
        let all: Sighting<Secret, Versions> = serde_json::from_value(answer())?;
        assert_eq!(all.metadata.annotations, Some([("secrets.infisical.com/version".into(), "v".into())].into()));
        assert_eq!(all.metadata.generation, Some(3));
        assert_eq!(all.metadata.owner_references.as_ref().map(Vec::len), Some(1));
        assert!(!format!("{all:?}").contains("canary"));
        let none: Sighting<Secret, Nothing> = serde_json::from_value(answer())?;
        assert_eq!(none.metadata.annotations, None);
        Ok(())
    }

    #[test]
    fn decodes_objects_without_metadata_and_with_null() -> Result<(), serde_json::Error> {
        let empty: Sighting<Secret, Nothing> = serde_json::from_value(json!({}))?;
        assert_eq!(empty.metadata.name, None);
        let null: Sighting<Secret, Nothing> = serde_json::from_value(json!({"metadata": {"name": "a", "annotations": null}}))?;
        assert_eq!(null.metadata.name.as_deref(), Some("a"));
        Ok(())
    }
}
