//! Structs and declared types.
use crate::{types::Named, value::Value};
use std::{any::Any, rc::Rc};

/// A struct: fields as its [`Named`] lists them, and for host types what they are made of.
pub struct Structure {
    named: &'static Named,
    fields: Vec<Value>,
    inner: Option<Rc<dyn Any>>,
}

impl Structure {
    /// Of these fields, in the order of the type.
    pub const fn new(named: &'static Named, fields: Vec<Value>) -> Self {
        Self { named, fields, inner: None }
    }

    /// One that stands for a value of this host, such as a time, which its methods find by [`Structure::inner`].
    pub fn opaque(named: &'static Named, inner: impl Any) -> Self {
        Self { named, fields: Vec::new(), inner: Some(Rc::new(inner)) }
    }

    /// Its type.
    pub const fn named(&self) -> &'static Named {
        self.named
    }

    /// In the order of the type; fewer for an opaque one.
    pub fn fields(&self) -> &[Value] {
        &self.fields
    }

    /// By name.
    pub fn field(&self, name: &str) -> Option<&Value> {
        let place = self.named.fields.iter().position(|field| field.name == name)?;
        self.fields.get(place)
    }

    /// What it was made of by [`Structure::opaque`].
    pub fn inner<T: Any>(&self) -> Option<&T> {
        self.inner.as_ref()?.downcast_ref()
    }

    /// `reflect.DeepEqual`. Opaque ones are equal if they are one and the same, or their type says so.
    pub fn deep_equal(&self, other: &Self) -> bool {
        if self.named != other.named || self.fields.len() != other.fields.len() {
            return false;
        }
        match (&self.inner, &other.inner) {
            (None, None) => self.fields.iter().zip(&other.fields).all(|(a, b)| a.deep_equal(b)),
            (Some(a), Some(b)) => Rc::ptr_eq(a, b) || self.named.equal.is_some_and(|equal| equal(self, other)),
            _ => false,
        }
    }
}

/// A value of a declared type that is no struct.
pub struct NamedValue {
    /// Its type.
    pub named: &'static Named,
    /// Of the type beneath.
    pub value: Value,
}
