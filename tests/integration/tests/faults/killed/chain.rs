//! InfisicalConnection and InfisicalAuth.
use super::{World, survives};
use crate::static_secret::{condition, key, named};
use api::v1beta1::{InfisicalAuth, InfisicalConnection};
use integration::Scene;
use kube::{Api, api::DeleteParams};
use operator::effect::Effect;
use serde_json::json;

const IS_READY: &str = "secrets.infisical.com/IsReady";

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

pub struct Links {
    scene: Scene,
    /// The last that was made of each.
    connection: String,
    /// Whether the connection leads somewhere.
    whole: bool,
    auth: Option<String>,
    made: u32,
}

#[derive(Clone, Copy, Debug)]
pub enum Cause {
    /// Another InfisicalConnection is made.
    NewConnection,
    /// The address of an InfisicalConnection is no server.
    Break,
    /// Another InfisicalAuth is made, whose proof is the token of a service account.
    NewAuth,
    /// The only InfisicalAuth is deleted.
    DeleteAuth,
}

impl World for Links {
    type Cause = Cause;

    const ROWS: &'static [(Effect, Cause)] = &[
        (Effect::ProbeServer, Cause::NewConnection),
        (Effect::WriteStatus, Cause::NewConnection),
        (Effect::PublishEvent, Cause::Break),
        (Effect::Prove, Cause::NewAuth),
        (Effect::RequestAccountToken, Cause::NewAuth),
        (Effect::LogIn, Cause::NewAuth),
        (Effect::WriteStatus, Cause::NewAuth),
        (Effect::RevokeToken, Cause::DeleteAuth),
    ];

    fn sessions(&self) -> u64 {
        self.auth.is_some().into()
    }

    fn scene(&self) -> &Scene {
        &self.scene
    }

    async fn bring(&mut self, cause: Cause) {
        self.made += 1;
        match cause {
            Cause::NewConnection => {
                self.connection = format!("connection-{}", self.made);
                self.whole = true;
                self.connect().await;
            }
            Cause::Break => {
                self.connection = format!("connection-{}", self.made);
                self.whole = true;
                self.connect().await;
                condition::<InfisicalConnection>(&self.scene, &self.connection, IS_READY, "True").await;
                self.whole = false;
                self.connect().await;
            }
            Cause::NewAuth => {
                if let Some(before) = self.auth.take() {
                    self.delete(&before).await;
                }
                self.log_in().await;
            }
            Cause::DeleteAuth => {
                let auth = match self.auth.take() {
                    Some(auth) => auth,
                    None => {
                        self.log_in().await;
                        let auth = self.auth.take().unwrap();
                        condition::<InfisicalAuth>(&self.scene, &auth, IS_READY, "True").await;
                        auth
                    }
                };
                self.delete(&auth).await;
            }
        }
    }

    async fn at_rest(&mut self) {
        let wanted = if self.whole { "True" } else { "False" };
        let found = condition::<InfisicalConnection>(&self.scene, &self.connection, IS_READY, wanted).await;
        assert!(self.whole || found.message.contains(NOWHERE), "{}", found.message);
        if let Some(auth) = &self.auth {
            condition::<InfisicalAuth>(&self.scene, auth, IS_READY, "True").await;
        }
    }
}

impl Links {
    async fn new() -> Self {
        let scene = Scene::new().await;
        scene.namespace.secret("identity", [("id", "88888888-aaaa-4bbb-8ccc-dddddddddddd")]).await.unwrap();
        scene.config(&[("hostAPI", &scene.infisical.url())]).await;
        let this = Self { scene, connection: "connection".into(), whole: true, auth: None, made: 0 };
        this.connect().await;
        this
    }

    async fn connect(&self) {
        let address = if self.whole { self.scene.infisical.url() } else { NOWHERE.into() };
        self.scene.apply(&named(&self.scene, "InfisicalConnection", &self.connection, &json!({"address": address}))).await;
    }

    /// Its name is in the session too, so that each is another one.
    async fn log_in(&mut self) {
        let name = format!("auth-{}", self.made);
        let account = json!({"name": name, "namespace": self.scene.namespace.name()});
        self.scene.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})).await;
        let spec = json!({
            "method": "kubernetes",
            "kubernetes": {
                "identityIdRef": key(&self.scene, "identity", "id"),
                "serviceAccountRef": account,
                "serviceAccountTokenAudiences": ["https://app.infisical.com"],
            },
        });
        self.scene.apply(&named(&self.scene, "InfisicalAuth", &name, &spec)).await;
        self.auth = Some(name);
    }

    async fn delete(&self, auth: &str) {
        let api: Api<InfisicalAuth> = self.scene.namespace.api();
        api.delete(auth, &DeleteParams::default()).await.unwrap();
    }
}

#[tokio::test]
async fn infisical_connection_and_infisical_auth() {
    survives(Links::new().await).await;
}
