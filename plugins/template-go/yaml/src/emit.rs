//! Lays text out as libyaml's emitter does, in the two forms that Go's libraries made of it. What differs: V2 folds lines
//! beyond 80 columns, indents by two, sets lists flush to their key and breaks the line after the header of a block; V3 indents
//! by four, folds nothing, never writes a tab without quotes, and loses the first of a block's leading empty lines.
mod scalars;

use crate::Dialect;

/// A line may have this many columns before V2 folds it.
const WIDTH: usize = 80;
/// Longer keys are written behind `? `.
const SIMPLE_KEY: usize = 128;

/// Where a value stands.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Context {
    Root,
    Item,
    Value,
}

/// The style that a scalar asks for; its characters may call for another.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wanted {
    Plain,
    DoubleQuoted,
    Literal,
}

pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) wanted: Wanted,
    /// Bears the tag `!!binary`.
    pub(crate) binary: bool,
}

/// What the enclosing collection was.
pub(crate) struct Outer {
    indent: Option<usize>,
    parent_is_list: bool,
}

pub(crate) struct Emitter {
    out: String,
    dialect: Dialect,
    column: usize,
    /// Whether the last character was white space that may part two tokens.
    whitespace: bool,
    /// Whether the line holds nothing but indentation and indicators of it.
    indention: bool,
    /// `None` before the first collection.
    indent: Option<usize>,
    /// Whether what is written now is an item of a list.
    in_list: bool,
}

impl Emitter {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { out: String::new(), dialect, column: 0, whitespace: true, indention: true, indent: None, in_list: false }
    }

    pub(crate) fn finish(mut self) -> String {
        self.write_indent();
        self.out
    }

    fn best_indent(&self) -> usize {
        if self.dialect == Dialect::V3 { 4 } else { 2 }
    }

    fn deeper(&self, flow: bool) -> usize {
        let best = self.best_indent();
        match (self.indent, self.dialect) {
            (None, _) => {
                if flow {
                    best
                } else {
                    0
                }
            }
            (Some(indent), Dialect::V2) => indent + best,
            // Within a list only the `- ` counts.
            (Some(indent), Dialect::V3) if self.in_list => indent + 2,
            (Some(indent), Dialect::V3) => (indent + best) / best * best,
        }
    }

    fn begin(&mut self, context: Context, indent: usize) -> Outer {
        let outer = Outer { indent: self.indent, parent_is_list: context == Context::Item };
        self.indent = Some(indent);
        outer
    }

    pub(crate) fn begin_list(&mut self, context: Context) -> Outer {
        let flush = self.dialect == Dialect::V2 && context == Context::Value && !self.indention;
        let indent = if flush { self.indent.unwrap_or(0) } else { self.deeper(false) };
        self.begin(context, indent)
    }

    pub(crate) fn begin_map(&mut self, context: Context) -> Outer {
        let indent = self.deeper(false);
        self.begin(context, indent)
    }

    pub(crate) fn end(&mut self, outer: Outer) {
        self.indent = outer.indent;
        self.in_list = outer.parent_is_list;
    }

    pub(crate) fn begin_item(&mut self) {
        self.write_indent();
        self.write_indicator("-", true, false, true);
        self.in_list = true;
    }

    pub(crate) fn empty_collection(&mut self, open: &str, close: &str) {
        self.write_indicator(open, true, true, false);
        self.write_indicator(close, false, false, false);
    }

    /// Writes a key and what parts it from its value.
    pub(crate) fn key(&mut self, key: &Scalar) {
        self.in_list = false;
        self.write_indent();
        let tag = if key.binary { "!!binary".len() } else { 0 };
        let simple = !key.text.contains(is_break) && key.text.len() + tag <= SIMPLE_KEY;
        if simple {
            self.write_scalar(key, true);
            self.write_indicator(":", false, false, false);
        } else {
            self.write_indicator("?", true, false, true);
            self.write_scalar(key, false);
            self.write_indent();
            self.write_indicator(":", true, false, true);
        }
    }

    pub(crate) fn scalar(&mut self, scalar: &Scalar, context: Context) {
        self.in_list = context == Context::Item;
        self.write_scalar(scalar, false);
    }

    // The output.

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
        if self.dialect == Dialect::V3 {
            self.indention = true;
        }
    }

    /// Writes a break of the text as it is.
    fn write_break(&mut self, c: char) {
        if c == '\n' {
            self.put_break();
        } else {
            self.out.push(c);
            self.column = 0;
            if self.dialect == Dialect::V3 {
                self.indention = true;
            }
        }
    }

    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        if self.dialect == Dialect::V2 {
            self.indention = true;
        }
    }

    fn write_indicator(&mut self, indicator: &str, need_whitespace: bool, whitespace: bool, indention: bool) {
        if need_whitespace && !self.whitespace {
            self.put(' ');
        }
        indicator.chars().for_each(|c| self.put(c));
        self.whitespace = whitespace;
        self.indention = self.indention && indention;
    }
}

pub(crate) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}
