//! What the tests share: a server from a seed, and a client that says what it got.
use std::time::Duration;

use infisical_dev_server::{Config, Seed, Server};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// Two projects, identities of every kind, imports, references, tags.
pub const SEED: &str = r#"
organization: {slug: acme, subOrganizations: [branch, other]}
identities:
  - name: reader
    subOrganizations: [branch]
    universalAuth: {clientId: reader-client, clientSecrets: [reader-secret]}
  - name: viewer
    universalAuth: {clientId: viewer-client, clientSecrets: [viewer-secret]}
  - name: short
    universalAuth:
      clientId: short-client
      clientSecrets: [{secret: short-secret, numUsesLimit: 1}]
      accessTokenTTL: 100
      accessTokenMaxTTL: 150
  - name: pod
    id: 99999999-aaaa-4bbb-8ccc-dddddddddddd
    kubernetesAuth: {allowedNamespaces: "team-*", allowedNames: app}
projects:
  - slug: shop
    tags: [blue, red]
    members:
      reader: {role: member}
      short: {role: viewer}
      viewer:
        role: no-access
        rules: [{subject: secrets, actions: [read], secretPath: "/app"}]
    environments:
      - slug: dev
        approvals: ["/guarded"]
        folders:
          /:
            secrets:
              HOST: db.internal
              URL: "postgres://${HOST}/${app.MISSING}"
              LOOP: "<${LOOPED}>"
              LOOPED: "[${LOOP}]"
              CROSS: "${dev.app.deep.LEAF} ${prod.HOST}"
              TAGGED: {value: t, tags: [blue], metadata: [{key: tier, value: gold}]}
            imports: [{environment: dev, path: /shared}, {environment: prod, path: /}]
          /app: {secrets: {PORT: "8080"}}
          /app/deep: {secrets: {LEAF: leaf, PORT: "9090"}}
          /shared:
            secrets: {HOST: from-shared, COMMON: "${HOST}!"}
            imports: [{environment: dev, path: /base}]
          /base: {secrets: {COMMON: from-base, BASE: base}}
          /guarded: {}
      - slug: prod
        folders:
          /: {secrets: {HOST: prod.internal, COMMON: from-prod}}
  - slug: private
    environments: [{slug: dev}]
serviceTokens:
  - {token: st.one.secret, project: shop, scopes: [{environment: dev, secretPath: /app}], permissions: [read]}
"#;

/// A server and a client of it.
pub struct Site {
    pub server: Server,
    client: reqwest::Client,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// Status, `error` and `message` of a refusal, which must carry a request id.
    pub fn refusal(&self) -> (u16, String, String) {
        let body = self.json();
        assert!(body["reqId"].as_str().is_some_and(|id| id.starts_with("req-") && id.len() == 18), "{body}");
        assert_eq!(body["statusCode"], self.status);
        let message = body["message"].as_str().map_or_else(|| body["message"].to_string(), str::to_owned);
        (self.status, body["error"].as_str().unwrap_or_default().to_owned(), message)
    }

    pub fn etag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }
}

impl Site {
    pub async fn start() -> Self {
        Self::with(Config::new(Seed::parse(SEED).unwrap())).await
    }

    pub async fn with(config: Config) -> Self {
        let server = Server::start(config).await.unwrap();
        let mut client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20));
        if let Some(pem) = server.ca_pem() {
            client = client.tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()]);
        }
        Self { client: client.build().unwrap(), server }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.server.url()))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn change(&self, method: Method, token: &str, path: &str, body: Value) -> Answer {
        self.send(self.request(method, path).bearer_auth(token).json(&body)).await
    }

    pub async fn try_login(&self, id: &str, secret: &str) -> Answer {
        self.post("/api/v1/auth/universal-auth/login", json!({ "clientId": id, "clientSecret": secret })).await
    }

    /// A token of the identity with this name.
    pub async fn login(&self, name: &str) -> String {
        let answer = self.try_login(&format!("{name}-client"), &format!("{name}-secret")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["accessToken"].as_str().unwrap().to_owned()
    }

    pub fn project(&self, slug: &str) -> String {
        self.server.state().inspect(|world| world.projects.iter().find(|project| project.slug == slug).unwrap().id.clone())
    }

    /// A v4 list of the shop's `dev`.
    pub async fn list(&self, token: &str, more: &str) -> Answer {
        self.get(token, &format!("/api/v4/secrets?projectId={}&environment=dev{more}", self.project("shop"))).await
    }
}

/// Keys and values of a list.
pub fn pairs(list: &Value) -> Vec<(&str, &str)> {
    list.as_array().unwrap().iter().map(|row| (row["secretKey"].as_str().unwrap(), row["secretValue"].as_str().unwrap())).collect()
}

/// The value of one key of a list.
pub fn value<'a>(list: &'a Value, key: &str) -> Option<&'a str> {
    pairs(list).into_iter().find(|(found, _)| *found == key).map(|(_, value)| value)
}
