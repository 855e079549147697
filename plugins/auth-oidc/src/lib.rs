//! OIDC auth: an id token of an OpenID Connect provider, such as a CI system or another cluster.
//!
//! Where the token comes from stands in [`signed_token`].
#![forbid(unsafe_code)]
use plugin_sdk::{
    Descriptor, Error, Plugin, Violation,
    authenticator::{Authenticator, Proved, Request},
};
use signed_token::Settings;

/// The plugin.
pub struct Oidc;

impl Plugin for Oidc {
    type Settings = Settings;

    fn descriptor() -> Descriptor {
        signed_token::descriptor("oidc", env!("CARGO_PKG_VERSION"), "Logs in with an id token of an OpenID Connect provider.", "id token")
    }

    fn check(settings: &Settings) -> Vec<Violation> {
        signed_token::check(settings)
    }
}

impl Authenticator for Oidc {
    fn authenticate(request: Request<Settings>) -> Result<Proved, Error> {
        signed_token::authenticate("oidc-auth", &request)
    }
}

plugin_sdk::export_authenticator!(Oidc);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::Host;
    use serde_json::json;

    #[test]
    fn posts_the_token_for_the_identity() {
        let host = Host::new().input("identity-id", "id-1").file("tokens", "token", "signed\n");
        let posted = host.authenticate::<Oidc>(r#"{"path": "token"}"#).unwrap().posted().unwrap();
        assert_eq!(posted.path, "/v1/auth/oidc-auth/login");
        assert_eq!(posted.body, json!({"identityId": "id-1", "jwt": "signed"}));
    }

    #[test]
    fn is_called_by_its_name() {
        assert_eq!(Host::describe::<Oidc>().unwrap()["name"], "oidc");
    }
}
