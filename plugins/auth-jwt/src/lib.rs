//! JWT auth: a JSON Web Token of any issuer whose keys the identity knows.
//!
//! Where the token comes from stands in [`signed_token`].
#![forbid(unsafe_code)]
use plugin_sdk::{
    Descriptor, Error, Plugin, Violation,
    authenticator::{Authenticator, Proved, Request},
};
use signed_token::Settings;

/// The plugin.
pub struct Jwt;

impl Plugin for Jwt {
    type Settings = Settings;

    fn descriptor() -> Descriptor {
        signed_token::descriptor("jwt", env!("CARGO_PKG_VERSION"), "Logs in with a JSON Web Token of any issuer.", "JSON Web Token")
    }

    fn check(settings: &Settings) -> Vec<Violation> {
        signed_token::check(settings)
    }
}

impl Authenticator for Jwt {
    fn authenticate(request: Request<Settings>) -> Result<Proved, Error> {
        signed_token::authenticate("jwt-auth", &request)
    }
}

plugin_sdk::export_authenticator!(Jwt);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::Host;
    use serde_json::json;

    #[test]
    fn posts_the_token_for_the_identity() {
        let host = Host::new().input("identity-id", "id-1").file("tokens", "token", "signed\n");
        let posted = host.authenticate::<Jwt>(r#"{"path": "token"}"#).unwrap().posted().unwrap();
        assert_eq!(posted.path, "/v1/auth/jwt-auth/login");
        assert_eq!(posted.body, json!({"identityId": "id-1", "jwt": "signed"}));
    }

    #[test]
    fn is_called_by_its_name() {
        assert_eq!(Host::describe::<Jwt>().unwrap()["name"], "jwt");
    }
}
