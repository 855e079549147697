//! What is being worked through: lists in loops in templates.
//!
//! Kept on the heap and not on the stack: templates may call one another a hundred thousand deep, as in Go, and a sandbox has
//! half a mebibyte of stack.
use super::Operand;
use crate::{
    list::List as Items,
    parse::node::{List, Loop},
    types::{Kind, Type},
    value::Value,
};
use std::{rc::Rc, vec};

/// One of them.
pub enum Frame<'t> {
    List(Walk<'t>),
    Loop(Box<Turns<'t>>),
}

/// A list: of a branch, of a turn, of a template.
pub struct Walk<'t> {
    pub list: &'t List,
    pub next: usize,
    pub dot: Operand,
    /// How many variables there are when it ends.
    pub variables: usize,
    /// What comes back when a template ends.
    pub caller: Option<Box<Caller>>,
}

/// The template that called.
pub struct Caller {
    pub template: Rc<str>,
    pub scope: usize,
}

/// A loop: what is left of what it goes over.
pub struct Turns<'t> {
    pub source: &'t Loop,
    pub dot: Operand,
    pub items: Left,
    pub ran: bool,
    /// How many variables there are in each turn, and when it ends.
    pub inside: usize,
    pub outside: usize,
}

/// What a loop has not yet seen.
pub enum Left {
    Nothing,
    Int(Kind, std::ops::Range<i64>),
    Uint(Kind, std::ops::Range<u64>),
    Items { list: Items, next: usize },
    Entries { key: Type, elem: Type, entries: vec::IntoIter<(Value, Value)> },
}

impl Left {
    /// Place or key, and item.
    pub fn next(&mut self) -> Option<(Operand, Operand)> {
        match self {
            Self::Nothing => None,
            Self::Int(kind, range) => range.next().map(|number| (Operand::missing(), Operand::new(Value::Int(*kind, number)))),
            Self::Uint(kind, range) => range.next().map(|number| (Operand::missing(), Operand::new(Value::Uint(*kind, number)))),
            Self::Items { list, next } => {
                let item = Operand::of(list.get(*next)?.clone(), *list.elem());
                let place = Operand::new(Value::int(i64::try_from(*next).unwrap_or(i64::MAX)));
                *next += 1;
                Some((place, item))
            }
            Self::Entries { key, elem, entries } => {
                entries.next().map(|(name, value)| (Operand::of(name, *key), Operand::of(value, *elem)))
            }
        }
    }
}
