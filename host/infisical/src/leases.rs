//! Leases of dynamic secrets: make, renew, revoke, look at, list.
//!
//! A lease's credentials come once, in the answer that makes it. Whoever may lose that answer marks the lease: the mark is in its
//! `config`, which newer servers keep and show, so that a lease whose id nobody knows can be found in the list.
use crate::{
    Client, DynamicSecret, Error, FoundLease, Lease, LeaseData, LeasePlace, LeaseRequest, MadeLease, Token, answer::Answer, client::bearer,
    wire,
};
use reqwest::{RequestBuilder, Url};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

const LEASES: &str = "/v1/dynamic-secrets/leases";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlaceBody<'a> {
    project_slug: &'a str,
    environment_slug: &'a str,
    path: &'a str,
}

impl<'a> From<&'a LeasePlace> for PlaceBody<'a> {
    fn from(place: &'a LeasePlace) -> Self {
        Self { project_slug: &place.project_slug, environment_slug: &place.environment, path: &place.path }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody<'a> {
    dynamic_secret_name: &'a str,
    #[serde(flatten)]
    place: PlaceBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'a str>,
    config: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct RenewBody<'a> {
    #[serde(flatten)]
    place: PlaceBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RevokeBody<'a> {
    #[serde(flatten)]
    place: PlaceBody<'a>,
    is_forced: bool,
}

impl Client {
    /// Makes a lease, and gives its credentials.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` with 400 for a TTL beyond the dynamic secret's own and for what its provider refuses, with 404
    /// where there is no such dynamic secret, with 422 for a TTL that the server takes in no case.
    pub async fn create_lease(&self, token: &Token, request: &LeaseRequest) -> Result<MadeLease, Error> {
        let LeaseRequest { place, name, ttl, namespace, mark } = request;
        let mut config = BTreeMap::from([(wire::MARK, mark.as_str())]);
        config.extend(namespace.as_deref().map(|namespace| ("namespace", namespace)));
        let body = CreateBody { dynamic_secret_name: name, place: place.into(), ttl: ttl.as_deref(), config };
        let request = self.http().post(self.address().endpoint(LEASES)).json(&body);
        let wire::MadeLease { lease, dynamic_secret, data } = self.ask("create lease", request, token).await?;
        let data = data.into_iter().map(|(key, wire::LeaseValue(value))| (key, value)).collect::<LeaseData>();
        Ok(MadeLease { lease: lease.into(), dynamic_secret: dynamic_secret.into(), data })
    }

    /// Gives a lease another TTL, counted from its present end. The credentials stay the same.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` with 400 beyond the dynamic secret's max TTL or where the provider does not renew, with 404 for
    /// a lease that is gone.
    pub async fn renew_lease(&self, token: &Token, place: &LeasePlace, id: &str, ttl: Option<&str>) -> Result<Lease, Error> {
        let mut url = self.lease(id)?;
        url.path_segments_mut().map_err(|()| Error::Request("no path".into()))?.push("renew");
        let request = self.http().post(url).json(&RenewBody { place: place.into(), ttl });
        let wire::OneLease { lease } = self.ask("renew lease", request, token).await?;
        Ok(lease.into())
    }

    /// Ends a lease: its credentials are taken back. True: the server could not take them back yet, and tries again by itself.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` with 404 for a lease that is gone.
    pub async fn revoke_lease(&self, token: &Token, place: &LeasePlace, id: &str) -> Result<bool, Error> {
        let request = self.http().delete(self.lease(id)?).json(&RevokeBody { place: place.into(), is_forced: false });
        let wire::OneLease { lease } = self.ask("revoke lease", request, token).await?;
        Ok(lease.status.is_some())
    }

    /// A lease with the dynamic secret that it is of, as the server knows them.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` with 404 for a lease that is gone.
    pub async fn get_lease(&self, token: &Token, place: &LeasePlace, id: &str) -> Result<FoundLease, Error> {
        let mut url = self.lease(id)?;
        add(&mut url, place);
        let wire::FoundLease { lease: wire::LeaseOf { lease, dynamic_secret } } =
            self.ask("get lease", self.http().get(url), token).await?;
        Ok(FoundLease { lease: lease.into(), dynamic_secret: dynamic_secret.into() })
    }

    /// All leases of a dynamic secret, those of others too.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` with 404 where there is no such dynamic secret.
    pub async fn list_leases(&self, token: &Token, place: &LeasePlace, name: &str) -> Result<Vec<Lease>, Error> {
        let mut url = self.address().resource("/v1/dynamic-secrets", name)?;
        url.path_segments_mut().map_err(|()| Error::Request("no path".into()))?.push("leases");
        add(&mut url, place);
        let wire::AllLeases { leases } = self.ask("list leases", self.http().get(url), token).await?;
        Ok(leases.into_iter().map(Lease::from).collect())
    }

    fn lease(&self, id: &str) -> Result<Url, Error> {
        self.address().resource(LEASES, id)
    }

    async fn ask<T: DeserializeOwned>(&self, operation: &'static str, request: RequestBuilder, token: &Token) -> Result<T, Error> {
        self.call(operation, bearer(request, token)?, &[token.expose()], |answer: Answer| answer.json()).await
    }
}

fn add(url: &mut Url, place: &LeasePlace) {
    let LeasePlace { project_slug, environment, path } = place;
    url.query_pairs_mut().append_pair("projectSlug", project_slug).append_pair("environmentSlug", environment).append_pair("path", path);
}

impl From<wire::Lease> for Lease {
    fn from(lease: wire::Lease) -> Self {
        let mark = lease.config.and_then(|config| config.get(wire::MARK).and_then(|mark| mark.as_str()).map(str::to_owned));
        Self { id: lease.id, created: lease.created_at, expires: lease.expire_at, mark }
    }
}

impl From<wire::DynamicSecret> for DynamicSecret {
    fn from(secret: wire::DynamicSecret) -> Self {
        Self { id: secret.id, name: secret.name.unwrap_or_default(), max_ttl: secret.max_ttl }
    }
}
