//! A service token, `st.ID.SECRET.KEY`: used as it is, never renewed, never revoked. It knows its project.
//!
//! Infisical has deprecated them in favour of machine identities, which the plugin says with every login.
#![forbid(unsafe_code)]
use plugin_sdk::{
    Descriptor, Error, Input, NoSettings, Plugin,
    authenticator::{Authenticator, Proved, Request},
};

/// Shown to the user of each resource that logs in by such a token.
const DEPRECATED: &str = "Infisical has deprecated service tokens; use a machine identity, for example by universalAuth or kubernetesAuth";

/// The plugin.
pub struct ServiceToken;

impl Plugin for ServiceToken {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("service-token", env!("CARGO_PKG_VERSION"), "Uses a service token, deprecated by Infisical, as it is.")
            .input(Input::required("token", "A service token, st.ID.SECRET.KEY."))
    }
}

impl Authenticator for ServiceToken {
    fn authenticate(request: Request<NoSettings>) -> Result<Proved, Error> {
        Ok(Proved::token(request.credential("token")?).notice(DEPRECATED))
    }
}

plugin_sdk::export_authenticator!(ServiceToken);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{Failure, Host, Login};

    #[test]
    fn gives_the_token_on() {
        let login = Host::new().input("token", "st.id.secret.key\n").authenticate::<ServiceToken>("{}").unwrap();
        assert!(matches!(login, Login::Token(token) if token == b"st.id.secret.key"));
    }

    #[test]
    fn an_empty_token_is_a_missing_one() {
        let failure = Host::new().input("token", " \n").authenticate::<ServiceToken>("{}").err();
        assert_eq!(failure, Some(Failure::MissingInput("token".into())));
    }
}
