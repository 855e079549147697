//! An access token as it is: used until the server refuses it, never renewed, never revoked.
#![forbid(unsafe_code)]
use plugin_sdk::{
    Descriptor, Error, Input, NoSettings, Plugin,
    authenticator::{Authenticator, Proved, Request},
};

/// The plugin.
pub struct Token;

impl Plugin for Token {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("token", env!("CARGO_PKG_VERSION"), "Uses an access token as it is.")
            .input(Input::required("token", "An access token of a machine identity."))
    }
}

impl Authenticator for Token {
    fn authenticate(request: Request<NoSettings>) -> Result<Proved, Error> {
        Ok(Proved::token(request.credential("token")?))
    }
}

plugin_sdk::export_authenticator!(Token);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{Failure, Host, Login};

    #[test]
    fn gives_the_token_on() {
        let login = Host::new().input("token", "t-1").authenticate::<Token>("{}").unwrap();
        assert!(matches!(login, Login::Token(token) if token == b"t-1"));
    }

    #[test]
    fn an_empty_token_is_a_missing_one() {
        let failure = Host::new().input("token", " \n").authenticate::<Token>("{}").err();
        assert_eq!(failure, Some(Failure::MissingInput("token".into())));
    }
}
