//! A real API server takes each rendered object, and knows each of its fields.
use super::helm::{plane, rendered_as, text};
use integration::until;
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
    discovery::{Scope, pinned_kind},
};
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use support::{Cluster, Target};

/// As much of the Prometheus operator as the chart needs: the fields of an endpoint, none that is unknown.
const SERVICE_MONITORS: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  names: {kind: ServiceMonitor, plural: servicemonitors, singular: servicemonitor, listKind: ServiceMonitorList}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              type: object
              required: [endpoints, selector]
              properties:
                selector: {type: object, properties: {matchLabels: {type: object, additionalProperties: {type: string}}}}
                endpoints:
                  type: array
                  items:
                    type: object
                    properties:
                      port: {type: string}
                      scheme: {type: string, enum: [http, https]}
                      path: {type: string}
                      interval: {type: string, pattern: "^[0-9]+(ms|s|m|h)$"}
                      scrapeTimeout: {type: string, pattern: "^[0-9]+(ms|s|m|h)$"}
                      bearerTokenFile: {type: string}
                      tlsConfig: {type: object, properties: {insecureSkipVerify: {type: boolean}}}
"#;

/// Applies an object; a field that the API server does not know is an error.
pub async fn apply(cluster: &Cluster, object: &Value) -> DynamicObject {
    let parsed: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    let kind = GroupVersionKind::try_from(parsed.types.as_ref().unwrap()).unwrap();
    // A definition that was just applied is served a moment later.
    let (resource, capabilities) = until(&kind.kind, async || pinned_kind(cluster.client(), &kind).await).await;
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(cluster.client().clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(cluster.client().clone(), &parsed.namespace().unwrap(), &resource),
    };
    let parameters = PatchParams::apply("chart").force().validation_strict();
    api.patch(&parsed.name_any(), &parameters, &Patch::Apply(object)).await.unwrap_or_else(|error| panic!("{object}: {error}"))
}

async fn applies(release: &str, namespaces: &[&str], values: &[&str]) {
    let plane = plane().await;
    let cluster = plane.cluster();
    cluster.apply(SERVICE_MONITORS, "default").await.unwrap();
    for namespace in namespaces {
        cluster.namespace_named(namespace).await.unwrap();
    }
    for object in rendered_as(release, namespaces[0], values).await {
        let applied = apply(cluster, &object).await;
        assert_eq!(applied.name_any(), text(&object, "/metadata/name"));
        if !object["webhooks"].is_null() {
            panic!("there are no webhooks");
        }
    }
}

#[tokio::test]
async fn with_its_defaults() {
    applies("defaults", &["chart-defaults"], &[]).await;
}

#[tokio::test]
async fn with_rights_in_two_namespaces() {
    let values = ["scopedNamespaces= chart-one \\, chart-two", "scopedRBAC=true", "installCRDs=false"];
    applies("scoped", &["chart-scoped", "chart-one", "chart-two"], &values).await;
}

#[tokio::test]
async fn with_all_that_is_optional() {
    let values = [
        "scopedNamespace=chart-one",
        "enableUserRBAC=true",
        "telemetry.serviceMonitor.enabled=true",
        "telemetry.serviceMonitor.bearerTokenFile=/token",
        "podDisruptionBudget.enabled=true",
        "podDisruptionBudget.minAvailable=50%",
        "controllerManager.replicas=2",
        "networkPolicy.enabled=true",
        "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring",
        "networkPolicy.egress[0].ports[0].port=443",
        "plugins.volume.persistentVolumeClaim.claimName=plugins",
        "commonAnnotations.team=platform",
        "controllerManager.podLabels.team=platform",
        "controllerManager.podAnnotations.team=platform",
        "controllerManager.priorityClassName=system-cluster-critical",
        "imagePullSecrets[0].name=registry",
        "cache.volume.emptyDir.medium=Memory",
        "controllerManager.serviceAccount.annotations.role=operator",
    ];
    applies("optional", &["chart-optional", "chart-one"], &values).await;
}

#[tokio::test]
async fn a_release_with_a_name_of_numbers_and_of_full_length() {
    applies("a-release-whose-name-is-as-long-as-helm-allows-it-tob", &["chart-long"], &["installCRDs=false"]).await;
    applies("a.name.with.dots", &["chart-dots"], &["installCRDs=false"]).await;
    applies("op-1", &["123"], &["installCRDs=false"]).await;
}

/// `kubectl apply` keeps a copy of each object in an annotation, which the API server takes up to 256 KiB of.
#[tokio::test]
async fn the_file_for_people_without_helm() {
    let file = fs::read_to_string(Target::workspace().join("deploy/install.yaml")).unwrap();
    let plane = plane().await;
    for document in serde_yaml::Deserializer::from_str(&file) {
        let object = Value::deserialize(document).unwrap();
        apply(plane.cluster(), &object).await;
        assert!(object.to_string().len() < 200 * 1024, "{} is too large", text(&object, "/metadata/name"));
        // What `kubectl delete -l control-plane=controller-manager` takes away, and what it leaves.
        let goes = object["metadata"]["labels"]["control-plane"] == "controller-manager";
        assert_eq!(goes, !matches!(text(&object, "/kind"), "CustomResourceDefinition" | "Namespace"), "{object}");
    }
}
