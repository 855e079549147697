//! What the imitated AWS account holds: keys, roles, issuers that it trusts, an instance, tasks and pods.
use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use rand::distr::Alphanumeric;

use crate::clouds::Conduct;
use crate::hidden::Hidden;

/// Seconds that temporary keys live.
const LIFE: i64 = 3600;

/// One account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    keys: HashMap<String, Key>,
    /// Roles by name.
    pub roles: HashMap<String, Role>,
    /// Issuers of web identities (IAM OIDC providers): address, and the audience that they must name.
    pub providers: HashMap<String, String>,
    /// The EC2 instance that asks the metadata service.
    pub instance: Instance,
    /// Roles of ECS tasks by the id in their relative URI.
    pub tasks: HashMap<String, String>,
    /// Roles of pods (EKS pod identity associations) by the subject of their token.
    pub associations: HashMap<String, String>,
    /// How the metadata service and those of containers behave.
    pub conduct: Conduct,
}

/// A pair of keys. Only the id can be formatted.
#[derive(Clone, Debug)]
pub struct Key {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: Hidden,
    /// Of temporary keys.
    pub session: Option<Session>,
    /// Whose they are.
    pub arn: String,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// What makes keys temporary.
#[derive(Clone, Debug)]
pub struct Session {
    /// Session token.
    pub token: Hidden,
    /// Their end.
    pub expires_at: Timestamp,
}

/// A role.
#[derive(Clone, Debug, Default)]
pub struct Role {
    /// Web identities that may assume it: issuer and subject.
    pub web_identities: Vec<(String, String)>,
}

/// An EC2 instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its role, if it has one.
    pub role: Option<String>,
    /// Where it runs.
    pub region: String,
    /// Whom its metadata service answers.
    pub metadata: Metadata,
    /// Session tokens that were given out, and their ends.
    pub(super) sessions: HashMap<String, Timestamp>,
}

/// Whom a metadata service answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metadata {
    /// Version 2 for everybody who asks.
    #[default]
    On,
    /// `HttpEndpoint: disabled`: 403 to everything.
    Disabled,
    /// `HttpPutResponseHopLimit: 1`: answers to `PUT` don't reach pods, who wait in vain.
    OneHop,
}

impl Account {
    /// An account without users and roles; its instance runs in `eu-central-1`.
    #[must_use]
    pub fn new(id: &str) -> Self {
        let instance = Instance { role: None, region: "eu-central-1".to_owned(), metadata: Metadata::default(), sessions: HashMap::new() };
        Self {
            id: id.to_owned(),
            keys: HashMap::new(),
            roles: HashMap::new(),
            providers: HashMap::new(),
            instance,
            tasks: HashMap::new(),
            associations: HashMap::new(),
            conduct: Conduct::default(),
        }
    }

    /// Makes a user, and gives it keys: id and secret.
    pub fn add_user(&mut self, name: &str) -> (String, String) {
        let (id, secret) = (format!("AKIA{}", word(16)), word(40));
        let arn = format!("arn:aws:iam::{}:user/{name}", self.id);
        self.add_key(&id, &secret, None, &arn);
        (id, secret)
    }

    /// Makes a role that nobody may assume yet; gives its ARN.
    pub fn add_role(&mut self, name: &str) -> String {
        self.roles.entry(name.to_owned()).or_default();
        self.role_arn(name)
    }

    /// Takes keys from everybody who has some.
    pub fn revoke_keys(&mut self) {
        self.keys.clear();
    }

    pub(super) fn role_arn(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:role/{name}", self.id)
    }

    /// Takes keys that were made elsewhere, temporary ones with their session token and its end.
    pub fn add_key(&mut self, id: &str, secret: &str, session: Option<(&str, Timestamp)>, arn: &str) {
        let session = session.map(|(token, expires_at)| Session { token: token.into(), expires_at });
        self.keys.insert(id.to_owned(), Key { id: id.to_owned(), secret: secret.into(), session, arn: arn.to_owned() });
    }

    pub(super) fn key(&self, id: &str) -> Option<Key> {
        self.keys.get(id).cloned()
    }

    /// Temporary keys of a session of a role.
    pub(super) fn assume(&mut self, role: &str, session: &str, now: Timestamp) -> Key {
        let id = format!("ASIA{}", word(16));
        // Real ones have signs that forms and headers must treat with care.
        let (secret, token) = (format!("{}/+", word(38)), format!("{}+/==", word(200)));
        let end = now.checked_add(SignedDuration::from_secs(LIFE)).unwrap_or(Timestamp::MAX);
        let arn = format!("arn:aws:sts::{}:assumed-role/{role}/{session}", self.id);
        self.add_key(&id, &secret, Some((&token, end)), &arn);
        Key { id, secret: secret.into(), session: Some(Session { token: token.into(), expires_at: end }), arn }
    }
}

/// Letters and digits.
pub(super) fn word(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect::<String>().to_uppercase()
}
