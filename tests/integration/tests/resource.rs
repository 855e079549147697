//! The custom resource as a real API server takes it: the committed definition, every sample, what users have.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use anyhow::{Context, Result};
use api::v1alpha1::InfisicalSecret;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::PathBuf};
use support::{ControlPlane, Namespace, Target};

/// The definition as `kubectl apply -f deploy/crds` would bring it.
async fn cluster() -> Result<(ControlPlane, Namespace)> {
    let control_plane = ControlPlane::shared().await?;
    let mut definitions = Vec::new();
    for file in files("deploy/crds")? {
        definitions.push(serde_yaml::from_str(&fs::read_to_string(file)?)?);
    }
    control_plane.cluster().establish(definitions).await?;
    let namespace = control_plane.cluster().namespace().await?;
    Ok((control_plane, namespace))
}

fn files(folder: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(Target::workspace().join(folder))?.collect::<Result<Vec<_>, _>>()?;
    let files = entries.into_iter().map(|entry| entry.path());
    Ok(files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect())
}

/// Paths of all values that are set.
fn fields(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| fields(value, &format!("{path}.{name}"), into)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| fields(item, &format!("{path}[{index}]"), into)),
        Value::Null => {}
        value => {
            into.insert(format!("{path}={value}"));
        }
    }
}

fn set(value: &Value) -> BTreeSet<String> {
    let mut into = BTreeSet::new();
    fields(value, "", &mut into);
    into
}

fn resource(name: &str, spec: &str) -> String {
    let spec: Value = serde_yaml::from_str(spec).unwrap();
    json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "metadata": {"name": name}, "spec": spec}).to_string()
}

#[tokio::test]
async fn every_sample_applies_and_loses_no_field() -> Result<()> {
    let (_control_plane, namespace) = cluster().await?;
    let mut applied = 0;
    for file in files("deploy/samples/infisicalsecret")?.into_iter().chain(files("deploy/samples")?) {
        // Each test has a namespace of its own.
        let text = fs::read_to_string(&file)?
            .replace("amespace: default", &format!("amespace: {}", namespace.name()))
            .replace("infisical-operator-system", namespace.name());
        let stored = namespace.apply(&text).await.with_context(|| file.display().to_string())?;
        let written = text.split("\n---\n").map(serde_yaml::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
        for (written, stored) in written.iter().zip(&stored).filter(|(written, _)| written["kind"] == "InfisicalSecret") {
            let lost: Vec<_> = set(&written["spec"]).difference(&set(&stored.data["spec"])).cloned().collect();
            assert!(lost.is_empty(), "{}: {lost:?}", file.display());
            applied += 1;
        }
    }
    assert!(applied >= 15, "{applied}");
    Ok(())
}

#[tokio::test]
async fn what_users_have_applies_unchanged() -> Result<()> {
    let (_control_plane, namespace) = cluster().await?;
    let kind = ApiResource::erase::<InfisicalSecret>(&());
    let dynamic: Api<DynamicObject> = Api::namespaced_with(namespace.cluster().client().clone(), namespace.name(), &kind);
    let scope = "secretsScope: {projectSlug: p, envSlug: prod, secretsPath: /app, recursive: true}";
    for (name, spec) in [
        (
            "dropped",
            format!(
                "authentication: {{kubernetesAuth: {{identityId: i, serviceAccountTokenPath: /t, serviceAccountRef: {{name: a, namespace: b}}, {scope}}}}}"
            ),
        ),
        ("no-key-file", format!("authentication: {{gcpIamAuth: {{identityId: i, {scope}}}}}")),
        ("empty", "{hostAPI: '', resyncInterval: 0, syncConfig: {}, tls: {caRef: {secretName: '', secretNamespace: '', key: ''}}}".into()),
        ("nulls", "{hostAPI: null, authentication: null, managedKubeSecretReferences: null, tls: {caRef: null}}".into()),
        ("policy", "{managedSecretReference: {secretName: a, secretNamespace: b, creationPolicy: Whatever}}".into()),
    ] {
        // A server-side apply refuses fields that the schema lacks; a create drops them, as does what users do every day.
        let object: DynamicObject = serde_json::from_str(&resource(name, &spec))?;
        dynamic.create(&PostParams::default(), &object).await.with_context(|| name.to_owned())?;
    }
    let api: Api<InfisicalSecret> = namespace.api();
    let stored = api.get("policy").await?.spec.managed_secret_reference.context("the target is lost")?;
    assert_eq!((stored.secret_type.as_deref(), stored.creation_policy.as_deref()), (Some("Opaque"), Some("Whatever")));
    assert_eq!(api.list(&Default::default()).await?.items.len(), 5);
    Ok(())
}

#[tokio::test]
async fn what_has_the_wrong_type_is_refused_with_its_field() -> Result<()> {
    let (_control_plane, namespace) = cluster().await?;
    for (spec, field) in [
        ("{resyncInterval: 10s}", "spec.resyncInterval"),
        ("{syncConfig: {resyncInterval: 10}}", "spec.syncConfig.resyncInterval"),
        ("{managedKubeSecretReferences: [{secretName: a}]}", "spec.managedKubeSecretReferences[0].secretNamespace"),
        ("{authentication: {plugin: {name: token, settings: []}}}", "spec.authentication.plugin"),
    ] {
        let error = namespace.apply(&resource("wrong", spec)).await.unwrap_err();
        assert!(format!("{error:#}").contains(field), "{error:#}");
    }
    Ok(())
}

#[tokio::test]
async fn the_settings_of_a_plugin_are_kept_as_they_are() -> Result<()> {
    let (_control_plane, namespace) = cluster().await?;
    let spec = "authentication: {plugin: {name: own, settings: {list: [1, {deep: true}], text: t}, secretsScope: {envSlug: dev}}}";
    namespace.apply(&resource("plugin", spec)).await?;
    let api: Api<InfisicalSecret> = namespace.api();
    let plugin = api.get("plugin").await?.spec.authentication.and_then(|authentication| authentication.plugin).context("no plugin")?;
    assert_eq!(Value::Object(plugin.settings.context("no settings")?), json!({"list": [1, {"deep": true}], "text": "t"}));
    Ok(())
}

#[tokio::test]
async fn status_is_a_subresource_with_conditions() -> Result<()> {
    let (_control_plane, namespace) = cluster().await?;
    namespace.apply(&resource("a", "{}")).await?;
    let api: Api<InfisicalSecret> = namespace.api();
    let condition = json!({"type": "Ready", "status": "True", "reason": "Synced", "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z", "observedGeneration": 1});
    let patch = Patch::Merge(json!({"status": {"conditions": [condition]}, "spec": {"hostAPI": "https://other.example"}}));
    let patched = api.patch_status("a", &PatchParams::default(), &patch).await?;
    assert_eq!((patched.spec.host_api, patched.metadata.generation), (None, Some(1)));
    assert_eq!(patched.status.context("no status")?.conditions[0].type_, "Ready");
    Ok(())
}
