//! The program, started as a rendered Deployment says, with the token of the rendered service account, is denied nothing and has no
//! right that it does not use.
use super::{
    apply::apply,
    audit::{Right, Seen, granted, of_user},
    exercise,
    helm::{arguments, of_kind, plane, rendered_as, text, the},
};
use crate::migrate::{migrate, path};
use api::v1alpha1::InfisicalSecret;
use integration::{Scene, cache, default_bundle, program, until};
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
    coordination::v1::Lease,
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use std::process::Command;
use support::{Process, free_ports};
use tokio::sync::Mutex;

/// Only one operator at a time may see all namespaces.
static TURN: Mutex<()> = Mutex::const_new(());

/// Rights that no request shows, by the end of what they are for, with the reason.
const UNSEEN: [(&str, &str); 12] = [
    ("get infisicalauths.secrets.infisical.com", "outside of the watched namespaces, which another test here sees"),
    ("get infisicalconnections.secrets.infisical.com", "the same"),
    ("get clustergenerators.secrets.infisical.com", "where the first list takes more than five seconds"),
    ("get passwords.secrets.infisical.com", "the same"),
    ("get uuids.secrets.infisical.com", "the same"),
    ("get infisicaldynamicsecrets.secrets.infisical.com", "to write a finalizer anew after somebody else wrote in between"),
    ("get infisicalpushsecrets.secrets.infisical.com", "the same"),
    ("get infisicalsecrets.secrets.infisical.com", "the same"),
    ("get infisicalstaticsecrets.secrets.infisical.com", "the same"),
    ("patch infisicalsecrets.secrets.infisical.com", "where no selector of namespaces can work: to take away a finalizer that is left"),
    ("patch infisicalstaticsecrets.secrets.infisical.com", "the same"),
    ("/finalizers.secrets.infisical.com", "asked by an admission plugin, which this API server runs: without them targets are refused"),
];

/// What has no namespace, and so no Role can grant: where there is no other role, it is asked for and done without.
const NO_ROLE_GRANTS: [&str; 2] = ["list clustergenerators.secrets.infisical.com", "get clustergenerators.secrets.infisical.com"];

struct Installed {
    scene: Scene,
    objects: Vec<Value>,
    process: Process,
    probes: String,
}

impl Installed {
    /// A release in the namespace of the scene.
    async fn new(scene: Scene, values: &[String]) -> Self {
        let namespace = scene.namespace.name();
        let [metrics, probes] = free_ports().unwrap();
        let common = [
            format!("hostAPI={}", scene.infisical.url()),
            format!(
                "controllerManager.manager.args={{--metrics-bind-address=127.0.0.1:{metrics},--leader-elect,--health-probe-bind-address=127.0.0.1:{probes}}}"
            ),
        ];
        let values: Vec<_> = common.iter().chain(values).map(String::as_str).collect();
        let objects = rendered_as("op", namespace, &values).await;
        for object in &objects {
            apply(scene.plane.cluster(), object).await;
        }
        let account = text(the(&objects, "ServiceAccount"), "/metadata/name");
        known(&scene, &objects, account).await;
        let token = scene.namespace.service_account_token(account, &[]).await.unwrap();
        let mut kubeconfig: Value = serde_json::from_str(&std::fs::read_to_string(scene.plane.kubeconfig()).unwrap()).unwrap();
        kubeconfig["users"][0]["user"] = json!({"token": token});
        let file = scene.folder().join("kubeconfig");
        std::fs::write(&file, kubeconfig.to_string()).unwrap();

        let mut command = Command::new(program().await);
        command.args(arguments(&objects)).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let variables = the(&objects, "Deployment").pointer("/spec/template/spec/containers/0/env").and_then(Value::as_array).unwrap();
        for variable in variables {
            // What is not a text is the pod's namespace.
            command.env(text(variable, "/name"), variable["value"].as_str().unwrap_or(namespace));
        }
        // In place of the image and of the pod.
        command.env("INFISICAL_OPERATOR_BUNDLE_DIR", &default_bundle().await.folder).env("INFISICAL_OPERATOR_CACHE_DIR", cache().await);
        command.env("KUBECONFIG", file).env("HOSTNAME", "pod");
        let process = Process::start("the operator", &mut command, &scene.folder().join("operator.log")).unwrap();
        let mut installed = Self { scene, objects, process, probes: format!("http://127.0.0.1:{probes}/readyz") };
        installed.ready().await;
        installed
    }

