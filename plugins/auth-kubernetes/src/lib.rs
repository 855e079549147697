//! Kubernetes auth: a token of a service account, which the server verifies by a TokenReview.
//!
//! Three sources: a fresh token by the TokenRequest API for the account that the resource names; a file that is mounted into
//! the operator, its own token by default; the legacy token Secret of an account. A file is read anew at each login, so a
//! rotated one counts from then on.
#![forbid(unsafe_code)]
use plugin_sdk::{
    Credential, Descriptor, Error, Input, Need, Plugin, Violation,
    authenticator::{Authenticator, Exchange, Proved, Request},
    mounts, service_account,
};
use serde::Deserialize;
use serde_json::json;

/// The plugin.
pub struct Kubernetes;

/// Its settings.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    source: Source,
    audiences: Option<Vec<String>>,
    path: Option<String>,
}

/// Where the token comes from.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::enum_variant_names, reason = "named as in the settings")]
enum Source {
    #[default]
    TokenRequest,
    TokenFile,
    TokenSecret,
}

impl Plugin for Kubernetes {
    type Settings = Settings;

    fn descriptor() -> Descriptor {
        Descriptor::new("kubernetes", env!("CARGO_PKG_VERSION"), "Logs in with a token of a Kubernetes service account.")
            .settings(json!({
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "source": {
                        "description": "token-request: a fresh token of the service account that the resource names. token-file: a token that is mounted into the operator. token-secret: the input `token`.",
                        "enum": ["token-request", "token-file", "token-secret"],
                        "default": "token-request"
                    },
                    "audiences": {
                        "description": "Audiences of a fresh token; empty for the API server's own.",
                        "type": "array",
                        "items": {"type": "string", "minLength": 1}
                    },
                    "path": {
                        "description": "File with the token, for the source token-file: an absolute path in a mount, or one relative to the mount `service-account`.",
                        "type": "string",
                        "pattern": "\\S",
                        "maxLength": 4096,
                        "default": "token"
                    }
                }
            }))
            .input(Input::required("identity-id", "Id of the machine identity.").not_sensitive())
            .input(Input::optional("token", "Token of a service account, for the source token-secret."))
            .input(Input::optional("token-path", "As the setting `path`, for a path that is kept in a Secret.").not_sensitive())
            .need(Need::optional("service-account", "To ask for a fresh token of the service account that the resource names."))
            .need(Need::optional("mounts:service-account", "To read the operator's own token."))
            .need(Need::optional("mounts:tokens", "To read another token that is mounted into the operator."))
    }

    fn check(settings: &Settings) -> Vec<Violation> {
        let only = |pointer: &str, given: bool, source: Source, name: &str| {
            let wrong = given && settings.source != source;
            wrong.then(|| Violation::new(pointer, format!("is only for the source {name}; remove it")))
        };
        let audiences = only("/audiences", settings.audiences.is_some(), Source::TokenRequest, "token-request");
        let path = only("/path", settings.path.is_some(), Source::TokenFile, "token-file");
        audiences.into_iter().chain(path).collect()
    }
}

impl Authenticator for Kubernetes {
    fn authenticate(request: Request<Settings>) -> Result<Proved, Error> {
        let settings = &request.settings;
        if settings.source != Source::TokenFile && request.text("token-path").is_some() {
            let text = "the input `token-path` is only for the source token-file; remove it, or set `source` to token-file";
            return Err(Error::Credentials(text.into()));
        }
        let token = match settings.source {
            Source::TokenRequest => service_account::token(settings.audiences.as_deref().unwrap_or_default())?,
            Source::TokenFile => open(&request)?,
            Source::TokenSecret => request.credential("token")?,
        };
        let identity = request.required_text("identity-id")?;
        Ok(Exchange::to("kubernetes-auth").text("identityId", identity).credential("jwt", token).into())
    }
}

/// The operator's own token, unless setting or input name another file.
fn open(request: &Request<Settings>) -> Result<Credential, Error> {
    let path = match (request.settings.path.as_deref().map(str::trim), request.text("token-path")) {
        (Some(_), Some(_)) => return Err(Error::setting("/path", "the input `token-path` names a file too; keep one of them")),
        (setting, input) => setting.or(input).unwrap_or("token"),
    };
    if path.starts_with('/') { mounts::open_path(path) } else { mounts::open("service-account", path) }
}

