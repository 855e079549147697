//! Imports that wait for something: files, tokens, signatures, keys, requests. None of them blocks its thread.
use super::{Context, Credential, Imported, Stop, answer, spend};
use crate::{
    Capability, Mounts, SecretBytes, Stage, TokenFailure,
    capability::{
        Refusal,
        content::{self, assemble},
        http::{Bounds, Client},
        keys, signing,
    },
};
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use wasmtime::component::Resource;

pub(crate) use crate::capability::http::Response;

/// Bytes of the value of one header at most.
const HEADER: usize = 8 << 10;

/// What all calls of a generation share.
pub(crate) struct Services {
    pub(crate) mounts: Mounts,
    /// Variables that a grant may reach.
    pub(crate) environment: Arc<BTreeMap<String, String>>,
    /// A client of this plugin alone: a connection that one plugin opened serves no other.
    pub(crate) client: Arc<Client>,
    /// Stands in for the time and random numbers.
    pub(crate) stage: Option<Stage>,
    /// Where tokens of service accounts are made: the client for that lives on the runtime that started this one.
    pub(crate) home: tokio::runtime::Handle,
}

/// A request whose secrets are still handles.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Content)>,
    pub(crate) body: Content,
    /// Less patience than the call has left.
    pub(crate) timeout: Option<Duration>,
}

/// Parts, and how they are put together.
pub(crate) struct Content {
    pub(crate) prefix: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) encoding: String,
}

/// One part.
pub(crate) enum Part {
    Text(String),
    Bytes(Vec<u8>),
    Credential { handle: Resource<Credential>, encoding: String },
}

