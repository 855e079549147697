//! Azure: a managed identity by the metadata service, a workload identity by Entra's token endpoint.
use super::{
    GOOD, LastGood, by, by_plugin,
    clouds::{Around, mount, sample_place, start, text},
    id, identity, sample,
};
use infisical_dev_server::{
    Conduct, Issuer,
    azure::{Application, Azure, FederatedCredential, ManagedIdentity, Tenant},
};
use integration::Scene;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

const TENANT: &str = "0a1b2c3d-0000-4000-8000-000000000001";
const FILE: &str = "azure-identity-token";

fn managed(name: &str) -> ManagedIdentity {
    ManagedIdentity { client_id: name.into(), principal_id: format!("{name}-principal"), system_assigned: false }
}

/// Machine identity `cloud` takes the principals of the managed identity `machine` and of the application `pods`; the managed
/// identity `stranger` is on the machine too.
async fn scene(tenant: impl FnOnce(&mut Tenant)) -> (Scene, Azure) {
    let mut all = Tenant::new(TENANT);
    all.managed_identities.extend([managed("machine"), managed("stranger")]);
    tenant(&mut all);
    let azure = Azure::start(all).await.unwrap();
    let entra = azure.url();
    let scene = Scene::with(|config| {
        config.entra = Some(entra);
        let allowed = "machine-principal, pods-principal";
        identity(config, "cloud", json!({"azureAuth": {"tenantId": TENANT, "allowedServicePrincipalIds": allowed}}));
    })
    .await;
    (scene, azure)
}

fn azure_auth(fields: Value) -> Value {
    by("azureAuth", integration::merged(json!({"identityId": id("cloud")}), &fields))
}

#[tokio::test]
async fn a_managed_identity_logs_in_however_it_is_named_and_again_when_its_token_ends() {
    let (scene, azure) = scene(|_| {}).await;
    let _operator = start(&scene, Around { origins: azure.origins(), ..Around::default() }).await;
    let management = "https://management.azure.com/";
    for (name, spec) in [
        ("by-field", azure_auth(json!({"azureManagedIdentityClientId": "machine"}))),
        ("by-resource", azure_auth(json!({"resource": format!("{management}&client_id=machine")}))),
        ("by-query", azure_auth(json!({"resource": "resource=https%3A%2F%2Fmanagement.azure.com%2F&client_id=machine"}))),
        ("by-plugin", by_plugin("azure", "cloud", json!({"source": "managed-identity", "client-id": "machine"}), &[])),
    ] {
        scene.infisical_secret(name, spec).await;
        scene.holds(name, &GOOD).await;
    }
    let logins = scene.infisical.logins();
    scene.infisical.state().expire_tokens(None).unwrap();
    scene.set("A", "edited");
    for name in ["by-field", "by-resource", "by-query", "by-plugin"] {
        scene.holds(name, &[("A", "edited"), ("B", "two")]).await;
        scene.synced(name).await;
    }
    assert!(scene.infisical.logins() > logins);
    assert!(azure.asked().len() >= 8, "{:?}", azure.asked());
}

#[tokio::test]
async fn each_thing_that_is_wrong_with_a_managed_identity_is_told_apart_and_the_secret_stays() {
    let (scene, azure) = scene(|_| {}).await;
    let _operator = start(&scene, Around { origins: azure.origins(), ..Around::default() }).await;
    scene.infisical_secret("a", azure_auth(json!({"azureManagedIdentityClientId": "machine"}))).await;
    let good = LastGood::of(&scene, "a").await;
    for (fields, reason, says) in [
        (json!({}), "InvalidSettings", ["/client-id", "several managed identities"]),
        (json!({"azureManagedIdentityClientId": "none"}), "InvalidCredentials", ["\"none\"", "assign it"]),
        (
            json!({"azureManagedIdentityClientId": "stranger"}),
            "LoginFailed",
            ["Service principal 'stranger-principal' not allowed", "check"],
        ),
        (
            json!({"azureManagedIdentityClientId": "machine", "resource": "api://none"}),
            "InvalidSettings",
            ["/resource", "the tenant does not know"],
        ),
        (json!({"resource": "https://a/&object_id=1"}), "InvalidSettings", ["/resource", "object_id"]),
        (
            json!({"resource": "https://a/&client_id=1", "azureManagedIdentityClientId": "2"}),
            "InvalidSettings",
            ["/client-id", "leave one of them out"],
        ),
    ] {
        scene
            .infisical_secret(
                "a",
                azure_auth(integration::merged(json!({"resource": null, "azureManagedIdentityClientId": null}), &fields)),
            )
            .await;
        good.stays(reason, &says).await;
    }
    for (conduct, client, says) in [
        (Conduct::Html, "m1", "answered 200 with no JSON"),
        (Conduct::Huge, "m2", "a body of more than 1048576 bytes"),
        (Conduct::Busy, "m3", "busy or being updated (status 503"),
        (Conduct::Silent, "m4", "did not answer in time; run the operator on Azure"),
    ] {
        azure.change(|tenant| tenant.imds = conduct);
        // Another session, which nobody has tried yet.
        scene.infisical_secret("a", azure_auth(json!({"azureManagedIdentityClientId": client}))).await;
        good.stays("PluginServiceUnavailable", &[says]).await;
    }
    azure.change(|tenant| {
        tenant.imds = Conduct::Good;
        tenant.managed_identities.clear();
    });
    scene.infisical_secret("a", azure_auth(json!({"azureManagedIdentityClientId": null}))).await;
    good.stays("InvalidCredentials", &["no managed identity is assigned"]).await;
    azure.change(|tenant| tenant.managed_identities.push(managed("machine")));
    scene.infisical_secret("a", azure_auth(json!({"azureManagedIdentityClientId": "machine"}))).await;
    good.recovers("edited").await;
}

