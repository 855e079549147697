//! What the plan of a resource comes to: its own faults and warnings are the findings.
use crate::{
    cli::migrate::finding::{Finding, Rule},
    outcome::Fault,
    plan::{Ambient, Login, Plan},
    reason,
};
use api::{
    interval::{self, IntervalError},
    text::Text,
    v1alpha1::InfisicalSecretSpec,
};
use serde_json::Value;

/// Plugins that log in with what the operator itself is, whatever the resource brings.
const AMBIENT: [&str; 4] = ["aws", "azure", "gcp-iam", "gcp-id-token"];

/// The plan of a resource, or why there is none.
pub(crate) fn findings(plan: &Result<Plan, Fault>) -> Vec<Finding> {
    match plan {
        Err(fault) => vec![of_fault(fault)],
        Ok(plan) => {
            let faulty = plan.faulty.iter().map(|faulty| of_fault(&faulty.fault));
            faulty.chain(plan.warnings.iter().filter_map(of_warning)).chain(login(&plan.login)).collect()
        }
    }
}

/// A fault. Its message says the object, the field and what to do.
pub(crate) fn of_fault(fault: &Fault) -> Finding {
    let rule = match fault.reason {
        reason::AMBIENT_NOT_GRANTED => Rule::UntrustedHost,
        reason::UNSUPPORTED => Rule::MethodGone,
        _ => Rule::Refused,
    };
    Finding::new(rule, &fault.message)
}

/// A warning that is worth a finding.
pub(crate) fn of_warning(fault: &Fault) -> Option<Finding> {
    let rule = match fault.reason {
        reason::SEVERAL_METHODS => Rule::SeveralLogins,
        reason::INVALID_INTERVAL => Rule::BadInterval,
        reason::DEPRECATED => Rule::Deprecated,
        reason::UNKNOWN_VALUE => Rule::UnknownValue,
        _ => return None,
    };
    Some(Finding::new(rule, &fault.message))
}

/// What is decided only when the login is made: whether the operator's own identity may go to the server.
pub(crate) fn login(login: &Login) -> Option<Finding> {
    let Login { server, plugin, ambient, settings, place, .. } = login;
    let origin = server.address.origin();
    if AMBIENT.contains(&plugin.as_str()) && *ambient != Ambient::Granted {
        let message = format!("{place} logs in with the operator's own identity, which does not go to {origin}: {}", ambient.remedy());
        return Some(Finding::new(Rule::UntrustedHost, message));
    }
    let requested =
        login.service_account.is_some() && settings.get("source").and_then(Value::as_str).is_none_or(|source| source == "token-request");
    let audiences = settings.get("audiences").and_then(Value::as_array).is_some_and(|audiences| !audiences.is_empty());
    if plugin == "kubernetes" && requested && !audiences && !server.trusted {
        let message = format!(
            "{place}: a token without audiences is good for the Kubernetes API itself and does not go to {origin}: set \
             serviceAccountTokenAudiences (and the same audience on the identity), or start the operator with --trusted-host {origin}"
        );
        return Some(Finding::new(Rule::UntrustedHost, message));
    }
    None
}

/// The interval of an InfisicalSecret that sets none.
pub(crate) fn interval(spec: &InfisicalSecretSpec) -> Option<Finding> {
    let unset = match &spec.sync_config {
        Some(sync) => sync.resync_interval.text().is_none_or(|text| matches!(interval::parse(text), Err(IntervalError::Zero(_)))),
        None => spec.resync_interval.is_none_or(|seconds| seconds == 0),
    };
    let instant = match &spec.sync_config {
        Some(sync) => sync.instant_updates == Some(true),
        None => spec.instant_updates == Some(true),
    };
    let before = if instant { "1 h" } else { "5 minutes" };
    let message = format!("spec.syncConfig.resyncInterval is not set: Infisical is asked every 60 s instead of every {before}");
    unset.then(|| Finding::new(Rule::DefaultInterval, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dereference::References, plan};
    use api::v1alpha1::InfisicalSecret;
    use serde_json::json;

    fn resource(authentication: Value, host: &str) -> InfisicalSecret {
        serde_json::from_value(json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "metadata": {"name": "a", "namespace": "n", "uid": "u"},
            "spec": {
                "hostAPI": host, "authentication": authentication,
                "managedSecretReference": {"secretName": "t", "secretNamespace": "n", "creationPolicy": "Delete"},
            },
        }))
        .unwrap()
    }

    fn found(authentication: Value, host: &str) -> Vec<Rule> {
        let resource = resource(authentication, host);
        let plan = plan::infisical_secret(&resource, &References::default(), &plan::Settings::default());
        findings(&plan.map_err(|(_, fault)| fault)).into_iter().map(|finding| finding.rule).collect()
    }

    fn scope() -> Value {
        json!({"projectSlug": "p", "envSlug": "e"})
    }

    #[test]
    fn what_goes_to_untrusted_servers_is_found_before_any_login() {
        let kubernetes = |more: Value| {
            let mut block = json!({"identityId": "i", "serviceAccountRef": {"name": "s", "namespace": "n"}, "autoCreateServiceAccountToken": true, "secretsScope": scope()});
            block.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"kubernetesAuth": block})
        };
        assert_eq!(found(kubernetes(json!({})), "https://own.example"), [Rule::UnknownValue, Rule::UntrustedHost]);
        assert_eq!(found(kubernetes(json!({})), "https://app.infisical.com/api"), [Rule::UnknownValue]);
        assert_eq!(found(kubernetes(json!({"serviceAccountTokenAudiences": ["a"]})), "https://own.example"), [Rule::UnknownValue]);
        let aws = json!({"awsIamAuth": {"identityId": "i", "secretsScope": scope()}});
        assert_eq!(found(aws.clone(), "https://own.example"), [Rule::UnknownValue, Rule::UntrustedHost]);
        assert_eq!(found(aws, "https://eu.infisical.com"), [Rule::UnknownValue]);
    }

    #[test]
    fn the_faults_of_a_plan_are_findings() {
        let gone = json!({"serviceAccount": {"serviceAccountSecretReference": {"secretName": "s", "secretNamespace": "n"}}});
        assert_eq!(found(gone, ""), [Rule::MethodGone]);
        assert_eq!(found(json!({}), ""), [Rule::Refused]);
        let two =
            json!({"awsIamAuth": {"identityId": "i", "secretsScope": scope()}, "azureAuth": {"identityId": "i", "secretsScope": scope()}});
        assert_eq!(found(two, ""), [Rule::UnknownValue, Rule::SeveralLogins]);
    }

    #[test]
    fn an_interval_that_is_not_set_is_another_one_than_before() {
        let of = |spec: Value| interval(&serde_json::from_value(spec).unwrap()).map(|finding| finding.message);
        assert!(of(json!({})).unwrap().ends_with("every 5 minutes"));
        assert!(of(json!({"syncConfig": {"instantUpdates": true}})).unwrap().ends_with("every 1 h"));
        assert_eq!(of(json!({"syncConfig": {"resyncInterval": "1m"}})), None);
        assert!(of(json!({"syncConfig": {"resyncInterval": "0s"}})).is_some());
        assert_eq!(of(json!({"resyncInterval": 10})), None);
        assert!(of(json!({"resyncInterval": 10, "syncConfig": {}})).is_some());
    }
}
