//! The custom resource definitions, as objects and as the text that `deploy/crds` and `infisical-operator crds` show.
use crate::{
    admission,
    v1alpha1::{ClusterGenerator, InfisicalDynamicSecret, InfisicalPushSecret, InfisicalSecret, Password, Uuid},
    v1beta1::{InfisicalAuth, InfisicalConnection, InfisicalStaticSecret},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;

/// All of them.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut all = vec![
        InfisicalSecret::crd(),
        InfisicalPushSecret::crd(),
        InfisicalDynamicSecret::crd(),
        ClusterGenerator::crd(),
        Password::crd(),
        Uuid::crd(),
        InfisicalConnection::crd(),
        InfisicalAuth::crd(),
        InfisicalStaticSecret::crd(),
    ];
    all.iter_mut().for_each(spec_is_optional);
    for schema in all.iter_mut().flat_map(schemas) {
        somewhere(schema);
    }
    all.iter_mut().filter(|crd| crd.spec.names.kind == "InfisicalDynamicSecret").for_each(one_namespace);
    // A test sees to it that every place is there.
    for definition in &mut all {
        admission::apply(definition);
    }
    all
}

/// A lease's credentials are for one place: its target is the type that others spread by a selector, without that.
fn one_namespace(crd: &mut CustomResourceDefinition) {
    for schema in schemas(crd) {
        let spec = schema.properties.as_mut().and_then(|properties| properties.get_mut("spec"));
        let target = spec.and_then(|spec| spec.properties.as_mut()?.get_mut("managedSecretReference"));
        let Some(target) = target else { continue };
        if let Some(properties) = &mut target.properties {
            properties.remove("namespaceSelector");
            if let Some(namespace) = properties.get_mut("secretNamespace") {
                (namespace.description, namespace.nullable) = (Some("Namespace of the Secret.".into()), None);
            }
        }
        target.any_of = None;
        target.required.get_or_insert_default().push("secretNamespace".into());
    }
}

/// A target of v1alpha1 that a selector may spread names its namespace or has a selector; in v1beta1 its namespace may be that of its
/// resource. That both are too many is said when it is planned.
fn somewhere(schema: &mut JSONSchemaProps) {
    if let Some(properties) = &mut schema.properties {
        properties.values_mut().for_each(somewhere);
        let namespace = ["secretNamespace", "configMapNamespace"].into_iter().find(|field| properties.contains_key(*field));
        if let (Some(namespace), true) = (namespace, properties.contains_key("namespaceSelector")) {
            let needs = |field: &str| JSONSchemaProps { required: Some(vec![field.to_owned()]), ..JSONSchemaProps::default() };
            schema.any_of = Some([namespace, "namespaceSelector"].map(needs).into());
        }
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        somewhere(items);
    }
}

fn schemas(crd: &mut CustomResourceDefinition) -> impl Iterator<Item = &mut JSONSchemaProps> {
    crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut())
}

/// As in the peer's definitions: an object without a spec that was stored under those must stay writable, and a UUID has
/// nothing to say in it.
fn spec_is_optional(crd: &mut CustomResourceDefinition) {
    for schema in schemas(crd) {
        schema.required.iter_mut().for_each(|required| required.retain(|field| field != "spec"));
        schema.required = schema.required.take().filter(|required| !required.is_empty());
    }
}

/// Name of the file and its text for each, in the order of [`crds`].
///
/// # Errors
/// Never in practice: a definition is plain data.
pub fn files() -> Result<Vec<(String, String)>, serde_yaml::Error> {
    crds()
        .into_iter()
        .map(|crd| {
            let name = format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural);
            Ok((name, serde_yaml::to_string(&crd)?))
        })
        .collect()
}

/// All of them as one stream of YAML documents.
///
/// # Errors
/// As [`files`].
pub fn yaml() -> Result<String, serde_yaml::Error> {
    Ok(files()?.into_iter().map(|(_, text)| format!("---\n{text}")).collect())
}
