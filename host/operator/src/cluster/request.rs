//! Requests to the API server: each with a time-out, bounded in number, and with no body in any log.
//!
//! The calls of `kube::Api` log the whole text of an answer that they can't decode; for a Secret that would be its values.
//! Hence these few requests of our own, on the same client.
use super::fault::RequestError;
use kube::{
    Client, Resource,
    core::{
        Request,
        params::{DeleteParams, GetParams, Patch, PatchParams, PostParams},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// The API server itself gives up after 60 s; an answer later than this helps nobody.
const TIME_OUT: Duration = Duration::from_secs(30);

/// Writes in flight.
const WRITES: usize = 16;

/// Reads in flight. As many as writes: a first sync makes one of each for a target.
const READS: usize = 16;

/// One client with its bounds, shared by all who write to the cluster.
#[derive(Clone)]
pub struct Requests {
    client: Client,
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
}

impl Requests {
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, reads: Arc::new(Semaphore::new(READS)), writes: Arc::new(Semaphore::new(WRITES)) }
    }

    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// To be held during a write that is not made through this type, for example of a status.
    #[must_use]
    pub fn writes(&self) -> &Arc<Semaphore> {
        &self.writes
    }

    /// None: there is no such object.
    pub(crate) async fn get<K: Resource + DeserializeOwned>(
        &self,
        kind: &K::DynamicType,
        namespace: &str,
        name: &str,
    ) -> Result<Option<K>, RequestError> {
        let request = Request::new(K::url_path(kind, Some(namespace))).get(name, &GetParams::default());
        match self.send(&self.reads, request).await {
            Err(RequestError::Status(status)) if status.code == 404 => Ok(None),
            other => other.map(Some),
        }
    }

    pub(crate) async fn create<K: Resource + Serialize, R: DeserializeOwned>(
        &self,
        kind: &K::DynamicType,
        namespace: &str,
        object: &K,
    ) -> Result<R, RequestError> {
        let body = serde_json::to_vec(object).map_err(|_| RequestError::Undecodable)?;
        let request = Request::new(K::url_path(kind, Some(namespace))).create(&PostParams::default(), body);
        self.send(&self.writes, request).await
    }

    /// With the resourceVersion that the object carries: 409 if it is not the newest.
    pub(crate) async fn replace<K: Resource + Serialize, R: DeserializeOwned>(
        &self,
        kind: &K::DynamicType,
        namespace: &str,
        name: &str,
        object: &K,
    ) -> Result<R, RequestError> {
        let body = serde_json::to_vec(object).map_err(|_| RequestError::Undecodable)?;
        let request = Request::new(K::url_path(kind, Some(namespace))).replace(name, &PostParams::default(), body);
        self.send(&self.writes, request).await
    }

    pub(crate) async fn merge<K: Resource + DeserializeOwned>(
        &self,
        kind: &K::DynamicType,
        namespace: &str,
        name: &str,
        patch: &serde_json::Value,
    ) -> Result<K, RequestError> {
        let request = Request::new(K::url_path(kind, Some(namespace))).patch(name, &PatchParams::default(), &Patch::Merge(patch));
        self.send(&self.writes, request).await
    }

    /// Only that very object: 409 if it was changed or made anew since.
    pub(crate) async fn delete<K: Resource>(
        &self,
        kind: &K::DynamicType,
        namespace: &str,
        name: &str,
        params: &DeleteParams,
    ) -> Result<(), RequestError> {
        let request = Request::new(K::url_path(kind, Some(namespace))).delete(name, params);
        self.send::<serde::de::IgnoredAny>(&self.writes, request).await.map(drop)
    }

    pub(crate) async fn create_subresource<K: Resource, B: Serialize, R: DeserializeOwned>(
        &self,
        kind: &K::DynamicType,
        namespace: &str,
        name: &str,
        subresource: &str,
        body: &B,
    ) -> Result<R, RequestError> {
        let body = serde_json::to_vec(body).map_err(|_| RequestError::Undecodable)?;
        let request = Request::new(K::url_path(kind, Some(namespace))).create_subresource(subresource, name, &PostParams::default(), body);
        self.send(&self.writes, request).await
    }

    async fn send<R: DeserializeOwned>(
        &self,
        bound: &Semaphore,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<R, RequestError> {
        let request = request.map_err(|_| RequestError::Undecodable)?;
        // The semaphore is never closed.
        let _permit = bound.acquire().await.map_err(|_| RequestError::Unreachable)?;
        let text = tokio::time::timeout(TIME_OUT, self.client.request_text(request)).await.map_err(|_| RequestError::TimedOut)??;
        serde_json::from_str(&text).map_err(|_| RequestError::Undecodable)
    }
}
