//! `deploy/install.yaml`: what the chart renders to with its defaults, without what only Helm reads.
use super::folder;
use crate::helm::Helm;
use anyhow::{Context, Result};
use serde_json::Value;

/// The namespace that the file installs to, which is the one of `infisical-config`.
pub const NAMESPACE: &str = "infisical-operator-system";
/// The release that the names of the objects come from.
pub const RELEASE: &str = "infisical-operator";

const HEAD: &str = "# Installs the operator for all namespaces, without Helm: kubectl apply -f deploy/install.yaml
# Without the definitions and what is theirs it goes by: kubectl delete -f deploy/install.yaml -l control-plane=controller-manager
# Generated from deploy/chart; change that one.
apiVersion: v1
kind: Namespace
metadata:
";

/// Definitions before all that needs them; accounts and rights before those who use them.
const ORDER: [&str; 4] = ["CustomResourceDefinition", "ServiceAccount", "ClusterRole", "Role"];

pub(super) fn text(helm: &Helm) -> Result<String> {
    let rendered = helm.template(&folder(), RELEASE, NAMESPACE, &["--set", &format!("fullnameOverride={RELEASE}")])?;
    let mut documents = Vec::new();
    for document in rendered.split("\n---\n") {
        let lines = document.trim_start_matches("---\n").lines();
        let kept: Vec<_> = lines.filter(|line| !is_of_helm(line) && !line.trim().is_empty()).collect();
        let text = kept.join("\n");
        let object: Value = serde_yaml::from_str(&text).context("what the chart renders to is no YAML")?;
        let field = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, name) = (field("/kind"), field("/metadata/name"));
        let rank = ORDER.iter().position(|first| *first == kind).unwrap_or(ORDER.len());
        documents.push(((rank, kind, name), text));
    }
    // Helm's own order is another one from version to version.
    documents.sort();
    let objects: String = documents.into_iter().map(|(_, text)| format!("---\n{text}\n")).collect();
    Ok(format!("{HEAD}  name: {NAMESPACE}\n{objects}"))
}

fn is_of_helm(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("# Source: ") || line.starts_with("helm.sh/chart: ") || line == "app.kubernetes.io/managed-by: Helm"
}