    async fn ready(&mut self) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        until("the operator to be ready", async || {
            self.process.check_alive().map_err(|error| format!("{error:#}"))?;
            let answer = client.get(&self.probes).send().await.map_err(|error| error.to_string())?;
            if answer.status().is_success() { Ok(()) } else { Err(answer.text().await.unwrap_or_default()) }
        })
        .await;
    }

    /// What `migrate` misses in the rights of its account, for these namespaces.
    async fn missed(&self, namespaces: &str, config: &str) -> Vec<String> {
        let account = text(the(&self.objects, "ServiceAccount"), "/metadata/name");
        let account = format!("{}/{account}", self.scene.namespace.name());
        let kubeconfig = path(self.scene.plane.kubeconfig());
        let cluster = ["--kubeconfig", kubeconfig, "--namespaces", namespaces, "--config-namespace", config];
        let ran = migrate(&[&cluster[..], &["--service-account", &account, "--output", "json"]].concat()).await;
        let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr));
        let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["kind"] == "ServiceAccount");
        findings.map(|finding| format!("{}: {}", text(finding, "/rule"), text(finding, "/message"))).collect()
    }

    /// Ends it and holds its rights against what it did.
    async fn judge(self) {
        let objects = self.objects.clone();
        let seen = self.ended().await;
        let roles = [of_kind(&objects, "Role"), of_kind(&objects, "ClusterRole")].concat();
        let excepted = |right: &Right| UNSEEN.iter().any(|(end, _)| right.to_string().ends_with(end));
        let idle: Vec<_> = granted(&roles).difference(&seen.used).filter(|right| !excepted(right)).map(ToString::to_string).collect();
        assert!(idle.is_empty(), "granted and never used: {idle:#?}");
    }

    /// Ends it: what it asked for, of which nothing was denied.
    async fn ended(mut self) -> Seen {
        self.process.terminate().unwrap();
        until("the operator to end", async || match self.process.ended() {
            Ok(Some(status)) if status.success() => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        let lease: Lease = self.scene.namespace.api().get("cf2b8c44.infisical.com").await.unwrap();
        assert_eq!(lease.spec.unwrap().holder_identity.as_deref(), Some(""), "the Lease was not given back");

        let account = text(the(&self.objects, "ServiceAccount"), "/metadata/name");
        let user = format!("system:serviceaccount:{}:{account}", self.scene.namespace.name());
        let seen = of_user(&self.scene.plane.audit_log(), &user);
        let scoped = of_kind(&self.objects, "ClusterRole").is_empty();
        let not_to_be_had = |right: &Right| scoped && NO_ROLE_GRANTS.contains(&right.to_string().as_str());
        let denied = seen.denied.iter().filter(|(right, _)| !not_to_be_had(right));
        let denied: Vec<_> = denied.map(|(right, place)| format!("{right} at {place}")).collect();
        assert!(denied.is_empty(), "denied: {denied:#?}");
        seen
    }
}

/// Waits until the API server knows each role by its first rule: it learns of roles a moment after they are written, and what is
/// denied before that would count.
async fn known(scene: &Scene, objects: &[Value], account: &str) {
    let reviews: Api<SubjectAccessReview> = Api::all(scene.plane.client().clone());
    for role in [of_kind(objects, "Role"), of_kind(objects, "ClusterRole")].concat() {
        let rule = &role["rules"][0];
        let attributes = ResourceAttributes {
            namespace: role["metadata"]["namespace"].as_str().map(str::to_owned),
            group: rule["apiGroups"][0].as_str().map(str::to_owned),
            resource: rule["resources"][0].as_str().map(str::to_owned),
            name: rule["resourceNames"][0].as_str().map(str::to_owned),
            verb: rule["verbs"][0].as_str().map(str::to_owned),
            ..ResourceAttributes::default()
        };
        let user = Some(format!("system:serviceaccount:{}:{account}", scene.namespace.name()));
        let spec = SubjectAccessReviewSpec { user, resource_attributes: Some(attributes), ..SubjectAccessReviewSpec::default() };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        until(format_args!("{} to count", text(role, "/metadata/name")), async || {
            let status = reviews.create(&PostParams::default(), &review).await.map_err(|error| error.to_string())?.status.unwrap();
            if status.allowed { Ok(()) } else { Err(status.reason.unwrap_or_default()) }
        })
        .await;
    }
}

async fn config(scene: &Scene, namespace: &str) {
    scene.plane.namespace_named(namespace).await.unwrap();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "infisical-config"}, "data": {"hostAPI": scene.infisical.url()}});
    scene.plane.apply(&config.to_string(), namespace).await.unwrap();
}

#[tokio::test]
async fn in_all_namespaces_it_is_denied_nothing_and_uses_each_right() {
    let _turn = TURN.lock().await;
    let scene = Scene::on(plane().await, |_| {}).await;
    config(&scene, "infisical-operator-system").await;
    let other = scene.plane.namespace().await.unwrap();
    let installed = Installed::new(scene, &[]).await;
    assert_eq!(installed.missed("", "infisical-operator-system").await, [] as [&str; 0]);
    exercise::all(&installed.scene, other.name(), true).await;
    installed.judge().await;
}

