//! Faults that name the object and the field, in one wording.
use crate::{
    object::{Name, ObjectRef},
    outcome::{Class, Fault},
};
use api::names;

/// A fault of the resource that its user has to mend.
pub fn fault(object: &ObjectRef, reason: &'static str, message: impl AsRef<str>) -> Fault {
    Fault::new(reason, Class::UserFix, format!("{object}: {}", message.as_ref()))
}

/// A name of an object from two fields, both needed. Checked before it becomes part of a URL.
///
/// # Errors
/// One of them is missing or can't be a name.
pub fn name(
    object: &ObjectRef,
    reason: &'static str,
    (namespace, namespace_field): (Option<&str>, &str),
    (name, name_field): (Option<&str>, &str),
) -> Result<Name, Fault> {
    let given = |text: Option<&str>, field: &str| {
        text.map(ToOwned::to_owned).ok_or_else(|| fault(object, reason, format!("{field} is empty; fill it in")))
    };
    let (name, namespace) = (given(name, name_field)?, given(namespace, namespace_field)?);
    names::object(&name).map_err(|error| fault(object, reason, format!("{name_field}: {error}")))?;
    names::namespace(&namespace).map_err(|error| fault(object, reason, format!("{namespace_field}: {error}")))?;
    Ok(Name { namespace, name })
}
