//! Which verb does what to which kind of value.
use super::printer::Printer;
use crate::{
    list::List,
    map::Map,
    structure::Structure,
    text::Str,
    types::{Named, Type},
    value::Value,
};

/// Values in one another. Go has no bound, and ends the process where a map holds itself.
const DEPTH: usize = 1_000;

/// Where a pointer points is not to be told, and nothing that stays the same.
const ADDRESS: u64 = 0xc0_0001_2000;

impl Printer {
    /// One operand.
    pub fn arg(&mut self, arg: &Value, verb: char) {
        match arg {
            Value::Missing | Value::Nil if matches!(verb, 'T' | 'v') => self.pad(b"<nil>"),
            Value::Missing | Value::Nil => self.bad_verb(None, verb),
            arg if verb == 'T' => self.string(arg.type_name().as_bytes()),
            arg if verb == 'p' => self.pointer(arg, 'p'),
            Value::String(text) => self.string_verb(text, verb, arg),
            Value::Bytes(bytes) => self.bytes(bytes.as_ref(), verb, "[]byte", arg),
            arg => {
                if !self.methods(arg, verb) {
                    self.value(arg, verb, 0);
                }
            }
        }
    }

    /// `%!d(string=a)`
    pub fn bad_verb(&mut self, arg: Option<&Value>, verb: char) {
        self.text("%!");
        self.rune(verb);
        self.text("(");
        match arg {
            Some(arg) => {
                self.erroring = true;
                self.text(&arg.type_name());
                self.text("=");
                self.arg(arg, 'v');
                self.erroring = false;
            }
            None => self.text("<nil>"),
        }
        self.text(")");
    }

    /// Whether its own text was printed.
    fn methods(&mut self, arg: &Value, verb: char) -> bool {
        if self.erroring {
            return false;
        }
        if verb == 'w' {
            self.bad_verb(Some(arg), verb);
            return true;
        }
        let (named, pointer): (&Named, bool) = match arg {
            Value::Struct(structure) => (structure.named(), false),
            Value::Pointer(structure) => (structure.named(), true),
            Value::Named(value) => (value.named, false),
            Value::NilPointer(named) => (named, true),
            _ => return false,
        };
        let text = named.text.or(if pointer { named.pointer_text } else { None });
        let (Some(text), false, 'v' | 's' | 'x' | 'X' | 'q') = (text, self.flags.sharp_v, verb) else { return false };
        if matches!(arg, Value::NilPointer(_)) {
            self.text("<nil>");
            return true;
        }
        self.string_verb(&text(arg), verb, arg);
        true
    }

