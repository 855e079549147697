//! Which Secrets a pod reads when it starts. Pure.
use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, PodSpec, Volume};
use std::collections::BTreeSet;

/// Names of the Secrets in environment variables and volumes, of all containers. Not those for pulling images, which a
/// running pod has no use for.
pub(crate) fn consumes(pod: &PodSpec) -> BTreeSet<String> {
    let containers = pod.containers.iter().chain(pod.init_containers.iter().flatten());
    let containers = containers.map(|container| (&container.env, &container.env_from));
    let ephemeral = pod.ephemeral_containers.iter().flatten().map(|container| (&container.env, &container.env_from));
    let variables = containers.chain(ephemeral).flat_map(|(env, env_from)| {
        let single = env.iter().flatten().filter_map(of_variable);
        single.chain(env_from.iter().flatten().filter_map(of_variables))
    });
    let volumes = pod.volumes.iter().flatten().flat_map(of_volume);
    variables.chain(volumes).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn of_variable(variable: &EnvVar) -> Option<&str> {
    Some(variable.value_from.as_ref()?.secret_key_ref.as_ref()?.name.as_str())
}

fn of_variables(source: &EnvFromSource) -> Option<&str> {
    Some(source.secret_ref.as_ref()?.name.as_str())
}

fn of_volume(volume: &Volume) -> impl Iterator<Item = &str> {
    let secret = volume.secret.as_ref().and_then(|secret| secret.secret_name.as_deref());
    let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    secret.into_iter().chain(sources.filter_map(|source| Some(source.secret.as_ref()?.name.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_to_read_a_secret_is_found() {
        let pod: PodSpec = serde_json::from_value(json!({
            "containers": [
                {"name": "a", "envFrom": [{"secretRef": {"name": "from"}}, {"configMapRef": {"name": "map"}}]},
                {"name": "b", "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "variable", "key": "k"}}},
                    {"name": "B", "value": "plain"},
                    {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ]},
            ],
            "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "init"}}]}],
            "ephemeralContainers": [{"name": "e", "envFrom": [{"secretRef": {"name": "ephemeral"}}]}],
            "imagePullSecrets": [{"name": "pull"}],
            "volumes": [
                {"name": "v", "secret": {"secretName": "volume"}},
                {"name": "p", "projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {"name": "map"}}]}},
                {"name": "m", "configMap": {"name": "map"}},
            ],
        }))
        .unwrap();
        let names: Vec<_> = consumes(&pod).into_iter().collect();
        assert_eq!(names, ["ephemeral", "from", "init", "projected", "variable", "volume"]);
    }

    #[test]
    fn a_pod_without_secrets_reads_none() {
        assert!(consumes(&PodSpec::default()).is_empty());
    }
}