#[tokio::test]
async fn in_two_namespaces_it_is_denied_nothing_and_uses_each_right() {
    let _turn = TURN.lock().await;
    let scene = Scene::on(plane().await, |_| {}).await;
    // Settings are read from the release's own namespace, which is not among the watched ones.
    config(&scene, scene.namespace.name()).await;
    let [one, two] = [scene.plane.namespace().await.unwrap(), scene.plane.namespace().await.unwrap()];
    let values = [format!("scopedNamespaces={{{},{}}}", one.name(), two.name()), "scopedRBAC=true".into()];
    let installed = Installed::new(scene, &values).await;
    let missed = installed.missed(&format!("{},{}", one.name(), two.name()), installed.scene.namespace.name()).await;
    // What no Role can grant.
    let places = ["clustergenerators.", "clustergenerators/status.", "namespaces:"];
    assert_eq!(missed.len(), places.len(), "{missed:#?}");
    for (finding, place) in missed.iter().zip(places) {
        assert!(finding.starts_with("right-optional: it may not ") && finding.contains(&format!(" on {place}")), "{finding}");
    }
    exercise::all(&installed.scene, one.name(), false).await;
    exercise::all(&installed.scene, two.name(), false).await;
    // What lies outside is not its own, and a resource there is not seen.
    let outside = installed.scene.manifest("outside", &json!({}));
    installed.scene.apply(&outside).await;
    installed.scene.resync("outside").await;
    let untouched = installed.scene.resource("outside").await;
    assert!(untouched.status.is_none(), "{:?}", untouched.status);
    installed.judge().await;
}

/// The rights reach farther than what is watched, so that resources may refer to what lies outside.
#[tokio::test]
async fn watching_one_namespace_it_may_read_what_is_referred_to_in_another() {
    let _turn = TURN.lock().await;
    let scene = Scene::on(plane().await, |_| {}).await;
    config(&scene, "infisical-operator-system").await;
    let [watched, other] = [scene.plane.namespace().await.unwrap(), scene.plane.namespace().await.unwrap()];
    let installed = Installed::new(scene, &[format!("scopedNamespaces={{{}}}", watched.name())]).await;
    exercise::chain_across(&installed.scene, watched.name(), other.name()).await;
    let used = installed.ended().await.used;
    for resource in ["infisicalauths", "infisicalconnections"] {
        let get = Right { group: "secrets.infisical.com".into(), resource: resource.into(), verb: "get".into() };
        assert!(used.contains(&get), "{get} was not used");
    }
}

/// The other side of it: what is missing shows as denied.
#[tokio::test]
async fn a_right_that_is_taken_away_is_seen_to_be_missed() {
    let _turn = TURN.lock().await;
    let scene = Scene::on(plane().await, |_| {}).await;
    let values = [format!("scopedNamespaces={{{}}}", scene.namespace.name()), "scopedRBAC=true".into()];
    let installed = Installed::new(scene, &values).await;
    let role =
        of_kind(&installed.objects, "Role").into_iter().find(|role| text(role, "/metadata/name").ends_with("-manager-role")).unwrap();
    let api: Api<k8s_openapi::api::rbac::v1::Role> = installed.scene.namespace.api();
    let rules: Vec<_> =
        role["rules"].as_array().unwrap().iter().filter(|rule| rule["apiGroups"] != json!(["events.k8s.io"])).cloned().collect();
    api.patch(text(role, "/metadata/name"), &PatchParams::default(), &Patch::Merge(json!({"rules": rules}))).await.unwrap();
    let account = text(the(&installed.objects, "ServiceAccount"), "/metadata/name");
    let user = format!("system:serviceaccount:{}:{account}", installed.scene.namespace.name());
    let scope = json!({"spec": {"authentication": {"universalAuth": {"secretsScope": {"projectSlug": "nowhere"}}}}});
    installed.scene.infisical_secret("failing", scope).await;
    let wanted = Right { group: "events.k8s.io".into(), resource: "events".into(), verb: "create".into() };
    until("the denied Event", async || {
        let seen = of_user(&installed.scene.plane.audit_log(), &user);
        if seen.denied.iter().any(|(right, _)| *right == wanted) { Ok(()) } else { Err(format!("{:?}", seen.denied)) }
    })
    .await;
    let secrets: Api<InfisicalSecret> = installed.scene.namespace.api();
    secrets.delete("failing", &DeleteParams::default()).await.unwrap();
}
