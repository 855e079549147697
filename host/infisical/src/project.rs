//! Projects, by slug and by id, through whichever path the server's version has.
use crate::{Client, Error, Project, Token, client::bearer, wire};

impl Client {
    /// The project with that slug, in the organisation of the token.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` with 404 if there is none.
    pub async fn project_by_slug(&self, token: &Token, slug: &str) -> Result<Project, Error> {
        self.project(token, slug, &["/v1/projects/slug", "/v1/workspace/slug", "/v2/workspace"]).await
    }

    /// The project with that id.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` with 404 if there is none.
    pub async fn project_by_id(&self, token: &Token, id: &str) -> Result<Project, Error> {
        self.project(token, id, &["/v1/projects", "/v1/workspace"]).await
    }

    /// The id of the project that a service token (`st.…`) belongs to.
    ///
    /// # Errors
    /// Any [`Error`]; `Refused` for a token of another kind.
    pub async fn project_of_token(&self, token: &Token) -> Result<String, Error> {
        let request = bearer(self.http().get(self.address().endpoint("/v2/service-token")), token)?;
        self.call("get service token", request, &[token.expose()], |answer| {
            answer.json::<wire::ServiceToken>().map(|token| token.workspace)
        })
        .await
    }

    /// Tries newer paths first and goes on only where the server does not know the path.
    async fn project(&self, token: &Token, name: &str, paths: &[&str]) -> Result<Project, Error> {
        let mut last = Error::Request("no path to a project".into());
        for path in paths {
            let request = bearer(self.http().get(self.address().resource(path, name)?), token)?;
            let answer = self.call("get project", request, &[token.expose()], |answer| answer.json::<wire::Project>()).await;
            match answer {
                Ok(wire::Project::Wrapped { project } | wire::Project::Bare(project)) => {
                    return Ok(Project { id: project.id, slug: project.slug });
                }
                Err(error) if error.is_missing_route() => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }
}
