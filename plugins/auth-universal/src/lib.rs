//! Universal auth: the client id and client secret of a machine identity, placed by handle.
#![forbid(unsafe_code)]
use plugin_sdk::{
    Descriptor, Error, Input, NoSettings, Plugin,
    authenticator::{Authenticator, Exchange, Proved, Request},
};

/// The plugin.
pub struct Universal;

impl Plugin for Universal {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("universal", env!("CARGO_PKG_VERSION"), "Logs in with the client id and client secret of a machine identity.")
            .input(Input::required("client-id", "Client id of the machine identity."))
            .input(Input::required("client-secret", "Client secret of the machine identity."))
    }
}

impl Authenticator for Universal {
    fn authenticate(request: Request<NoSettings>) -> Result<Proved, Error> {
        let exchange = Exchange::to("universal-auth")
            .credential("clientId", request.credential("client-id")?)
            .credential("clientSecret", request.credential("client-secret")?);
        Ok(exchange.into())
    }
}

plugin_sdk::export_authenticator!(Universal);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{Failure, Host};
    use serde_json::json;

    #[test]
    fn posts_both_halves() {
        let host = Host::new().input("client-id", "id-1").input("client-secret", "secret-1\n");
        let posted = host.authenticate::<Universal>("{}").unwrap().posted().unwrap();
        assert_eq!(posted.path, "/v1/auth/universal-auth/login");
        assert_eq!(posted.body, json!({"clientId": "id-1", "clientSecret": "secret-1"}));
    }

    #[test]
    fn names_the_missing_half() {
        let failure = Host::new().input("client-id", "id-1").authenticate::<Universal>("{}").err();
        assert_eq!(failure, Some(Failure::MissingInput("client-secret".into())));
    }

    #[test]
    fn has_no_settings() {
        let host = Host::new().input("client-id", "id-1").input("client-secret", "secret-1");
        let Some(Failure::Settings(violations)) = host.authenticate::<Universal>(r#"{"clientId": "x"}"#).err() else { panic!() };
        assert_eq!(violations.len(), 1);
    }
}
