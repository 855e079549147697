//! AWS: from each source of keys to a synced Secret, through STS that checks the signature; and what happens where one thing
//! is wrong. AWS is played on loopback; the operator finds it by its settings alone.
use infisical_dev_server::{
    Conduct, Issuer,
    aws::{Account, Aws, Metadata, Role},
};
use integration::{Identity, Running, Scene, until};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use std::{fs, path::PathBuf, time::Duration};

const IDENTITY: &str = "77777777-aaaa-4bbb-8ccc-dddddddddddd";
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";
const WANTED: [(&str, &str); 2] = [("A", "one"), ("B", "two")];

/// AWS with an instance of the role `node`; a task and a pod of the role `app`, which the pod may also assume by its web
/// identity.
struct Test {
    scene: Scene,
    aws: Aws,
    issuer: Issuer,
}

impl Test {
    /// The identity may be used by whom `auth` allows.
    async fn new(auth: Value) -> Self {
        let issuer = Issuer::start().await.unwrap();
        let mut account = Account::new(ACCOUNT);
        account.providers.insert(issuer.url(), "sts.amazonaws.com".into());
        account.roles.insert("app".into(), Role { web_identities: vec![(issuer.url(), "pod".into())] });
        account.associations.insert("pod".into(), "app".into());
        account.tasks.insert("task-1".into(), "app".into());
        account.instance.role = Some("node".into());
        let aws = Aws::start(account).await.unwrap();
        let scene = Scene::with(|config| {
            config.sts = Some(aws.url());
            let identity = json!({"name": "aws", "id": IDENTITY, "awsAuth": auth});
            config.seed.identities.push(serde_json::from_value(identity).unwrap());
            config.seed.projects[0].members.insert("aws".into(), serde_json::from_value(json!({"role": "viewer"})).unwrap());
        })
        .await;
        Self { scene, aws, issuer }
    }

    /// An operator in AWS, with these variables and mounts.
    async fn start(&self, variables: &[(&str, &str)], mounts: &[(&str, PathBuf)]) -> Running {
        let url = self.scene.infisical.url();
        let (origins, variables, mounts) = (self.aws.origins(REGION), variables.to_vec(), mounts.to_vec());
        self.scene
            .start_with(|options| {
                options.trusted_hosts = vec![url];
                options.plugins.dev_origins = origins;
                options.plugins.environment =
                    variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned().into())).collect();
                options.plugins.mounts = mounts.into_iter().map(|(name, folder)| (name.to_owned(), folder)).collect();
            })
            .await
    }

    async fn apply(&self, name: &str) {
        self.scene.infisical_secret(name, aws_iam()).await;
    }

    /// A folder with one file.
    fn mount(&self, name: &str, file: &str, content: &str) -> PathBuf {
        let folder = self.scene.folder().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), content).unwrap();
        folder
    }

    fn token(&self, audience: &str, more: &Value) -> String {
        self.issuer.token(&integration::merged(json!({"aud": audience, "sub": "pod"}), more)).unwrap()
    }

    /// The resource `a` is in sync; what its Secret looks like.
    async fn synced(&self) -> Identity {
        self.apply("a").await;
        self.scene.holds("a", &WANTED).await;
        self.scene.synced("a").await;
        self.scene.identity::<Secret>("a").await
    }

    /// Takes the token away; the login that follows fails for this reason, and the Secret stays as it was.
    async fn fails(&self, before: &Identity, reason: &str, parts: &[&str]) {
        self.scene.infisical.state().revoke_tokens(None).unwrap();
        self.scene.resync("a").await;
        let message = self.scene.failed("a", reason).await;
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
        assert_eq!(&self.scene.identity::<Secret>("a").await, before, "the Secret was written");
    }

    /// The login that is tried again and again fails with another message.
    async fn fails_on(&self, before: &Identity, part: &str) {
        until(format_args!("{part:?}"), async || {
            let ready = self.scene.condition("a", "Ready").await;
            if ready.reason == "PluginServiceUnavailable" && ready.message.contains(part) { Ok(()) } else { Err(ready.message) }
        })
        .await;
        assert_eq!(&self.scene.identity::<Secret>("a").await, before, "the Secret was written");
    }

    fn asked(&self, line: &str) -> bool {
        self.aws.asked().iter().any(|asked| asked == line)
    }
}

fn scope() -> Value {
    json!({"projectSlug": "shop", "envSlug": "dev", "secretsPath": "/"})
}

fn aws_iam() -> Value {
    json!({"spec": {"authentication": {"universalAuth": null, "awsIamAuth": {"identityId": IDENTITY, "secretsScope": scope()}}}})
}

fn by_plugin(settings: Value) -> Value {
    let inputs = json!([{"name": "identity-id", "value": IDENTITY}]);
    let plugin = json!({"name": "aws", "settings": settings, "inputs": inputs, "secretsScope": scope()});
    json!({"spec": {"authentication": {"universalAuth": null, "plugin": plugin}}})
}

