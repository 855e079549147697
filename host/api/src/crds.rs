//! The custom resource definitions, as objects and as the text that `deploy/crds` and `infisical-operator crds` show.
use crate::{
    v1alpha1::InfisicalSecret,
    v1beta1::{InfisicalAuth, InfisicalConnection, InfisicalStaticSecret},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// All of them.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![InfisicalSecret::crd(), InfisicalConnection::crd(), InfisicalAuth::crd(), InfisicalStaticSecret::crd()]
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
