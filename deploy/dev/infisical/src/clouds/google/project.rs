//! What the imitated project holds: service accounts with their keys, and one instance.
use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clouds::{CloudError, Conduct, SigningKey};
use crate::hidden::Hidden;

/// One project.
pub struct Project {
    /// For example `shop-4711`.
    pub id: String,
    accounts: BTreeMap<String, ServiceAccount>,
    /// The machine that asks the metadata server.
    pub instance: Instance,
    /// Whether the API that signs is enabled.
    pub signing_api: bool,
    /// How the API that signs behaves.
    pub iam_credentials: Conduct,
    /// Access tokens that were given out: account and end.
    pub(super) access: BTreeMap<String, (String, i64)>,
}

/// An account that is no person.
pub struct ServiceAccount {
    /// Number.
    pub unique_id: String,
    /// Whether it has the right to sign for itself.
    pub may_sign: bool,
    /// The one that Google holds first, then those of key files.
    keys: Vec<SigningKey>,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Whom it runs as.
    pub account: Option<String>,
    /// For example `europe-west1-b`.
    pub zone: String,
    /// Whether its access tokens have the scope `cloud-platform`.
    pub full_scope: bool,
    /// How its metadata server behaves.
    pub metadata: Conduct,
    /// Whether the metadata server marks its answers as Google's does.
    pub flavored: bool,
}

impl Project {
    /// A project without accounts; its instance is in `europe-west1-b`.
    #[must_use]
    pub fn new(id: &str) -> Self {
        let instance =
            Instance { account: None, zone: "europe-west1-b".to_owned(), full_scope: true, metadata: Conduct::default(), flavored: true };
        Self {
            id: id.to_owned(),
            accounts: BTreeMap::new(),
            instance,
            signing_api: true,
            iam_credentials: Conduct::default(),
            access: BTreeMap::new(),
        }
    }

    /// Makes a service account that may sign for itself; gives its address.
    ///
    /// # Errors
    /// No key.
    pub fn add_account(&mut self, name: &str) -> Result<String, CloudError> {
        let email = format!("{name}@{}.iam.gserviceaccount.com", self.id);
        let unique_id = format!("1{:020}", Uuid::new_v4().as_u128() % 10_u128.pow(20));
        let account = ServiceAccount { unique_id, may_sign: true, keys: vec![SigningKey::new(&email)?] };
        self.accounts.insert(email.clone(), account);
        Ok(email)
    }

    /// An account by its address.
    pub fn account_mut(&mut self, email: &str) -> Option<&mut ServiceAccount> {
        self.accounts.get_mut(email)
    }

    /// Makes a key of an account; gives the key file, as Google's console does.
    ///
    /// # Errors
    /// No such account, or no key.
    pub fn add_key(&mut self, email: &str) -> Result<Hidden, CloudError> {
        let account = self.accounts.get_mut(email).ok_or(CloudError::NoAccount)?;
        let key = SigningKey::new(email)?;
        let file = json!({
            "type": "service_account",
            "project_id": self.id,
            "private_key_id": key.id,
            "private_key": key.private_pem,
            "client_email": email,
            "client_id": account.unique_id,
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token",
        });
        account.keys.push(key);
        Ok(file.to_string().into())
    }

    /// Deletes the keys of an account's key files; what they signed verifies no more.
    pub fn delete_keys(&mut self, email: &str) {
        if let Some(account) = self.accounts.get_mut(email) {
            account.keys.truncate(1);
        }
    }

    pub(super) fn signing_key(&self, email: &str) -> Option<SigningKey> {
        self.accounts.get(email)?.keys.first().cloned()
    }

    pub(super) fn may_sign(&self, email: &str) -> bool {
        self.accounts.get(email).is_some_and(|account| account.may_sign)
    }

    /// Certificates by the ids of their keys, as Google publishes them.
    pub(super) fn certificates(&self, email: &str) -> Option<Value> {
        let account = self.accounts.get(email)?;
        Some(account.keys.iter().map(|key| (key.id.clone(), Value::from(key.certificate_pem()))).collect::<serde_json::Map<_, _>>().into())
    }

    /// What an id token of the instance says.
    pub(super) fn claims(&self, email: &str, audience: &str, full: bool, now: i64) -> Value {
        let id = self.accounts.get(email).map(|account| account.unique_id.clone()).unwrap_or_default();
        let mut claims = json!({
            "iss": "https://accounts.google.com", "aud": audience, "azp": id, "sub": id, "email": email, "email_verified": true,
            "iat": now, "exp": now + 3600,
        });
        if let (true, Some(claims)) = (full, claims.as_object_mut()) {
            let engine = json!({
                "instance_creation_timestamp": 1_767_225_600, "instance_id": "4711", "instance_name": "worker", "project_id": self.id,
                "project_number": 4711, "zone": self.instance.zone,
            });
            claims.insert("google".to_owned(), json!({ "compute_engine": engine }));
        }
        claims
    }
}
