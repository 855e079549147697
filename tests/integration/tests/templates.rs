//! Templates: the choice of the engine, missing values, random values, the command line.
use api::v1alpha1::InfisicalSecret;
use integration::{Scene, default_bundle, program, until};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tokio::process::Command;

fn target(scene: &Scene, name: &str, template: &Value) -> Value {
    let target = json!({"secretName": name, "secretNamespace": scene.namespace.name(), "template": template});
    json!({"spec": {"managedKubeSecretReferences": [target]}})
}

#[tokio::test]
async fn an_engine_is_chosen_for_each_target() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let namespace = scene.namespace.name();
    let with = |name: &str, template: Value| json!({"secretName": name, "secretNamespace": namespace, "template": template});
    let targets = json!([
        with("go", json!({"data": {"k": "{{ .A.Value | upper | quote }}"}})),
        with("jinja", json!({"engine": "jinja", "data": {"k": "{% if A == 'one' %}{{ A|upper }}{% endif %}"}})),
    ]);
    scene.infisical_secret("a", json!({"spec": {"managedKubeSecretReferences": targets}})).await;
    scene.holds("go", &[("k", "\"ONE\"")]).await;
    scene.holds("jinja", &[("k", "ONE")]).await;
}

#[tokio::test]
async fn a_missing_value_is_a_warning_or_in_strict_mode_a_failure_that_changes_nothing() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let template = |missing: &str| json!({"data": {"k": "{{ .A.Value }}-{{ .NOPE }}"}, "missingKey": missing});
    scene.infisical_secret("a", target(&scene, "a", &template("default"))).await;
    scene.holds("a", &[("k", "one-<no value>")]).await;
    let ready = scene.synced("a").await;
    assert!(ready.message.contains("1 of the values") && ready.message.contains("missingKey"), "{}", ready.message);
    scene.infisical_secret("a", target(&scene, "a", &template("error"))).await;
    let failed = scene.failed("a", "TemplateFailed").await;
    assert!(failed.contains("line 1") && failed.contains("NOPE"), "{failed}");
    scene.holds("a", &[("k", "one-<no value>")]).await;
}

#[tokio::test]
async fn random_values_stay_until_their_sources_change_or_a_user_asks_for_others() {
    let scene = Scene::new().await;
    let operator = scene.start().await;
    let template = json!({"data": {"random": "{{ randAlphaNum 24 }}", "id": "{{ uuidv4 }}", "a": "{{ .A.Value }}"}});
    scene.infisical_secret("a", target(&scene, "a", &template)).await;
    scene.synced("a").await;
    let first = scene.data("a").await;
    assert_eq!((first["random"].len(), first["id"].len()), (24, 36));
    let reads = scene.infisical.calls().count(infisical_dev_server::Operation::ListSecrets);
    until("two more reads", async || {
        let now = scene.infisical.calls().count(infisical_dev_server::Operation::ListSecrets);
        if now >= reads + 2 { Ok(()) } else { Err(now) }
    })
    .await;
    assert!(scene.data("a").await == first, "a quiet interval made random values anew");
    operator.stop().await;
    let _operator = scene.start().await;
    scene.set("A", "edited");
    until("the edit", async || {
        let now = scene.data("a").await;
        if now["a"] == "edited" && now["random"] != first["random"] { Ok(()) } else { Err("not yet") }
    })
    .await;
    let second = scene.data("a").await;
    let api: Api<InfisicalSecret> = scene.namespace.api();
    let ask = json!({"metadata": {"annotations": {"secrets.infisical.com/reroll": "1"}}});
    api.patch("a", &PatchParams::default(), &Patch::Merge(ask)).await.unwrap();
    until("other values", async || {
        let now = scene.data("a").await;
        if now["random"] != second["random"] && now["id"] != second["id"] { Ok(()) } else { Err("not yet") }
    })
    .await;
}

