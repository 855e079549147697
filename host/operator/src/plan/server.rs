//! The one server of a resource: its address, its CA, and whether ambient identities may go there.
//!
//! Each of address and CA comes from the resource, else from the global ConfigMap; the address then from the environment,
//! then from Infisical's cloud. A ConfigMap without `hostAPI` says nothing about the address. For an InfisicalConnection the
//! environment comes first and then hides the whole ConfigMap, which the peer does not read for it; whom the ConfigMap makes
//! trusted, it does all the same.
use super::{Server, Settings, field::fault};
use crate::{
    dereference::References,
    object::{Name, ObjectRef},
    outcome::Fault,
    plan::{field, settings::CLOUD},
    reason,
};
use api::{text::Text, v1alpha1::TlsConfig, v1beta1::InfisicalConnectionSpec};
use infisical::Address;
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, sync::Arc};

/// Key of the address in the global ConfigMap.
pub(super) const HOST_KEY: &str = "hostAPI";

/// What an object says about its server.
pub struct Wanted<'a> {
    /// The object, for messages.
    pub object: &'a ObjectRef,
    address: Option<&'a str>,
    address_field: &'static str,
    /// Namespace, name and key of the CA, and their fields.
    ca: [Option<&'a str>; 3],
    ca_fields: [&'static str; 3],
    by_connection: bool,
}

impl<'a> Wanted<'a> {
    /// By an InfisicalSecret, and by kinds that say it in the same fields.
    #[must_use]
    pub fn by_fields(object: &'a ObjectRef, address: Option<&'a str>, tls: Option<&'a TlsConfig>) -> Self {
        let ca = tls.and_then(|tls| tls.ca_ref.as_ref());
        let ca = ca.map_or([None; 3], |ca| [ca.secret_namespace.text(), ca.secret_name.text(), ca.key.text()]);
        let ca_fields = ["spec.tls.caRef.secretNamespace", "spec.tls.caRef.secretName", "spec.tls.caRef.key"];
        Self { object, address, address_field: "spec.hostAPI", ca, ca_fields, by_connection: false }
    }

    /// By an InfisicalConnection.
    #[must_use]
    pub fn by_connection(object: &'a ObjectRef, spec: &'a InfisicalConnectionSpec) -> Self {
        let ca = spec.tls.as_ref().and_then(|tls| tls.ca_certificate.as_ref());
        // Objects of the peer may carry all three with empty texts.
        let ca = ca.filter(|ca| [&ca.namespace, &ca.name, &ca.key].iter().any(|part| part.text().is_some()));
        let ca = ca.map_or([None; 3], |ca| [ca.namespace.text().or(Some(&object.namespace)), ca.name.text(), ca.key.text()]);
        let ca_fields = ["spec.tls.caCertificate.namespace", "spec.tls.caCertificate.name", "spec.tls.caCertificate.key"];
        Self { object, address: spec.address.text(), address_field: "spec.address", ca, ca_fields, by_connection: true }
    }

    /// Whether the global ConfigMap has a say in address and CA of this server.
    #[must_use]
    pub fn asks_config(&self, settings: &Settings) -> bool {
        !self.by_connection || (self.address.is_none() && settings.host.is_none())
    }

    /// Whether the global ConfigMap can make no difference: it has no say, and the server is trusted without it.
    #[must_use]
    pub fn is_settled(&self, settings: &Settings) -> bool {
        let address = self.address.map_or_else(|| settings.host.clone(), |text| Address::parse(text).ok());
        !self.asks_config(settings) && address.is_some_and(|address| settings.trusts(&address, None))
    }

    /// By an object that says nothing: the global server.
    #[must_use]
    pub fn global(object: &'a ObjectRef) -> Self {
        Self::by_fields(object, None, None)
    }
}

/// Where a CA is: the Secret, its key, and who says so.
pub struct CaKey {
    pub secret: Name,
    pub key: String,
    field: String,
}

/// The server of a resource.
///
/// # Errors
/// An address that is none; a CA that is not there.
pub fn server(wanted: &Wanted<'_>, found: &References, settings: &Settings) -> Result<Server, Fault> {
    let config = found.config.as_deref();
    let address = address(wanted, config, settings)?;
    let trusted = settings.trusts(&address, config);
    let ca = match ca_key(wanted, config, settings)? {
        Some(ca) => Some(Arc::new(read_ca(wanted.object, &ca, found)?)),
        None => None,
    };
    Ok(Server { address, ca, trusted })
}

fn address(wanted: &Wanted<'_>, config: Option<&BTreeMap<String, String>>, settings: &Settings) -> Result<Address, Fault> {
    let Wanted { object, address_field, .. } = wanted;
    let config = config.filter(|_| wanted.asks_config(settings));
    if let Some(text) = wanted.address {
        return Address::parse(text).map_err(|error| fault(object, reason::INVALID_ADDRESS, format!("{address_field}: {error}")));
    }
    if let Some(text) = config.and_then(|data| data.get(HOST_KEY)).map(|text| text.trim()).filter(|text| !text.is_empty()) {
        let place = format!("{HOST_KEY} of ConfigMap {}", settings.config);
        return Address::parse(text).map_err(|error| fault(object, reason::INVALID_CONFIG, format!("{place}: {error}")));
    }
    if let Some(address) = &settings.host {
        return Ok(address.clone());
    }
    let [cloud, ..] = CLOUD;
    Address::parse(cloud).map_err(|error| fault(object, reason::INVALID_ADDRESS, error.to_string()))
}

/// Where the CA of a resource is, if it has one.
///
/// # Errors
/// A reference that is only half filled in.
pub fn ca_key(wanted: &Wanted<'_>, config: Option<&BTreeMap<String, String>>, settings: &Settings) -> Result<Option<CaKey>, Fault> {
    let object = wanted.object;
    if let Some(ca) = of_parts(object, reason::INVALID_SPEC, wanted.ca, &wanted.ca_fields.map(str::to_owned))? {
        return Ok(Some(ca));
    }
    let Some(config) = config.filter(|_| wanted.asks_config(settings)) else { return Ok(None) };
    let keys = ["secretNamespace", "secretName", "key"].map(|name| format!("tls.caRef.{name}"));
    let parts = keys.each_ref().map(|key| config.get(key).map(|text| text.trim()).filter(|text| !text.is_empty()));
    let fields = keys.map(|key| format!("{key} of ConfigMap {}", settings.config));
    of_parts(object, reason::INVALID_CONFIG, parts, &fields)
}

/// None where all three are empty, as in objects that the peer wrote.
fn of_parts(
    object: &ObjectRef,
    reason: &'static str,
    [namespace, name, key]: [Option<&str>; 3],
    [namespace_field, name_field, key_field]: &[String; 3],
) -> Result<Option<CaKey>, Fault> {
    if [namespace, name, key].iter().all(Option::is_none) {
        return Ok(None);
    }
    let secret = field::name(object, reason, (namespace, namespace_field), (name, name_field))?;
    let key = key.ok_or_else(|| fault(object, reason, format!("{key_field} is empty; fill it in")))?;
    Ok(Some(CaKey { secret, key: key.into(), field: name_field.clone() }))
}

fn read_ca(object: &ObjectRef, ca: &CaKey, found: &References) -> Result<Vec<u8>, Fault> {
    let CaKey { secret, key, field } = ca;
    let Some(data) = found.secret(secret) else {
        let message = format!("{field}: there is no Secret {secret}; create it with the CA bundle as key {key:?}");
        return Err(fault(object, reason::SECRET_NOT_FOUND, message));
    };
    let pem = data.data.get(key).map(|pem| pem.expose_secret().to_vec()).filter(|pem| !pem.is_empty());
    pem.ok_or_else(|| {
        let message = format!("{field}: Secret {secret} has no key {key:?}; put the CA bundle there, as PEM");
        fault(object, reason::SECRET_KEY_NOT_FOUND, message)
    })
}
