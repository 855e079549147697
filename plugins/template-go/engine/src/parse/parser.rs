//! The grammar, as `text/template/parse` has it.
//!
//! Three tokens are looked ahead, as in Go, and an error is on the line of the last token read, which may be a later one than
//! that which is wrong. Depth is bounded, since the machine's stack is.
use super::{
    lex::{Kind, Lexer, Token},
    node::{Branch, Call, Callee, Clause, Command, List, Loop, Name, Node, Pipe, Special, Statement, Text},
    number::number,
    quoted,
};
use crate::{builtins, function::FunctionTable, strconv::unquote, text::Str, value::Value};
use std::{borrow::Cow, collections::BTreeMap, rc::Rc};

/// Why a source is no template.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// From 1, as Go counts.
    pub line: usize,
    /// Byte in the source.
    pub at: usize,
    /// Go's words, without the place.
    pub message: String,
}

/// All templates of a source, by name.
pub type Tree = BTreeMap<Rc<str>, Rc<List>>;

/// Parses a source whose own template has that name.
pub fn parse(name: &str, source: &str, delimiters: (&str, &str), functions: FunctionTable, nesting: usize) -> Result<Tree, Problem> {
    let mut parser = Parser {
        source,
        lexer: Lexer::new(source, delimiters.0, delimiters.1),
        functions,
        found: BTreeMap::new(),
        names: BTreeMap::new(),
        trees: Tree::new(),
        parse_name: name,
        state: State::new(),
        nesting,
        depth: 0,
    };
    let root = parser.root()?;
    parser.add(name, root)?;
    Ok(parser.trees)
}

type Result<T, E = Problem> = std::result::Result<T, E>;

/// What each template of a source has for itself.
struct State<'a> {
    tokens: [Token<'a>; 3],
    peeked: usize,
    variables: Vec<Name>,
    action_line: usize,
    ranges: usize,
}

impl State<'_> {
    fn new() -> Self {
        let token = || Token { kind: Kind::Eof, at: 0, text: Cow::Borrowed(""), line: 0 };
        let dollar = Name { number: 0, text: "$".into() };
        Self { tokens: [token(), token(), token()], peeked: 0, variables: vec![dollar], action_line: 0, ranges: 0 }
    }
}

struct Parser<'a> {
    source: &'a str,
    lexer: Lexer<'a>,
    functions: FunctionTable,
    /// Functions that were looked for before.
    found: BTreeMap<&'a str, Callee>,
    names: BTreeMap<String, Name>,
    trees: Tree,
    parse_name: &'a str,
    state: State<'a>,
    nesting: usize,
    depth: usize,
}

/// How a list ended.
enum End {
    End,
    Else,
}

impl End {
    const fn shown(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// An action may end a list.
enum Item {
    Statement(Statement),
    End(End),
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Token<'a> {
        match self.state.peeked.checked_sub(1) {
            Some(peeked) => self.state.peeked = peeked,
            None => self.state.tokens[0] = self.lexer.next_token(),
        }
        self.state.tokens.get(self.state.peeked).cloned().unwrap_or_else(|| self.state.tokens[0].clone())
    }

    fn back(&mut self) {
        self.state.peeked += 1;
    }

    fn back2(&mut self, token: Token<'a>) {
        self.state.tokens[1] = token;
        self.state.peeked = 2;
    }

    fn back3(&mut self, first: Token<'a>, second: Token<'a>) {
        self.state.tokens[1] = second;
        self.state.tokens[2] = first;
        self.state.peeked = 3;
    }

    fn peek(&mut self) -> Token<'a> {
        let token = self.next();
        self.back();
        token
    }

