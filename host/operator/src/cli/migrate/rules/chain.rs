//! What is found of an InfisicalConnection.
use crate::cli::migrate::finding::{Finding, Rule};
use api::{text::Text, v1beta1::InfisicalConnectionSpec};

/// The findings.
pub(crate) fn connection(spec: &InfisicalConnectionSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(address) = spec.address.text()
        && address.trim_end_matches('/').ends_with("/api")
    {
        let message = "spec.address ends in /api: resources that lead through it work here; Infisical's operator asks below /api/api";
        findings.push(Finding::new(Rule::AddressApi, message));
    }
    let ca = spec.tls.as_ref().and_then(|tls| tls.ca_certificate.as_ref());
    if ca.is_some_and(|ca| ca.name.text().is_some()) {
        let message = "spec.tls.caCertificate counts for lists of secrets and look-ups of projects too, not only for probe and login";
        findings.push(Finding::new(Rule::ConnectionCa, message));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_with_api_and_a_ca_are_said() {
        let rules = |spec| connection(&serde_json::from_value(spec).unwrap()).into_iter().map(|finding| finding.rule).collect::<Vec<_>>();
        assert_eq!(rules(json!({"address": "https://a.example/api/"})), [Rule::AddressApi]);
        assert_eq!(rules(json!({"address": "https://a.example", "tls": {"caCertificate": {"name": "", "key": ""}}})), []);
        assert_eq!(rules(json!({"tls": {"caCertificate": {"name": "ca", "namespace": "n", "key": "k"}}})), [Rule::ConnectionCa]);
    }
}
