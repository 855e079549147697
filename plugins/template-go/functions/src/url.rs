//! Addresses in parts and back.
use go_template_engine::{Context, Error, Function, Map, Str, Value, functions};

use crate::{
    go::{
        error::GoError,
        url::{self, Url},
    },
    values::{self, NIL},
};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "urlJoin" => url_join, (&Map);
    "urlParse" => url_parse, (&Str);
};

fn url_parse(_: &mut Context<'_>, text: &Str) -> Result<Map, Error> {
    let url = url::parse(text).map_err(|error| GoError::new("unable to parse url: ").wrap(error).error())?;
    let parts = Map::dict();
    parts.set("hostname", Value::string(url.hostname()))?;
    parts.set("userinfo", Value::string(url.user.as_ref().map(url::User::text).unwrap_or_default()))?;
    parts.set("scheme", Value::string(url.scheme))?;
    parts.set("host", Value::string(url.host))?;
    parts.set("path", Value::string(url.path))?;
    parts.set("query", Value::string(url.query))?;
    parts.set("opaque", Value::string(url.opaque))?;
    parts.set("fragment", Value::string(url.fragment))?;
    Ok(parts)
}

/// A part of the address; empty where the map has none.
fn part(parts: &Map, key: &str) -> Result<Vec<u8>, Error> {
    match parts.get(key.as_bytes()) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.to_vec()),
        Some(value) if value.is_nil() => Err(Error::panic(NIL)),
        Some(value) => {
            let kind = values::kind(&value);
            Err(Error::panic(format!("unable to parse {key} key, must be of type string, but {kind} found")))
        }
    }
}

fn url_join(_: &mut Context<'_>, parts: &Map) -> Result<Vec<u8>, Error> {
    let mut url = Url {
        scheme: part(parts, "scheme")?,
        host: part(parts, "host")?,
        path: part(parts, "path")?,
        query: part(parts, "query")?,
        opaque: part(parts, "opaque")?,
        fragment: part(parts, "fragment")?,
        user: None,
    };
    let user = part(parts, "userinfo")?;
    if !user.is_empty() {
        let address = [b"proto://", user.as_slice(), b"@host"].concat();
        let parsed = url::parse(&address).map_err(|error| GoError::new("unable to parse userinfo in dict: ").wrap(error).error())?;
        url.user = parsed.user;
    }
    Ok(url.text())
}
