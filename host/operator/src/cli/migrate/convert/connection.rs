//! The servers of InfisicalSecrets.
use super::{Refusal, document, names::Names};
use api::{
    text::Text,
    v1alpha1::InfisicalSecret,
    v1beta1::{ConnectionTls, InfisicalConnection, InfisicalConnectionSpec, SecretReference},
};
use infisical::Address;
use serde_json::Value;

/// A server as it is written; None where nothing is: the global one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    address: Option<String>,
    ca: Option<SecretReference>,
}

impl Server {
    /// The server of a resource; None: the global one, which an InfisicalAuth without a connection uses too.
    pub fn of(resource: &InfisicalSecret) -> Result<Option<Self>, Refusal> {
        let address = match resource.spec.host_api.text() {
            Some(text) => {
                let address = Address::parse(text).map_err(|error| format!("spec.hostAPI: {error}"))?;
                // Without /api, which the peer does not take in an InfisicalConnection.
                Some(address.to_string().trim_end_matches("/api").to_owned())
            }
            None => None,
        };
        let ca = resource.spec.tls.as_ref().and_then(|tls| tls.ca_ref.as_ref());
        let parts = ca.map(|ca| [ca.secret_name.text(), ca.secret_namespace.text(), ca.key.text()]);
        let ca = match parts {
            None | Some([None, None, None]) => None,
            Some([Some(name), Some(namespace), Some(key)]) => {
                Some(SecretReference { name: Some(name.into()), namespace: Some(namespace.into()), key: Some(key.into()) })
            }
            Some(_) => return Err("spec.tls.caRef is only half filled in; fill in secretName, secretNamespace and key".into()),
        };
        Ok((address.is_some() || ca.is_some()).then_some(Self { address, ca }))
    }

    /// The host, without its scheme.
    fn title(&self) -> &str {
        let address = self.address.as_deref().unwrap_or("infisical");
        address.split_once("://").map_or(address, |(_, host)| host)
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
        let name = names.make("InfisicalConnection", namespace, server.title());
        self.0.push(Connection { namespace: namespace.into(), server, name: name.clone(), users: vec![user.into()] });
        name
    }

    /// With the names of their users as comments.
    pub fn documents(self) -> impl Iterator<Item = (Vec<String>, Value)> {
        self.0.into_iter().map(|Connection { namespace, server, name, users }| {
            let tls = server.ca.map(|ca| ConnectionTls { ca_certificate: Some(ca) });
            let mut connection = InfisicalConnection::new(&name, InfisicalConnectionSpec { address: server.address, tls });
            connection.metadata.namespace = Some(namespace);
            (vec![format!("The server of {}.", users.join(", "))], document(&connection))
        })
    }
}
