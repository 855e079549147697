//! Secrets by handle: the bytes stay here, and leave only by a right to reveal or into something that the host sends.
use super::{Context, Imported};
use crate::{Capability, SecretBytes, capability::Refusal};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::sync::Arc;
use wasmtime::component::Resource;
use zeroize::Zeroize;

/// Something secret, and where it came from: the right to reveal is asked by origin and member. Can't be formatted.
pub struct Credential {
    /// `input/NAME`, `mounts/NAME` or `service-account`.
    source: Arc<str>,
    /// JSON pointer of the member that was selected; empty for the whole.
    pointer: Arc<str>,
    bytes: Arc<SecretBytes>,
}

impl Context {
    /// Makes a handle on something that came from `source`. Fails where too many are open.
    pub(super) fn hold(&mut self, source: String, bytes: Arc<SecretBytes>) -> wasmtime::Result<Resource<Credential>> {
        self.scrubber.add(bytes.clone());
        Ok(self.table.push(Credential { source: source.into(), pointer: "".into(), bytes })?)
    }

    /// What a handle stands for, for the host's own use.
    pub(crate) fn borrow(&self, handle: &Resource<Credential>) -> wasmtime::Result<Arc<SecretBytes>> {
        Ok(self.table.get(handle)?.bytes.clone())
    }

    /// The same of a handle that the guest gave away.
    pub(crate) fn take(&mut self, handle: Resource<Credential>) -> wasmtime::Result<Arc<SecretBytes>> {
        Ok(self.table.delete(handle)?.bytes)
    }

    /// `credentials.get`. Needs no grant: that the input is sensitive was part of the descriptor.
    pub(crate) fn input(&mut self, name: String) -> Imported<Option<Resource<Credential>>> {
        self.charge_cheap(name.len())?;
        if matches!(self.access, super::Access::Nothing) {
            return Ok(Err(self.deny("credentials".into(), false)));
        }
        let Some(bytes) = self.inputs.get(&name).cloned() else { return Ok(Ok(None)) };
        Ok(Ok(Some(self.hold(format!("input/{name}"), bytes)?)))
    }

    /// `credential.reveal`.
    pub(crate) fn reveal(&mut self, handle: &Resource<Credential>) -> Imported<Vec<u8>> {
        let credential = self.table.get(handle)?;
        let (bytes, used) = (
            credential.bytes.clone(),
            Capability::Reveal { source: credential.source.to_string(), pointer: credential.pointer.to_string() },
        );
        self.charge_cheap(bytes.expose_secret().len())?;
        Ok(self.ask(&used).map(|()| bytes.expose_secret().to_vec()))
    }

    /// `credential.select`.
    pub(crate) fn select(&mut self, handle: &Resource<Credential>, pointer: &str) -> Imported<Resource<Credential>> {
        self.charge_cheap(pointer.len())?;
        let credential = self.table.get(handle)?;
        let Some(bytes) = member(credential.bytes.expose_secret(), pointer) else {
            return Ok(Err(Refusal::Credentials(format!("{} has no member {}", credential.source, crate::text::cut(pointer)))));
        };
        // A copy, which is kept to the end of the call even if its handle is dropped: texts are searched for it.
        self.charge_cheap(bytes.expose_secret().len())?;
        let credential = self.table.get(handle)?;
        let selected = Credential {
            source: credential.source.clone(),
            pointer: format!("{}{pointer}", credential.pointer).into(),
            bytes: Arc::new(bytes),
        };
        self.scrubber.add(selected.bytes.clone());
        Ok(Ok(self.table.push(selected)?))
    }

    /// `credential.duplicate`.
    pub(crate) fn duplicate(&mut self, handle: &Resource<Credential>) -> Imported<Resource<Credential>> {
        self.charge_cheap(0)?;
        let Credential { source, pointer, bytes } = self.table.get(handle)?;
        let second = Credential { source: source.clone(), pointer: pointer.clone(), bytes: bytes.clone() };
        Ok(Ok(self.table.push(second)?))
    }

    /// The end of a handle.
    pub(crate) fn release(&mut self, handle: Resource<Credential>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

/// A string gives its text, anything else its JSON.
fn member(document: &[u8], pointer: &str) -> Option<SecretBytes> {
    let mut document: Value = serde_json::from_slice(document).ok()?;
    let member = document.pointer_mut(pointer).map(Value::take);
    let bytes = match member {
        Some(Value::String(text)) => Some(SecretBytes::from(text.into_bytes())),
        Some(mut value) => {
            let text = value.to_string();
            wipe(&mut value);
            Some(SecretBytes::from(text.into_bytes()))
        }
        None => None,
    };
    wipe(&mut document);
    bytes
}

/// What was parsed only to look into it is zeroed like the text it was parsed from.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_its_text_or_its_json() {
        let document = br#"{"a": {"b": "text"}, "c~d": [1, {"e": null}], "": true}"#;
        let text = |pointer: &str| member(document, pointer).map(|bytes| String::from_utf8(bytes.expose_secret().to_vec()).unwrap());
        assert_eq!(text("/a/b").as_deref(), Some("text"));
        assert_eq!(text("/a").as_deref(), Some(r#"{"b":"text"}"#));
        assert_eq!(text("/c~0d/1").as_deref(), Some(r#"{"e":null}"#));
        assert_eq!(text("/").as_deref(), Some("true"));
        assert_eq!(text("/missing"), None);
        assert!(member(b"no json", "/a").is_none());
    }
}
