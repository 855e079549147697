//! Requests to the API server: each with a time-out, bounded in number, and with no body in any log.
//!
//! The calls of `kube::Api` log the whole text of an answer that they can't decode; for a Secret that would be its values.
//! Hence these few requests of our own, on the same client.
use super::fault::RequestError;
use crate::effect::{self, Effect};
use http::{HeaderValue, header::ACCEPT};
use kube::{
    Client, Resource,
    core::{
        PartialObjectMeta, Request,
        params::{DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams},
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

/// For writes whose answer is wanted for its version alone: neither values nor specs come back.
const METADATA: HeaderValue = HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json");

type Built = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

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

    /// None: there is no such object.
    pub(crate) async fn get<R: DeserializeOwned>(&self, collection: String, name: &str) -> Result<Option<R>, RequestError> {
        match self.read(Request::new(collection).get(name, &GetParams::default())).await {
            Err(RequestError::Status(status)) if status.code == 404 => Ok(None),
            other => other.map(Some),
        }
    }

    /// One page of a list, without specs and data.
    pub(crate) async fn list_metadata<R: DeserializeOwned>(&self, collection: String, page: &ListParams) -> Result<R, RequestError> {
        self.read(Request::new(collection).list_metadata(page)).await
    }

    /// The answer holds metadata only.
    pub(crate) async fn create<K: Resource + Serialize>(
        &self,
        effect: Effect,
        collection: String,
        object: &K,
    ) -> Result<PartialObjectMeta<K>, RequestError> {
        let body = serde_json::to_vec(object).map_err(|_| RequestError::Undecodable)?;
        self.write(effect, brief(Request::new(collection).create(&PostParams::default(), body))).await
    }

    /// With the resourceVersion that the object carries: 409 if it is not the newest.
    pub(crate) async fn replace<R: DeserializeOwned>(
        &self,
        effect: Effect,
        collection: String,
        name: &str,
        object: &impl Serialize,
    ) -> Result<R, RequestError> {
        self.write(effect, replacing(collection, name, object)?).await
    }

    /// The same; the answer holds metadata only.
    pub(crate) async fn replace_briefly<K: Resource + Serialize>(
        &self,
        effect: Effect,
        collection: String,
        name: &str,
        object: &K,
    ) -> Result<PartialObjectMeta<K>, RequestError> {
        self.write(effect, brief(replacing(collection, name, object)?)).await
    }

    pub(crate) async fn merge<R: DeserializeOwned>(
        &self,
        effect: Effect,
        collection: String,
        name: &str,
        patch: &serde_json::Value,
    ) -> Result<R, RequestError> {
        let request = Request::new(collection).patch(name, &PatchParams::default(), &Patch::Merge(patch));
        self.write(effect, request).await
    }

    /// Only the status. The answer holds metadata only.
    pub(crate) async fn merge_status<K: Resource>(
        &self,
        effect: Effect,
        collection: String,
        name: &str,
        patch: &serde_json::Value,
    ) -> Result<PartialObjectMeta<K>, RequestError> {
        let request = Request::new(collection).patch_subresource("status", name, &PatchParams::default(), &Patch::Merge(patch));
        self.write(effect, brief(request)).await
    }

    /// Under the preconditions of `params`: 409 if they don't hold.
    pub(crate) async fn delete(&self, effect: Effect, collection: String, name: &str, params: &DeleteParams) -> Result<(), RequestError> {
        self.write::<serde::de::IgnoredAny>(effect, Request::new(collection).delete(name, params)).await.map(drop)
    }

    pub(crate) async fn create_subresource<R: DeserializeOwned>(
        &self,
        effect: Effect,
        collection: String,
        name: &str,
        subresource: &str,
        body: &impl Serialize,
    ) -> Result<R, RequestError> {
        let body = serde_json::to_vec(body).map_err(|_| RequestError::Undecodable)?;
        let request = Request::new(collection).create_subresource(subresource, name, &PostParams::default(), body);
        self.write(effect, request).await
    }

    async fn read<R: DeserializeOwned>(&self, request: Built) -> Result<R, RequestError> {
        // The semaphores are never closed.
        let _permit = self.reads.acquire().await.map_err(|_| RequestError::Unreachable)?;
        self.send(request).await
    }

    async fn write<R: DeserializeOwned>(&self, effect: Effect, request: Built) -> Result<R, RequestError> {
        let _permit = self.writes.acquire().await.map_err(|_| RequestError::Unreachable)?;
        effect::make(effect, self.send(request)).await
    }

    async fn send<R: DeserializeOwned>(&self, request: Built) -> Result<R, RequestError> {
        let request = request.map_err(|_| RequestError::Undecodable)?;
        let text = tokio::time::timeout(TIME_OUT, self.client.request_text(request)).await.map_err(|_| RequestError::TimedOut)??;
        serde_json::from_str(&text).map_err(|_| RequestError::Undecodable)
    }
}

fn replacing(collection: String, name: &str, object: &impl Serialize) -> Result<Built, RequestError> {
    let body = serde_json::to_vec(object).map_err(|_| RequestError::Undecodable)?;
    Ok(Request::new(collection).replace(name, &PostParams::default(), body))
}

/// Asks for metadata instead of the whole object.
fn brief(request: Built) -> Built {
    request.map(|mut request| {
        request.headers_mut().insert(ACCEPT, METADATA);
        request
    })
}

/// The address of all objects of a kind in a namespace; of a kind without namespaces where that is empty.
pub(crate) fn collection<K: Resource<DynamicType = ()>>(namespace: &str) -> String {
    K::url_path(&(), Some(namespace).filter(|namespace| !namespace.is_empty()))
}
