//! Leader election: whenever the leader is killed, another leads, once the Lease has run out.
use super::MOMENTS;
use integration::{Scene, until};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use operator::effect::{Effect, Moment};
use serde_json::json;

pub const EFFECTS: [Effect; 2] = [Effect::HoldLead, Effect::GiveLeadBack];

async fn holder(scene: &Scene) -> String {
    let api: Api<Lease> = scene.namespace.api();
    let lease = api.get_opt("cf2b8c44.infisical.com").await.unwrap();
    lease.and_then(|lease| lease.spec?.holder_identity).unwrap_or_default()
}

#[tokio::test]
async fn the_leader() {
    let scene = Scene::new().await;
    scene.infisical_secret("a", json!({})).await;
    let namespace = format!("--leader-election-namespace={}", scene.namespace.name());
    let arguments = ["--leader-elect", &namespace];
    let mut value = 0;
    for effect in EFFECTS {
        for moment in MOMENTS {
            let mut operator = scene.doomed(&arguments).await;
            value += 1;
            scene.set("A", &value.to_string());
            scene.holds("a", &[("A", &value.to_string()), ("B", "two")]).await;
            let before = holder(&scene).await;
            assert!(!before.is_empty(), "nobody leads");
            operator.kill_at(moment, effect);
            if effect == Effect::GiveLeadBack {
                operator.terminate();
            }
            operator.died(moment, effect).await;
            let given_back = (moment, effect) == (Moment::After, Effect::GiveLeadBack);
            assert_eq!(holder(&scene).await, if given_back { String::new() } else { before });
        }
    }
    let operator = scene.start().await;
    until("the resource to be looked after", async || {
        scene.set("A", "last");
        if scene.data("a").await["A"] == "last" { Ok(()) } else { Err("not yet") }
    })
    .await;
    operator.stop().await;
}
