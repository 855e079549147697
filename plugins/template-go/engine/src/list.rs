//! Slices.
use crate::{types::Type, value::Value};
use std::{ops::Deref, rc::Rc};

/// A slice with its element type. Can't change; cloning shares. `[]uint8` is [`Value::Bytes`], not this.
#[derive(Clone)]
pub struct List {
    elem: &'static Type,
    items: Option<Rc<Vec<Value>>>,
}

impl List {
    /// Of these. The caller gives items of that type, or [`Type::Interface`].
    pub fn new(elem: &'static Type, items: Vec<Value>) -> Self {
        Self { elem, items: Some(Rc::new(items)) }
    }

    /// A nil slice: empty, and `null` in JSON.
    pub const fn nil(elem: &'static Type) -> Self {
        Self { elem, items: None }
    }

    /// Type of the elements.
    pub const fn elem(&self) -> &'static Type {
        self.elem
    }

    /// Whether it is a nil slice.
    pub const fn is_nil(&self) -> bool {
        self.items.is_none()
    }
}

impl Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        self.items.as_deref().map_or(&[], Vec::as_slice)
    }
}