    /// Any value, by its kind.
    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if self.stopped() {
            return;
        }
        if depth > DEPTH {
            return self.too_deep();
        }
        if depth > 0 && self.methods(value, verb) {
            return;
        }
        match value {
            Value::Missing | Value::Nil if self.flags.sharp_v => self.text("interface {}(nil)"),
            Value::Missing | Value::Nil => self.text("<nil>"),
            Value::Bool(truth) => match verb {
                't' | 'v' => self.truth(*truth),
                _ => self.bad_verb(Some(value), verb),
            },
            Value::Int(_, number) => self.integer_verb(number.unsigned_abs(), *number < 0, *number as u64, verb, value, true),
            Value::Uint(_, number) => self.integer_verb(*number, false, *number, verb, value, false),
            Value::Float(number) => self.float_verb(*number, 64, verb, value),
            Value::Float32(number) => self.float_verb(f64::from(*number), 32, verb, value),
            Value::Complex(number) => self.complex(**number, verb, value),
            Value::String(text) => self.string_verb(text, verb, value),
            Value::Bytes(bytes) => match verb {
                's' | 'q' | 'x' | 'X' => self.bytes(bytes.as_ref(), verb, "[]uint8", value),
                _ => {
                    if let Some(list) = value.elements() {
                        self.list(&list, value, bytes.is_none(), verb, depth);
                    }
                }
            },
            Value::List(list) => self.list(list, value, list.is_nil(), verb, depth),
            Value::Map(map) => self.map(map, value, verb, depth),
            Value::Struct(structure) => self.structure(structure, verb, depth),
            Value::Pointer(structure) if depth == 0 => {
                self.text("&");
                self.value(&Value::Struct(structure.clone()), verb, depth + 1);
            }
            Value::Pointer(_) | Value::NilPointer(_) => self.pointer(value, verb),
            Value::Named(named) => self.value(&named.value, verb, depth),
        }
    }

    fn separator(&mut self, place: usize) {
        if place > 0 {
            self.text(if self.flags.sharp_v { ", " } else { " " });
        }
    }

    fn list(&mut self, list: &List, value: &Value, nil: bool, verb: char, depth: usize) {
        if self.flags.sharp_v {
            self.text(&value.type_name());
            if nil {
                return self.text("(nil)");
            }
        }
        self.text(if self.flags.sharp_v { "{" } else { "[" });
        for (place, item) in list.iter().enumerate() {
            self.separator(place);
            self.value(item, verb, depth + 1);
        }
        self.text(if self.flags.sharp_v { "}" } else { "]" });
    }

    fn map(&mut self, map: &Map, value: &Value, verb: char, depth: usize) {
        if self.flags.sharp_v {
            self.text(&value.type_name());
            if map.is_nil() {
                return self.text("(nil)");
            }
            self.text("{");
        } else {
            self.text("map[");
        }
        for (place, (key, item)) in map.entries().iter().enumerate() {
            self.separator(place);
            self.value(key, verb, depth + 1);
            self.text(":");
            self.value(item, verb, depth + 1);
        }
        self.text(if self.flags.sharp_v { "}" } else { "]" });
    }

    fn structure(&mut self, structure: &Structure, verb: char, depth: usize) {
        if self.flags.sharp_v {
            self.text(structure.named().name);
        }
        self.text("{");
        for (place, (field, value)) in structure.named().fields.iter().zip(structure.fields()).enumerate() {
            self.separator(place);
            if self.flags.plus_v || self.flags.sharp_v {
                self.text(field.name);
                self.text(":");
            }
            match value {
                Value::Missing | Value::Nil if self.flags.sharp_v => {
                    self.text(&field.kind.to_string());
                    self.text("(nil)");
                }
                value => self.value(value, verb, depth + 1),
            }
        }
        self.text("}");
    }

    fn pointer(&mut self, value: &Value, verb: char) {
        let address = match value.underlying() {
            Value::Map(map) if map.is_nil() => 0,
            Value::List(list) if list.is_nil() => 0,
            Value::Bytes(None) | Value::NilPointer(_) => 0,
            Value::Map(_) | Value::List(_) | Value::Bytes(_) | Value::Pointer(_) => ADDRESS,
            _ => return self.bad_verb(Some(value), verb),
        };
        match verb {
            'v' if self.flags.sharp_v => {
                self.text("(");
                self.text(&value.type_name());
                self.text(")(");
                if address == 0 {
                    self.text("nil")
                } else {
                    self.hex(address, true)
                }
                self.text(")");
            }
            'v' if address == 0 => self.pad(b"<nil>"),
            'v' | 'p' => self.hex(address, !self.flags.sharp),
            'b' | 'o' | 'd' | 'x' | 'X' => self.integer_verb(address, false, address, verb, value, false),
            _ => self.bad_verb(Some(value), verb),
        }
    }

    fn hex(&mut self, number: u64, prefix: bool) {
        let sharp = std::mem::replace(&mut self.flags.sharp, prefix);
        self.integer(number, false, 16, 'v', false);
        self.flags.sharp = sharp;
    }

    fn string_verb(&mut self, text: &Str, verb: char, arg: &Value) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text),
            'v' | 's' => self.string(text),
            'x' => self.hex_bytes(text, false),
            'X' => self.hex_bytes(text, true),
            'q' => self.quoted(text),
            _ => self.bad_verb(Some(arg), verb),
        }
    }

    fn bytes(&mut self, bytes: Option<&Str>, verb: char, name: &str, arg: &Value) {
        let content: &[u8] = bytes.map_or(&[], |bytes| bytes);
        match verb {
            'v' | 'd' if self.flags.sharp_v => {
                self.text(name);
                if bytes.is_none() {
                    return self.text("(nil)");
                }
                self.text("{");
                for (place, byte) in content.iter().enumerate() {
                    self.separator(place);
                    self.hex(u64::from(*byte), true);
                }
                self.text("}");
            }
            'v' | 'd' => {
                self.text("[");
                for (place, byte) in content.iter().enumerate() {
                    self.separator(place);
                    self.integer(u64::from(*byte), false, 10, verb, false);
                }
                self.text("]");
            }
            's' => self.string(content),
            'x' => self.hex_bytes(content, false),
            'X' => self.hex_bytes(content, true),
            'q' => self.quoted(content),
            _ => self.value(arg, verb, 0),
        }
    }

    fn integer_verb(&mut self, magnitude: u64, negative: bool, bits: u64, verb: char, arg: &Value, signed: bool) {
        match verb {
            'v' if self.flags.sharp_v && !signed => self.hex(magnitude, true),
            'v' | 'd' => self.integer(magnitude, negative, 10, verb, false),
            'b' => self.integer(magnitude, negative, 2, verb, false),
            'o' | 'O' => self.integer(magnitude, negative, 8, verb, false),
            'x' => self.integer(magnitude, negative, 16, verb, false),
            'X' => self.integer(magnitude, negative, 16, verb, true),
            'c' => self.character(bits),
            'q' => self.quoted_character(bits),
            'U' => self.unicode(bits),
            _ => self.bad_verb(Some(arg), verb),
        }
    }

    fn float_verb(&mut self, number: f64, bits: u8, verb: char, arg: &Value) {
        match verb {
            'v' => self.float(number, bits, b'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => self.float(number, bits, verb as u8, None),
            'f' | 'e' | 'E' => self.float(number, bits, verb as u8, Some(6)),
            'F' => self.float(number, bits, b'f', Some(6)),
            _ => self.bad_verb(Some(arg), verb),
        }
    }

    fn complex(&mut self, (real, imaginary): (f64, f64), verb: char, arg: &Value) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(Some(arg), verb);
        }
        let plus = self.flags.plus;
        self.text("(");
        self.float_verb(real, 64, verb, arg);
        self.flags.plus = true;
        self.float_verb(imaginary, 64, verb, arg);
        self.text("i)");
        self.flags.plus = plus;
    }
}

/// Whether its kind is `string`, declared or not: what decides on spaces in `Sprint`.
pub fn is_string(value: &Value) -> bool {
    value.type_of().is_some_and(|kind| kind.kind() == Type::STRING.kind())
}