#[tokio::test]
async fn keys_of_the_environment() {
    let test = Test::new(json!({"allowedPrincipalArns": "arn:aws:iam::123456789012:user/operator"})).await;
    let (id, secret) = test.aws.change(|account| account.add_user("operator"));
    let _operator = test.start(&[("AWS_ACCESS_KEY_ID", &id), ("AWS_SECRET_ACCESS_KEY", &secret), ("AWS_REGION", REGION)], &[]).await;
    let before = test.synced().await;
    // One identity logs in once, however many resources it has; the operator itself asks AWS for nothing.
    for name in ["b", "c"] {
        test.apply(name).await;
        test.scene.holds(name, &WANTED).await;
    }
    assert_eq!(test.scene.infisical.logins(), 1);
    assert_eq!(test.aws.asked(), ["POST sts.eu-central-1.amazonaws.com/"]);

    // A token that was revoked heals by itself.
    test.scene.infisical.state().revoke_tokens(None).unwrap();
    test.scene.set("A", "changed");
    test.scene.holds("a", &[("A", "changed"), ("B", "two")]).await;
    test.scene.set("A", "one");
    test.scene.holds("a", &WANTED).await;
    assert_ne!(test.scene.identity::<Secret>("a").await, before);

    // STS no longer knows the keys: the server says no more than that something went wrong.
    let before = test.scene.identity::<Secret>("a").await;
    test.aws.change(Account::revoke_keys);
    test.fails(&before, "ServerError", &["500"]).await;
    for name in ["a", "b", "c"] {
        let status = serde_json::to_string(&test.scene.resource(name).await.status).unwrap();
        assert!(!status.contains(&secret), "a key in the status");
    }
}

#[tokio::test]
async fn a_profile_of_a_shared_file_chosen_by_the_plugin_block() {
    let test = Test::new(json!({"allowedPrincipalArns": "*:user/*"})).await;
    let (id, secret) = test.aws.change(|account| account.add_user("dev"));
    let file =
        format!("[default]\nregion = us-east-1\n\n[dev]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\nregion = {REGION}\n");
    let folder = test.mount("aws", "credentials", &file);
    let _operator = test.start(&[], &[("aws", folder)]).await;
    test.scene.infisical_secret("a", by_plugin(json!({"profile": "dev"}))).await;
    test.scene.holds("a", &WANTED).await;
    for (name, settings, reason, parts) in [
        ("no-keys", json!({"source": "shared-file"}), "InvalidCredentials", ["\"default\" lacks", "aws_access_key_id"]),
        ("no-profile", json!({"profile": "prod"}), "InvalidCredentials", ["no profile \"prod\"", "default, dev"]),
        ("no-region", json!({"region": "mars-north-1"}), "InvalidSettings", ["/region", "eu-central-1"]),
        ("no-source", json!({"source": "vault"}), "InvalidSettings", ["/source", "vault"]),
    ] {
        test.scene.infisical_secret(name, by_plugin(settings)).await;
        let message = test.scene.failed(name, reason).await;
        assert!(parts.iter().all(|part| message.contains(part)), "{name}: {message}");
        assert!(!message.contains(&secret));
    }
}

#[tokio::test]
async fn a_web_identity_whose_token_expires_and_is_renewed() {
    let test = Test::new(json!({"allowedPrincipalArns": "arn:aws:iam::123456789012:role/app"})).await;
    let token = test.token("sts.amazonaws.com", &json!({}));
    let folder = test.mount("irsa", "token", &token);
    let path = folder.join("token");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/app");
    let variables = [("AWS_WEB_IDENTITY_TOKEN_FILE", path.to_str().unwrap()), ("AWS_ROLE_ARN", &role), ("AWS_REGION", REGION)];
    let _operator = test.start(&variables, &[("aws-web-identity", folder.clone())]).await;
    let before = test.synced().await;
    // Once for the role, once with its keys.
    assert_eq!(test.aws.asked(), ["POST sts.eu-central-1.amazonaws.com/"; 2]);

    fs::write(&path, test.token("sts.amazonaws.com", &json!({"exp": 1}))).unwrap();
    test.fails(&before, "PluginServiceUnavailable", &["the web identity token of this pod has expired", "AWS_WEB_IDENTITY_TOKEN_FILE"])
        .await;
    fs::write(&path, test.token("sts.amazonaws.com", &json!({}))).unwrap();
    test.scene.set("A", "renewed");
    test.scene.holds("a", &[("A", "renewed"), ("B", "two")]).await;

    let before = test.scene.identity::<Secret>("a").await;
    test.aws.change(|account| account.roles.clear());
    test.fails(&before, "InvalidCredentials", &["may not assume arn:aws:iam::123456789012:role/app", "trust policy"]).await;
    let status = serde_json::to_string(&test.scene.resource("a").await.status).unwrap();
    assert!(!status.contains(&token));
}