plugin_sdk::export_authenticator!(Kubernetes);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{Failure, Host};
    use serde_json::Value;

    fn login(host: Host, settings: Value) -> Result<Value, Failure> {
        let login = host.input("identity-id", " id-1\n").authenticate::<Kubernetes>(&settings.to_string())?;
        let posted = login.posted().unwrap();
        assert_eq!(posted.path, "/v1/auth/kubernetes-auth/login");
        Ok(posted.body)
    }

    fn account(audiences: &'static [&str]) -> Host {
        Host::new().service_account(move |asked| {
            assert_eq!(asked, audiences);
            Ok("fresh".into())
        })
    }

    #[test]
    fn asks_for_a_fresh_token_by_default() {
        assert_eq!(login(account(&[]), json!({})), Ok(json!({"identityId": "id-1", "jwt": "fresh"})));
    }

    #[test]
    fn asks_for_the_audiences_that_are_listed() {
        assert!(login(account(&["a", "b"]), json!({"audiences": ["a", "b"]})).is_ok());
    }

    #[test]
    fn reads_the_mounted_token_without_its_line_break() {
        let host = Host::new().file("service-account", "token", "mounted\n").file("service-account", "other/token", "second");
        assert_eq!(login(host.clone(), json!({"source": "token-file"})).unwrap()["jwt"], "mounted");
        assert_eq!(login(host, json!({"source": "token-file", "path": "other/token"})).unwrap()["jwt"], "second");
    }

    #[test]
    fn reads_the_file_that_an_absolute_path_names_in_whichever_mount() {
        let host = Host::new().folder("service-account", "/var/run/account").folder("tokens", "/var/run/tokens");
        let host = host.file("service-account", "token", "own").file("tokens", "other", "another");
        for (path, token) in [("/var/run/account/token", "own"), ("/var/run/tokens/other", "another")] {
            assert_eq!(login(host.clone(), json!({"source": "token-file", "path": path})).unwrap()["jwt"], token);
            assert_eq!(login(host.clone().input("token-path", path), json!({"source": "token-file"})).unwrap()["jwt"], token);
        }
        let outside = login(host.clone(), json!({"source": "token-file", "path": "/etc/passwd"}));
        assert!(matches!(outside, Err(Failure::Plugin(Error::Credentials(text))) if text.contains("lies in no mount")));
        let unused = login(host.clone().input("token-path", "token"), json!({}));
        assert!(matches!(unused, Err(Failure::Plugin(Error::Credentials(text))) if text.contains("source token-file")));
        let both = login(host.input("token-path", "token"), json!({"source": "token-file", "path": "token"}));
        assert!(matches!(both, Err(Failure::Plugin(Error::Settings(violations))) if violations[0].pointer == "/path"));
    }

    #[test]
    fn takes_the_token_of_a_secret() {
        let settings = json!({"source": "token-secret"});
        assert_eq!(login(Host::new().input("token", "legacy"), settings.clone()).unwrap()["jwt"], "legacy");
        assert_eq!(login(Host::new(), settings), Err(Failure::Plugin(Error::Credentials("input \"token\" is missing".into()))));
    }

    #[test]
    fn names_the_capability_that_it_lacks() {
        let denied = login(account(&[]).withhold("service-account"), json!({}));
        assert_eq!(denied, Err(Failure::Denied(vec!["service-account".into()])));
        let denied = login(Host::new().withhold("mounts:service-account"), json!({"source": "token-file"}));
        assert_eq!(denied, Err(Failure::Denied(vec!["mounts:service-account".into()])));
    }

    #[test]
    fn refuses_settings_of_another_source() {
        let Err(Failure::Plugin(Error::Settings(violations))) =
            login(account(&[]), json!({"source": "token-file", "audiences": [], "path": "token"}))
        else {
            panic!()
        };
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].pointer, "/audiences");
        assert!(matches!(login(account(&[]), json!({"source": "elsewhere"})), Err(Failure::Settings(_))));
    }
}
