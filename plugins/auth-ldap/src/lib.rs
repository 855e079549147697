//! LDAP auth: user name and password of a directory, which Infisical binds with.
//!
//! The user name comes as text, so that a line break behind it does not make it another; the password is placed by handle.
#![forbid(unsafe_code)]
use plugin_sdk::{
    Descriptor, Error, Input, NoSettings, Plugin,
    authenticator::{Authenticator, Exchange, Proved, Request},
};

/// The plugin.
pub struct Ldap;

impl Plugin for Ldap {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("ldap", env!("CARGO_PKG_VERSION"), "Logs in with user name and password of a directory.")
            .input(Input::required("identity-id", "Id of the machine identity.").not_sensitive())
            .input(Input::required("username", "User name in the directory.").not_sensitive())
            .input(Input::required("password", "Password of the user."))
    }
}

impl Authenticator for Ldap {
    fn authenticate(request: Request<NoSettings>) -> Result<Proved, Error> {
        let exchange = Exchange::to("ldap-auth")
            .text("identityId", request.required_text("identity-id")?)
            .text("username", request.required_text("username")?)
            .credential("password", request.credential("password")?);
        Ok(exchange.into())
    }
}

plugin_sdk::export_authenticator!(Ldap);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{Failure, Host};
    use serde_json::json;

    fn host() -> Host {
        Host::new().input("identity-id", "id-1").input("username", "robot\n").input("password", " pass word\n")
    }

    #[test]
    fn posts_user_name_and_password_the_right_way_round() {
        let posted = host().authenticate::<Ldap>("{}").unwrap().posted().unwrap();
        assert_eq!(posted.path, "/v1/auth/ldap-auth/login");
        // Spaces may be part of a password; the line break is of the file that it came from.
        assert_eq!(posted.body, json!({"identityId": "id-1", "username": "robot", "password": " pass word"}));
    }

    #[test]
    fn an_empty_one_of_the_three_is_named() {
        for name in ["identity-id", "username", "password"] {
            let failure = host().input(name, " \n").authenticate::<Ldap>("{}").err();
            assert_eq!(failure, Some(Failure::MissingInput(name.into())));
        }
    }
}
