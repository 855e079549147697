//! The logins of InfisicalSecrets.
use super::{
    Document, Refusal, document,
    names::{Names, candidates},
    said,
};
use crate::{
    cli::migrate::world::{Fetch, Seen},
    object::Name,
    plan::login::LogsIn,
};
use api::{
    dialect::{Block, Plugin},
    v1alpha1::{InfisicalSecret, PluginIdentity, PluginInput, ServiceAccountRef},
    v1beta1::{
        AwsIam, Azure, GcpIam, GcpIdToken, InfisicalAuth, InfisicalAuthSpec, Kubernetes, Ldap, ObjectReference, SecretReference, Universal,
    },
};
use kube::ResourceExt;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Key of the identity id in the Secret that is made for it.
const IDENTITY_KEY: &str = "identityId";

/// The login of one resource.
#[derive(Clone, Debug)]
pub(super) struct Login {
    /// Its block, with the scope.
    pub block: Block,
    /// Worth a comment.
    pub notes: Vec<String>,
    /// Fields without the scope, which tell logins apart.
    fields: Value,
    identity: Option<String>,
}

impl Login {
    /// The login of a resource.
    pub fn of(resource: &InfisicalSecret) -> Result<Self, Refusal> {
        let mut blocks = resource.blocks();
        let names: Vec<_> = blocks.iter().map(|block| block.method.block).collect();
        let block = match names.as_slice() {
            [_] => blocks.remove(0),
            [] => return Err("spec.authentication names no login".into()),
            several => return Err(format!("spec.authentication fills in {}; leave the one that is to be used", several.join(", "))),
        };
        match (block.method.block, block.method.plugin) {
            (_, Plugin::Gone { successor }) => {
                return Err(format!("spec.authentication.{} is no longer served; log in by {successor} first", block.method.block));
            }
            ("serviceToken", _) => {
                return Err(
                    "a service token knows its project, but an InfisicalStaticSecret must name it; make a machine identity first".into()
                );
            }
            _ => {}
        }
        let mut fields = block.fields.clone();
        if let Some(fields) = fields.as_object_mut() {
            fields.remove("secretsScope");
        }
        let identity = block.text("/identityId").map(str::to_owned);
        let takes_identity = !matches!(block.method.block, "universalAuth" | "plugin");
        if takes_identity && identity.is_none() {
            return Err(format!("spec.authentication.{}.identityId is empty; fill it in", block.method.block));
        }
        let mut notes = Vec::new();
        if block.method.block == "kubernetesAuth" && !block.is_true("/autoCreateServiceAccountToken") {
            let audiences = block.set("/serviceAccountTokenAudiences").is_some();
            let asked = if audiences { ", with serviceAccountTokenAudiences, which the one in the Secret does not have" } else { "" };
            notes.push(format!("attention: the token of the ServiceAccount is requested for each login{asked}, not read from a Secret"));
        }
        Ok(Self { block, notes, fields, identity: identity.filter(|_| takes_identity) })
    }

    /// For example `universal-credentials`.
    fn title(&self) -> String {
        let block = &self.block;
        let of = block.text("/credentialsRef/secretName").or_else(|| block.text("/serviceAccountRef/name")).or_else(|| block.text("/name"));
        let of = of.or_else(|| self.identity.as_deref().map(|id| id.get(..8).unwrap_or(id)));
        format!("{}-{}", method(block), of.unwrap_or("login"))
    }
}

fn method(block: &Block) -> &'static str {
    match block.method.block {
        "universalAuth" => "universal",
        "kubernetesAuth" => "kubernetes",
        "awsIamAuth" => "aws-iam",
        "azureAuth" => "azure",
        "gcpIdTokenAuth" => "gcp-id-token",
        "gcpIamAuth" => "gcp-iam",
        "ldapAuth" => "ldap",
        _ => "plugin",
    }
}

/// All that were met.
#[derive(Default)]
pub(super) struct Auths(Vec<Auth>);

struct Auth {
    namespace: String,
    connection: Option<String>,
    login: Login,
    name: String,
    users: Vec<String>,
}

impl Auths {
    /// The name of the InfisicalAuth for a login in a namespace.
    pub async fn name(
        &mut self,
        (namespace, connection): (&str, Option<String>),
        login: &Login,
        user: &str,
        names: &mut Names,
        fetch: &impl Fetch,
    ) -> String {
        let same = |known: &&mut Auth| {
            let block = known.login.block.method.block == login.block.method.block;
            block && known.namespace == namespace && known.connection == connection && known.login.fields == login.fields
        };
        if let Some(known) = self.0.iter_mut().find(same) {
            known.users.push(user.to_owned());
            return known.name.clone();
        }
        let (login, users) = (login.clone(), vec![user.to_owned()]);
        let mut auth = Auth { namespace: namespace.into(), connection, login, name: String::new(), users };
        for name in candidates(&auth.login.title()) {
            auth.name = name;
            if auth.has_its_secret(fetch).await && names.may_have("InfisicalAuth", namespace, &auth.name, &said(&auth.spec())) {
                break;
            }
        }
        let name = auth.name.clone();
        self.0.push(auth);
        name
    }

