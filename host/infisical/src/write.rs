//! Writing secrets of one folder: several in one call, through v4 where the server has it, else through v3, and one by one
//! only where the server knows no batches.
//!
//! What can go wrong: a batch is refused as a whole (a key is there already, or is gone, or may not be written); a policy asks
//! for an approval, which the server answers with success though nothing is written ([`Written::Approval`]); an answer breaks
//! off, and what was written is known only after another read. No value is repeated in an error.
use crate::{Client, Error, Folder, NewSecret, Token, Written, answer::Answer, client::bearer, wire};
use bytes::Bytes;
use reqwest::{Method, Url, header::CONTENT_TYPE};
use serde::Serialize;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Secrets in one call: so many are written well within the time that a call may take.
const BATCH: usize = 100;

/// Bytes of values in one call, written as JSON: the server takes bodies of 1 MiB, and the rest is for keys and names.
const BATCH_BYTES: usize = 768 << 10;

/// Bytes that the server takes in one call.
const LARGEST: usize = 1 << 20;

/// Whether the server takes a secret, as far as its size goes: up to 1 MiB, written as JSON with all that is around it.
#[must_use]
pub fn fits(key: &str, value: &str) -> bool {
    escaped(key) + escaped(value) + 1024 <= LARGEST
}

/// Cuts what is to be written into calls that the server takes. One value that is too large alone is in a call of its own, and
/// refused.
#[must_use]
pub fn batches<T>(items: Vec<T>, written: impl Fn(&T) -> (&str, &str)) -> Vec<Vec<T>> {
    let mut batches: Vec<Vec<T>> = Vec::new();
    let mut room = 0;
    for item in items {
        let (key, value) = written(&item);
        let size = escaped(key) + escaped(value) + 64;
        match batches.last_mut() {
            Some(batch) if size <= room && batch.len() < BATCH => {
                room -= size;
                batch.push(item);
            }
            _ => {
                room = BATCH_BYTES.saturating_sub(size);
                batches.push(vec![item]);
            }
        }
    }
    batches
}

/// Bytes of a text in JSON.
fn escaped(text: &str) -> usize {
    let byte = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(byte).sum()
}

#[derive(Clone, Copy)]
enum Api {
    V4,
    V3,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_id: Option<&'a str>,
    environment: &'a str,
    secret_path: &'a str,
}

impl<'a> Place<'a> {
    fn of(api: Api, folder: &'a Folder) -> Self {
        let id = folder.project_id.as_str();
        let (project_id, workspace_id) = match api {
            Api::V4 => (Some(id), None),
            Api::V3 => (None, Some(id)),
        };
        let secret_path = if folder.path.is_empty() { "/" } else { &folder.path };
        Self { project_id, workspace_id, environment: &folder.environment, secret_path }
    }
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    secret_key: &'a str,
    /// None for what is deleted. An empty text is written as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_value: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'a> Item<'a> {
    fn of(secret: NewSecret<'a>) -> Self {
        Self { secret_key: secret.key, secret_value: Some(secret.value), kind: "shared" }
    }
}

#[derive(Serialize)]
struct Batch<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    secrets: &'a [Item<'a>],
}

#[derive(Serialize)]
struct One<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    #[serde(flatten)]
    item: Item<'a>,
}