#[tokio::test]
async fn a_machine_that_is_not_in_azure_says_so_and_an_untrusted_server_gets_nothing() {
    let (scene, azure) = scene(|_| {}).await;
    // A port that nobody listens on.
    let [port] = support::free_ports().unwrap();
    let nobody = vec![("http://169.254.169.254".to_owned(), format!("http://127.0.0.1:{port}"))];
    let operator = start(&scene, Around { origins: nobody, ..Around::default() }).await;
    scene.infisical_secret("a", azure_auth(json!({"azureManagedIdentityClientId": "machine"}))).await;
    let message = scene.failed("a", "PluginServiceUnavailable").await;
    assert!(message.contains("169.254.169.254") && message.contains("run the operator on Azure"), "{message}");
    operator.stop().await;

    let origins = azure.origins();
    let _operator = scene.start_with(|options| options.plugins.dev_origins = origins).await;
    let message = scene.failed("a", "AmbientNotGranted").await;
    assert!(message.contains("--trusted-host"), "{message}");
    assert_eq!((azure.asked().len(), scene.infisical.logins()), (0, 0));
}

/// What the webhook of workload identity sets, and the issuer of the cluster.
async fn aks() -> (Scene, Azure, Issuer, Around, PathBuf) {
    let issuer = Issuer::start().await.unwrap();
    let trusted = FederatedCredential {
        issuer: issuer.url(),
        subject: "system:serviceaccount:infisical:operator".into(),
        audience: "api://AzureADTokenExchange".into(),
    };
    let (scene, azure) = scene(|tenant| {
        tenant.applications.push(Application { client_id: "pods".into(), principal_id: "pods-principal".into(), federated: vec![trusted] });
    })
    .await;
    let folder = mount(&scene, "azure", FILE, &projected(&issuer, json!({})));
    let variables = vec![
        ("AZURE_FEDERATED_TOKEN_FILE", text(&folder.join(FILE))),
        ("AZURE_CLIENT_ID", "pods".into()),
        ("AZURE_TENANT_ID", TENANT.into()),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/".into()),
    ];
    let around = Around { origins: azure.origins(), variables, mounts: vec![("azure", folder.clone())] };
    (scene, azure, issuer, around, folder.join(FILE))
}

/// A token of the operator's service account.
fn projected(issuer: &Issuer, claims: Value) -> String {
    let subject = json!({"sub": "system:serviceaccount:infisical:operator", "aud": ["api://AzureADTokenExchange"]});
    issuer.token(&integration::merged(subject, &claims)).unwrap()
}