impl Context {
    /// `mounts.open`
    pub(crate) async fn open(&mut self, mount: String, path: String) -> Imported<Resource<Credential>> {
        self.charge_costly()?;
        // A path that a resource names: the plugin does not know which mount holds it.
        let (mount, path) = if mount.is_empty() {
            match self.services.mounts.locate(&path) {
                Ok(located) => located,
                Err(outside) => return Ok(Err(outside.into())),
            }
        } else {
            (mount, path)
        };
        if let Err(denied) = self.ask(&Capability::Mount(mount.clone())) {
            return Ok(Err(denied));
        }
        match answer(self.services.mounts.open(&mount, &path).await)? {
            Ok(bytes) => Ok(Ok(self.hold(format!("mounts/{mount}"), Arc::new(bytes))?)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `service-account.token`
    pub(crate) async fn token(&mut self, audiences: Vec<String>) -> Imported<Resource<Credential>> {
        self.charge_costly()?;
        if let Err(denied) = self.ask(&Capability::ServiceAccount) {
            return Ok(Err(denied));
        }
        let Some(source) = self.service_account.clone() else {
            return Ok(Err(Refusal::Credentials("the resource names no service account".into())));
        };
        let made = self.services.home.spawn(async move { source.token(audiences).await }).await;
        match made.map_err(|_| Stop::Host("making a token of a service account ended early"))? {
            Ok(token) => Ok(Ok(self.hold("service-account".into(), Arc::new(token))?)),
            Err(TokenFailure::Denied(text)) => {
                self.deny(format!("service-account ({text})"), true);
                Ok(Err(Refusal::Denied(text)))
            }
            Err(TokenFailure::Credentials(text)) => Ok(Err(Refusal::Credentials(text))),
            Err(TokenFailure::Unavailable) => {
                let text = TokenFailure::Unavailable.to_string();
                self.unreachable = Some(text.clone());
                Ok(Err(Refusal::Unavailable(text)))
            }
        }
    }

    /// `signing.sign`
    pub(crate) async fn sign(
        &mut self,
        key: &Resource<Credential>,
        passphrase: Option<&Resource<Credential>>,
        algorithm: String,
        data: Vec<u8>,
        key_suffix: Option<String>,
    ) -> Imported<Vec<u8>> {
        self.charge_costly()?;
        let key = SecretBytes::clone(&*self.borrow(key)?);
        let passphrase = passphrase.map(|handle| self.borrow(handle).map(|bytes| SecretBytes::clone(&*bytes))).transpose()?;
        if let Err(denied) = self.ask(&Capability::Signing) {
            return Ok(Err(denied));
        }
        answer(signing::sign(signing::SignRequest { key, passphrase, algorithm, data, key_suffix }).await)
    }

    /// `keys.generate`
    pub(crate) async fn generate_key(&mut self, kind: String) -> Imported<Vec<u8>> {
        spend(&mut self.left.key_calls, "key generations")?;
        if let Err(denied) = self.ask(&Capability::Keys) {
            return Ok(Err(denied));
        }
        answer(keys::generate(&kind).await.map(|key| key.expose_secret().to_vec()))
    }

    /// `http.send`
    pub(crate) async fn send(&mut self, request: Request) -> Imported<Response> {
        spend(&mut self.left.http_requests, "http requests")?;
        let Ok(url) = request.url.parse::<url::Url>() else {
            return Ok(Err(Refusal::Settings("the URL can't be read".into())));
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Ok(Err(Refusal::Settings("the URL is neither http nor https".into())));
        }
        if let Err(denied) = self.ask(&Capability::Http(url.origin().ascii_serialization())) {
            return Ok(Err(denied));
        }
        let mut headers = Vec::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            match self.assemble(value, HEADER)? {
                Ok(value) => headers.push((name.clone(), value)),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        let body = match self.assemble(&request.body, self.limits.http_request)? {
            Ok(body) => body,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let super::Access::Rights(rights, _) = &self.access else { return Err(Stop::Host("a request without rights").into()) };
        // A tenth is left for the plugin, to say what failed instead of being ended.
        let left = self.limits.wall.saturating_sub(self.began.elapsed()).mul_f32(0.9);
        let bounds = Bounds {
            request: self.limits.http_request,
            response: self.limits.http_response,
            time: request.timeout.map_or(left, |timeout| timeout.min(left)),
        };
        let request = crate::capability::http::Request { method: request.method, url: request.url, headers, body };
        let sent = answer(self.services.client.send(rights.egress(), request, bounds).await)?;
        Ok(sent.map_err(|refusal| match refusal {
            // The name leads where no name may lead.
            Refusal::Denied(capability) => self.deny(capability, false),
            Refusal::Unavailable(text) => {
                tracing::info!(target: "plugin", plugin = &*self.plugin, "no response: {text}");
                self.unreachable = Some(text.clone());
                Refusal::Unavailable(text)
            }
            other => other,
        }))
    }

    fn assemble(&self, content: &Content, limit: usize) -> wasmtime::Result<Result<SecretBytes, Refusal>> {
        let mut borrowed = Vec::with_capacity(content.parts.len());
        for part in &content.parts {
            borrowed.push(match part {
                Part::Credential { handle, .. } => Some(self.borrow(handle)?),
                Part::Text(_) | Part::Bytes(_) => None,
            });
        }
        let parts: Vec<_> = content
            .parts
            .iter()
            .zip(&borrowed)
            .map(|(part, credential)| match (part, credential) {
                (Part::Text(text), _) => content::Part::Text(text),
                (Part::Bytes(bytes), _) => content::Part::Bytes(bytes),
                (Part::Credential { encoding, .. }, credential) => {
                    content::Part::Secret { bytes: credential.as_ref().map_or(&[], |credential| credential.expose_secret()), encoding }
                }
            })
            .collect();
        Ok(assemble(&content.prefix, &parts, &content.encoding, limit).map_err(Refusal::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Ambient, Grants, Limits,
        context::{Access, Start},
        rights::Rights,
    };

    fn context(limits: Limits, granted: &[&str]) -> Context {
        let grants = Grants::parse(granted).unwrap();
        Context::new(Start {
            plugin: "test".into(),
            limits,
            access: Access::Rights(Arc::new(Rights::new(grants.clone(), grants, Grants::default()).unwrap()), Ambient::Granted),
            inputs: BTreeMap::new(),
            service_account: None,
            services: Arc::new(Services {
                mounts: Mounts::default(),
                environment: Arc::default(),
                client: Arc::new(Client::new(false)),
                stage: None,
                home: tokio::runtime::Handle::current(),
            }),
            meter: Arc::default(),
        })
    }

    #[tokio::test]
    async fn keys_have_a_budget_of_their_own() {
        let mut context = context(Limits { key_calls: 2, ..Limits::default() }, &["keys"]);
        for _ in 0..2 {
            assert!(context.generate_key("ed25519".into()).await.unwrap().is_ok());
        }
        let stopped = context.generate_key("ed25519".into()).await.unwrap_err();
        assert_eq!(stopped.downcast_ref(), Some(&Stop::Budget("key generations")));
    }

    #[tokio::test]
    async fn members_that_are_selected_again_and_again_are_paid_for() {
        let mut context = context(Limits { cheap_bytes: 1000, ..Limits::default() }, &[]);
        let document = format!(r#"{{"a": "{}"}}"#, "x".repeat(300));
        let whole = context.hold("input/key".into(), Arc::new(SecretBytes::from(document.into_bytes()))).unwrap();
        for _ in 0..3 {
            let member = context.select(&whole, "/a").unwrap().ok().unwrap();
            context.release(member).unwrap();
        }
        let stopped = context.select(&whole, "/a").err().unwrap();
        assert_eq!(stopped.downcast_ref(), Some(&Stop::Budget("bytes through cheap host calls")));
    }

    #[tokio::test]
    async fn the_body_of_a_request_is_bounded_before_it_is_sent() {
        let mut context = context(Limits { http_request: 4, ..Limits::default() }, &["http:http://127.0.0.1:1"]);
        let content = |text: &str| Content { prefix: String::new(), parts: vec![Part::Text(text.into())], encoding: "raw".into() };
        let request =
            Request { method: "POST".into(), url: "http://127.0.0.1:1/".into(), headers: vec![], body: content("12345"), timeout: None };
        assert!(matches!(context.send(request).await.unwrap(), Err(Refusal::Settings(_))));
        let header = vec![("x-long".to_owned(), content(&"x".repeat(HEADER + 1)))];
        let request =
            Request { method: "GET".into(), url: "http://127.0.0.1:1/".into(), headers: header, body: content(""), timeout: None };
        assert!(matches!(context.send(request).await.unwrap(), Err(Refusal::Settings(_))));
    }

    #[tokio::test]
    async fn a_plugin_may_have_less_patience_than_its_call() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", silent.local_addr().unwrap());
        let mut context = context(Limits::default(), &[&format!("http:{origin}")]);
        let body = Content { prefix: String::new(), parts: vec![], encoding: "raw".into() };
        let timeout = Some(Duration::from_millis(50));
        let sent = context.send(Request { method: "GET".into(), url: origin, headers: vec![], body, timeout });
        // Half of what the call has.
        let sent = tokio::time::timeout(Limits::default().wall / 2, sent).await.unwrap().unwrap();
        assert!(matches!(sent, Err(Refusal::Unavailable(text)) if text.contains("in time")));
    }

    #[tokio::test]
    async fn an_origin_is_judged_without_the_rest_of_the_url() {
        let mut context = context(Limits::default(), &["http:https://sts.amazonaws.com"]);
        for (url, origin) in [
            ("https://sts.amazonaws.com.evil.example/?token=canary", "http:https://sts.amazonaws.com.evil.example"),
            ("https://canary@evil.example/", "http:https://evil.example"),
            ("http://sts.amazonaws.com/canary", "http:http://sts.amazonaws.com"),
            ("https://sts.amazonaws.com:444/", "http:https://sts.amazonaws.com:444"),
        ] {
            let body = Content { prefix: String::new(), parts: vec![], encoding: "raw".into() };
            let request = Request { method: "GET".into(), url: url.into(), headers: vec![], body, timeout: None };
            assert_eq!(context.send(request).await.unwrap().err(), Some(Refusal::Denied(origin.into())));
        }
        assert_eq!(context.denied().unwrap().capability, "http:https://sts.amazonaws.com.evil.example");
    }
}
