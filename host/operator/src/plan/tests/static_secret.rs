//! Sources of an InfisicalStaticSecret.
use super::*;
use crate::plan::static_secret;
use ::api::v1beta1::InfisicalStaticSecret;

fn reads(sources: serde_json::Value) -> Result<Vec<crate::read::ReadRequest>, Fault> {
    let login = Arc::into_inner(plan(&with_credentials(), UNIVERSAL).unwrap().login).unwrap();
    let resource: InfisicalStaticSecret = serde_json::from_value(json!({
        "apiVersion": "secrets.infisical.com/v1beta1", "kind": "InfisicalStaticSecret", "metadata": {"name": "app", "namespace": "team"},
        "spec": {
            "syncOptions": {"refreshInterval": "1m"}, "sources": sources,
            "targets": [{"name": "t", "namespace": "team", "kind": "Secret", "creationPolicy": "Orphan"}],
        },
    }))
    .unwrap();
    static_secret(&resource, login).map(|plan| plan.reads)
}

#[test]
fn tags_are_part_of_what_is_read() {
    let source = json!({"projectSlug": "shop", "environmentSlug": "prod", "secretPath": "/app/", "tagSlugs": ["web", "", " db ", "web"]});
    let plain = json!({"projectId": "p1", "environmentSlug": "prod", "secretPath": "/"});
    let reads = reads(json!([source, plain])).unwrap();
    assert_eq!(reads[0].tags, ["db", "web"]);
    assert_eq!((reads[0].path.as_str(), reads[1].tags.len()), ("/app", 0));
}