#[tokio::test]
async fn a_workload_identity_logs_in_and_a_rotated_token_is_used_at_the_next_login() {
    let (scene, azure, issuer, around, file) = aks().await;
    let _operator = start(&scene, around).await;
    scene.infisical_secret("a", azure_auth(json!({}))).await;
    let good = LastGood::of(&scene, "a").await;
    assert_eq!(azure.asked(), ["POST /oauth2/v2.0/token"]);

    issuer.rotate().unwrap();
    fs::write(&file, projected(&issuer, json!({}))).unwrap();
    good.recovers("edited").await;
    assert_eq!(scene.infisical.logins(), 1);
    scene.infisical.state().expire_tokens(None).unwrap();
    good.recovers("edited again").await;
    assert_eq!((azure.asked().len(), scene.infisical.logins()), (2, 2));

    fs::write(&file, projected(&issuer, json!({"exp": 1_700_000_000}))).unwrap();
    scene.infisical.state().expire_tokens(None).unwrap();
    scene.resync("a").await;
    let message = scene.failed("a", "InvalidCredentials").await;
    assert!(message.contains("has expired") && message.contains(FILE), "{message}");
    assert_eq!(scene.data("a").await["A"], "edited again");
}

#[tokio::test]
async fn each_thing_that_is_wrong_with_a_workload_identity_is_told_apart_and_the_secret_stays() {
    let (scene, azure, issuer, around, file) = aks().await;
    let _operator = start(&scene, around).await;
    scene.infisical_secret("a", azure_auth(json!({}))).await;
    let good = LastGood::of(&scene, "a").await;
    let plugin = |settings: Value| {
        let block = json!({"spec": {"authentication": {"azureAuth": null}}});
        integration::merged(by_plugin("azure", "cloud", settings, &[]), &block)
    };
    let elsewhere = mount(&scene, "elsewhere", "token", "canary");
    for (settings, reason, says) in [
        (json!({"client-id": "other"}), "InvalidSettings", ["/client-id", "tenant 0a1b2c3d"]),
        (json!({"tenant-id": "other"}), "InvalidSettings", ["/tenant-id", "AZURE_AUTHORITY_HOST"]),
        (json!({"resource": "api://none"}), "InvalidSettings", ["/resource", "api://none"]),
        (json!({"token-file": "missing"}), "InvalidCredentials", ["\"missing\"", "\"azure\""]),
        (json!({"token-file": elsewhere.join("token")}), "InvalidCredentials", ["does not lie below", "--mount"]),
    ] {
        scene.infisical_secret("a", plugin(settings)).await;
        good.stays(reason, &says).await;
    }
    for (number, (claims, says)) in [
        (json!({"sub": "system:serviceaccount:infisical:other"}), "no federated credential"),
        (json!({"aud": ["https://kubernetes.default.svc"]}), "no federated credential"),
        (json!({"exp": 1_700_000_000}), "has expired"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("token-{number}");
        fs::write(file.with_file_name(&name), projected(&issuer, claims)).unwrap();
        scene.infisical_secret("a", plugin(json!({"token-file": name}))).await;
        good.stays("InvalidCredentials", &[says, &name][..1]).await;
    }
    let forged = Issuer::start().await.unwrap();
    fs::write(file.with_file_name("forged"), projected(&forged, json!({"iss": issuer.url()}))).unwrap();
    scene.infisical_secret("a", plugin(json!({"token-file": "forged"}))).await;
    good.stays("InvalidCredentials", &["can't verify the projected token in forged"]).await;
    azure.change(|tenant| tenant.token_endpoint = Conduct::Html);
    scene.infisical_secret("a", plugin(json!({"token-file": FILE}))).await;
    good.stays("PluginServiceUnavailable", &["answered 200 with no JSON"]).await;
}

#[tokio::test]
async fn the_sample_syncs() {
    let (scene, azure) = scene(|_| {}).await;
    sample_place(&scene);
    let _operator = start(&scene, Around { origins: azure.origins(), ..Around::default() }).await;
    sample(&scene, "azure-auth.yaml", "cloud", &[("<client id>", "machine")]).await;
    scene.holds("azure-auth", &GOOD).await;
}

#[tokio::test]
async fn the_manuals_infisical_auth_becomes_ready() {
    let (scene, azure) = scene(|_| {}).await;
    let _operator = start(&scene, Around { origins: azure.origins(), ..Around::default() }).await;
    super::as_in_the_manual(&scene, "azure", &[("<machine-identity-id>", &id("cloud"))]).await;
}

#[tokio::test]
async fn whatever_ends_its_token_it_goes_on() {
    let (scene, azure) = scene(|_| {}).await;
    let _operator = start(&scene, Around { origins: azure.origins(), ..Around::default() }).await;
    scene.infisical_secret("a", azure_auth(json!({"azureManagedIdentityClientId": "machine"}))).await;
    crate::heals::whatever_ends_its_token_it_goes_on(&scene, "a", "cloud").await;
}
