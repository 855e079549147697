//! Fields, methods and keys.
use super::{At, Operand, Result, State};
use crate::{
    function::Function,
    parse::node::{Callee, Node, Special},
    structure::Structure,
    text::Str,
    types::{Kind, Named},
    value::Value,
};

impl<'t> State<'t, '_, '_> {
    /// `.A.B.C`; the arguments are the last one's.
    pub(super) fn fields(
        &mut self,
        dot: &Operand,
        receiver: Operand,
        node: &'t Node,
        names: &'t [Str],
        args: &'t [Node],
        last: Option<Operand>,
    ) -> Result<Operand> {
        let Some((final_name, before)) = names.split_last() else { return Ok(receiver) };
        let mut receiver = receiver;
        for name in before {
            receiver = self.field(dot, name, node, &[], None, receiver)?;
        }
        self.field(dot, final_name, node, args, last, receiver)
    }

    fn field(
        &mut self,
        dot: &Operand,
        name: &'t Str,
        node: &'t Node,
        args: &'t [Node],
        last: Option<Operand>,
        receiver: Operand,
    ) -> Result<Operand> {
        let has_args = !args.is_empty() || last.is_some();
        match &receiver.value {
            Value::Map(map) if matches!(map.key().kind(), Kind::String | Kind::Interface) => {
                if has_args {
                    return Err(self.error(format!("{} is not a method but has arguments", name.lossy())));
                }
                return match map.get(name) {
                    Some(value) => Ok(Operand::of(value, *map.elem())),
                    None if self.strict => Err(self.error(format!("map has no entry for key {}", quoted(name)))),
                    None => Ok(Operand::missing()),
                };
            }
            Value::Missing if self.strict => return Err(self.error(format!("nil data; no entry for key {}", quoted(name)))),
            Value::Missing => return Ok(Operand::missing()),
            Value::Nil => return Err(self.error(format!("nil pointer evaluating interface {{}}.{}", name.lossy()))),
            Value::Struct(structure) => {
                if let Some(found) = self.member(dot, structure, (structure.named().methods)(), &receiver, name, node, args, last)? {
                    return Ok(found);
                }
            }
            Value::Pointer(structure) => {
                let named = structure.named();
                if let Some(method) = method((named.pointer_methods)(), name) {
                    return self.method(dot, method, &receiver, node, args, last);
                }
                if let Some(found) = self.member(dot, structure, (named.methods)(), &receiver, name, node, args, last)? {
                    return Ok(found);
                }
            }
            Value::NilPointer(named) if has_field(named, name) || named.kind != Kind::Struct => {
                return Err(self.error(format!("nil pointer evaluating *{}.{}", named.name, name.lossy())));
            }
            Value::Named(value) => {
                if let Some(method) = method((value.named.methods)(), name) {
                    return self.method(dot, method, &receiver, node, args, last);
                }
            }
            _ => {}
        }
        Err(self.error(format!("can't evaluate field {} in type {}", name.lossy(), receiver.type_name())))
    }

    /// Of a struct: a method, else a field.
    #[expect(clippy::too_many_arguments, reason = "what a call needs, and the struct")]
    fn member(
        &mut self,
        dot: &Operand,
        structure: &Structure,
        methods: &'static [Function],
        receiver: &Operand,
        name: &'t Str,
        node: &'t Node,
        args: &'t [Node],
        last: Option<Operand>,
    ) -> Result<Option<Operand>> {
        if let Some(method) = method(methods, name) {
            return self.method(dot, method, receiver, node, args, last).map(Some);
        }
        let fields = structure.named().fields.iter().zip(structure.fields());
        let Some((field, value)) = fields.into_iter().find(|(field, _)| field.name.as_bytes() == &**name) else { return Ok(None) };
        if !field.exported() {
            return Err(self.error(format!("{} is an unexported field of struct type {}", field.name, receiver.type_name())));
        }
        if !args.is_empty() || last.is_some() {
            return Err(self.error(format!("{} has arguments but cannot be invoked as function", field.name)));
        }
        Ok(Some(Operand::of(value.clone(), field.kind)))
    }

    fn method(
        &mut self,
        dot: &Operand,
        function: &'static Function,
        receiver: &Operand,
        node: &'t Node,
        args: &'t [Node],
        last: Option<Operand>,
    ) -> Result<Operand> {
        let callee = Callee { function, special: Special::No };
        self.call(dot, callee, Some(receiver.value.clone()), At::Node(node), args, last)
    }
}

fn method(methods: &'static [Function], name: &[u8]) -> Option<&'static Function> {
    methods.iter().find(|method| method.name.as_bytes() == name)
}

fn has_field(named: &Named, name: &[u8]) -> bool {
    named.fields.iter().any(|field| field.name.as_bytes() == name)
}

fn quoted(name: &[u8]) -> String {
    String::from_utf8_lossy(&crate::strconv::quote(name, false)).into_owned()
}
