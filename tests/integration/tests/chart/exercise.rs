//! Everything that resources make the operator do, kind by kind, in a namespace that it watches.
use api::{
    v1alpha1::{InfisicalDynamicSecret, InfisicalPushSecret, InfisicalSecret},
    v1beta1::InfisicalStaticSecret,
};
use infisical_dev_server::{Database, DynamicSecretSeed, Membership, Provider, Role};
use integration::{Scene, merged, text, until};
use k8s_openapi::api::{
    core::v1::{ConfigMap, Secret},
    events::v1::Event,
};
use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;
use support::Namespace;

const WORKLOADS: [(&str, &str); 4] =
    [("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("argoproj.io/v1alpha1", "Rollout")];

/// A namespace in which `A` of Infisical's `/` is `one`.
struct Place<'a> {
    scene: &'a Scene,
    here: Namespace,
}

/// Does all of it, with `everywhere` what a Role can't grant, too.
pub async fn all(scene: &Scene, namespace: &str, everywhere: bool) {
    let here = scene.plane.namespace_named(namespace).await.unwrap();
    here.secret("credentials", [("clientId", "app-client"), ("clientSecret", "app-secret")]).await.unwrap();
    let place = Place { scene, here };
    place.targets().await;
    place.accounts().await;
    place.failures().await;
    place.chain().await;
    let generators = place.generators(everywhere).await;
    place.push(generators).await;
    if everywhere {
        place.selector().await;
    }
    place.lease().await;
    scene.set("A", "one");
    place.holds("owned", "one").await;
    place.clear().await;
}

/// An InfisicalStaticSecret in a namespace whose login, with its server, is in another.
pub async fn chain_across(scene: &Scene, namespace: &str, login: &str) {
    let here = scene.plane.namespace_named(namespace).await.unwrap();
    let there = scene.plane.namespace_named(login).await.unwrap();
    there.secret("credentials", [("clientId", "app-client"), ("clientSecret", "app-secret")]).await.unwrap();
    let place = Place { scene, here };
    Place { scene, here: there }.login().await;
    place.reads(login, "one").await;
    place.clear().await;
}

impl Place<'_> {
    fn name(&self) -> &str {
        self.here.name()
    }

    async fn put(&self, object: Value) {
        self.here.apply(&object.to_string()).await.unwrap();
    }

    /// An InfisicalSecret whose server is the global one.
    fn manifest(&self, name: &str, changes: &Value) -> Value {
        let credentials = json!({"secretName": "credentials", "secretNamespace": self.name()});
        let spec = json!({
            "hostAPI": null, "authentication": {"universalAuth": {"credentialsRef": credentials}},
            "managedKubeSecretReferences": [{"secretName": name, "secretNamespace": self.name(), "creationPolicy": "Owner"}],
        });
        merged(self.scene.manifest(name, &json!({"metadata": {"namespace": self.name()}, "spec": spec})), changes)
    }

    fn newer(&self, kind: &str, name: &str, spec: Value) -> Value {
        json!({"apiVersion": "secrets.infisical.com/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec})
    }

    async fn holds(&self, name: &str, value: &str) {
        let secrets: Api<Secret> = self.here.api();
        until(format_args!("Secret {name} to hold {value}"), async || {
            let found = secrets.get(name).await.map(text).map_err(|error| error.to_string())?;
            if found.get("A").map(String::as_str) == Some(value) { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }

    /// Secrets and ConfigMaps are made, changed and taken away; workloads restart.
    async fn targets(&self) {
        let maps: Api<ConfigMap> = self.here.api();
        for (api_version, kind) in WORKLOADS {
            self.put(workload(api_version, kind)).await;
        }
        let map = json!([{"configMapName": "owned", "configMapNamespace": self.name(), "creationPolicy": "Owner"}]);
        let two = ["owned", "spare"].map(|name| json!({"secretName": name, "secretNamespace": self.name(), "creationPolicy": "Owner"}));
        let both = json!({"spec": {"managedKubeSecretReferences": two, "managedKubeConfigMapReferences": map}});
        self.put(self.manifest("owned", &both)).await;
        self.holds("owned", "one").await;
        self.holds("spare", "one").await;
        until("the ConfigMap", async || maps.get("owned").await).await;
        self.scene.set("A", "edited");
        self.holds("owned", "edited").await;
        until("the ConfigMap to follow", async || {
            let data = maps.get("owned").await.unwrap().data.unwrap_or_default();
            if data["A"] == "edited" { Ok(()) } else { Err(format!("{data:?}")) }
        })
        .await;
        for (api_version, kind) in WORKLOADS {
            self.restarted(api_version, kind).await;
        }
        self.put(self.manifest("owned", &json!({"spec": {"managedKubeConfigMapReferences": null}}))).await;
        let secrets: Api<Secret> = self.here.api();
        until("targets that are not named any more to go", async || {
            match (secrets.get_opt("spare").await.unwrap(), maps.get_opt("owned").await.unwrap()) {
                (None, None) => Ok(()),
                (secret, map) => Err(format!("Secret: {}, ConfigMap: {}", secret.is_some(), map.is_some())),
            }
        })
        .await;
    }

    async fn restarted(&self, api_version: &str, kind: &str) {
        let (group, version) = api_version.split_once('/').unwrap();
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = Api::namespaced_with(self.scene.plane.client().clone(), self.name(), &resource);
        until(format_args!("{kind} to restart"), async || {
            let object = api.get("web").await.map_err(|error| error.to_string())?;
            let annotations = &object.data["spec"]["template"]["metadata"]["annotations"];
            if annotations["secrets.infisical.com/managed-secret.owned"].is_string() { Ok(()) } else { Err(annotations.to_string()) }
        })
        .await;
    }

    /// A Secret in every namespace that a selector matches, which is this one.
    async fn selector(&self) {
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(self.scene.plane.client().clone());
        let labels = json!({"metadata": {"labels": {"chart": self.name()}}});
        namespaces.patch(self.name(), &PatchParams::default(), &Patch::Merge(labels)).await.unwrap();
        let target =
            json!([{"secretName": "spread", "namespaceSelector": {"matchLabels": {"chart": self.name()}}, "creationPolicy": "Owner"}]);
        self.put(self.manifest("spread", &json!({"spec": {"managedKubeSecretReferences": target}}))).await;
        self.holds("spread", "edited").await;
    }

    /// Logins by the token of a service account: requested, and kept in a Secret.
    async fn accounts(&self) {
        self.put(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}, "secrets": [{"name": "app-token"}]}))
            .await;
        let token = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"name": "app-token", "annotations": {"kubernetes.io/service-account.name": "app"}},
        });
        self.put(token).await;
        for (name, requested) in [("requested", true), ("kept", false)] {
            let login = json!({
                "identityId": "99999999-aaaa-4bbb-8ccc-dddddddddddd", "serviceAccountRef": {"name": "app", "namespace": self.name()},
                "autoCreateServiceAccountToken": requested, "secretsScope": {"projectSlug": "shop", "envSlug": "dev"},
            });
            self.put(self.manifest(name, &json!({"spec": {"authentication": {"universalAuth": null, "kubernetesAuth": login}}}))).await;
            self.holds(name, "edited").await;
        }
    }

    /// A failure is told in an Event, and told again after it was mended.
    async fn failures(&self) {
        let api: Api<Event> = self.here.api();
        let field = ListParams::default().fields("regarding.name=failing,type=Warning");
        let told = async |count: i32| {
            until(format_args!("{count} failures in Events"), async || {
                let all = api.list(&field).await.map_err(|error| error.to_string())?;
                let seen: i32 = all.items.iter().map(|event| event.series.as_ref().map_or(1, |series| series.count)).sum();
                if seen >= count { Ok(()) } else { Err(seen.to_string()) }
            })
            .await;
        };
        let scope = |slug: &str| json!({"spec": {"authentication": {"universalAuth": {"secretsScope": {"projectSlug": slug}}}}});
        self.put(self.manifest("failing", &scope("nowhere"))).await;
        told(1).await;
        self.put(self.manifest("failing", &scope("shop"))).await;
        self.holds("failing", "edited").await;
        self.put(self.manifest("failing", &scope("nowhere"))).await;
        told(2).await;
    }

    /// InfisicalConnection, InfisicalAuth, InfisicalStaticSecret.
    async fn chain(&self) {
        self.login().await;
        self.reads(self.name(), "edited").await;
    }

    /// InfisicalAuth `login`, through InfisicalConnection `server`.
    async fn login(&self) {
        let named = |name: &str| json!({"name": name, "namespace": self.name()});
        let key = |key: &str| json!({"name": "credentials", "namespace": self.name(), "key": key});
        let universal = json!({"clientIdRef": key("clientId"), "clientSecretRef": key("clientSecret")});
        let auth = json!({"infisicalConnectionRef": named("server"), "method": "universal", "universal": universal});
        self.put(self.newer("InfisicalConnection", "server", json!({"address": self.scene.infisical.url()}))).await;
        self.put(self.newer("InfisicalAuth", "login", auth)).await;
    }

    /// InfisicalStaticSecret `static`, by the login of a namespace; `value` is what Infisical holds.
    async fn reads(&self, login: &str, value: &str) {
        let target = |kind: &str| json!({"name": "static", "namespace": self.name(), "kind": kind, "creationPolicy": "Owner"});
        let source = json!({"projectSlug": "shop", "environmentSlug": "dev", "secretPath": "/"});
        let all = json!({
            "infisicalAuthRef": {"name": "login", "namespace": login}, "syncOptions": {"refreshInterval": "5s"}, "sources": [source],
            "targets": [target("Secret"), target("ConfigMap")],
        });
        self.put(self.newer("InfisicalStaticSecret", "static", all)).await;
        self.holds("static", value).await;
        let api: Api<InfisicalStaticSecret> = self.here.api();
        until("the InfisicalStaticSecret to be ready", async || {
            let status = api.get("static").await.map_err(|error| error.to_string())?.status.unwrap_or_default();
            let ready = status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
            if ready { Ok(()) } else { Err(format!("{:?}", status.conditions)) }
        })
        .await;
    }

    /// Generators of each kind that may be read here; gives what a push writes by each.
    async fn generators(&self, everywhere: bool) -> Vec<Value> {
        let cluster = ("ClusterGenerator", self.name(), json!({"kind": "UUID"}));
        let mut all = vec![("Password", "local", json!({"length": 20})), ("UUID", "local", json!({}))];
        all.extend(everywhere.then_some(cluster));
        let mut generated = Vec::new();
        for (kind, name, spec) in all {
            self.put(json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})).await;
            let plural = if kind == "UUID" { "uuids".into() } else { format!("{}s", kind.to_lowercase()) };
            let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("secrets.infisical.com", "v1alpha1", kind), &plural);
            let client = self.scene.plane.client().clone();
            let api: Api<DynamicObject> = match kind {
                "ClusterGenerator" => Api::all_with(client, &resource),
                _ => Api::namespaced_with(client, self.name(), &resource),
            };
            until(format_args!("{kind} {name} to be ready"), async || {
                let status = api.get(name).await.map_err(|error| error.to_string())?.data["status"].clone();
                let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
                let ready = conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
                if ready { Ok(()) } else { Err(status.to_string()) }
            })
            .await;
            let generates = if kind == "Password" { "Password" } else { "UUID" };
            let reference = json!({"kind": generates, "name": name});
            generated.push(json!({"destinationSecretName": format!("BY_{}", kind.to_uppercase()), "generatorRef": reference}));
        }
        generated
    }

    /// A Secret and generated values are pushed, and what was pushed goes with the resource.
    async fn push(&self, generators: Vec<Value>) {
        let state = self.scene.infisical.state();
        state.set_membership("shop", "app", Some(Membership { role: Role::Member, rules: Vec::new() })).unwrap();
        let folder = self.scene.dev(&format!("/{}", self.name()));
        state.create_folder(&folder).unwrap();
        self.here.secret("source", [("PUSHED", "one")]).await.unwrap();
        let credentials = json!({"secretName": "credentials", "secretNamespace": self.name()});
        let spec = json!({
            "destination": {"projectSlug": "shop", "environmentSlug": "dev", "secretsPath": format!("/{}", self.name())},
            "push": {"secret": {"secretName": "source", "secretNamespace": self.name()}, "generators": generators},
            "deletionPolicy": "Delete",
            "authentication": {"universalAuth": {"credentialsRef": credentials}},
        });
        self.put(json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalPushSecret", "metadata": {"name": "push"}, "spec": spec,
        }))
        .await;
        let names: Vec<_> = generators.iter().map(|generated| generated["destinationSecretName"].as_str().unwrap().to_owned()).collect();
        let pushed = async |wanted: Option<&str>| {
            until(format_args!("{wanted:?} at the server"), async || {
                let found = state.value(&folder, "PUSHED");
                let generated = names.iter().all(|name| state.value(&folder, name).is_some() == wanted.is_some());
                if found.as_deref() == wanted && generated { Ok(()) } else { Err(format!("{found:?}, all generated: {generated}")) }
            })
            .await;
        };
        pushed(Some("one")).await;
        let api: Api<InfisicalPushSecret> = self.here.api();
        self.goes(&api, "push").await;
        pushed(None).await;
    }

    /// A lease is made and kept in a Secret; both go with the resource.
    async fn lease(&self) {
        let state = self.scene.infisical.state();
        let provider = Provider::Database(Database { extra: serde_json::Map::new() });
        let database = DynamicSecretSeed { default_ttl: "1h".into(), max_ttl: None, refuses_renewal: false, provider };
        state.set_dynamic_secret(&self.scene.dev("/"), "db", database).unwrap();
        let credentials = json!({"secretName": "credentials", "secretNamespace": self.name()});
        let spec = json!({
            "authentication": {"universalAuth": {"credentialsRef": credentials}}, "leaseTTL": "1h", "leaseRevocationPolicy": "Revoke",
            "dynamicSecret": {"secretName": "db", "projectSlug": "shop", "environmentSlug": "dev", "secretsPath": "/"},
            "managedSecretReference": {"secretName": "lease", "secretNamespace": self.name(), "creationPolicy": "Owner"},
        });
        self.put(json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalDynamicSecret", "metadata": {"name": "lease"}, "spec": spec,
        }))
        .await;
        let secrets: Api<Secret> = self.here.api();
        until("the Secret of the lease", async || secrets.get("lease").await).await;
        let api: Api<InfisicalDynamicSecret> = self.here.api();
        until("the lease to be recorded", async || {
            let resource = api.get("lease").await.map_err(|error| error.to_string())?;
            let recorded = resource.status.as_ref().is_some_and(|status| status.lease.is_some());
            if recorded { Ok(()) } else { Err(format!("{:?}", resource.status)) }
        })
        .await;
        self.goes(&api, "lease").await;
    }

    /// Deletes an object and waits until whoever holds it up lets go.
    async fn goes<K>(&self, api: &Api<K>, name: &str)
    where
        K: Clone + DeserializeOwned + Debug,
    {
        api.delete(name, &DeleteParams::default()).await.unwrap();
        until(format_args!("{name} to go"), async || match api.get_opt(name).await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    }

    /// Takes the resources away, so that the next operator for all namespaces has nothing to do with them.
    async fn clear(&self) {
        self.here.api::<InfisicalSecret>().delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
        self.here.api::<InfisicalStaticSecret>().delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    }
}

/// One that restarts with the Secret `owned`.
fn workload(api_version: &str, kind: &str) -> Value {
    let pod = json!({"containers": [{"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": "owned"}}]}]});
    let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod}});
    match kind {
        "DaemonSet" => {}
        "StatefulSet" => spec = merged(spec, &json!({"replicas": 0, "serviceName": "web"})),
        _ => spec["replicas"] = json!(0),
    }
    let annotations = json!({"secrets.infisical.com/auto-reload": "true"});
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "annotations": annotations}, "spec": spec})
}