    /// Each with its Secret for the identity id, which must be in one.
    pub fn documents(self) -> impl Iterator<Item = Document> {
        self.0.into_iter().flat_map(|auth| {
            let users = format!("The login of {}.", auth.users.join(", "));
            let secret = auth.login.identity.as_ref().map(|id| {
                let comment = "The id of the machine identity, which is not secret, but must be in a Secret for v1beta1.";
                let secret = json!({
                    "apiVersion": "v1", "kind": "Secret", "metadata": {"name": identity_secret(&auth.name), "namespace": auth.namespace},
                    "stringData": {IDENTITY_KEY: id},
                });
                Document { comments: vec![comment.to_owned()], object: secret }
            });
            secret.into_iter().chain([Document { comments: vec![users], object: auth.document() }])
        })
    }
}

fn identity_secret(auth: &str) -> String {
    format!("{auth}-identity")
}

impl Auth {
    /// Whether the Secret for the identity id can be made: nobody has its name, or one that holds the id already.
    async fn has_its_secret(&self, fetch: &impl Fetch) -> bool {
        let Some(id) = &self.login.identity else { return true };
        match fetch.secret(&Name::new(&self.namespace, identity_secret(&self.name))).await {
            Seen::There(secret) => secret.data.is_some_and(|data| data.get(IDENTITY_KEY).is_some_and(|held| held.0 == id.as_bytes())),
            Seen::Absent | Seen::Unknown => true,
        }
    }

    fn document(&self) -> Value {
        let mut auth = InfisicalAuth::new(&self.name, self.spec());
        auth.metadata.namespace = Some(self.namespace.clone());
        debug_assert_eq!(auth.name_any(), self.name);
        document(&auth)
    }

    fn spec(&self) -> InfisicalAuthSpec {
        let block = &self.login.block;
        let text = |pointer: &str| block.text(pointer).map(str::to_owned);
        let credentials = |key: &str| {
            let [name, namespace] = ["/credentialsRef/secretName", "/credentialsRef/secretNamespace"].map(text);
            Some(SecretReference { name, namespace, key: Some(key.into()) })
        };
        let identity_id_ref = self.login.identity.as_ref().map(|_| SecretReference {
            name: Some(identity_secret(&self.name)),
            namespace: Some(self.namespace.clone()),
            key: Some(IDENTITY_KEY.into()),
        });
        let connection = self.connection.clone();
        let mut spec = InfisicalAuthSpec {
            infisical_connection_ref: connection.map(|name| ObjectReference { name: Some(name), namespace: Some(self.namespace.clone()) }),
            method: Some(method(block).into()),
            ..InfisicalAuthSpec::default()
        };
        match block.method.block {
            "universalAuth" => {
                spec.universal = Some(Universal { client_id_ref: credentials("clientId"), client_secret_ref: credentials("clientSecret") });
            }
            "kubernetesAuth" => {
                let account = ObjectReference { name: text("/serviceAccountRef/name"), namespace: text("/serviceAccountRef/namespace") };
                spec.kubernetes = Some(Kubernetes {
                    identity_id_ref,
                    service_account_ref: Some(account),
                    service_account_token_audiences: typed(block, "/serviceAccountTokenAudiences"),
                });
            }
            "awsIamAuth" => spec.aws_iam = Some(AwsIam { identity_id_ref }),
            "azureAuth" => {
                let azure_managed_identity_client_id = text("/azureManagedIdentityClientId");
                spec.azure = Some(Azure { identity_id_ref, resource: text("/resource"), azure_managed_identity_client_id });
            }
            "gcpIdTokenAuth" => spec.gcp_id_token = Some(GcpIdToken { identity_id_ref }),
            "gcpIamAuth" => {
                spec.gcp_iam = Some(GcpIam { identity_id_ref, service_account_key_file_path: text("/serviceAccountKeyFilePath") });
            }
            "ldapAuth" => {
                spec.ldap = Some(Ldap { identity_id_ref, username_ref: credentials("username"), password_ref: credentials("password") });
            }
            _ => {
                spec.plugin = Some(PluginIdentity {
                    name: text("/name"),
                    settings: typed(block, "/settings"),
                    inputs: typed::<Vec<PluginInput>>(block, "/inputs"),
                    service_account_ref: typed::<ServiceAccountRef>(block, "/serviceAccountRef"),
                });
            }
        }
        spec
    }
}

fn typed<T: DeserializeOwned>(block: &Block, pointer: &str) -> Option<T> {
    serde_json::from_value(block.set(pointer)?.clone()).ok()
}