#[tokio::test]
async fn container_credentials_of_a_pod_and_of_a_task() {
    let test = Test::new(json!({"allowedPrincipalArns": "arn:aws:sts::123456789012:assumed-role/app"})).await;
    let folder = test.mount("pod-identity", "eks-pod-identity-token", &test.token("pods.eks.amazonaws.com", &json!({})));
    let token = folder.join("eks-pod-identity-token");
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_REGION", REGION),
    ];
    let pod = test.start(&variables, &[("aws-pod-identity", folder)]).await;
    let before = test.synced().await;
    assert!(test.asked("GET 169.254.170.23/v1/credentials"), "{:?}", test.aws.asked());
    test.aws.change(|account| account.associations.clear());
    test.fails(&before, "InvalidCredentials", &["169.254.170.23 refused this pod or task", "AccessDeniedException"]).await;
    pod.stop().await;

    let task = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/task-1"), ("AWS_REGION", REGION)];
    let _task = test.start(&task, &[]).await;
    test.scene.synced("a").await;
    assert!(test.asked("GET 169.254.170.2/v2/credentials/task-1"), "{:?}", test.aws.asked());
}

#[tokio::test]
async fn keys_and_region_of_an_instance_whose_metadata_service_fails() {
    let test = Test::new(json!({"allowedAccountIds": ACCOUNT})).await;
    let _operator = test.start(&[], &[]).await;
    let before = test.synced().await;
    assert!(test.asked("GET 169.254.169.254/latest/dynamic/instance-identity/document"));

    let set = |conduct| test.aws.change(|account| account.conduct = conduct);
    set(Conduct::Html);
    test.fails(&before, "PluginServiceUnavailable", &["something else than a session token"]).await;
    set(Conduct::Huge);
    test.fails_on(&before, "more than 1048576 bytes").await;
    set(Conduct::Good);
    test.aws.change(|account| account.instance.metadata = Metadata::OneHop);
    test.fails_on(&before, "did not answer in time").await;
    test.fails_on(&before, "no AWS_WEB_IDENTITY_TOKEN_FILE").await;
    test.fails_on(&before, "hop limit of 2").await;
    test.aws.change(|account| account.instance.metadata = Metadata::On);
    test.aws.clock().advance(Duration::from_secs(7200));
    test.fails_on(&before, "s behind that of http://169.254.169.254").await;
    test.aws.clock().stop_at("2026-01-01T00:00:00Z".parse().unwrap());
    test.fails_on(&before, "s ahead of that of http://169.254.169.254").await;
}

#[tokio::test]
async fn an_instance_whose_metadata_service_is_switched_off() {
    let test = Test::new(json!({})).await;
    let _operator = test.start(&[], &[]).await;
    let before = test.synced().await;
    test.aws.change(|account| account.instance.metadata = Metadata::Disabled);
    test.fails(&before, "InvalidCredentials", &["switched off for this instance (403)", "pod identity"]).await;
}

#[tokio::test]
async fn who_is_not_allowed_at_the_server() {
    let test = Test::new(json!({"allowedAccountIds": ACCOUNT})).await;
    let _operator = test.start(&[], &[]).await;
    let before = test.synced().await;
    test.scene.infisical.state().change(|world| {
        world.identity_mut("aws").unwrap().aws.as_mut().unwrap().allowed_account_ids = "999999999999".into();
    });
    test.fails(&before, "LoginFailed", &["AWS account ID not allowed"]).await;
}

#[tokio::test]
async fn the_identity_of_the_operator_goes_to_trusted_servers_only() {
    let test = Test::new(json!({})).await;
    let origins = test.aws.origins(REGION);
    let _operator = test.scene.start_with(|options| options.plugins.dev_origins = origins).await;
    test.apply("a").await;
    let message = test.scene.failed("a", "AmbientNotGranted").await;
    assert!(message.contains("--trusted-host"), "{message}");
    assert_eq!(test.aws.asked(), Vec::<String>::new());
    assert_eq!(test.scene.infisical.calls().total(), 0);
}

#[tokio::test]
async fn the_manuals_infisical_auth_becomes_ready() {
    let test = Test::new(json!({"allowedPrincipalArns": "arn:aws:iam::123456789012:user/operator"})).await;
    let (id, secret) = test.aws.change(|account| account.add_user("operator"));
    let _operator = test.start(&[("AWS_ACCESS_KEY_ID", &id), ("AWS_SECRET_ACCESS_KEY", &secret), ("AWS_REGION", REGION)], &[]).await;
    super::as_in_the_manual(&test.scene, "aws-iam", &[("<machine-identity-id>", IDENTITY)]).await;
}

#[tokio::test]
async fn whatever_ends_its_token_it_goes_on() {
    let test = Test::new(json!({"allowedPrincipalArns": "arn:aws:iam::123456789012:user/operator"})).await;
    let (id, secret) = test.aws.change(|account| account.add_user("operator"));
    let _operator = test.start(&[("AWS_ACCESS_KEY_ID", &id), ("AWS_SECRET_ACCESS_KEY", &secret), ("AWS_REGION", REGION)], &[]).await;
    test.apply("a").await;
    crate::heals::whatever_ends_its_token_it_goes_on(&test.scene, "a", "aws").await;
}
