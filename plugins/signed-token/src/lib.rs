//! What the logins by a token that somebody else has signed share: where the token comes from, and what is posted.
//!
//! It comes from an input, or from a file that something else rotates and that is read anew at each login. The plugins `jwt` and
//! `oidc` differ in nothing but their names: which issuer is believed is set at Infisical. The token itself is never looked at
//! here, only its handle; one that has expired, or is no token at all, is the server's to refuse.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
use plugin_sdk::{
    Credential, Descriptor, Error, Input, Need, Violation,
    authenticator::{Exchange, Proved, Request},
    mounts,
};
use serde::Deserialize;
use serde_json::json;

/// The mount that relative paths are in.
pub const MOUNT: &str = "tokens";

/// Settings.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    path: Option<String>,
}

/// What such a plugin says about itself. `token` names the token, for summaries.
#[must_use]
pub fn descriptor(name: &str, version: &str, summary: &str, token: &str) -> Descriptor {
    Descriptor::new(name, version, summary)
        .settings(json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "path": {
                    "description": format!("File with the {token}, read anew at each login: an absolute path in a mount, or one relative to the mount `{MOUNT}`. In place of the input `token`."),
                    "type": "string",
                    "pattern": "\\S",
                    "maxLength": 4096
                }
            }
        }))
        .input(Input::required("identity-id", "Id of the machine identity.").not_sensitive())
        .input(Input::optional("token", &format!("The {token} itself.")))
        .input(Input::optional("token-path", "As the setting `path`, for a path that is kept in a Secret.").not_sensitive())
        .need(Need::optional(&format!("mounts:{MOUNT}"), "To read a token from a file that something else rotates."))
}

/// What is wrong with settings that fit the schema.
#[must_use]
pub fn check(settings: &Settings) -> Vec<Violation> {
    let outward = |path: &&str| path.split('/').any(|part| part == "..");
    let wrong = settings.path.as_deref().filter(outward).map(|_| Violation::new("/path", "must not have a part `..`"));
    wrong.into_iter().collect()
}

/// Logs in at `/v1/auth/METHOD/login`.
///
/// # Errors
/// No token or more than one source of it, a file that is missing or lies in no mount, a mount that is not granted.
pub fn authenticate(method: &str, request: &Request<Settings>) -> Result<Proved, Error> {
    let token = token(request)?;
    let identity = request.required_text("identity-id")?;
    Ok(Exchange::to(method).text("identityId", identity).credential("jwt", token).into())
}

fn token(request: &Request<Settings>) -> Result<Credential, Error> {
    let given = request.optional_credential("token")?;
    let setting = request.settings.path.as_deref().map(str::trim);
    let input = request.text("token-path");
    match (given, setting, input) {
        (Some(token), None, None) => Ok(token),
        (None, Some(path), None) | (None, None, Some(path)) => open(path),
        (None, None, None) => Err(Error::Credentials(
            "there is no token: give the input `token`, or name a file by the setting `path` or the input `token-path`".into(),
        )),
        (given, setting, input) => {
            let sources = [
                (given.is_some(), "the input `token`"),
                (setting.is_some(), "the setting `path`"),
                (input.is_some(), "the input `token-path`"),
            ];
            let given: Vec<_> = sources.into_iter().filter_map(|(given, name)| given.then_some(name)).collect();
            let message = format!("the token is given by {}; keep one of them", given.join(" and by "));
            Err(if setting.is_some() { Error::setting("/path", message) } else { Error::Credentials(message) })
        }
    }
}