impl Client {
    /// Creates secrets, all or none of them.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` with 400 where one of them exists, with 404 where the folder does not.
    pub async fn create_secrets(&self, token: &Token, folder: &Folder, secrets: &[NewSecret<'_>]) -> Result<Written, Error> {
        let items: Vec<_> = secrets.iter().copied().map(Item::of).collect();
        self.write("create secrets", Method::POST, token, folder, &items).await
    }

    /// Changes the values of secrets, of all or none of them.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` with 404 where one of them, or the folder, does not exist.
    pub async fn update_secrets(&self, token: &Token, folder: &Folder, secrets: &[NewSecret<'_>]) -> Result<Written, Error> {
        let items: Vec<_> = secrets.iter().copied().map(Item::of).collect();
        self.write("update secrets", Method::PATCH, token, folder, &items).await
    }

    /// Deletes secrets, all or none of them.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` with 404 where one of them, or the folder, does not exist.
    pub async fn delete_secrets(&self, token: &Token, folder: &Folder, keys: &[&str]) -> Result<Written, Error> {
        let items: Vec<_> = keys.iter().map(|key| Item { secret_key: key, secret_value: None, kind: "shared" }).collect();
        self.write("delete secrets", Method::DELETE, token, folder, &items).await
    }

    async fn write(
        &self,
        operation: &'static str,
        method: Method,
        token: &Token,
        folder: &Folder,
        items: &[Item<'_>],
    ) -> Result<Written, Error> {
        let batch = async |api, path| {
            let body = Batch { place: Place::of(api, folder), secrets: items };
            self.send_write(operation, method.clone(), self.address().endpoint(path), token, &body, items).await
        };
        let older = async {
            match batch(Api::V3, "/v3/secrets/batch/raw").await {
                // Such a server has not even looked at it.
                Err(error) if error.is_missing_route() => self.one_by_one(operation, &method, token, folder, items).await,
                written => written,
            }
        };
        self.newest(batch(Api::V4, "/v4/secrets/batch"), older).await
    }

    async fn one_by_one(
        &self,
        operation: &'static str,
        method: &Method,
        token: &Token,
        folder: &Folder,
        items: &[Item<'_>],
    ) -> Result<Written, Error> {
        let mut done = BTreeMap::new();
        for item in items {
            let body = One { place: Place::of(Api::V3, folder), item: *item };
            let sent = match self.address().resource("/v3/secrets/raw", item.secret_key) {
                Ok(url) => self.send_write(operation, method.clone(), url, token, &body, &[*item]).await,
                Err(error) => Err(error),
            };
            match sent {
                Ok(Written::Done(mut one)) => {
                    done.insert(item.secret_key.to_owned(), one.remove(item.secret_key).unwrap_or_default());
                }
                Err(error) if !done.is_empty() => return Ok(Written::Partly { done, error }),
                // A policy is the folder's, so it is the answer to the first of them.
                other => return other,
            }
        }
        Ok(Written::Done(done))
    }

    async fn send_write(
        &self,
        operation: &'static str,
        method: Method,
        url: Url,
        token: &Token,
        body: &impl Serialize,
        items: &[Item<'_>],
    ) -> Result<Written, Error> {
        let values = items.iter().filter_map(|item| item.secret_value);
        let room: usize = items.iter().map(|item| escaped(item.secret_key) + item.secret_value.map_or(0, escaped) + 64).sum();
        // As much as it will need, so that growing leaves no copy.
        let mut bytes = Zeroizing::new(Vec::with_capacity(room + 1024));
        serde_json::to_writer(&mut *bytes, body).map_err(|_| Error::Request("it can't be written as JSON".into()))?;
        let request = self.http().request(method, url).header(CONTENT_TYPE, "application/json").body(Bytes::from_owner(bytes));
        let mut sent = vec![token.expose()];
        sent.extend(values);
        self.call(operation, bearer(request, token)?, &sent, |answer| written(&answer)).await
    }
}

fn written(answer: &Answer) -> Result<Written, Error> {
    let wire::Written { approval, secret, secrets } = answer.json()?;
    if let Some(approval) = approval {
        return Ok(Written::Approval { id: approval.id.map(|id| crate::refusal::clean(&id, 64)) });
    }
    if secret.is_none() && secrets.is_none() {
        return Err(answer.not_infisical("neither secrets nor an approval"));
    }
    let all = secret.into_iter().chain(secrets.into_iter().flatten());
    Ok(Written::Done(all.filter_map(|secret| Some((secret.secret_key?, secret.id?))).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_bounded_in_number_and_size_and_keep_the_order() {
        let sizes = |values: Vec<String>| {
            let batches = batches(values.clone(), |value| ("k", value));
            assert_eq!(batches.concat(), values);
            batches.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(vec![]), [0_usize; 0]);
        assert_eq!(sizes(vec!["v".into(); 250]), [100, 100, 50]);
        assert_eq!(sizes(vec!["v".repeat(300 << 10); 5]), [2, 2, 1]);
        // As JSON these are twice as long.
        assert_eq!(sizes(vec!["\"".repeat(300 << 10); 3]), [1, 1, 1]);
        assert_eq!(sizes(vec!["v".into(), "v".repeat(2 << 20), "v".into()]), [1, 1, 1]);
    }

    #[test]
    fn the_length_as_json_is_known() {
        for text in ["plain", "\"\\\n\r\t\u{8}\u{c}", "\u{0}\u{1f}", "é\u{2028}", ""] {
            assert_eq!(escaped(text), serde_json::to_string(text).unwrap().len() - 2, "{text:?}");
        }
    }
}