/// The server says no path of an imported secret, so the peer's templates print none, and taking over must not rewrite what they
/// made.
#[tokio::test]
async fn an_imported_secret_has_the_path_that_the_server_says_of_it() {
    let scene = Scene::new().await;
    let server = scene.infisical.state();
    server.create_folder(&scene.dev("/importing")).unwrap();
    server.set_secret(&scene.dev("/importing"), "OWN", "own").unwrap();
    server.set_imports(&scene.dev("/importing"), &[("dev", "/app")]).unwrap();
    let namespace = scene.namespace.name();
    let _operator = scene.start().await;
    let data = json!({"own": "{{ .OWN.SecretPath }}", "path": "[{{ .C.SecretPath }}]", "bare": "{{ .C }}"});
    let changes = json!({"spec": {
        "authentication": {"universalAuth": {"secretsScope": {"secretsPath": "/importing"}}},
        "managedKubeSecretReferences": [{"secretName": "a", "secretNamespace": namespace, "template": {"data": data}}],
    }});
    scene.infisical_secret("a", changes).await;
    scene.holds("a", &[("own", "/importing"), ("path", "[]"), ("bare", "{three }")]).await;
}

async fn template(arguments: &[&str], folder: &Path) -> (bool, String, String) {
    let mut command = Command::new(program().await);
    command.arg("template").args(arguments).current_dir(folder);
    command.arg("--bundle-dir").arg(&default_bundle().await.folder).arg("--cache-dir").arg(integration::cache().await);
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn templates_are_rendered_and_checked_without_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let resource = json!({
        "apiVersion": "secrets.infisical.com/v1beta1", "kind": "InfisicalStaticSecret", "metadata": {"name": "a", "namespace": "n"},
        "spec": {"targets": [
            {"name": "t", "namespace": "n", "kind": "Secret", "creationPolicy": "Orphan", "template": {
                "engineVersion": "v1", "data": {"url": "x://{{ .USER }}:{{ (secretFrom \"/deep\" \"PASSWORD\").Value }}@h"},
            }},
            {"name": "m", "namespace": "n", "kind": "ConfigMap", "creationPolicy": "Orphan", "template": {
                "engineVersion": "v1", "data": "{{ range $k, $v := . }}{{ $k | lower }}: {{ $v | quote }}\n{{ end }}",
            }},
        ]},
    });
    fs::write(folder.join("good.yaml"), serde_json::to_string(&resource).unwrap()).unwrap();
    let secrets = json!({"secrets": [{"key": "USER", "value": "u"}, {"key": "PASSWORD", "value": "p", "path": "/deep"}]});
    fs::write(folder.join("secrets.json"), secrets.to_string()).unwrap();
    let (ok, out, err) = template(&["render", "-f", "good.yaml", "--secrets", "secrets.json"], folder).await;
    assert!(ok, "{err}");
    let wanted = "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: t\n  namespace: n\nstringData:\n  url: x://u:p@h\n";
    assert!(out.contains(wanted), "{out}");
    assert!(
        out.contains("kind: ConfigMap\ndata:\n  password: p\n  user: u\n") || out.contains("data:\n  password: p\n  user: u\n"),
        "{out}"
    );
    let (ok, out, err) = template(&["check", "-f", "good.yaml"], folder).await;
    assert!(ok && out.contains("2 targets checked"), "{out}{err}");

    let mut bad = resource;
    bad["spec"]["targets"][0]["template"]["data"]["url"] = json!("first\n\t{{ .USER | nosuch }}");
    fs::write(folder.join("bad.yaml"), bad.to_string()).unwrap();
    let (ok, _, err) = template(&["check", "-f", "bad.yaml"], folder).await;
    assert!(!ok && err.contains("InfisicalStaticSecret n/a: spec.targets[0].template.data[\"url\"]: line 2, column"), "{err}");
    assert!(err.contains("2 | \t{{ .USER | nosuch }}\n  | \t") && err.contains("1 of 2 targets failed"), "{err}");
}
