//! Finalizers: ours is put on a resource before anything is done that must be undone, and taken off after it was.
//!
//! Promised: finalizers of others stay, whoever writes at the same time (each write names the version that it follows from,
//! and is made anew from the newest one after a conflict); a resource of the same name that was made meanwhile is another
//! one. A role without `patch`, such as the peer's, is enough: then the whole object is put, as the API server gave it.
use crate::{
    cluster::{RequestError, Requests, collection},
    effect::Effect,
    object::ObjectRef,
    outcome::{Class, Fault},
    reason,
};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Tries against other writers: more than a few in the time of one request are none that this could outlast.
const TRIES: usize = 5;

/// Whether a resource has a finalizer.
pub fn has<K: Resource>(resource: &K, finalizer: &str) -> bool {
    resource.finalizers().iter().any(|name| name == finalizer)
}

/// Puts our finalizer on a resource, and gives the resource as it is then. None: it is gone or being deleted, so that nothing
/// may be begun for it.
///
/// # Errors
/// The API server can't be asked, or does not let us write.
pub async fn add<K>(requests: &Requests, resource: &K, finalizer: &str) -> Result<Option<K>, Fault>
where
    K: Resource<DynamicType = ()> + DeserializeOwned + Clone,
{
    if resource.meta().deletion_timestamp.is_some() {
        return Ok(None);
    }
    if has(resource, finalizer) {
        return Ok(Some(resource.clone()));
    }
    let add = |mut names: Vec<String>| {
        let missing = !names.iter().any(|name| name == finalizer);
        names.extend(missing.then(|| finalizer.to_owned()));
        names
    };
    change(requests, resource, Effect::AddFinalizer, &add).await
}

/// Takes our finalizer off a resource; one that is gone or never had it is no error.
///
/// # Errors
/// As [`add`]. The finalizer stays, and the resource with it.
pub async fn remove<K>(requests: &Requests, resource: &K, finalizer: &str) -> Result<(), Fault>
where
    K: Resource<DynamicType = ()> + DeserializeOwned + Clone,
{
    if !has(resource, finalizer) {
        return Ok(());
    }
    let remove = |names: Vec<String>| names.into_iter().filter(|name| name != finalizer).collect();
    change(requests, resource, Effect::RemoveFinalizer, &remove).await.map(drop)
}

/// Writes what `new` makes of the finalizers. None: the resource is gone, or is being deleted and takes no new ones.
async fn change<K>(
    requests: &Requests,
    resource: &K,
    effect: Effect,
    new: &(dyn Fn(Vec<String>) -> Vec<String> + Send + Sync),
) -> Result<Option<K>, Fault>
where
    K: Resource<DynamicType = ()> + DeserializeOwned + Clone,
{
    let object = ObjectRef::of(resource);
    let doing = if effect == Effect::AddFinalizer { "add the finalizer to" } else { "remove the finalizer from" };
    let address = || collection::<K>(&object.namespace);
    let failed = |error: RequestError| error.fault(&format!("{doing} {object}"), std::iter::empty());
    let mut now = resource.clone();
    for _ in 0..TRIES {
        let before = now.finalizers();
        let after = new(before.to_vec());
        if before == after {
            return Ok(Some(now));
        }
        if after.len() > before.len() && now.meta().deletion_timestamp.is_some() {
            return Ok(None);
        }
        let patch = json!({ "metadata": { "resourceVersion": now.resource_version(), "uid": now.uid(), "finalizers": after } });
        let written = match requests.merge(effect, address(), &object.name, &patch).await {
            Err(error) if error.code() == 403 => put(requests, effect, &address(), &now, after).await,
            written => written,
        };
        match written {
            Ok(written) => return Ok(Some(written)),
            Err(error) if error.code() == 404 => return Ok(None),
            Err(error) if error.code() == 409 => {}
            Err(error) => return Err(failed(error)),
        }
        match requests.get::<K>(address(), &object.name).await.map_err(failed)? {
            Some(newer) if newer.uid() == resource.uid() => now = newer,
            _ => return Ok(None),
        }
    }
    let message = format!("could not {doing} {object}: other writers keep changing it; it is tried again");
    Err(Fault::new(reason::WRITE_CONFLICT, Class::Transient, message))
}

/// The same with the whole object, of which we may not know all fields.
async fn put<K>(requests: &Requests, effect: Effect, address: &str, now: &K, finalizers: Vec<String>) -> Result<K, RequestError>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let name = now.name_any();
    let Some(mut whole) = requests.get::<Value>(address.to_owned(), &name).await? else { return Err(RequestError::gone()) };
    let Some(metadata) = whole.get_mut("metadata").and_then(Value::as_object_mut) else { return Err(RequestError::Undecodable) };
    metadata.insert("resourceVersion".into(), now.resource_version().into());
    metadata.insert("uid".into(), now.uid().into());
    metadata.insert("finalizers".into(), finalizers.into());
    requests.replace(effect, address.to_owned(), &name, &whole).await
}

#[cfg(test)]
mod tests;
