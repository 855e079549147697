//! What a stream registered for, and which events that are: by prefix in the newest generation, by glob before.
use super::{Event, Happening};
use crate::input::Input;
use crate::server::Generation;
use crate::state::permission::{Access, Action, Subject, Target, matches};
use crate::state::project::is_within;

/// One entry of `register`.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub happening: Happening,
    /// Slug of the environment and path, as written. Without, any.
    pub conditions: Option<(String, String)>,
}

impl Happening {
    fn parse(text: &str) -> Option<Self> {
        [Self::Create, Self::Update, Self::Delete, Self::ImportMutation].into_iter().find(|known| known.as_str() == text)
    }

    /// The permission that it takes.
    pub(crate) fn action(self) -> Action {
        match self {
            Self::Create => Action::SubscribeOnCreated,
            Self::Update => Action::SubscribeOnUpdated,
            Self::Delete => Action::SubscribeOnDeleted,
            Self::ImportMutation => Action::SubscribeOnImportMutations,
        }
    }
}

impl Registration {
    /// Reads the list of a body; what is wrong becomes an issue of `input`.
    pub(crate) fn read(input: &mut Input) -> Vec<Self> {
        let entries = input.list("register").unwrap_or_default();
        if entries.is_empty() || entries.len() > 10 {
            input.issue("register", "Array must contain 1 to 10 element(s)");
        }
        let mut all = Vec::new();
        for entry in entries {
            let mut entry = Input::new(entry);
            let wanted = entry.required("event");
            let Some(happening) = Happening::parse(&wanted) else {
                input.issue(
                    "register",
                    "Invalid enum value. Expected 'secret:create' | 'secret:update' | 'secret:delete' | 'secret:import-mutation'",
                );
                continue;
            };
            let mut conditions = entry.optional_object("conditions");
            let conditions = conditions.as_mut().map(|conditions| {
                let path = conditions.string("secretPath").unwrap_or_else(|| "/".to_owned());
                (conditions.string("environmentSlug").unwrap_or_default(), path)
            });
            if conditions.as_ref().is_some_and(|(environment, _)| environment.is_empty()) {
                input.issue("register", "environmentSlug is required when conditions are specified");
            }
            all.push(Self { happening, conditions });
        }
        all
    }

    fn target(&self) -> Target<'_> {
        let (environment, path) = self.conditions.as_ref().map_or(("", "/"), |(environment, path)| (environment, path));
        Target { environment, path, name: None }
    }

    /// Whether the caller may register for it.
    ///
    /// # Errors
    /// 403 `PermissionDenied`.
    pub(crate) fn check(&self, access: &Access<'_>) -> Result<(), crate::errors::ApiError> {
        access.check(self.happening.action(), Subject::SecretEvents, &self.target())
    }

    /// Whether an event is one of these.
    pub(crate) fn covers(&self, event: &Event, generation: Generation) -> bool {
        let there = self.conditions.as_ref().is_none_or(|(environment, path)| {
            *environment == event.environment
                && match generation {
                    // Text, not folders: `/app` covers `/application` too.
                    Generation::Newest => event.path.starts_with(path),
                    Generation::Mid => globbed(path, &event.path),
                }
        });
        self.happening == event.happening && there
    }
}

/// `/app/**` is `/app` and all below it.
fn globbed(glob: &str, path: &str) -> bool {
    match glob.strip_suffix("/**") {
        Some(root) => is_within(path, if root.is_empty() { "/" } else { root }),
        None => matches(glob, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_text_and_a_glob_is_folders() {
        let covers = |written: &str, path: &str, generation| {
            let conditions = Some(("dev".to_owned(), written.to_owned()));
            let event = Event { happening: Happening::Update, environment: "dev".into(), path: path.into(), keys: vec!["A".into()] };
            Registration { happening: Happening::Update, conditions }.covers(&event, generation)
        };
        let table = [
            ("/", "/x/y", true, false),
            ("/", "/", true, true),
            ("/**", "/x/y", false, true),
            ("/**", "/", false, true),
            ("/app", "/app", true, true),
            ("/app", "/app/db", true, false),
            ("/app", "/application", true, false),
            ("/app/**", "/app", false, true),
            ("/app/**", "/app/db/x", false, true),
            ("/app/**", "/application", false, false),
            ("/app/*", "/app/db/x", false, false),
        ];
        for (written, path, newest, mid) in table {
            assert_eq!(covers(written, path, Generation::Newest), newest, "{written} {path} by prefix");
            assert_eq!(covers(written, path, Generation::Mid), mid, "{written} {path} by glob");
        }
    }
}
