//! What one session does for all that use it: renewing its access token, which comes by time alone, and following the events of a
//! project.
use super::MOMENTS;
use infisical_dev_server::{Operation, TokenBounds};
use integration::Scene;
use operator::effect::Effect;
use serde_json::json;

pub const EFFECTS: [Effect; 2] = [Effect::RenewToken, Effect::OpenEventStream];

#[tokio::test]
async fn a_renewal() {
    let scene = Scene::new().await;
    // As short as is renewed ahead.
    let bounds = TokenBounds { ttl: 31, max_ttl: 3600, ..TokenBounds::DEFAULT };
    scene.infisical.state().set_token_bounds("app", bounds).unwrap();
    scene.infisical_secret("a", json!({})).await;
    for moment in MOMENTS {
        let operator = scene.doomed(&[]).await;
        scene.synced("a").await;
        operator.kill_at(moment, Effect::RenewToken);
        operator.died(moment, Effect::RenewToken).await;
    }
    assert_eq!(scene.infisical.calls().count(Operation::Renew), 1);
    let operator = scene.start().await;
    scene.set("A", "edited");
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
    assert_eq!(scene.infisical.logins(), 3, "one for each start");
    operator.stop().await;
}

#[tokio::test]
async fn a_stream_of_events() {
    for moment in MOMENTS {
        let scene = Scene::new().await;
        let operator = scene.doomed(&[]).await;
        operator.kill_at(moment, Effect::OpenEventStream);
        scene.infisical_secret("a", json!({"spec": {"syncConfig": {"instantUpdates": true}}})).await;
        operator.died(moment, Effect::OpenEventStream).await;
        let operator = scene.start().await;
        scene.set("A", "edited");
        scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
        operator.stop().await;
    }
}
