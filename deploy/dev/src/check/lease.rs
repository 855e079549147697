//! Credentials made for a lease let in, and no longer once the resource is deleted.
use super::{PATIENCE, secrets_api, text};
use crate::{demo::NAMESPACE, environment::Environment};
use anyhow::{Context, Result, ensure};
use api::v1alpha1::InfisicalDynamicSecret;
use kube::{Api, api::DeleteParams};
use support::wait_for;

/// With the deletion left out, the credentials stay good.
pub async fn leased(environment: &Environment, deleted: bool) -> Result<String> {
    let (server, secrets) = (environment.server.state(), secrets_api(&environment.cluster));
    let secret = wait_for("the credentials of a lease", PATIENCE, async || {
        let secret = secrets.get_opt("lease").await?.context("there is no Secret")?;
        text(&secret, "DB_PASSWORD")?;
        anyhow::Ok(secret)
    });
    let secret = secret.await?;
    let (user, password) = (text(&secret, "DB_USERNAME")?, text(&secret, "DB_PASSWORD")?);
    ensure!(server.database_lets_in(user, password), "the database does not know them");
    if deleted {
        let api: Api<InfisicalDynamicSecret> = Api::namespaced(environment.cluster.client().clone(), NAMESPACE);
        api.delete("lease", &DeleteParams::default()).await?;
    }
    wait_for("the credentials to be revoked", PATIENCE, async || {
        ensure!(!server.database_lets_in(user, password), "the database still lets them in");
        anyhow::Ok(())
    })
    .await?;
    Ok("they let in, then they were revoked".into())
}
