//! Rewrites a parsed tree, so that what the crate can't do is done by functions of ours. Their names end in `#`, which no
//! template can write.
use gotmpl::{
    FuncMap,
    parse::{ActionNode, CommandNode, Expr, ListNode, Node, Number, PipeNode, Pos, SmolStr},
};

/// `field# BASE OFFSET NAME…`: access to fields.
pub const FIELD: &str = "field#";
/// `show# VALUE`: what is printed of it.
pub const SHOW: &str = "show#";
/// `at# OFFSET`: prints nothing and remembers the place.
pub const AT: &str = "at#";

/// A function that nobody defined; Go finds it while parsing.
pub struct Unknown {
    pub name: String,
    pub offset: usize,
}

/// Rewrites.
pub fn tree(list: &mut ListNode, functions: &FuncMap) -> Result<(), Unknown> {
    Rewriter { functions }.list(list)
}

/// Functions of the crate that are not in our map.
const BUILT_IN: [&str; 19] = [
    "and", "or", "not", "len", "index", "slice", "call", "print", "printf", "println", "html", "js", "urlquery", "eq", "ne", "lt", "le",
    "gt", "ge",
];
/// Those that print their arguments: they see a struct as its text.
const PRINTING: [&str; 6] = ["print", "printf", "println", "html", "js", "urlquery"];

struct Rewriter<'a> {
    functions: &'a FuncMap,
}

impl Rewriter<'_> {
    fn list(&self, list: &mut ListNode) -> Result<(), Unknown> {
        let nodes = std::mem::take(&mut list.nodes);
        for mut node in nodes {
            let pos = match &mut node {
                Node::Action(action) => {
                    self.pipe(&mut action.pipe)?;
                    if action.pipe.decl.is_empty() {
                        action.pipe.commands.push(call(action.pos, SHOW, vec![]));
                    }
                    Some(action.pos)
                }
                Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                    self.pipe(&mut branch.pipe)?;
                    self.list(&mut branch.body)?;
                    if let Some(body) = &mut branch.else_body {
                        self.list(body)?;
                    }
                    Some(branch.pos)
                }
                Node::Template(template) => {
                    if let Some(pipe) = &mut template.pipe {
                        self.pipe(pipe)?;
                    }
                    Some(template.pos)
                }
                Node::List(list) => {
                    self.list(list)?;
                    None
                }
                Node::Define(define) => {
                    self.list(&mut define.body)?;
                    None
                }
                Node::Text(_) | Node::Break(_) | Node::Continue(_) => None,
            };
            if let Some(pos) = pos {
                let pipe = pipe(pos, vec![call(pos, AT, vec![offset(pos)])]);
                list.nodes.push(Node::Action(ActionNode { pos, pipe }));
            }
            list.nodes.push(node);
        }
        Ok(())
    }

    fn pipe(&self, pipe: &mut PipeNode) -> Result<(), Unknown> {
        let commands = std::mem::take(&mut pipe.commands);
        for mut command in commands {
            let function = match command.args.first() {
                Some(Expr::Identifier(_, name)) => Some(name.clone()),
                _ => None,
            };
            for (place, argument) in command.args.iter_mut().enumerate() {
                self.expression(argument)?;
                if place > 0 && function.as_ref().is_some_and(|name| PRINTING.contains(&name.as_str())) {
                    *argument = shown(argument.clone());
                }
            }
            if !pipe.commands.is_empty() && function.is_some_and(|name| PRINTING.contains(&name.as_str())) {
                pipe.commands.push(call(command.pos, SHOW, vec![]));
            }
            pipe.commands.push(command);
        }
        Ok(())
    }

    fn expression(&self, expression: &mut Expr) -> Result<(), Unknown> {
        *expression = match expression {
            Expr::Identifier(pos, name) => {
                if !self.functions.contains_key(name.as_str()) && !BUILT_IN.contains(&name.as_str()) {
                    return Err(Unknown { name: name.to_string(), offset: pos.offset });
                }
                return Ok(());
            }
            Expr::Pipe(_, pipe) => return self.pipe(pipe),
            Expr::Field(pos, names) => access(*pos, Expr::Dot(*pos), names),
            Expr::Variable(pos, variable, names) if !names.is_empty() => {
                access(*pos, Expr::Variable(*pos, variable.clone(), vec![]), names)
            }
            Expr::Chain(pos, inner, names) => {
                self.expression(inner)?;
                access(*pos, (**inner).clone(), names)
            }
            _ => return Ok(()),
        };
        Ok(())
    }
}

fn access(pos: Pos, base: Expr, names: &[SmolStr]) -> Expr {
    let names = names.iter().map(|name| Expr::String(pos, name.as_str().into()));
    let arguments = [base, offset(pos)].into_iter().chain(names).collect();
    Expr::Pipe(pos, pipe(pos, vec![call(pos, FIELD, arguments)]))
}

fn shown(argument: Expr) -> Expr {
    let pos = argument.pos();
    Expr::Pipe(pos, pipe(pos, vec![call(pos, SHOW, vec![argument])]))
}

fn offset(pos: Pos) -> Expr {
    Expr::Number(pos, Number::Int(i64::try_from(pos.offset).unwrap_or_default()))
}

fn call(pos: Pos, function: &'static str, arguments: Vec<Expr>) -> CommandNode {
    let function = Expr::Identifier(pos, SmolStr::new_static(function));
    CommandNode { pos, args: std::iter::once(function).chain(arguments).collect() }
}

fn pipe(pos: Pos, commands: Vec<CommandNode>) -> PipeNode {
    PipeNode { pos, decl: vec![], commands, is_assign: false }
}
