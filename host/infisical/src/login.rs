//! Getting, renewing and giving back access tokens. None of these carries an Authorization header: the server checks a stale
//! one before it looks at the body, and refuses.
use crate::{AccessToken, Client, Error, LoginRequest, Token, life, wire};
use bytes::Bytes;
use reqwest::{
    RequestBuilder,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use zeroize::Zeroizing;

/// Where the members of a login's body go.
struct Body<'a>(&'a LoginRequest);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(request) = self;
        let mut map = to.serialize_map(None)?;
        for (name, value) in request.fields.members() {
            map.serialize_entry(name, value)?;
        }
        if let Some(organisation) = &request.organisation {
            map.serialize_entry("organizationSlug", organisation)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenBody<'a> {
    access_token: &'a str,
}

impl Client {
    /// Exchanges a proof for a token. With a client identity the connection is one of its own.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Login`] before anything is sent.
    pub async fn login(&self, request: &LoginRequest) -> Result<AccessToken, Error> {
        check(request)?;
        let url = self.address().endpoint(&request.path);
        let mut post = match &request.client_identity {
            Some((chain, key)) => self.http_as(chain, key)?.post(url),
            None => self.http().post(url),
        };
        for (name, value) in &request.headers {
            post = header(post, name, value)?;
        }
        let mut sent: Vec<&str> = request.fields.members().values().flat_map(texts).collect();
        sent.extend(request.headers.iter().map(|(_, value)| value.expose_secret()));
        let post = json(post, &Body(request))?;
        self.call("login", post, &sent, |answer| answer.json().and_then(access_token)).await
    }

    /// Lengthens the life of a token; the answer may be a new one with the same identity.
    ///
    /// # Errors
    /// Any [`Error`]; `Unauthorized` where the token is expired, revoked, or at its greatest age.
    pub async fn renew(&self, token: &Token) -> Result<AccessToken, Error> {
        let post = json(self.http().post(self.address().endpoint("/v1/auth/token/renew")), &TokenBody { access_token: token.expose() })?;
        self.call("renew", post, &[token.expose()], |answer| answer.json().and_then(access_token)).await
    }

    /// Ends a token, and those renewed from it.
    ///
    /// # Errors
    /// Any [`Error`]; `Unauthorized` where the token is expired already.
    pub async fn revoke(&self, token: &Token) -> Result<(), Error> {
        let post = json(self.http().post(self.address().endpoint("/v1/auth/token/revoke")), &TokenBody { access_token: token.expose() })?;
        self.call("revoke", post, &[token.expose()], |answer| answer.json::<wire::Object>().map(drop)).await
    }
}

fn access_token(login: wire::Login) -> Result<AccessToken, Error> {
    Ok(AccessToken {
        expires_in: life::of(login.access_token.expose_secret(), login.expires_in),
        max_ttl: login.access_token_max_ttl.filter(|seconds| *seconds > 0.0).and_then(life::seconds),
        token: Token::new(login.access_token),
    })
}

/// What a plugin may have a login say is checked here too: the path is one of a login, the headers are those of a proof.
fn check(request: &LoginRequest) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let known = request
        .path
        .strip_prefix("/v1/auth/")
        .and_then(|rest| rest.strip_suffix("/login"))
        .is_some_and(|method| !method.is_empty() && method.chars().all(plain));
    if !known {
        return Err(Error::Login("its path must be /v1/auth/NAME/login".into()));
    }
    if request.organisation.is_some() && request.fields.members().contains_key("organizationSlug") {
        return Err(Error::Login("organizationSlug is given twice, by the plugin and by the resource".into()));
    }
    Ok(())
}

fn header(request: RequestBuilder, name: &str, value: &SecretString) -> Result<RequestBuilder, Error> {
    let wrong = || Error::Login("its extra headers must begin with x-identity- and have values without line breaks".into());
    let name =
        HeaderName::from_lowercase(name.as_bytes()).ok().filter(|name| name.as_str().starts_with("x-identity-")).ok_or_else(wrong)?;
    let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok(request.header(name, value))
}

/// A JSON body that is zeroed once it was sent.
fn json(request: RequestBuilder, body: &impl Serialize) -> Result<RequestBuilder, Error> {
    // Room for the largest proof that the server takes, so that growing leaves no copy.
    let mut bytes = Zeroizing::new(Vec::with_capacity(32 << 10));
    serde_json::to_writer(&mut *bytes, body).map_err(|_| Error::Login("it can't be written as JSON".into()))?;
    Ok(request.header(CONTENT_TYPE, "application/json").body(Bytes::from_owner(bytes)))
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
