//! The dev server's kubernetes login is decided by a real API server: what it lets in and what it refuses.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use infisical_dev_server::{Config, Hidden, KubernetesApi, Seed, Server};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use serde_json::{Value, json};
use support::{ControlPlane, Namespace};

const IDENTITY: &str = "99999999-aaaa-4bbb-8ccc-dddddddddddd";

async fn token(namespace: &Namespace, audiences: &[&str]) -> String {
    let spec = TokenRequestSpec {
        audiences: audiences.iter().map(|audience| (*audience).to_owned()).collect(),
        expiration_seconds: Some(600),
        bound_object_ref: None,
    };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let api = namespace.api::<ServiceAccount>();
    api.create_token_request("default", &PostParams::default(), &request).await.unwrap().status.unwrap().token
}

/// A dev server that lets in the default service account of one namespace.
async fn server(plane: &ControlPlane, namespace: &str, audience: &str, reviewer: bool) -> Server {
    let kubeconfig = plane.cluster().kubeconfig().to_owned();
    let mut kubernetes = KubernetesApi::from_kubeconfig(&kubeconfig).unwrap();
    if !reviewer {
        kubernetes.reviewer_token = None;
    }
    let auth = json!({ "allowedNamespaces": namespace, "allowedNames": "default", "allowedAudience": audience });
    let seed = json!({ "identities": [{ "name": "pod", "id": IDENTITY, "kubernetesAuth": auth }] });
    let seed = Seed::parse(&seed.to_string()).unwrap();
    Server::start(Config { kubernetes: Some(kubernetes), ..Config::new(seed) }).await.unwrap()
}

async fn login(server: &Server, jwt: &str) -> (u16, Value) {
    let url = format!("{}/api/v1/auth/kubernetes-auth/login", server.url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(url).json(&json!({ "identityId": IDENTITY, "jwt": jwt })).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_service_account_logs_in_with_a_real_token_only() {
    let plane = ControlPlane::shared().await.unwrap();
    let (here, elsewhere) = (plane.cluster().namespace().await.unwrap(), plane.cluster().namespace().await.unwrap());
    let server = server(&plane, here.name(), "", true).await;
    let jwt = token(&here, &[]).await;
    let (status, body) = login(&server, &jwt).await;
    assert_eq!((status, body["tokenType"].as_str()), (200, Some("Bearer")), "{body}");

    let (_, refused) = login(&server, &token(&elsewhere, &[]).await).await;
    assert_eq!(refused["message"], "Access denied: K8s namespace not allowed.");
    let mut forged = jwt;
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    let (status, refused) = login(&server, &forged).await;
    assert_eq!((status, refused["statusCode"].as_u64()), (401, Some(401)), "{refused}");
    let (_, refused) = login(&server, &token(&here, &["another"]).await).await;
    assert_eq!(refused["statusCode"], 401, "a token for another audience is not the API server's: {refused}");
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn an_audience_must_be_the_tokens() {
    let plane = ControlPlane::shared().await.unwrap();
    let namespace = plane.cluster().namespace().await.unwrap();
    let server = server(&plane, "", "infisical", true).await;
    assert_eq!(login(&server, &token(&namespace, &["infisical"]).await).await.0, 200);
    assert_eq!(login(&server, &token(&namespace, &[]).await).await.0, 401);
}

#[tokio::test]
async fn without_a_reviewer_the_token_must_be_allowed_to_review_itself() {
    let plane = ControlPlane::shared().await.unwrap();
    let namespace = plane.cluster().namespace().await.unwrap();
    let server = server(&plane, "", "", false).await;
    let jwt = token(&namespace, &[]).await;
    let (status, refused) = login(&server, &jwt).await;
    assert_eq!((status, refused["error"].as_str()), (401, Some("KubernetesTokenReviewerForbidden")));
    let binding = format!(
        "{{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {{name: reviews-{0}}}, \
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: 'system:auth-delegator'}}, \
         subjects: [{{kind: ServiceAccount, name: default, namespace: {0}}}]}}",
        namespace.name()
    );
    plane.cluster().apply(&binding, namespace.name()).await.unwrap();
    assert_eq!(login(&server, &jwt).await.0, 200);
}

// The token must stay out of what is printed.
#[test]
fn a_reviewers_token_is_not_printed() {
    let api = KubernetesApi { reviewer_token: Some(Hidden::from("canary-91c3")), ..KubernetesApi::default() };
    assert!(!format!("{api:?}").contains("canary-91c3"));
}
