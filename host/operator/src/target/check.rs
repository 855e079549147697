//! What the API server would refuse anyway, found before anything is written and said in terms of the target.
use crate::{
    data,
    outcome::{Class, Fault},
    plan::{Data, Owner, Target},
    reason,
};

/// Keys, sizes and the place of a target.
pub(crate) fn check(owner: &Owner, target: &Target, data: &Data) -> Result<(), Fault> {
    let Target { field, kind, name, .. } = target;
    if target.is_owned_by_annotation(&owner.object.namespace) && target.selector.is_none() {
        return Err(Fault::new(
            reason::OWNER_ELSEWHERE,
            Class::UserFix,
            format!(
                "{field}: {kind} {name} can't be owned by {}: an owner must be in the same namespace; set creationPolicy: Orphan, or \
                 move one of them",
                owner.object
            ),
        ));
    }
    data::check(*kind, &format!("{field}: {kind} {name}"), data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::testing::{self, owner, target};

    #[test]
    fn data_that_kubernetes_refuses_is_said_of_the_target() {
        let large = "x".repeat(data::LARGEST + 1);
        for (pairs, reason) in [([("a b", "canary")], reason::INVALID_KEY), ([("A", large.as_str())], reason::TOO_LARGE)] {
            let fault = check(&owner(), &target("t"), &testing::data(&pairs)).unwrap_err();
            assert_eq!(fault.reason, reason);
            assert!(fault.message.starts_with("spec.managed") && fault.message.contains("Secret n/t"), "{}", fault.message);
            assert!(!fault.message.contains("canary"));
        }
    }

    #[test]
    fn nothing_is_owned_across_namespaces() {
        let mut far = target("t");
        far.name.namespace = "far".into();
        assert_eq!(check(&owner(), &far, &testing::data(&[])).unwrap_err().reason, reason::OWNER_ELSEWHERE);
        let selected = crate::plan::Target { selector: Some(std::sync::Arc::default()), ..far.clone() };
        assert_eq!(check(&owner(), &selected, &testing::data(&[])), Ok(()));
        far.policy = crate::plan::CreationPolicy::Orphan;
        assert_eq!(check(&owner(), &far, &testing::data(&[])), Ok(()));
    }
}