    fn next_visible(&mut self) -> Token<'a> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_visible(&mut self) -> Token<'a> {
        let token = self.next_visible();
        self.back();
        token
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T> {
        let token = &self.state.tokens[0];
        Err(Problem { line: token.line, at: token.at, message: message.into() })
    }

    fn unexpected<T>(&self, token: &Token<'a>, context: &str) -> Result<T> {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", token.shown()));
        }
        let mut extra = String::new();
        if self.state.action_line != 0 && self.state.action_line != token.line {
            let word = if token.text.ends_with(" action") { "" } else { " in action" };
            extra = format!("{word} started at {}:{}", self.parse_name, self.state.action_line);
        }
        self.error(format!("{}{extra}", token.text))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token<'a>> {
        let token = self.next_visible();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    /// One level deeper, where that is allowed.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= self.nesting {
            return self.error(format!("max expression depth exceeded: more than {} parentheses and blocks in one another", self.nesting));
        }
        self.depth += 1;
        let done = parse(self);
        self.depth -= 1;
        done
    }

    /// Keeps the list under its name, unless what is there already is all there is.
    fn add(&mut self, name: &str, list: List) -> Result<()> {
        match self.trees.get(name) {
            Some(there) if !there.is_empty(self.source) => {
                if list.is_empty(self.source) {
                    return Ok(());
                }
                self.error(format!("template: multiple definition of template {}", quoted(name)))
            }
            _ => {
                self.trees.insert(name.into(), Rc::new(list));
                Ok(())
            }
        }
    }

    fn root(&mut self) -> Result<List> {
        let mut list = List::default();
        loop {
            let token = self.peek();
            match token.kind {
                Kind::Eof => return Ok(list),
                Kind::LeftDelim => {
                    let delim = self.next();
                    if self.next_visible().kind == Kind::Define {
                        self.definition()?;
                        continue;
                    }
                    self.back2(delim);
                }
                _ => {}
            }
            match self.text_or_action()? {
                Item::Statement(statement) => list.nodes.push(statement),
                Item::End(end) => return self.error(format!("unexpected {}", end.shown())),
            }
        }
    }

    /// Parses with a state of its own, as each template of a source has.
    fn apart<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outer = std::mem::replace(&mut self.state, State::new());
        let done = self.deeper(parse)?;
        self.state = outer;
        Ok(done)
    }

    fn definition(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        self.apart(|parser| {
            let token = parser.next_visible();
            let name = parser.template_name(&token, CONTEXT)?;
            parser.expect(Kind::RightDelim, CONTEXT)?;
            parser.body(&name, CONTEXT)
        })
    }

    /// The list of a `define` or `block`.
    fn body(&mut self, name: &str, context: &str) -> Result<()> {
        let (list, end) = self.list()?;
        if !matches!(end, End::End) {
            return self.error(format!("unexpected {} in {context}", end.shown()));
        }
        self.add(name, list)
    }

    fn list(&mut self) -> Result<(List, End)> {
        let mut list = List::default();
        while self.peek_visible().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Statement(statement) => list.nodes.push(statement),
                Item::End(end) => return Ok((list, end)),
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Item> {
        let token = self.next_visible();
        match token.kind {
            Kind::Text => {
                let end = token.at + token.text.len();
                Ok(Item::Statement(Statement::Text(Text { start: token.at, end })))
            }
            Kind::LeftDelim => {
                self.state.action_line = token.line;
                let action = self.action()?;
                self.state.action_line = 0;
                Ok(action)
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Result<Item> {
        let token = self.next_visible();
        Ok(Item::Statement(match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => self.jump("break", Statement::Break)?,
            Kind::Continue => self.jump("continue", Statement::Continue)?,
            Kind::Else => {
                // `else if` and `else with` are an else with a branch in it.
                if !matches!(self.peek_visible().kind, Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Item::End(End::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::End(End::End));
            }
            Kind::If => Statement::If(Box::new(self.branch("if", Kind::If)?)),
            Kind::Range => Statement::Range(Box::new(self.range()?)),
            Kind::With => Statement::With(Box::new(self.branch("with", Kind::With)?)),
            Kind::Template => self.template()?,
            _ => {
                self.back();
                self.peek();
                Statement::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        }))
    }

    fn jump(&mut self, word: &str, statement: Statement) -> Result<Statement> {
        let token = self.next_visible();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, &format!("{{{{{word}}}}}"));
        }
        if self.state.ranges == 0 {
            return self.error(format!("{{{{{word}}}}} outside {{{{range}}}}"));
        }
        Ok(statement)
    }

    /// Deeper, and what is declared inside ends there.
    fn scoped<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.deeper(|parser| {
            let variables = parser.state.variables.len();
            let done = parse(parser)?;
            parser.state.variables.truncate(variables);
            Ok(done)
        })
    }

    /// `if` and `with`. A chain of `else if` is as long as it likes: it is no nesting.
    fn branch(&mut self, context: &'static str, word: Kind) -> Result<Branch> {
        self.scoped(|parser| {
            let mut clauses = Vec::new();
            loop {
                let pipe = parser.pipeline(context, Kind::RightDelim)?;
                let (list, end) = parser.list()?;
                clauses.push(Clause { pipe, list });
                match end {
                    End::End => return Ok(Branch { clauses, otherwise: None }),
                    End::Else if parser.peek().kind == word => drop(parser.next()),
                    End::Else => return Ok(Branch { clauses, otherwise: Some(parser.otherwise()?) }),
                }
            }
        })
    }

    fn range(&mut self) -> Result<Loop> {
        self.scoped(|parser| {
            let pipe = parser.pipeline("range", Kind::RightDelim)?;
            parser.state.ranges += 1;
            let (list, end) = parser.list()?;
            parser.state.ranges -= 1;
            let otherwise = match end {
                End::End => None,
                End::Else => Some(parser.otherwise()?),
            };
            Ok(Loop { pipe, list, otherwise })
        })
    }

    fn otherwise(&mut self) -> Result<List> {
        let (list, end) = self.list()?;
        if !matches!(end, End::End) {
            return self.error(format!("expected end; found {}", end.shown()));
        }
        Ok(list)
    }

    fn block(&mut self) -> Result<Statement> {
        const CONTEXT: &str = "block clause";
        let token = self.next_visible();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        self.apart(|parser| parser.body(&name, CONTEXT))?;
        Ok(Statement::Template(Box::new(Call { at: token.at, name: name.into(), pipe: Some(pipe) })))
    }

    fn template(&mut self) -> Result<Statement> {
        const CONTEXT: &str = "template clause";
        let token = self.next_visible();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipe = None;
        if self.next_visible().kind != Kind::RightDelim {
            self.back();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        Ok(Statement::Template(Box::new(Call { at: token.at, name: name.into(), pipe })))
    }

    fn template_name(&mut self, token: &Token<'a>, context: &str) -> Result<String> {
        match token.kind {
            Kind::String | Kind::RawString => match unquote(token.text.as_bytes()) {
                Some(name) => Ok(String::from_utf8_lossy(&name).into_owned()),
                None => self.error("invalid syntax"),
            },
            _ => self.unexpected(token, context),
        }
    }

    fn name(&mut self, text: &str) -> Name {
        if text == "$" {
            return Name { number: 0, text: "$".into() };
        }
        if let Some(name) = self.names.get(text) {
            return name.clone();
        }
        let name = Name { number: self.names.len() + 1, text: text.into() };
        self.names.insert(text.into(), name.clone());
        name
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        let at = self.peek_visible().at;
        let mut pipe = Pipe { at, assigns: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_visible();
            match token.kind {
                kind if kind == end => {
                    self.check(&pipe, context)?;
                    return Ok(pipe);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.back();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<()> {
        loop {
            let variable = self.peek_visible();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            // `$x foo` needs `foo` read to know that `$x` is an argument.
            let after = self.peek();
            let next = self.peek_visible();
            let comma = next.kind == Kind::Char && next.text == ",";
            if matches!(next.kind, Kind::Assign | Kind::Declare) || comma {
                self.next_visible();
                let name = self.name(&variable.text);
                pipe.variables.push(name.clone());
                self.state.variables.push(name);
                if !comma {
                    pipe.assigns = next.kind == Kind::Assign;
                    return Ok(());
                }
                if context == "range" && pipe.variables.len() < 2 {
                    match self.peek_visible().kind {
                        Kind::Variable | Kind::RightDelim | Kind::RightParen => continue,
                        _ => return self.error("range can only initialize variables"),
                    }
                }
                return self.error(format!("too many declarations in {context}"));
            }
            if after.kind == Kind::Space {
                self.back3(variable, after);
            } else {
                self.back2(variable);
            }
            return Ok(());
        }
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Result<()> {
        if pipe.commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        for (place, command) in pipe.commands.iter().enumerate().skip(1) {
            if command.args.first().is_some_and(Node::is_plain) {
                return self.error(format!("non executable command in pipeline stage {}", place + 1));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Command> {
        let mut command = Command { at: self.peek_visible().at, args: Vec::new() };
        loop {
            self.peek_visible();
            if let Some(operand) = self.operand()? {
                command.args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.back(),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if command.args.is_empty() {
            return self.error("empty command");
        }
        Ok(command)
    }

    fn operand(&mut self) -> Result<Option<Node>> {
        let Some(node) = self.term()? else { return Ok(None) };
        let token = self.peek();
        if token.kind != Kind::Field {
            return Ok(Some(node));
        }
        let at = token.at;
        let mut fields: Vec<Str> = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(Str::from(self.next().text.get(1..).unwrap_or_default()));
        }
        Ok(Some(match node {
            Node::Field { mut names, .. } => {
                names.extend(fields);
                Node::Field { at, names }
            }
            Node::Variable { name, fields: mut before, .. } => {
                before.extend(fields);
                Node::Variable { at, name, fields: before }
            }
            plain if plain.is_plain() => return self.error(format!("unexpected . after term {}", quoted(&plain.to_string()))),
            other => Node::Chain { at, node: Box::new(other), fields },
        }))
    }

    fn term(&mut self) -> Result<Option<Node>> {
        let token = self.next_visible();
        let at = token.at;
        Ok(Some(match token.kind {
            Kind::Identifier => Node::Identifier { at, callee: self.callee(&token)? },
            Kind::Dot => Node::Dot { at },
            Kind::Nil => Node::Nil { at },
            Kind::Variable => {
                let name = self.name(&token.text);
                if !self.state.variables.iter().any(|variable| variable.number == name.number) {
                    return self.error(format!("undefined variable {}", quoted(&token.text)));
                }
                Node::Variable { at, name, fields: Vec::new() }
            }
            Kind::Field => Node::Field { at, names: vec![Str::from(token.text.get(1..).unwrap_or_default())] },
            Kind::Bool => Node::Bool { at, truth: token.text == "true" },
            Kind::CharConstant | Kind::Complex | Kind::Number => match number(at, &token.text, token.kind) {
                Ok(number) => Node::Number(Box::new(number)),
                Err(message) => return self.error(message),
            },
            Kind::LeftParen => {
                let pipe = self.deeper(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?;
                Node::Pipe(Box::new(pipe))
            }
            Kind::String | Kind::RawString => match unquote(token.text.as_bytes()) {
                Some(text) => Node::String { at, quoted: token.text.into(), value: Value::string(text) },
                None => return self.error("invalid syntax"),
            },
            _ => {
                self.back();
                return Ok(None);
            }
        }))
    }

    fn callee(&mut self, token: &Token<'a>) -> Result<Callee> {
        let name: &'a str = match &token.text {
            Cow::Borrowed(name) => name,
            Cow::Owned(_) => "",
        };
        if let Some(callee) = self.found.get(name) {
            return Ok(*callee);
        }
        let own = self.functions.find(name).map(|function| Callee { function, special: Special::No });
        let Some(callee) = own.or_else(|| builtins::find(name)) else {
            return self.error(format!("function {} not defined", quoted(name)));
        };
        self.found.insert(name, callee);
        Ok(callee)
    }
}
