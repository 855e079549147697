//! What an identity without a right gets: hidden values, 403, or silence.
use infisical_dev_server::{Action, Place, Rule, Subject};
use serde_json::json;

use crate::client::{Site, pairs};

#[tokio::test]
async fn hidden_values_are_masked_and_marked() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    for more in ["&viewSecretValue=false", ""] {
        let body = site.list(&token, &format!("&secretPath=/app{more}")).await.json();
        let row = &body["secrets"][0];
        assert_eq!((&row["secretValue"], &row["secretValueHidden"]), (&json!("<hidden-by-infisical>"), &json!(true)), "{more}");
        if more.is_empty() {
            break;
        }
        site.server.state().hide_values("shop", "reader").unwrap();
    }
}

#[tokio::test]
async fn without_the_right_a_list_is_403_and_a_recursive_one_empty() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.state().deny_reading("shop", "reader").unwrap();
    let answer = site.list(&token, "").await;
    let refusal = answer.refusal();
    assert_eq!(refusal, (403, "PermissionDenied".into(), "You are not allowed to describeSecret on secrets".into()));
    assert_eq!(answer.json()["details"][0]["subject"], "secrets");
    let recursive = site.list(&token, "&recursive=true").await;
    assert_eq!((recursive.status, pairs(&recursive.json()["secrets"]).len()), (200, 0));
}

#[tokio::test]
async fn without_membership_it_is_403_in_its_own_words() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.state().set_membership("shop", "reader", None).unwrap();
    let refusal = site.list(&token, "").await.refusal();
    assert_eq!((refusal.0, refusal.1.as_str()), (403, "ProjectMembershipNotFound"));
    assert!(refusal.2.contains(&site.project("shop")));
}

#[tokio::test]
async fn rights_by_path_filter_and_forbid() {
    let site = Site::start().await;
    let token = site.login("viewer").await;
    assert_eq!(pairs(&site.list(&token, "&secretPath=/app").await.json()["secrets"]), [("PORT", "8080")]);
    assert_eq!(site.list(&token, "").await.status, 403);
    let recursive = site.list(&token, "&recursive=true").await.json();
    assert_eq!(pairs(&recursive["secrets"]), [("PORT", "8080")]);
    let body = json!({ "projectId": site.project("shop"), "environment": "dev", "secretPath": "/app", "secretValue": "x" });
    let write = site.change(reqwest::Method::POST, &token, "/api/v4/secrets/NEW", body).await.refusal();
    assert_eq!(write.2, "You are not allowed to create on secrets");
}

#[tokio::test]
async fn a_reference_to_what_may_not_be_read_fails_the_request() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let rule = Rule {
        inverted: true,
        subject: Subject::Secrets,
        actions: vec![Action::ReadValue],
        environment: Some("prod".into()),
        secret_path: None,
        secret_name: None,
    };
    site.server.state().add_rule("shop", "reader", rule).unwrap();
    let answer = site.list(&token, "").await;
    assert_eq!((answer.status, answer.refusal().2.as_str()), (403, "Failed to expand one or more secret references"));
    assert_eq!(answer.json()["details"][0]["secretKey"], "HOST");
    site.server.state().delete_secret(&Place::new("shop", "dev", "/"), "CROSS").unwrap();
    assert_eq!(site.list(&token, "").await.status, 200);
}
