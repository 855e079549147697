//! What the API server would refuse anyway, found before anything is written and said in terms of the target.
use crate::{
    data,
    outcome::Fault,
    plan::{Data, Target},
};

/// Keys and sizes of a target.
pub(crate) fn check(target: &Target, data: &Data) -> Result<(), Fault> {
    let Target { field, kind, name, .. } = target;
    data::check(*kind, &format!("{field}: {kind} {name}"), data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        reason,
        target::testing::{self, target},
    };

    #[test]
    fn data_that_kubernetes_refuses_is_said_of_the_target() {
        let large = "x".repeat(data::LARGEST + 1);
        for (pairs, reason) in [([("a b", "canary")], reason::INVALID_KEY), ([("A", large.as_str())], reason::TOO_LARGE)] {
            let fault = check(&target("t"), &testing::data(&pairs)).unwrap_err();
            assert_eq!(fault.reason, reason);
            assert!(fault.message.starts_with("spec.managed") && fault.message.contains("Secret n/t"), "{}", fault.message);
            assert!(!fault.message.contains("canary"));
        }
    }
}
