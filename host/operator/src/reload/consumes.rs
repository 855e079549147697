//! Which Secrets and ConfigMaps a pod reads when it starts. Pure.
use crate::plan::TargetKind;
use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, PodSpec, Volume};
use std::collections::BTreeSet;

/// A Secret or ConfigMap in the namespace of its reader.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Consumed {
    pub kind: TargetKind,
    pub name: String,
}

/// The Secrets and ConfigMaps in environment variables and volumes, of all containers. Not those for pulling images, which a
/// running pod has no use for.
pub(crate) fn consumes(pod: &PodSpec) -> BTreeSet<Consumed> {
    let containers = pod.containers.iter().chain(pod.init_containers.iter().flatten());
    let containers = containers.map(|container| (&container.env, &container.env_from));
    let ephemeral = pod.ephemeral_containers.iter().flatten().map(|container| (&container.env, &container.env_from));
    let variables = containers.chain(ephemeral).flat_map(|(env, env_from)| {
        let single = env.iter().flatten().flat_map(of_variable);
        single.chain(env_from.iter().flatten().flat_map(of_variables))
    });
    let volumes = pod.volumes.iter().flatten().flat_map(of_volume);
    let all = variables.chain(volumes).filter(|(_, name)| !name.is_empty());
    all.map(|(kind, name)| Consumed { kind, name: name.to_owned() }).collect()
}

type Named<'a> = (TargetKind, &'a str);

fn both<'a>(secret: Option<&'a str>, map: Option<&'a str>) -> impl Iterator<Item = Named<'a>> {
    let secret = secret.map(|name| (TargetKind::Secret, name));
    secret.into_iter().chain(map.map(|name| (TargetKind::ConfigMap, name)))
}

fn of_variable(variable: &EnvVar) -> impl Iterator<Item = Named<'_>> {
    let source = variable.value_from.as_ref();
    let secret = source.and_then(|source| source.secret_key_ref.as_ref()).map(|key| key.name.as_str());
    both(secret, source.and_then(|source| source.config_map_key_ref.as_ref()).map(|key| key.name.as_str()))
}

fn of_variables(source: &EnvFromSource) -> impl Iterator<Item = Named<'_>> {
    let secret = source.secret_ref.as_ref().map(|secret| secret.name.as_str());
    both(secret, source.config_map_ref.as_ref().map(|map| map.name.as_str()))
}

fn of_volume(volume: &Volume) -> impl Iterator<Item = Named<'_>> {
    let secret = volume.secret.as_ref().and_then(|secret| secret.secret_name.as_deref());
    let direct = both(secret, volume.config_map.as_ref().map(|map| map.name.as_str()));
    let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    direct.chain(sources.flat_map(|source| {
        both(source.secret.as_ref().map(|secret| secret.name.as_str()), source.config_map.as_ref().map(|map| map.name.as_str()))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_to_read_a_secret_or_a_config_map_is_found() {
        let pod: PodSpec = serde_json::from_value(json!({
            "containers": [
                {"name": "a", "envFrom": [{"secretRef": {"name": "from"}}, {"configMapRef": {"name": "from-map"}}]},
                {"name": "b", "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "variable", "key": "k"}}},
                    {"name": "B", "value": "plain"},
                    {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "key-map", "key": "k"}}},
                    {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ]},
            ],
            "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "init"}}]}],
            "ephemeralContainers": [{"name": "e", "envFrom": [{"secretRef": {"name": "ephemeral"}}]}],
            "imagePullSecrets": [{"name": "pull"}],
            "volumes": [
                {"name": "v", "secret": {"secretName": "volume"}},
                {"name": "p", "projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {"name": "projected-map"}}]}},
                {"name": "m", "configMap": {"name": "volume-map"}},
            ],
        }))
        .unwrap();
        let names = |kind| consumes(&pod).into_iter().filter(move |consumed| consumed.kind == kind).map(|consumed| consumed.name);
        let secrets: Vec<_> = names(TargetKind::Secret).collect();
        assert_eq!(secrets, ["ephemeral", "from", "init", "projected", "variable", "volume"]);
        let maps: Vec<_> = names(TargetKind::ConfigMap).collect();
        assert_eq!(maps, ["from-map", "key-map", "projected-map", "volume-map"]);
    }

    #[test]
    fn a_pod_without_secrets_reads_none() {
        assert!(consumes(&PodSpec::default()).is_empty());
    }
}
