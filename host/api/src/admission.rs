//! What the API server refuses before it is stored: rules (CEL) and unique keys in the definitions, by kind and place.
//!
//! A rule says only what could never work, with the peer either, and it holds for what a user writes: Kubernetes (from 1.30 on)
//! asks a rule again only where the place that it stands on changed. So an object that was stored before and breaks one can
//! still be changed outside of that place: where the rule is one on `spec`, that is metadata and status alone. Objects of the
//! peer, in which every block stands with empty strings, break none. All the same is checked when a resource is planned, with
//! the names of the objects in the message.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, ValidationRule,
};

/// A rule on one place of a kind's schema. `[]` stands for the items of a list.
struct Rule {
    kind: &'static str,
    place: &'static str,
    rule: String,
    message: &'static str,
}

/// A list in which no two items have the same keys.
struct Unique {
    kind: &'static str,
    place: &'static str,
    keys: &'static [&'static str],
}

const ONE_PROJECT: &str = "fill in projectId or projectSlug, and only one of them";
const INTERVAL: &str = "write a whole number and one of the units s, m, h, d, w, at least 5s, for example 30s or 5m";
const NUMBER_AND_UNIT: &str = "write a whole number and one of the units s, m, h, d, w, for example 30s or 5m";
const FIELD_EMPTY: &str = "fill it in; it must not be empty";

/// Targets are not among them: the keys of such a list must be required, and a target may have a selector for a namespace.
const UNIQUE: [Unique; 1] = [Unique { kind: "InfisicalPushSecret", place: "spec.push.generators", keys: &["destinationSecretName"] }];

/// Blocks of an InfisicalSecret whose scope names a project.
const SCOPED: [&str; 8] = [
    "spec.authentication.universalAuth.secretsScope",
    "spec.authentication.kubernetesAuth.secretsScope",
    "spec.authentication.awsIamAuth.secretsScope",
    "spec.authentication.azureAuth.secretsScope",
    "spec.authentication.gcpIdTokenAuth.secretsScope",
    "spec.authentication.gcpIamAuth.secretsScope",
    "spec.authentication.ldapAuth.secretsScope",
    "spec.authentication.plugin.secretsScope",
];

/// Methods of an InfisicalAuth and their blocks, with what to say where the block is missing.
const METHODS: [(&str, &str, &str); 9] = [
    ("universal", "universal", "method is universal; fill in the block universal"),
    ("kubernetes", "kubernetes", "method is kubernetes; fill in the block kubernetes"),
    ("aws-iam", "awsIam", "method is aws-iam; fill in the block awsIam"),
    ("azure", "azure", "method is azure; fill in the block azure"),
    ("gcp-id-token", "gcpIdToken", "method is gcp-id-token; fill in the block gcpIdToken"),
    ("gcp-iam", "gcpIam", "method is gcp-iam; fill in the block gcpIam"),
    ("ldap", "ldap", "method is ldap; fill in the block ldap"),
    ("jwt", "jwt", "method is jwt; fill in the block jwt"),
    ("plugin", "plugin", "method is plugin; fill in the block plugin"),
];

/// A field is there and not null, which a nullable field may be.
fn there(field: &str) -> String {
    format!("(has(self.{field}) && dyn(self.{field}) != null)")
}

/// A text is there and not empty.
fn set(field: &str) -> String {
    format!("({} && self.{field} != '')", there(field))
}

/// An interval as [`crate::interval`] reads it, or nothing.
fn interval() -> String {
    // A CEL literal doubles its backslashes.
    r"self.matches('^\\s*$|^\\s*[+]?0*([5-9]|[1-9][0-9]+)s\\s*$|^\\s*[+]?0*[1-9][0-9]*[mhdw]\\s*$')".to_owned()
}

/// An interval of any length, or nothing.
fn any_interval() -> String {
    r"self.matches('^\\s*$|^\\s*[+]?[0-9]+[smhdw]\\s*$')".to_owned()
}

