//! Reading secrets: a folder, or one by name. Through v4 where the server has it, else through v3.
use crate::{
    Client, Error, Etag, Import, ListRequest, Listed, Listing, Secret, SecretRequest, Token, answer::Answer, client::bearer, wire,
};
use reqwest::{Url, header::IF_NONE_MATCH};
use secrecy::SecretString;

/// What both requests have in common.
struct Query<'a> {
    project_id: &'a str,
    environment: &'a str,
    path: &'a str,
    recursive: bool,
    expand_references: bool,
    include_imports: bool,
    tags: &'a [String],
}

impl Query<'_> {
    /// Every flag, in both spellings where there are two: the defaults differ by version, and unknown ones are ignored.
    fn add_to(&self, url: &mut Url, project: &str) {
        let text = |flag| if flag { "true" } else { "false" };
        let mut query = url.query_pairs_mut();
        query
            .append_pair(project, self.project_id)
            .append_pair("secretPath", if self.path.is_empty() { "/" } else { self.path })
            .append_pair("viewSecretValue", "true")
            .append_pair("includePersonalOverrides", "false")
            .append_pair("recursive", text(self.recursive))
            .append_pair("expandSecretReferences", text(self.expand_references))
            .append_pair("includeImports", text(self.include_imports))
            .append_pair("include_imports", text(self.include_imports));
        if !self.environment.is_empty() {
            query.append_pair("environment", self.environment);
        }
        if !self.tags.is_empty() {
            query.append_pair("tagSlugs", &self.tags.join(","));
        }
    }
}

impl Client {
    /// Lists the secrets of a folder; with the entity tag of an earlier answer to the same request, only what changed since.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Hidden`] if the identity may not read one of the values.
    pub async fn list_secrets(&self, token: &Token, request: &ListRequest, etag: Option<&Etag>) -> Result<Listed, Error> {
        let ListRequest { project_id, environment, path, recursive, expand_references, include_imports, tags } = request;
        let query = Query {
            project_id,
            environment,
            path,
            recursive: *recursive,
            expand_references: *expand_references,
            include_imports: *include_imports,
            tags,
        };
        let get = async |base: &str, project: &str| {
            let mut url = self.address().endpoint(base);
            query.add_to(&mut url, project);
            self.read("list secrets", url, token, etag, |answer| {
                let list: wire::List = answer.json()?;
                listing(answer, list, path)
            })
            .await
        };
        if environment.is_empty() {
            // As old as v3; newer versions need not know it.
            return get("/v3/secrets/raw", "workspaceId").await;
        }
        self.newest(get("/v4/secrets", "projectId"), get("/v3/secrets/raw", "workspaceId")).await
    }

    /// Reads one secret by name: a [`Listing`] with that secret and no imports.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Hidden`] if the identity may not read its value.
    pub async fn get_secret(&self, token: &Token, request: &SecretRequest, etag: Option<&Etag>) -> Result<Listed, Error> {
        let SecretRequest { project_id, environment, path, name, expand_references, include_imports } = request;
        let query = Query {
            project_id,
            environment,
            path,
            recursive: false,
            expand_references: *expand_references,
            include_imports: *include_imports,
            tags: &[],
        };
        let get = async |base: &str, project: &str| {
            let mut url = self.address().resource(base, name)?;
            query.add_to(&mut url, project);
            url.query_pairs_mut().append_pair("type", "shared");
            self.read("get secret", url, token, etag, |answer| {
                let wire::One { secret } = answer.json()?;
                listing(answer, wire::List { secrets: vec![secret], imports: None }, path)
            })
            .await
        };
        self.newest(get("/v4/secrets", "projectId"), get("/v3/secrets/raw", "workspaceId")).await
    }

    async fn read(
        &self,
        operation: &'static str,
        url: Url,
        token: &Token,
        etag: Option<&Etag>,
        read: impl FnOnce(&Answer) -> Result<Listing, Error>,
    ) -> Result<Listed, Error> {
        let mut request = bearer(self.http().get(url), token)?;
        if let Some(Etag(tag)) = etag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        self.call(operation, request, &[token.expose()], |answer| {
            if !answer.is_not_modified() {
                return read(&answer).map(Listed::Modified);
            }
            // An answer that nobody asked for would leave nothing to serve.
            if etag.is_some() { Ok(Listed::NotModified) } else { Err(answer.not_infisical("though no entity tag was sent")) }
        })
        .await
    }
}

fn listing(answer: &Answer, list: wire::List, path: &str) -> Result<Listing, Error> {
    let mut hidden = Hidden::default();
    let mut take = |secrets: Vec<wire::Secret>, folder: &str, unsaid: &str| -> Result<Vec<Secret>, Error> {
        // Personal overrides, which only the v3 API shows to users, are not what a cluster follows.
        let shared = secrets.into_iter().filter(|secret| secret.kind.as_deref() != Some("personal"));
        shared.filter_map(|secret| hidden.take(answer, secret, folder, unsaid).transpose()).collect()
    };
    let path = if path.is_empty() { "/" } else { path };
    let secrets = take(list.secrets, path, path)?;
    let imports = list.imports.unwrap_or_default().into_iter().map(|import| {
        // The server says no path of an imported secret, or one of its own choice; templates print it, as the peer's do.
        let secrets = take(import.secrets, &import.secret_path, "")?;
        Ok(Import { path: import.secret_path, environment: import.environment, secrets })
    });
    let imports = imports.collect::<Result<Vec<_>, Error>>()?;
    hidden.none_or_error()?;
    Ok(Listing { secrets, imports, etag: answer.etag() })
}

/// Values that were withheld.
#[derive(Default)]
struct Hidden {
    count: usize,
    first: Option<(String, String)>,
}

impl Hidden {
    /// `folder` is where the secret is, and `unsaid` the path of one that the server says no path of.
    fn take(&mut self, answer: &Answer, secret: wire::Secret, folder: &str, unsaid: &str) -> Result<Option<Secret>, Error> {
        if secret.secret_value_hidden == Some(true) {
            self.count += 1;
            self.first.get_or_insert_with(|| (secret.secret_key, secret.secret_path.unwrap_or_else(|| folder.into())));
            return Ok(None);
        }
        Ok(Some(Secret {
            id: secret.id.unwrap_or_default(),
            key: secret.secret_key,
            value: secret.secret_value.ok_or_else(|| answer.not_infisical("a secret has no value"))?,
            path: secret.secret_path.unwrap_or_else(|| unsaid.into()),
            comment: secret.secret_comment.unwrap_or_else(|| SecretString::from(String::new())),
            tags: secret.tags.unwrap_or_default().into_iter().map(|tag| tag.slug).collect(),
            created: secret.created_at.and_then(|date| date.parse().ok()),
            version: secret.version.as_ref().and_then(serde_json::Value::as_u64),
        }))
    }

    fn none_or_error(self) -> Result<(), Error> {
        match self.first {
            Some((first, path)) => Err(Error::Hidden { count: self.count, first, path }),
            None => Ok(()),
        }
    }
}
