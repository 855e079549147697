use super::*;
use crate::trigger::{Cause, Trigger};
use kube::api::{DeleteParams, PostParams};
use runtime::Output;
use secrecy::ExposeSecret;
use serde_json::from_value;
use support::{ControlPlane, Namespace};

const CANARY: &str = "canary-77a0";

fn password(rules: Value) -> Generator {
    let object = json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": "Password", "metadata": {"name": "p", "namespace": "n"}, "spec": rules});
    Generator::of_password(&from_value(object).unwrap())
}

fn cluster(name: &str, spec: Value) -> ClusterGenerator {
    let object =
        json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": "ClusterGenerator", "metadata": {"name": name}, "spec": spec});
    from_value(object).unwrap()
}

#[test]
fn a_digest_follows_from_what_counts_and_from_nothing_else() {
    let plain = password(json!({}));
    assert_eq!(plain.settings, json!({"length": 24, "noUpper": false, "allowRepeat": false}));
    for same in [json!({"length": 24}), json!({"digits": null, "symbolCharacters": "", "noUpper": false, "allowRepeat": false})] {
        assert_eq!(password(same).digest(), plain.digest());
    }
    for other in
        [json!({"length": 25}), json!({"digits": 6}), json!({"symbols": 0}), json!({"symbolCharacters": " "}), json!({"noUpper": true})]
    {
        assert_ne!(password(other).digest(), plain.digest());
    }
    // A generator that takes the place of another one makes no new value.
    let (kind, moved) = Generator::of_cluster(&cluster("other", json!({"kind": "Password"}))).unwrap();
    assert_eq!((kind, moved.digest()), (Kind::Password, plain.digest()));
    let (kind, uuid) = Generator::of_cluster(&cluster("u", json!({"kind": "UUID", "generator": {"passwordSpec": {"length": 3}}}))).unwrap();
    assert_eq!((kind, uuid.settings.clone()), (Kind::Uuid, json!({})));
    assert_ne!(uuid.digest(), plain.digest());
}

#[test]
fn a_cluster_generator_of_no_kind_is_refused() {
    for kind in [Value::Null, json!(""), json!("password")] {
        let fault = Generator::of_cluster(&cluster("x", json!({"kind": kind}))).unwrap_err();
        assert!(
            fault.message.contains("ClusterGenerator x: spec.kind is") && fault.message.contains("Password or UUID"),
            "{}",
            fault.message
        );
    }
}