fn rules() -> Vec<Rule> {
    let rule = |kind, place, rule: String, message| Rule { kind, place, rule, message };
    let [one_project, not_both_projects] = ["!=", "&&"].map(|operator| format!("{} {operator} {}", set("projectId"), set("projectSlug")));
    let not_both_projects = format!("!({not_both_projects})");
    let mut rules = vec![
        rule(
            "InfisicalSecret",
            "spec",
            format!(
                "!({} && self.managedSecretReference.secretName != '' && {} && size(self.managedKubeSecretReferences) > 0)",
                there("managedSecretReference"),
                there("managedKubeSecretReferences")
            ),
            "managedSecretReference and managedKubeSecretReferences are both filled in; move the first into the list",
        ),
        // The peer takes its default for one that is too short, and `0s` says just that.
        rule("InfisicalSecret", "spec.syncConfig.resyncInterval", any_interval(), NUMBER_AND_UNIT),
        rule("InfisicalPushSecret", "spec.resyncInterval", interval(), INTERVAL),
        rule("InfisicalStaticSecret", "spec.syncOptions.refreshInterval", format!("self != '' && {}", interval()), INTERVAL),
        rule("InfisicalPushSecret", "spec.destination", one_project.clone(), ONE_PROJECT),
        rule("InfisicalDynamicSecret", "spec.dynamicSecret", one_project.clone(), ONE_PROJECT),
        rule("InfisicalStaticSecret", "spec.sources[]", one_project, ONE_PROJECT),
        rule("InfisicalStaticSecret", "spec.sources[].environmentSlug", "self != ''".into(), FIELD_EMPTY),
        rule("InfisicalStaticSecret", "spec.sources[].secretPath", "self != ''".into(), FIELD_EMPTY),
        rule("InfisicalStaticSecret", "spec.sources", "size(self) > 0".into(), "name at least one folder to read"),
        rule("InfisicalStaticSecret", "spec.targets", "size(self) > 0".into(), "name at least one Secret or ConfigMap"),
        rule(
            "InfisicalStaticSecret",
            "spec.targets[]",
            format!("self.kind == 'Secret' || !{}", set("secretType")),
            "secretType is for a Secret; a ConfigMap has no type, remove it or make kind Secret",
        ),
        rule(
            "InfisicalPushSecret",
            "spec.push",
            format!("{} || ({} && size(self.generators) > 0)", there("secret"), there("generators")),
            "nothing to push; fill in secret, or name at least one generator",
        ),
    ];
    for place in SCOPED {
        rules.push(rule(
            "InfisicalSecret",
            place,
            not_both_projects.clone(),
            "projectId and projectSlug are both filled in; keep one of them",
        ));
        rules.push(rule(
            "InfisicalSecret",
            place,
            format!("!({} && {} && self.recursive)", set("secretName"), there("recursive")),
            "secretName is one secret of one folder; remove it, or recursive",
        ));
    }
    for (method, block, message) in METHODS {
        rules.push(rule("InfisicalAuth", "spec", format!("self.method != '{method}' || {}", there(block)), message));
    }
    for (kind, place) in [("Password", "spec"), ("ClusterGenerator", "spec.generator.passwordSpec")] {
        let within = |field: &str, limits: &str| format!("!{} || ({limits})", there(field));
        rules.push(rule(kind, place, within("length", "self.length >= 1 && self.length <= 65536"), "length must be from 1 to 65536"));
        for (field, message) in [("digits", "digits must not be below 0"), ("symbols", "symbols must not be below 0")] {
            rules.push(rule(kind, place, within(field, &format!("self.{field} >= 0")), message));
        }
        rules.push(rule(
            kind,
            place,
            format!("!({} && {} && {}) || self.digits + self.symbols <= self.length", there("length"), there("digits"), there("symbols")),
            "digits and symbols together are more than length",
        ));
    }
    rules
}

/// Puts the rules of a kind into its definition. False: a place that a rule names is not there.
pub(crate) fn apply(definition: &mut CustomResourceDefinition) -> bool {
    let kind = definition.spec.names.kind.clone();
    let schemas = definition.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut());
    let mut found = true;
    for schema in schemas {
        for Rule { place, rule, message, .. } in rules().into_iter().filter(|rule| rule.kind == kind) {
            match at(schema, place) {
                Some(schema) => {
                    let rule = ValidationRule { rule, message: Some(message.to_owned()), ..ValidationRule::default() };
                    schema.x_kubernetes_validations.get_or_insert_default().push(rule);
                }
                None => found = false,
            }
        }
        for Unique { place, keys, .. } in UNIQUE.iter().filter(|unique| unique.kind == kind) {
            match at(schema, place) {
                Some(schema) => {
                    schema.x_kubernetes_list_type = Some("map".into());
                    schema.x_kubernetes_list_map_keys = Some(keys.iter().map(ToString::to_string).collect());
                }
                None => found = false,
            }
        }
    }
    found
}

fn at<'a>(schema: &'a mut JSONSchemaProps, place: &str) -> Option<&'a mut JSONSchemaProps> {
    place.split('.').try_fold(schema, |schema, step| {
        let property = schema.properties.as_mut()?.get_mut(step.trim_end_matches("[]"))?;
        if !step.ends_with("[]") {
            return Some(property);
        }
        match property.items.as_mut()? {
            JSONSchemaPropsOrArray::Schema(items) => Some(items),
            JSONSchemaPropsOrArray::Schemas(_) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crds::crds;

    #[test]
    fn every_rule_has_its_place() {
        let mut all = crds();
        assert!(all.iter_mut().all(apply));
        let kinds: Vec<_> = all.iter().map(|definition| definition.spec.names.kind.as_str()).collect();
        assert!(rules().iter().map(|rule| rule.kind).chain(UNIQUE.iter().map(|unique| unique.kind)).all(|kind| kinds.contains(&kind)));
    }
}
