//! The way from the cluster to Infisical: a Secret that is edited is followed there, and a generated value is made once.
use super::{PATIENCE, secrets_api};
use crate::environment::Environment;
use anyhow::{Context, Result, ensure};
use infisical_dev_server::Place;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use support::wait_for;

/// With the edit left out, nothing can follow.
pub async fn pushed(environment: &Environment, edited: bool) -> Result<String> {
    let (server, place) = (environment.server.state(), Place::new("demo", "dev", "/pushed"));
    let password = wait_for("a generated password at the server", PATIENCE, async || {
        server.value(&place, "ADMIN_PASSWORD").context("it is not there")
    });
    let password = password.await?;
    ensure!(password.chars().count() == 32, "it has not the length that its generator says");
    if edited {
        let edit = json!({"stringData": {"RELEASE": "2"}});
        secrets_api(&environment.cluster).patch("pushed", &PatchParams::default(), &Patch::Merge(edit)).await?;
    }
    wait_for("the edit of the Secret at the server", PATIENCE, async || {
        ensure!(server.value(&place, "RELEASE").as_deref() == Some("2"), "RELEASE is as it was");
        anyhow::Ok(())
    })
    .await?;
    ensure!(server.value(&place, "ADMIN_PASSWORD").is_some_and(|now| now == password), "the password was made anew");
    Ok("an edit is followed, the password stays".into())
}