struct Script(fn() -> Result<Vec<&'static str>, Failure>);

impl Generating for Script {
    async fn generate(&self, call: GenerateCall) -> Result<Generated, Failure> {
        assert_eq!((call.plugin.as_str(), call.caller.namespace.as_str(), call.caller.ambient), ("password", "shop", Ambient::Withheld));
        let value = |text: &str| Output { key: "value".into(), value: SecretBytes::from(text.as_bytes().to_vec()) };
        Ok(Generated { outputs: (self.0)()?.into_iter().map(value).collect(), notices: vec!["short".into()] })
    }
}

fn user() -> ObjectRef {
    ObjectRef { kind: "InfisicalPushSecret", namespace: "shop".into(), name: "a".into() }
}

#[tokio::test]
async fn one_value_is_given_and_anything_else_is_a_fault_without_it() {
    let (user, generator, settings) = (user(), password(json!({})), Settings::default());
    let made = generate(&Script(|| Ok(vec![CANARY])), &user, &generator, &settings).await.map_err(|fault| fault.message).unwrap();
    assert_eq!(made.value.expose_secret(), CANARY.as_bytes());
    assert_eq!(made.notices[0].message, "Password n/p: short");
    for script in [Script(|| Ok(vec![])), Script(|| Ok(vec![CANARY, CANARY])), Script(|| Err(Failure::Internal("boom".into())))] {
        let fault = generate(&script, &user, &generator, &settings).await.err().unwrap();
        assert!(fault.message.starts_with("Password n/p: ") && !fault.message.contains(CANARY), "{}", fault.message);
    }
    let others = Settings { plugin_namespaces: [("password".into(), ["other".into()].into())].into(), ..Settings::default() };
    let fault = generate(&Script(|| Ok(vec![CANARY])), &user, &generator, &others).await.err().unwrap();
    assert_eq!((fault.reason, fault.class), (reason::PLUGIN_NOT_GRANTED, Class::Denied));
}

/// Generators of a namespace of a real API server, none of which is watched.
struct World {
    namespace: Namespace,
    triggers: Arc<Triggers>,
    user: ObjectRef,
}

impl World {
    async fn new() -> Self {
        let control_plane = ControlPlane::shared().await.unwrap();
        control_plane.cluster().establish(::api::crds::crds()).await.unwrap();
        let namespace = control_plane.cluster().namespace().await.unwrap();
        let user = ObjectRef { namespace: namespace.name().into(), ..user() };
        Self { namespace, triggers: Arc::default(), user }
    }

    fn generators(&self, client: kube::Client, scoped: bool) -> Generators {
        let scope = scoped.then(|| self.namespace.name().to_owned());
        Generators::new(&Requests::new(client), &self.triggers, &[scope])
    }

    async fn find(&self, generators: &Generators, kind: &str, name: &str) -> Result<Generator, Fault> {
        let reference = GeneratorReference { kind: Some(kind.into()), name: Some(name.into()) };
        generators.find(&self.user, &[("spec.push.generators[0].generatorRef".into(), Some(reference))]).await.remove(0)
    }
}

#[tokio::test]
async fn the_cluster_generator_comes_first_then_the_one_of_the_namespace() {
    let world = World::new().await;
    let client = world.namespace.cluster().client().clone();
    let generators = world.generators(client.clone(), false);
    // No list ever comes; whoever asks after that time need not wait.
    let name = world.namespace.name().to_owned();
    let fault = world.find(&generators, "Password", &name).await.unwrap_err();
    assert_eq!((fault.reason, fault.class), (reason::GENERATOR_NOT_FOUND, Class::UserFix));
    for says in ["spec.push.generators[0].generatorRef", "no ClusterGenerator", "no Password", "create one"] {
        assert!(fault.message.contains(says), "{}", fault.message);
    }
    let local = world.namespace.api::<Password>();
    let mut made: Password = from_value(
        json!({"metadata": {"name": name}, "spec": {"length": 7}, "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "Password"}),
    )
    .unwrap();
    made.metadata.namespace = None;
    local.create(&PostParams::default(), &made).await.unwrap();
    let found = world.find(&generators, "Password", &name).await.unwrap();
    assert_eq!((found.object.kind, &found.settings["length"]), ("Password", &json!(7)));
    let fault = world.find(&generators, "UUID", &name).await.unwrap_err();
    assert_eq!(fault.reason, reason::GENERATOR_NOT_FOUND);

    let all = kube::Api::<ClusterGenerator>::all(client);
    let spec = json!({"kind": "Password", "generator": {"passwordSpec": {"length": 9}}});
    all.create(&PostParams::default(), &cluster(&name, spec)).await.unwrap();
    let found = world.find(&generators, "Password", &name).await.unwrap();
    assert_eq!((found.object.to_string(), &found.settings["length"]), (format!("ClusterGenerator {name}"), &json!(9)));
    let fault = world.find(&generators, "UUID", &name).await.unwrap_err();
    assert_eq!(fault.reason, reason::GENERATOR_KIND);
    assert!(fault.message.contains("kind is UUID") && fault.message.contains("write Password"), "{}", fault.message);
    all.delete(&name, &DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn an_operator_of_some_namespaces_does_without_cluster_generators_and_no_other() {
    const ROLE: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: operator}
rules:
- {apiGroups: [secrets.infisical.com], resources: [passwords, uuids], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}
subjects: [{kind: ServiceAccount, name: default}]
---
apiVersion: secrets.infisical.com/v1alpha1
kind: UUID
metadata: {name: u}
"#;
    let world = World::new().await;
    world.namespace.apply(ROLE).await.unwrap();
    let token = world.namespace.service_account_token("default", &[]).await.unwrap();
    let client = world.namespace.cluster().client_with_token(token).await.unwrap();
    let uuids = kube::Api::<Uuid>::namespaced(client.clone(), world.namespace.name());
    world.namespace.eventually("the role to count", async || uuids.get_opt("u").await).await.unwrap();
    let scoped = world.generators(client.clone(), true);
    assert_eq!(world.find(&scoped, "UUID", "u").await.unwrap().object.kind, "UUID");
    let fault = world.find(&scoped, "Password", "none").await.unwrap_err();
    assert!(fault.message.contains("no ClusterGenerator may be read"), "{}", fault.message);
    // Else a lost right would make all values anew.
    let fault = world.find(&world.generators(client, false), "UUID", "u").await.unwrap_err();
    assert_eq!(fault.class, Class::Denied);
}

#[tokio::test]
async fn who_refers_to_a_generator_is_woken_by_its_change() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let triggers = Arc::<Triggers>::default();
    let generators = Generators::new(&Requests::new(control_plane.cluster().client().clone()), &triggers, &[None]);
    generators.clusters.listed(&None);
    generators.passwords.listed(&None);
    generators.clusters.seen(&cluster("a", json!({"kind": "UUID"})));
    let reference = |kind: &str, name: &str| {
        let reference = GeneratorReference { kind: Some(kind.into()), name: Some(name.into()) };
        (format!("{name}.generatorRef"), Some(reference))
    };
    let found = generators.find(&user(), &[reference("UUID", "a"), reference("Password", "b"), (String::new(), None)]).await;
    let reasons: Vec<_> = found.iter().map(|found| found.as_ref().err().map(|fault| fault.reason)).collect();
    assert_eq!(reasons, [None, Some(reason::GENERATOR_NOT_FOUND), Some(reason::INVALID_SPEC)]);
    let woken = || triggers.take(&user()).map(|Trigger { cause, .. }| cause);
    let mut local: Password = from_value(
        json!({"metadata": {"name": "b", "namespace": "shop"}, "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "Password"}),
    )
    .unwrap();
    generators.passwords.seen(&local);
    assert_eq!(woken(), Some(Cause::Reference));
    local.metadata.namespace = Some("other".into());
    generators.passwords.seen(&local);
    assert_eq!(woken(), None);
    generators.clusters.gone(&Name::new("", "a"));
    assert_eq!(woken(), Some(Cause::Reference));
    assert_eq!(generators.clusters.users(&Name::new("", "b")), [user()]);
    generators.forget(&user());
    assert_eq!(generators.clusters.users(&Name::new("", "b")), []);
}
