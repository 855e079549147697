//! Where a template uses a secret by itself, not its value or its path.
//!
//! Such a secret prints as `{value /path}` in an InfisicalSecret and as its value in an InfisicalStaticSecret, so whatever may print
//! one comes out differently. What an action works on is followed through branches, loops and variables; in doubt it is named: this
//! can be wrong about a template that prints nothing, not about one that does.
/// What a part of a template stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// All secrets by their names.
    All,
    /// One secret.
    One,
    /// Either, as in a template that is called by name.
    Either,
    /// Anything else: a value, a path, what a function gives.
    Other,
}

impl Kind {
    fn field(self, name: &str) -> Self {
        match self {
            Self::All => Self::One,
            Self::Either if !["Value", "SecretPath"].contains(&name) => Self::One,
            Self::One | Self::Either | Self::Other => Self::Other,
        }
    }

    fn is_whole(self) -> bool {
        self != Self::Other
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'a> {
    /// A field of the dot or of a variable, `.A.B` or `$x.A`; the dot itself.
    Path(&'a str),
    /// A field of what is in the parentheses before it.
    Field(&'a str),
    Word(&'a str),
    Text,
    Open,
    Close,
    Pipe,
    Assign,
}

/// What `{{ end }}` ends.
struct Block {
    /// The dot before it.
    outer: Kind,
    /// Variables before it.
    variables: usize,
}

/// The actions, as written, that may print a secret by itself or hand it to a function.
pub(super) fn printed(template: &str) -> Vec<&str> {
    let mut look = Look { dot: Kind::All, variables: Vec::new(), blocks: Vec::new(), whole: false };
    let mut found = Vec::new();
    for action in actions(template) {
        look.whole = false;
        look.action(action);
        if look.whole && !found.contains(&action) {
            found.push(action);
        }
    }
    found
}

/// What stands between braces, without their trim marks and without comments.
fn actions(template: &str) -> impl Iterator<Item = &str> {
    let mut rest = template;
    std::iter::from_fn(move || {
        loop {
            let (_, from) = rest.split_once("{{")?;
            let from = from.strip_prefix('-').filter(|from| from.starts_with(char::is_whitespace)).unwrap_or(from).trim_start();
            if let Some(comment) = from.strip_prefix("/*") {
                rest = comment.split_once("*/").map_or("", |(_, after)| after);
                continue;
            }
            let end = end_of_action(from);
            let (action, after) = from.split_at(end);
            rest = after;
            let action = action.trim_end();
            return Some(action.strip_suffix('-').map_or(action, str::trim_end));
        }
    })
}

/// Where the braces close, outside of quoted texts.
fn end_of_action(from: &str) -> usize {
    let mut at = 0;
    while let Some(rest) = from.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("}}") {
            return at;
        }
        at += quoted(rest).unwrap_or_else(|| rest.chars().next().map_or(1, char::len_utf8));
    }
    from.len()
}

/// The length of the quoted text that this begins with.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|letter| matches!(letter, '"' | '`' | '\''))?;
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            _ if letter == quote => return Some(at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

fn tokens(action: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = action;
    let mut closed = false;
    while let Some(letter) = rest.chars().next() {
        let (token, length) = match letter {
            '(' => (Some(Token::Open), 1),
            ')' => (Some(Token::Close), 1),
            '|' => (Some(Token::Pipe), 1),
            ':' | '=' => (Some(Token::Assign), if rest.starts_with(":=") { 2 } else { 1 }),
            _ => match quoted(rest) {
                Some(length) => (Some(Token::Text), length),
                None => word(rest),
            },
        };
        let token = match token {
            Some(Token::Path(path)) if closed => Some(Token::Field(path)),
            token => token,
        };
        closed = token == Some(Token::Close);
        tokens.extend(token);
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

fn word(rest: &str) -> (Option<Token<'_>>, usize) {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '$' | '_');
    let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
    let Some(found) = rest.get(..length).filter(|found| !found.is_empty()) else {
        return (None, rest.chars().next().map_or(1, char::len_utf8));
    };
    let token = match found.chars().next() {
        Some('.') if found.chars().nth(1).is_some_and(|letter| letter.is_ascii_digit()) => Token::Text,
        Some('.' | '$') => Token::Path(found),
        Some(letter) if letter.is_ascii_digit() => Token::Text,
        _ => Token::Word(found),
    };
    (Some(token), length)
}

struct Look<'a> {
    dot: Kind,
    variables: Vec<(&'a str, Kind)>,
    blocks: Vec<Block>,
    /// This action uses a secret by itself.
    whole: bool,
}

impl<'a> Look<'a> {
    fn action(&mut self, action: &'a str) {
        let tokens = tokens(action);
        let mut tokens = tokens.as_slice();
        let word = match tokens.first() {
            Some(Token::Word(word)) => *word,
            _ => "",
        };
        if word == "else" {
            tokens = tokens.get(1..).unwrap_or_default();
            if let Some(block) = self.blocks.last() {
                self.dot = block.outer;
            }
            match tokens.first() {
                // They share the end of the block that they are in.
                Some(Token::Word("if")) => drop(self.value(tokens.get(1..).unwrap_or_default())),
                Some(Token::Word("with")) => self.dot = self.value(tokens.get(1..).unwrap_or_default()),
                _ => {}
            }
            return;
        }
        let rest = tokens.get(1..).unwrap_or_default();
        match word {
            "if" => self.begin(rest, |outer, _| outer),
            "with" => self.begin(rest, |_, value| value),
            "range" => self.range(rest),
            "block" => self.begin(rest.get(1..).unwrap_or_default(), |_, value| value),
            "define" => self.begin(&[], |_, _| Kind::Either),
            "template" => drop(self.value(rest.get(1..).unwrap_or_default())),
            "end" => {
                if let Some(Block { outer, variables }) = self.blocks.pop() {
                    self.dot = outer;
                    self.variables.truncate(variables);
                }
            }
            "break" | "continue" => {}
            _ => {
                let assigns = tokens.contains(&Token::Assign);
                let value = self.value(tokens);
                self.whole |= !assigns && !tokens.is_empty() && value.is_whole();
            }
        }
    }

    fn begin(&mut self, tokens: &[Token<'a>], dot: impl Fn(Kind, Kind) -> Kind) {
        let block = Block { outer: self.dot, variables: self.variables.len() };
        let value = self.value(tokens);
        self.dot = dot(block.outer, value);
        self.blocks.push(block);
    }

    fn range(&mut self, tokens: &[Token<'a>]) {
        let block = Block { outer: self.dot, variables: self.variables.len() };
        let assign = tokens.iter().position(|token| *token == Token::Assign);
        let (names, over) = match assign {
            Some(at) => (tokens.get(..at).unwrap_or_default(), tokens.get(at + 1..).unwrap_or_default()),
            None => (&[] as &[Token<'a>], tokens),
        };
        let element = if self.value(over).is_whole() { Kind::One } else { Kind::Other };
        let names: Vec<_> = names.iter().filter_map(|token| if let Token::Path(name) = token { Some(*name) } else { None }).collect();
        // The last one is the element, one before it the key.
        for (index, name) in names.iter().enumerate() {
            self.variables.push((name, if index + 1 == names.len() { element } else { Kind::Other }));
        }
        self.dot = element;
        self.blocks.push(block);
    }

    /// A pipeline, with the variable that it is assigned to.
    fn value(&mut self, tokens: &[Token<'a>]) -> Kind {
        match tokens {
            [Token::Path(name), Token::Assign, rest @ ..] => {
                let value = self.pipeline(rest, &mut 0);
                self.variables.push((name, value));
                value
            }
            _ => self.pipeline(tokens, &mut 0),
        }
    }

    /// From there up to the end or the parenthesis that closes.
    fn pipeline(&mut self, tokens: &[Token<'a>], at: &mut usize) -> Kind {
        let mut value = None;
        loop {
            let mut name = None;
            let mut parts = Vec::new();
            let begin = *at;
            while let Some(token) = tokens.get(*at).filter(|token| !matches!(token, Token::Pipe | Token::Close)) {
                *at += 1;
                match token {
                    Token::Word(word) if *at == begin + 1 => name = Some(*word),
                    Token::Path(path) => parts.push(self.path(path)),
                    Token::Open => parts.push(self.parenthesis(tokens, at)),
                    _ => parts.push(Kind::Other),
                }
            }
            parts.extend(value);
            let given = match name {
                Some(name) => self.call(name, &parts),
                None => parts.first().copied().unwrap_or(Kind::Other),
            };
            if tokens.get(*at) != Some(&Token::Pipe) {
                return given;
            }
            value = Some(given);
            *at += 1;
        }
    }

    /// With the fields that follow it.
    fn parenthesis(&mut self, tokens: &[Token<'a>], at: &mut usize) -> Kind {
        let value = self.pipeline(tokens, at);
        *at += usize::from(tokens.get(*at) == Some(&Token::Close));
        match tokens.get(*at) {
            Some(Token::Field(path)) => {
                *at += 1;
                fields(value, path)
            }
            _ => value,
        }
    }

    fn path(&self, path: &str) -> Kind {
        match path.strip_prefix('$') {
            Some(_) => {
                let (name, rest) = path.split_at(path.find('.').unwrap_or(path.len()));
                let of_name = |(known, _): &&(&str, Kind)| *known == name;
                let kind =
                    if name == "$" { Kind::All } else { self.variables.iter().rev().find(of_name).map_or(Kind::Either, |(_, kind)| *kind) };
                fields(kind, rest)
            }
            None => fields(self.dot, path),
        }
    }

    fn call(&mut self, name: &str, arguments: &[Kind]) -> Kind {
        let whole = arguments.iter().any(|kind| kind.is_whole());
        match (name, arguments) {
            ("index" | "get", [Kind::All | Kind::Either, _]) => Kind::One,
            ("len" | "keys" | "hasKey", [Kind::All | Kind::Either, ..]) | ("not" | "empty", _) => Kind::Other,
            ("and" | "or" | "default" | "coalesce" | "ternary", _) if whole => Kind::One,
            _ => {
                self.whole |= whole;
                Kind::Other
            }
        }
    }
}

/// `.A.B` of something.
fn fields(of: Kind, path: &str) -> Kind {
    path.split('.').filter(|name| !name.is_empty()).fold(of, Kind::field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_paths_are_no_secrets_by_themselves() {
        for template in [
            "{{ .A.Value }} .A {{ .B.SecretPath }} {{/* .C */}}{{ \"{{ .A }}\" }}",
            "{{ range $k, $v := . }}{{ $k }}={{ $v.Value }}{{ .Value }};{{ end }}",
            "{{ range $k, $v := $ }}{{ $v.Value | b64enc }}{{ end }}",
            "{{ with .A }}{{ .Value }}{{ $.B.Value }}{{ else }}{{ .B.Value }}{{ end }}",
            "{{ with .A.Value }}{{ . }}{{ end }}",
            "{{ if .A }}x{{ else if (and .B .C) }}y{{ end }}",
            "{{- $x := .A -}}{{ $x.Value }}{{ $y := .B.Value }}{{ $y | upper }}",
            "{{ (index . \"A-B\").Value }}{{ (get $ \"A-B\").Value | upper }}{{ len . }}{{ hasKey . \"A\" }}",
            "{{ range $i, $line := splitList \",\" .A.Value }}{{ $line }}{{ . }}{{ end }}",
            "{{ define \"x\" }}{{ .Value }}{{ end }}{{ template \"x\" .A }}",
            "{{ range keys . }}{{ . }}{{ end }}{{ printf \"%s %.2f\" .A.Value 1.5 }}{{ now }}",
        ] {
            assert_eq!(printed(template), [] as [&str; 0], "{template}");
        }
    }

    #[test]
    fn a_secret_by_itself_is_found_however_it_is_named() {
        for (template, action) in [
            ("{{ .A }}", ".A"),
            ("{{- .A | upper -}}", ".A | upper"),
            ("{{ index . \"A-B\" }}", "index . \"A-B\""),
            ("{{ $.KEY }}", "$.KEY"),
            ("{{ range $k, $v := . }}{{ $v }}{{ end }}", "$v"),
            ("{{ range . }}{{ . }}{{ end }}", "."),
            ("{{ with .A }}{{ . }}{{ end }}", "."),
            ("{{ . }}", "."),
            ("{{ toJson . }}", "toJson ."),
            ("{{ $x := .A }}{{ $x }}", "$x"),
            ("{{ (.A).Value }}{{ print (.A) .Value }}", "print (.A) .Value"),
            ("{{ printf \"%s\" (.A) }}", "printf \"%s\" (.A)"),
            ("{{ if eq .A \"x\" }}{{ end }}", "if eq .A \"x\""),
            ("{{ default \"x\" .A }}", "default \"x\" .A"),
            ("{{ define \"x\" }}{{ . }}{{ end }}", "."),
            ("{{ with .A.Value }}{{ end }}{{ .B }}", ".B"),
        ] {
            assert_eq!(printed(template), [action], "{template}");
        }
    }
}
