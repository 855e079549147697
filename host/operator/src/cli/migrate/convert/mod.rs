//! InfisicalSecrets as resources of version v1beta1: an InfisicalConnection for each server, an InfisicalAuth for each login, an
//! InfisicalStaticSecret for each InfisicalSecret.
//!
//! All are made in the namespace of the InfisicalSecret, so that who may use which credentials stays the same; servers and logins
//! that are equal within a namespace are made once. What can't be said in v1beta1 is left out with the reason as a comment:
//! an InfisicalSecret is converted whole or not at all.
mod auth;
mod connection;
mod names;
mod secret;
mod template;

use super::{Version, world::Objects};
use api::v1alpha1::InfisicalSecret;
use kube::ResourceExt;
use names::Names;
use serde_json::Value;
use std::fmt::Write as _;

const HEAD: &str = "\
# To switch without a gap:
# 1. Set creationPolicy: Orphan on every target of the InfisicalSecrets, and wait until the targets bear no owner reference.
# 2. Apply this file. Each InfisicalStaticSecret waits with the reason TargetClaimed as long as the InfisicalSecret is there.
# 3. Delete the InfisicalSecrets. The targets stay, with the same data, and are kept by the InfisicalStaticSecrets.
# The hash in the annotation secrets.infisical.com/version is made in another way for v1beta1, so workloads with
# secrets.infisical.com/auto-reload: \"true\" restart once at step 3.
";

/// Why a resource can't be converted.
pub(super) type Refusal = String;

/// The documents for some InfisicalSecrets.
#[derive(Default)]
pub(crate) struct Converted {
    /// With the comments that stand above each.
    documents: Vec<(Vec<String>, Value)>,
    /// Name and reason of what is not converted.
    refused: Vec<(String, Refusal)>,
    /// Whether a converted one comes out differently.
    attention: bool,
    total: usize,
}

/// Prints what these resources come to in that version. True: someone has to look at it.
pub(crate) fn print(version: Version, objects: &Objects) -> bool {
    let Version::V1beta1 = version;
    let converted = convert(objects);
    print!("{}", converted.text());
    converted.needs_attention()
}

/// Converts all InfisicalSecrets.
pub(crate) fn convert(objects: &Objects) -> Converted {
    let mut names = Names::default();
    objects.connections.iter().for_each(|one| names.take("InfisicalConnection", &namespace(one), &one.name_any()));
    objects.auths.iter().for_each(|one| names.take("InfisicalAuth", &namespace(one), &one.name_any()));
    objects.statics.iter().for_each(|one| names.take("InfisicalStaticSecret", &namespace(one), &one.name_any()));
    let mut converted = Converted { total: objects.secrets.len(), ..Converted::default() };
    let (mut connections, mut auths) = (connection::Connections::default(), auth::Auths::default());
    let mut statics = Vec::new();
    for resource in &objects.secrets {
        match one(resource, &mut names, &mut connections, &mut auths) {
            Ok((comments, attention, document)) => {
                converted.attention |= attention;
                statics.push((comments, document));
            }
            Err(refusal) => converted.refused.push((format!("{}/{}", namespace(resource), resource.name_any()), refusal)),
        }
    }
    converted.documents.extend(connections.documents());
    converted.documents.extend(auths.documents());
    converted.documents.extend(statics);
    converted
}

/// Comments, whether they are to be minded, and the document. Nothing is kept of a resource that is refused.
fn one(
    resource: &InfisicalSecret,
    names: &mut Names,
    connections: &mut connection::Connections,
    auths: &mut auth::Auths,
) -> Result<(Vec<String>, bool, Value), Refusal> {
    let login = auth::Login::of(resource)?;
    let mut body = secret::Body::of(resource, &login)?;
    let server = connection::Server::of(resource)?;
    let user = resource.name_any();
    let connection = server.map(|server| connections.name(&namespace(resource), server, &user, names));
    let auth = auths.name(&namespace(resource), connection, &login, &user, names);
    body.comments.extend(login.notes.iter().cloned());
    let name = names.make("InfisicalStaticSecret", &namespace(resource), &user);
    let document = body.document(resource, &name, &auth);
    Ok((body.comments, body.attention, document))
}

fn namespace(resource: &impl ResourceExt) -> String {
    resource.namespace().unwrap_or_else(|| "default".into())
}

/// A resource without what is not set.
pub(super) fn document(resource: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(resource).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.remove("status");
    }
    without_nulls(&mut value);
    value
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

impl Converted {
    /// Something is not converted, or comes out differently.
    pub fn needs_attention(&self) -> bool {
        self.attention || !self.refused.is_empty()
    }

    /// YAML to be applied.
    pub fn text(&self) -> String {
        let done = self.total - self.refused.len();
        let mut text = format!("# {done} of {} InfisicalSecrets converted to v1beta1.\n", self.total);
        for (name, refusal) in &self.refused {
            // Writing to a text does not fail.
            let _ = writeln!(text, "# not converted: {name}: {refusal}");
        }
        if done > 0 {
            text.push_str(HEAD);
        }
        for (comments, document) in &self.documents {
            text.push_str("---\n");
            for comment in comments {
                let _ = writeln!(text, "# {comment}");
            }
            text.push_str(&serde_yaml::to_string(document).unwrap_or_default());
        }
        text
    }
}

#[cfg(test)]
mod tests;