fn open(path: &str) -> Result<Credential, Error> {
    if path.starts_with('/') { mounts::open_path(path) } else { mounts::open(MOUNT, path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::{
        Plugin,
        authenticator::Authenticator,
        testing::{Failure, Host},
    };
    use serde_json::Value;

    struct Any;

    impl Plugin for Any {
        type Settings = Settings;

        fn descriptor() -> Descriptor {
            descriptor("any", "0.1.0", "For tests.", "token of an issuer")
        }

        fn check(settings: &Settings) -> Vec<Violation> {
            check(settings)
        }
    }

    impl Authenticator for Any {
        fn authenticate(request: Request<Settings>) -> Result<Proved, Error> {
            authenticate("any-auth", &request)
        }
    }

    fn login(host: Host, settings: Value) -> Result<Value, Failure> {
        let host = host.input("identity-id", " id-1\n").folder("tokens", "/var/run/tokens").folder("deeper", "/var/run/tokens/deeper");
        let posted = host.authenticate::<Any>(&settings.to_string())?.posted().unwrap();
        assert_eq!((posted.path.as_str(), posted.headers.len(), posted.notices.len()), ("/v1/auth/any-auth/login", 0, 0));
        Ok(posted.body)
    }

    fn posted(token: &str) -> Result<Value, Failure> {
        Ok(json!({"identityId": "id-1", "jwt": token}))
    }

    #[test]
    fn the_token_is_an_input_or_a_file_named_by_setting_or_input() {
        let file = || Host::new().file("tokens", "ci/token", "from-file\n");
        assert_eq!(login(Host::new().input("token", "from-input\n"), json!({})), posted("from-input"));
        for path in ["ci/token", "/var/run/tokens/ci/token"] {
            assert_eq!(login(file(), json!({ "path": path })), posted("from-file"));
            assert_eq!(login(file().input("token-path", format!("{path}\n")), json!({})), posted("from-file"));
        }
    }

    #[test]
    fn a_rotated_file_is_read_anew() {
        for token in ["first", "second"] {
            assert_eq!(login(Host::new().file("tokens", "token", token), json!({"path": "token"})), posted(token));
        }
    }

    #[test]
    fn no_token_and_several_are_told_apart() {
        let Err(Failure::Plugin(Error::Credentials(none))) = login(Host::new(), json!({})) else { panic!() };
        assert!(none.contains("`token`") && none.contains("`path`") && none.contains("`token-path`"), "{none}");
        let Err(Failure::Plugin(Error::Settings(violations))) = login(Host::new().input("token", "t"), json!({"path": "p"})) else {
            panic!()
        };
        assert_eq!(violations[0].pointer, "/path");
        assert_eq!(violations[0].message, "the token is given by the input `token` and by the setting `path`; keep one of them");
        let both = login(Host::new().input("token", "t").input("token-path", "p"), json!({}));
        assert!(matches!(both, Err(Failure::Plugin(Error::Credentials(text))) if text.contains("keep one of them")));
        assert_eq!(
            login(Host::new().input("token", " \n").file("tokens", "t", "x"), json!({"path": "t"})),
            posted("x"),
            "a blank input is none"
        );
    }

    #[test]
    fn a_missing_file_and_a_missing_right_are_told_apart() {
        let missing = login(Host::new(), json!({"path": "nothing"}));
        assert!(matches!(missing, Err(Failure::Plugin(Error::Credentials(text))) if text.contains("nothing")));
        let outside = login(Host::new(), json!({"path": "/etc/passwd"}));
        assert!(matches!(outside, Err(Failure::Plugin(Error::Credentials(text))) if text.contains("lies in no mount")));
        let withheld = login(Host::new().withhold("mounts:tokens").file("tokens", "t", "x"), json!({"path": "t"}));
        assert_eq!(withheld, Err(Failure::Denied(vec!["mounts:tokens".into()])));
        // A mount that is not this plugin's to ask for.
        let deeper = login(Host::new().file("deeper", "t", "x"), json!({"path": "/var/run/tokens/deeper/t"}));
        assert_eq!(deeper, Err(Failure::Denied(vec!["mounts:deeper".into()])));
    }

    #[test]
    fn settings_are_a_path_that_stays_inside() {
        for settings in [json!({"path": ""}), json!({"path": " "}), json!({"path": 7}), json!({"file": "x"})] {
            assert!(matches!(login(Host::new().input("token", "t"), settings), Err(Failure::Settings(_))));
        }
        let Err(Failure::Plugin(Error::Settings(violations))) = login(Host::new(), json!({"path": "a/../../b"})) else { panic!() };
        assert_eq!((violations[0].pointer.as_str(), violations[0].message.as_str()), ("/path", "must not have a part `..`"));
    }

    #[test]
    fn an_identity_is_needed() {
        let failure = Host::new().input("token", "t").authenticate::<Any>("{}").err();
        assert_eq!(failure, Some(Failure::MissingInput("identity-id".into())));
    }
}
