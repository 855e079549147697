//! The servers of InfisicalSecrets.
use super::{
    Document, Refusal, document,
    names::{Names, candidates},
    said,
};
use api::{
    text::Text,
    v1alpha1::InfisicalSecret,
    v1beta1::{ConnectionTls, InfisicalConnection, InfisicalConnectionSpec, SecretReference},
};
use infisical::Address;
use std::collections::BTreeMap;

/// What the ConfigMap of global settings says, which counts for InfisicalSecrets that say nothing themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Global {
    address: Option<String>,
    ca: [Option<String>; 3],
}

impl Global {
    /// Of its data.
    pub fn of(data: &BTreeMap<String, String>) -> Self {
        let text = |key: &str| data.get(key).map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        Self { address: text("hostAPI"), ca: ["tls.caRef.secretName", "tls.caRef.secretNamespace", "tls.caRef.key"].map(text) }
    }
}

/// A server as it is written; None where nothing is: the one of the operator's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    address: Option<String>,
    ca: Option<SecretReference>,
}

impl Server {
    /// The server of a resource; None: the one of the operator's environment, which an InfisicalAuth without a connection uses too. What
    /// the global settings say is written out, since they count in another way for an InfisicalConnection.
    pub fn of(resource: &InfisicalSecret, global: &Global) -> Result<Option<Self>, Refusal> {
        let own = resource.spec.host_api.text().map(|text| ("spec.hostAPI", text));
        let named = own.or(global.address.as_deref().map(|text| ("hostAPI of infisical-config", text)));
        let address = match named {
            Some((place, text)) => {
                let address = Address::parse(text).map_err(|error| format!("{place}: {error}"))?;
                // Without /api, which the peer does not take in an InfisicalConnection.
                Some(address.to_string().trim_end_matches("/api").to_owned())
            }
            None => None,
        };
        let own = resource.spec.tls.as_ref().and_then(|tls| tls.ca_ref.as_ref());
        let own = own.map(|ca| [ca.secret_name.text(), ca.secret_namespace.text(), ca.key.text()]).unwrap_or_default();
        let ca = match reference(own, "spec.tls.caRef")? {
            None => reference(global.ca.each_ref().map(Option::as_deref), "tls.caRef of infisical-config")?,
            own => own,
        };
        Ok((address.is_some() || ca.is_some()).then_some(Self { address, ca }))
    }

    /// The host, without its scheme.
    fn title(&self) -> &str {
        let address = self.address.as_deref().unwrap_or("infisical");
        address.split_once("://").map_or(address, |(_, host)| host)
    }

    fn spec(&self) -> InfisicalConnectionSpec {
        let tls = self.ca.clone().map(|ca| ConnectionTls { ca_certificate: Some(ca) });
        InfisicalConnectionSpec { address: self.address.clone(), tls }
    }
}

fn reference(parts: [Option<&str>; 3], place: &str) -> Result<Option<SecretReference>, Refusal> {
    match parts {
        [None, None, None] => Ok(None),
        [Some(name), Some(namespace), Some(key)] => {
            Ok(Some(SecretReference { name: Some(name.into()), namespace: Some(namespace.into()), key: Some(key.into()) }))
        }
        _ => Err(format!("{place} is only half filled in; fill in secretName, secretNamespace and key")),
    }
}

/// All that were met.
#[derive(Default)]
pub(super) struct Connections(Vec<Connection>);

struct Connection {
    namespace: String,
    server: Server,
    name: String,
    users: Vec<String>,
}

impl Connections {
    /// The name of the connection to a server in a namespace.
    pub fn name(&mut self, namespace: &str, server: Server, user: &str, names: &mut Names) -> String {
        let known = self.0.iter_mut().find(|known| known.namespace == namespace && known.server == server);
        if let Some(known) = known {
            known.users.push(user.to_owned());
            return known.name.clone();
        }
        let spec = said(&server.spec());
        let mut free = candidates(server.title()).filter(|name| names.may_have("InfisicalConnection", namespace, name, &spec));
        let name = free.next().unwrap_or_default();
        self.0.push(Connection { namespace: namespace.into(), server, name: name.clone(), users: vec![user.into()] });
        name
    }

    /// With the names of their users as comments.
    pub fn documents(self) -> impl Iterator<Item = Document> {
        self.0.into_iter().map(|Connection { namespace, server, name, users }| {
            let mut connection = InfisicalConnection::new(&name, server.spec());
            connection.metadata.namespace = Some(namespace);
            Document { comments: vec![format!("The server of {}.", users.join(", "))], object: document(&connection) }
        })
    }
}
