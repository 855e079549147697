//! What to read: the scope of a login block as one read of a folder, or of one secret.
use super::field::fault;
use crate::{object::ObjectRef, outcome::Fault, read::ReadRequest, reason};
use api::{
    dialect::{Block, Scope},
    text::Text,
    v1alpha1::MachineIdentityScope,
};
use infisical::ProjectRef;
use serde::Deserialize;

/// The read of a block.
///
/// # Errors
/// A scope without environment, with no project or two, with a secret in all folders, with a path that is none.
pub fn read(object: &ObjectRef, block: &Block) -> Result<ReadRequest, Fault> {
    let place = block.path("/secretsScope");
    let wrong = |message: String| fault(object, reason::INVALID_SCOPE, format!("{place}{message}"));
    // A service token's scope has some of these fields, and the names are the same.
    let scope = block.fields.get("secretsScope").filter(|scope| !scope.is_null()).map(MachineIdentityScope::deserialize);
    let scope = scope.transpose().map_err(|error| wrong(format!(": {error}")))?.unwrap_or_default();
    let environment = match (scope.env_slug.text(), block.method.scope) {
        (Some(environment), _) => environment,
        // The oldest form has no scope: the server takes that of the token.
        (None, Scope::ServiceToken) => "",
        (None, _) => return Err(wrong(".envSlug is empty; name an environment, for example prod".into())),
    };
    let project = match (block.method.scope, scope.project_id.text(), scope.project_slug.text()) {
        (Scope::ServiceToken, ..) => ProjectRef::OfToken,
        (_, Some(id), None) => ProjectRef::Id(id.into()),
        (_, None, Some(slug)) => ProjectRef::Slug(slug.into()),
        (_, None, None) => return Err(wrong(": neither projectId nor projectSlug is filled in; fill in one of them".into())),
        (_, Some(id), Some(slug)) => {
            return Err(wrong(format!(": projectId ({id:?}) and projectSlug ({slug:?}) are both filled in; keep one of them")));
        }
    };
    let recursive = scope.recursive.unwrap_or(false);
    let secret = scope.secret_name.text();
    if let (true, Some(secret)) = (recursive, secret) {
        return Err(wrong(format!(
            ".secretName is {secret:?} while recursive is true; a single secret is read from one folder, remove one of them"
        )));
    }
    let tags = tags(scope.tag_slugs.as_deref().unwrap_or_default());
    if let (false, Some(secret)) = (tags.is_empty(), secret) {
        return Err(wrong(format!(
            ".secretName is {secret:?} and tagSlugs is filled in; a single secret is read by its name alone, remove one of them"
        )));
    }
    Ok(ReadRequest {
        project,
        environment: environment.into(),
        path: path(scope.secrets_path.text()).map_err(|error| wrong(format!(".secretsPath: {error}")))?,
        recursive,
        expand_references: true,
        include_imports: true,
        tags,
        secret: secret.map(Into::into),
    })
}

/// One spelling for each set of tags, for the same reason as of [`path`].
pub(super) fn tags(written: &[String]) -> Vec<String> {
    let mut tags: Vec<_> = written.iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect();
    tags.sort();
    tags.dedup();
    tags
}

/// Whether events of what is read can be had, where they are wanted; `field` is where they are asked for.
pub(super) fn instant(object: &ObjectRef, field: &str, reads: &[ReadRequest], warnings: &mut Vec<Fault>) -> bool {
    let by_service_token = reads.iter().any(|read| read.project == ProjectRef::OfToken);
    if by_service_token {
        let message =
            format!("{field}: a service token can't listen to events, so secrets are read at the interval; use a machine identity");
        warnings.push(fault(object, reason::INSTANT_UPDATES, message));
    }
    !by_service_token
}

/// One spelling for each folder, so that resources that mean the same share a read.
pub(super) fn path(text: Option<&str>) -> Result<String, String> {
    let text = text.unwrap_or("/");
    let parts: Vec<_> = text.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        let found: String = text.chars().take(128).collect();
        return Err(format!("{found:?} has a part . or ..; write the folder from the root on, for example /app/prod"));
    }
    Ok(format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_spelling() {
        for (text, wanted) in [(None, "/"), (Some("/"), "/"), (Some("app/"), "/app"), (Some("//a//b/"), "/a/b"), (Some("/A b"), "/A b")] {
            assert_eq!(path(text).as_deref(), Ok(wanted));
        }
        assert!(path(Some("/a/../b")).unwrap_err().contains("from the root"));
    }
}
