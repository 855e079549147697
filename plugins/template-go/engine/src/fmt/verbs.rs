//! Formats: `%[2]*.[1]*f` and all that can be wrong with them.
use super::{
    printer::{Flags, Printer},
    value::is_string,
};
use crate::{strconv::decode_rune, value::Value};

/// A larger width or precision is none.
const LARGEST: i64 = 1_000_000;

impl Printer {
    /// `fmt.Print`
    pub fn print(&mut self, args: &[Value]) {
        let mut before = false;
        for (place, arg) in args.iter().enumerate() {
            let string = is_string(arg);
            if place > 0 && !string && !before {
                self.text(" ");
            }
            self.arg(arg, 'v');
            before = string;
        }
    }

    /// `fmt.Println`
    pub fn println(&mut self, args: &[Value]) {
        for (place, arg) in args.iter().enumerate() {
            if place > 0 {
                self.text(" ");
            }
            self.arg(arg, 'v');
        }
        self.text("\n");
    }

    /// `fmt.Printf`
    pub fn printf(&mut self, format: &[u8], args: &[Value]) {
        let mut reader = Reader { format, at: 0, args, arg: 0, reordered: false, good: true, indexed: false };
        while reader.at < format.len() && !self.stopped() {
            let rest = reader.rest();
            let plain = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
            self.write(rest.get(..plain).unwrap_or_default());
            reader.at += plain;
            if reader.at >= format.len() {
                break;
            }
            reader.at += 1;
            if !self.verb(&mut reader) {
                break;
            }
        }
        let left = args.get(reader.arg..).unwrap_or_default();
        if reader.reordered || left.is_empty() {
            return;
        }
        self.flags = Flags::default();
        self.text("%!(EXTRA ");
        for (place, arg) in left.iter().enumerate() {
            if place > 0 {
                self.text(", ");
            }
            if arg.is_nil() {
                self.text("<nil>");
            } else {
                self.text(&arg.type_name());
                self.text("=");
                self.arg(arg, 'v');
            }
        }
        self.text(")");
    }

    /// One verb, behind its percent sign. `false` where the format ends in it.
    fn verb(&mut self, reader: &mut Reader<'_>) -> bool {
        self.flags = Flags::default();
        reader.good = true;
        while let Some(byte) = reader.peek() {
            match byte {
                b'#' => self.flags.sharp = true,
                b'0' => self.flags.zero = true,
                b'+' => self.flags.plus = true,
                b'-' => self.flags.minus = true,
                b' ' => self.flags.space = true,
                _ => break,
            }
            reader.at += 1;
        }
        // What follows the flags at once is a verb, whatever an index before has done.
        if let (Some(byte @ b'a'..=b'z'), Some(arg)) = (reader.peek(), reader.args.get(reader.arg)) {
            reader.at += 1;
            reader.arg += 1;
            self.operand(arg, char::from(byte));
            return true;
        }
        reader.index();
        self.width(reader);
        self.precision(reader);
        if !reader.indexed {
            reader.index();
        }
        if reader.at >= reader.format.len() {
            self.text("%!(NOVERB)");
            return false;
        }
        let (verb, length) = decode_rune(reader.rest());
        reader.at += length;
        match reader.args.get(reader.arg) {
            _ if verb == '%' => self.text("%"),
            _ if !reader.good => self.complain(verb, "(BADINDEX)"),
            None => self.complain(verb, "(MISSING)"),
            Some(arg) => {
                reader.arg += 1;
                self.operand(arg, verb);
            }
        }
        true
    }

    fn operand(&mut self, arg: &Value, verb: char) {
        if matches!(verb, 'v' | 'w') {
            self.flags.sharp_v = std::mem::replace(&mut self.flags.sharp, false);
            self.flags.plus_v = std::mem::replace(&mut self.flags.plus, false);
        }
        self.arg(arg, verb);
    }

    fn complain(&mut self, verb: char, what: &str) {
        self.text("%!");
        self.rune(verb);
        self.text(what);
    }

    fn width(&mut self, reader: &mut Reader<'_>) {
        if reader.eat(b'*') {
            match reader.number_arg() {
                None => self.text("%!(BADWIDTH)"),
                Some(width) => {
                    if width < 0 {
                        self.flags.minus = true;
                        self.flags.zero = false;
                    }
                    self.flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
            }
            reader.indexed = false;
        } else {
            self.flags.width = reader.number();
            if reader.indexed && self.flags.width.is_some() {
                reader.good = false;
            }
        }
    }

    fn precision(&mut self, reader: &mut Reader<'_>) {
        if reader.at + 1 >= reader.format.len() || !reader.eat(b'.') {
            return;
        }
        if reader.indexed {
            reader.good = false;
        }
        reader.index();
        if reader.eat(b'*') {
            self.flags.precision = reader.number_arg().and_then(|precision| usize::try_from(precision).ok());
            if self.flags.precision.is_none() {
                self.text("%!(BADPREC)");
            }
            reader.indexed = false;
        } else {
            self.flags.precision = Some(reader.number().unwrap_or(0));
        }
    }
}

struct Reader<'a> {
    format: &'a [u8],
    at: usize,
    args: &'a [Value],
    arg: usize,
    reordered: bool,
    /// No index in this verb was wrong.
    good: bool,
    /// What stands before is an index.
    indexed: bool,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.format.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Digits. A number that is far too large takes the rest of the format with it.
    fn number(&mut self) -> Option<usize> {
        let (number, end) = digits(self.format, self.at, self.format.len());
        self.at = end;
        number
    }

    /// The next argument as a width or precision; it counts as used if there is one.
    fn number_arg(&mut self) -> Option<i64> {
        let arg = self.args.get(self.arg)?;
        self.arg += 1;
        let number = match arg.underlying() {
            Value::Int(_, number) => *number,
            Value::Uint(_, number) => i64::try_from(*number).ok()?,
            _ => return None,
        };
        (-LARGEST..=LARGEST).contains(&number).then_some(number)
    }

    /// `[3]`
    fn index(&mut self) {
        self.indexed = false;
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = self.rest();
        let close = if rest.len() < 3 { None } else { rest.iter().position(|byte| *byte == b']') };
        let Some(close) = close else {
            self.at += 1;
            self.good = false;
            return;
        };
        let (number, end) = digits(rest, 1, close);
        self.at += close + 1;
        match number.filter(|_| end == close) {
            None => self.good = false,
            Some(number) => {
                self.indexed = true;
                match number.checked_sub(1).filter(|index| *index < self.args.len()) {
                    Some(index) => self.arg = index,
                    None => self.good = false,
                }
            }
        }
    }
}

fn digits(text: &[u8], start: usize, end: usize) -> (Option<usize>, usize) {
    let (mut number, mut at) = (None, start);
    while at < end
        && let Some(digit @ b'0'..=b'9') = text.get(at)
    {
        let before = number.unwrap_or(0);
        if before > LARGEST as usize {
            return (None, end);
        }
        number = Some(before * 10 + usize::from(digit - b'0'));
        at += 1;
    }
    (number, at)
}
