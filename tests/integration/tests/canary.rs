//! A value of a secret, a client secret, a token: looked for in everything that the operator's program says, at the level at
//! which it says all, through successes and failures.
use infisical_dev_server::{Fault, Operation};
use integration::{Scene, until};
use k8s_openapi::api::{apps::v1::Deployment, events::v1::Event};
use kube::{Api, api::ListParams};
use serde_json::{Value, json};

const VALUE: &str = "canary-value-8f14e45f";
const CLIENT_SECRET: &str = "canary-client-secret-c9f0f895";

/// What must not be found: as it is, and as the API server carries it.
fn canaries(token: &str) -> Vec<String> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let secrets = [VALUE, CLIENT_SECRET, token];
    // The head of every signed token, also of those that nobody but the operator has seen.
    let mut canaries: Vec<_> = ["eyJhbGciOi".to_owned()].into();
    for secret in secrets {
        canaries.push(secret.to_owned());
        // Without the last group, which depends on what follows.
        let encoded = BASE64_STANDARD.encode(secret);
        canaries.push(encoded[..encoded.len() - 4].to_owned());
    }
    canaries
}

fn must_not_hold(place: &str, text: &str, canaries: &[String]) {
    for (index, canary) in canaries.iter().enumerate() {
        if let Some(at) = text.find(canary.as_str()) {
            let around: String = text[at.saturating_sub(300)..].chars().take(300).collect();
            panic!("{place} holds canary {index}, after: {around}");
        }
    }
}

fn target(scene: &Scene, name: &str, changes: &Value) -> Value {
    let target = integration::merged(json!({"secretName": name, "secretNamespace": scene.namespace.name()}), changes);
    json!({"spec": {"managedKubeSecretReferences": [target]}})
}

/// An admission policy whose refusal quotes the value that it refuses, as some webhooks do: bytes as base64.
async fn quoting_policy(scene: &Scene) {
    let namespace = scene.namespace.name();
    let name = format!("{namespace}-quoting");
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"], "resourceNames": ["quoted"]});
    let validation = json!({"expression": "false", "messageExpression": "'refused: ' + string(object.data.A)"});
    scene
        .apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
            "spec": {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]}, "validations": [validation]},
        }))
        .await;
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
    scene
        .apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": here}},
        }))
        .await;
    until("the policy to be in force", async || {
        let refused = scene.namespace.secret("quoted", [("A", "probe")]).await.err();
        refused.map(|error| assert!(format!("{error:#}").contains("refused: cHJvYmU="), "{error:#}")).ok_or("it is not")
    })
    .await;
}

#[tokio::test]
async fn no_secret_is_ever_printed() {
    let scene = Scene::new().await;
    let namespace = scene.namespace.name();
    scene.set("A", VALUE);
    scene.infisical.state().rotate_client_secret("app", CLIENT_SECRET).unwrap();
    scene.namespace.secret("credentials", [("clientId", "app-client"), ("clientSecret", CLIENT_SECRET)]).await.unwrap();
    let token = scene.token(CLIENT_SECRET).await;
    scene.namespace.secret("token", [("token", token.as_str())]).await.unwrap();
    quoting_policy(&scene).await;
    let trusted = format!("--trusted-host={}", scene.infisical.url());
    let mut child = scene.child(&["--log-level=trace", &trusted]).await;

    // Successes, by each login.
    let pod = json!({"containers": [{"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": "good"}}]}]});
    scene
        .apply(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "annotations": {"secrets.infisical.com/auto-reload": "true"}},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod}},
        }))
        .await;
    scene.infisical_secret("good", json!({})).await;
    let scope = json!({"projectSlug": "shop", "envSlug": "dev"});
    let inputs = json!([{"name": "token", "secretKeyRef": {"secretName": "token", "key": "token"}}]);
    let by_token = json!({"universalAuth": null, "plugin": {"name": "token", "inputs": inputs, "secretsScope": scope}});
    scene.infisical_secret("by-token", json!({"spec": {"authentication": by_token}})).await;
    let account = json!({
        "identityId": "99999999-aaaa-4bbb-8ccc-dddddddddddd", "serviceAccountRef": {"name": "default", "namespace": namespace},
        "autoCreateServiceAccountToken": true, "secretsScope": scope,
    });
    scene.infisical_secret("by-account", json!({"spec": {"authentication": {"universalAuth": null, "kubernetesAuth": account}}})).await;
    for name in ["good", "by-token", "by-account"] {
        scene.holds(name, &[("A", VALUE), ("B", "two")]).await;
        scene.synced(name).await;
    }
    scene.set("B", &format!("{VALUE}-more"));
    scene.holds("good", &[("A", VALUE), ("B", &format!("{VALUE}-more"))]).await;

    // Failures: of the template with the value in hand, of the API server that quotes it, of each step before.
    let templates = [
        "{{ .A.Value.Nope }}",
        "{{ index .A.Value \"x\" }}",
        "{{ .A.Value | nope }}",
        "{{ template .A.Value }}",
        "{{ .A.Value | mustFromJson }}",
    ];
    for (index, text) in templates.iter().enumerate() {
        let name = format!("template-{index}");
        scene.infisical_secret(&name, target(&scene, &name, &json!({"template": {"data": {"K": text}}}))).await;
    }
    scene.infisical_secret("typed", target(&scene, "typed", &json!({"secretType": "kubernetes.io/tls"}))).await;
    scene.infisical_secret("quoted", json!({})).await;
    let wrong = json!({"universalAuth": {"credentialsRef": {"secretName": "swapped"}}});
    scene.namespace.secret("swapped", [("clientId", CLIENT_SECRET), ("clientSecret", VALUE)]).await.unwrap();
    scene.infisical_secret("swapped", json!({"spec": {"authentication": wrong}})).await;
    for name in (0..templates.len()).map(|index| format!("template-{index}")).chain(["typed", "quoted", "swapped"].map(str::to_owned)) {
        scene.failed_somehow(&name).await;
    }
    for fault in [Fault::Cut, Fault::Status(500), Fault::Html] {
        scene.infisical.faults().on(Operation::ListSecrets, fault);
        scene.resync("good").await;
        scene.failed_somehow("good").await;
        scene.infisical.faults().clear();
        scene.synced("good").await;
    }
    scene.infisical.state().expire_tokens(None).unwrap();
    scene.failed_somehow("by-token").await;
    scene.synced("good").await;

    let canaries = canaries(&token);
    let events: Api<Event> = scene.namespace.api();
    must_not_hold("an Event", &serde_json::to_string(&events.list(&ListParams::default()).await.unwrap()).unwrap(), &canaries);
    let resources: Api<api::v1alpha1::InfisicalSecret> = scene.namespace.api();
    let resources = resources.list(&ListParams::default()).await.unwrap();
    assert!(resources.items.len() >= 10);
    must_not_hold("a status", &serde_json::to_string(&resources).unwrap(), &canaries);
    let workloads: Api<Deployment> = scene.namespace.api();
    must_not_hold("a workload", &serde_json::to_string(&workloads.list(&ListParams::default()).await.unwrap()).unwrap(), &canaries);
    must_not_hold("a metric", &child.metrics_text().await, &canaries);
    child.process().terminate().unwrap();
    until("the operator to end", async || match child.process().ended() {
        Ok(Some(_)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let log = child.log().unwrap();
    assert!(log.contains("\"level\":\"TRACE\""), "it did not say all");
    assert!(log.len() > 10_000);
    must_not_hold("the log", &log, &canaries);
}
