//! Templates that mostly parse and sometimes run.
use crate::dice::Dice;
use go_template_engine::{Function, FunctionTable, Kind, Type};

/// Functions that give something else at every call, ask the machine, or cost seconds.
const LEFT_OUT: &[&str] = &[
    "now",
    "ago",
    "date",
    "dateInZone",
    "date_in_zone",
    "htmlDate",
    "htmlDateInZone",
    "unixEpoch",
    "uuidv4",
    "randAlpha",
    "randAlphaNum",
    "randAscii",
    "randBytes",
    "randInt",
    "randNumeric",
    "shuffle",
    "bcrypt",
    "htpasswd",
    "encryptAES",
    "derivePassword",
    "genCA",
    "genCAWithKey",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
    "buildCustomCert",
    "getHostByName",
    "keys",
    "values",
    "pluck",
    "toDate",
    "mustToDate",
    "fail",
    "deepCopy",
    "mustDeepCopy",
];

/// Writes.
pub struct Grammar<'d> {
    dice: &'d mut Dice,
    functions: Vec<&'static Function>,
    variables: Vec<String>,
    depth: usize,
    defining: bool,
}

const BUILTINS: &[&str] = &[
    "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "html", "js", "urlquery", "eq", "ne", "lt", "le", "gt",
    "ge", "call",
];

/// What both sides know: sprig's, but for what [`LEFT_OUT`] lists and what the operators added.
pub fn common(table: FunctionTable, known: &[&str]) -> Vec<&'static Function> {
    let mut functions: Vec<&'static Function> = Vec::new();
    for function in table.iter() {
        let twice = functions.iter().any(|other| other.name == function.name);
        if !twice && known.contains(&function.name) && !LEFT_OUT.contains(&function.name) {
            functions.push(function);
        }
    }
    functions
}

impl<'d> Grammar<'d> {
    /// With these functions beside the language's own.
    pub fn new(dice: &'d mut Dice, functions: Vec<&'static Function>) -> Self {
        Self { dice, functions, variables: vec![], depth: 0, defining: false }
    }

    /// A template.
    pub fn template(&mut self) -> String {
        let mut out = String::new();
        if self.dice.one_in(6) {
            self.defining = true;
            out += &format!("{{{{ define \"d\" }}}}{}{{{{ end }}}}", self.list());
            self.defining = false;
        }
        for _ in 0..=self.dice.below(3) {
            out += &self.statement();
        }
        if self.dice.one_in(12) { self.damaged(out) } else { out }
    }

    /// With a part taken out or put in.
    fn damaged(&mut self, text: String) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        for _ in 0..=self.dice.below(2) {
            let place = self.dice.below(characters.len());
            if self.dice.one_in(2) && place < characters.len() {
                characters.remove(place);
            } else {
                let extra = self
                    .dice
                    .pick(&["{{", "}}", " -}}", "{{- ", "(", ")", "|", ".", "$", "\"", "`", "'", "\n", ":=", "=", ",", "é", "/*", "*/"]);
                characters.splice(place..place, extra.chars());
            }
        }
        characters.into_iter().collect()
    }

    fn list(&mut self) -> String {
        let variables = self.variables.len();
        let mut out = String::new();
        for _ in 0..=self.dice.below(2) {
            out += &self.statement();
        }
        self.variables.truncate(variables);
        out
    }

    fn open(&mut self) -> &'static str {
        self.dice.pick(&["{{ ", "{{", "{{- ", "{{ ", "{{ "])
    }

    fn close(&mut self) -> &'static str {
        self.dice.pick(&[" }}", "}}", " -}}", " }}", " }}"])
    }

    fn action(&mut self, inner: &str) -> String {
        // `{{5` and `{{-5` are not the same as with spaces, and `{{/*` is a comment.
        format!("{}{inner}{}", self.open(), self.close())
    }

    fn statement(&mut self) -> String {
        self.depth += 1;
        let kind = if self.depth > 4 { self.dice.below(8) } else { self.dice.below(16) };
        let out = match kind {
            0 => self.dice.pick(&["text", " ", "\n", "a b\n ", "é", "{ }", "\t x"]).to_owned(),
            1..=6 => {
                let pipe = self.pipe();
                self.action(&pipe)
            }
            7 => self.assignment(),
            8..=10 => self.branch("if"),
            11 => self.branch("with"),
            12..=14 => self.range(),
            _ => {
                let pipe = self.pipe();
                // Not from itself: Go goes a hundred thousand deep.
                let word = if self.defining { pipe } else { format!("template \"d\" {pipe}") };
                self.action(&word)
            }
        };
        self.depth -= 1;
        out
    }

    fn assignment(&mut self) -> String {
        let pipe = self.pipe();
        if !self.variables.is_empty() && self.dice.one_in(3) {
            let name = self.variable();
            return self.action(&format!("{name} = {pipe}"));
        }
        let name = format!("$v{}", self.dice.below(3));
        self.variables.push(name.clone());
        self.action(&format!("{name} := {pipe}"))
    }

    fn branch(&mut self, word: &str) -> String {
        let pipe = self.pipe();
        let mut out = self.action(&format!("{word} {pipe}"));
        out += &self.list();
        if self.dice.one_in(3) {
            let pipe = self.pipe();
            out += &self.action(&format!("else {word} {pipe}"));
            out += &self.list();
        }
        if self.dice.one_in(2) {
            out += &self.action("else");
            out += &self.list();
        }
        out + &self.action("end")
    }

    fn range(&mut self) -> String {
        let variables = self.variables.len();
        let pipe = self.pipe();
        let head = match self.dice.below(4) {
            0 => format!("range $i, $e := {pipe}"),
            1 => format!("range $e := {pipe}"),
            _ => format!("range {pipe}"),
        };
        for name in ["$i", "$e"] {
            if head.contains(&format!("{name},")) || head.contains(&format!("{name} :=")) {
                self.variables.push(name.into());
            }
        }
        let mut out = self.action(&head);
        out += &self.list();
        if self.dice.one_in(6) {
            out += self.dice.pick(&["{{ break }}", "{{ continue }}"]);
        }
        self.variables.truncate(variables);
        if self.dice.one_in(4) {
            out += &self.action("else");
            out += &self.list();
        }
        out + &self.action("end")
    }

    fn pipe(&mut self) -> String {
        let mut out = self.command();
        while self.dice.one_in(3) {
            out += " | ";
            out += &self.call(true);
        }
        out
    }

    fn command(&mut self) -> String {
        if self.dice.one_in(3) { self.operand() } else { self.call(false) }
    }

    fn variable(&mut self) -> String {
        let place = self.dice.below(self.variables.len() + 1);
        self.variables.get(place).cloned().unwrap_or_else(|| "$".into())
    }

    fn operand(&mut self) -> String {
        self.depth += 1;
        let kind = if self.depth > 6 { self.dice.below(9) } else { self.dice.below(12) };
        let out = match kind {
            0 => self.number(),
            1 | 2 => self.string(),
            3 => self.dice.pick(&["true", "false", "nil", "'a'", "'\\n'", "'é'"]).to_owned(),
            4 => self
                .dice
                .pick(&[".", ".A", ".B", ".A.Value", ".B.SecretPath", ".NOPE", ".NOPE.Value", ".value", "$.C.Value", "$.A"])
                .to_owned(),
            5 | 6 => self.variable(),
            7 | 8 => self.value(),
            9 => format!("({})", self.pipe()),
            10 => format!("({}).A", self.pipe()),
            _ => self.variable() + ".a",
        };
        self.depth -= 1;
        out
    }

    fn value(&mut self) -> String {
        self.dice
            .pick(&[
                "(list 1 2 3)",
                "(list)",
                "(list \"a\" nil 2.5 true)",
                "(dict)",
                "(dict \"a\" 1 \"b\" (list 1))",
                "(dict \"A\" (dict \"Value\" \"x\"))",
                "(splitList \",\" \"a,b,c\")",
                "(until 3)",
                "(fromJson \"{\\\"a\\\":[1,2.5,null,\\\"x\\\"]}\")",
                "(int64 5)",
                "(float64 2.5)",
                "(tuple 3 1 2)",
                "(list (list 1) (list 2 3))",
                "(split \"$\" \"a$b\")",
            ])
            .to_owned()
    }

    fn number(&mut self) -> String {
        match self.dice.below(4) {
            0 => self.dice.below(5).to_string(),
            1 => format!("-{}", self.dice.below(100)),
            2 => self.dice.pick(&["1.5", "0x1F", "1e3", "-0.25", "1_0", "0b11", "1e-7", "1e9", "2i", "007", "3.0", ".5", "1e6"]).to_owned(),
            _ => self.dice.below(40).to_string(),
        }
    }

    fn string(&mut self) -> String {
        self.dice
            .pick(&[
                "\"\"",
                "\"a\"",
                "\"abc def\"",
                "\"é世\"",
                "\"\\xff\\x00\"",
                "`raw\\n`",
                "\"a,b,,c\"",
                "\" x \\n\"",
                "\"5\"",
                "\"-3.5\"",
                "\"true\"",
                "\"A\"",
                "\"foo-bar_baz Qux\"",
                "\"%d %s\"",
                "\"{\\\"a\\\":1}\"",
                "\"aGk=\"",
                "\"<b>&'\\\"\"",
                "\"1.2.3\"",
                "\"a/b/../c.txt\"",
                "\"^a.*\"",
                "\"010\"",
                "\"0x1f\"",
                "\"http://u:p@h:1/p?q=1#f\"",
                "\"2h3m\"",
                "\"ǅungla ß\"",
                "\"\\u0301e\\u0301\"",
            ])
            .to_owned()
    }

    fn format(&mut self) -> String {
        let mut out = String::from("\"");
        for _ in 0..=self.dice.below(2) {
            out += "%";
            for _ in 0..self.dice.below(3) {
                out += self.dice.pick(&["+", "-", "#", "0", " ", "+", "#"]);
            }
            if self.dice.one_in(3) {
                out += self.dice.pick(&["5", "12", "1", "*", "[1]", "[2]", "[9]", "0"]);
            }
            if self.dice.one_in(3) {
                out += self.dice.pick(&[".0", ".1", ".3", ".", ".10", ".*", ".[1]*"]);
            }
            out += self
                .dice
                .pick(&["v", "d", "s", "q", "x", "X", "f", "e", "g", "t", "c", "U", "b", "o", "O", "T", "G", "E", "F", "z", "%", "w", "!"]);
            out += self.dice.pick(&["", " ", "|"]);
        }
        out + "\""
    }

    /// A call; `piped` where the last argument comes from before.
    fn call(&mut self, piped: bool) -> String {
        self.depth += 1;
        let out = if self.functions.is_empty() || self.dice.one_in(2) { self.builtin(piped) } else { self.function(piped) };
        self.depth -= 1;
        out
    }

    fn builtin(&mut self, piped: bool) -> String {
        let name = self.dice.pick(BUILTINS).to_owned();
        let least = usize::from(!piped);
        let count = match name.as_str() {
            "not" | "len" => least,
            "ne" | "lt" | "le" | "gt" | "ge" => least + 1,
            "printf" => {
                let count = self.dice.below(3);
                let args = self.args(count);
                return format!("{name} {}{args}", self.format());
            }
            _ => least + self.dice.below(3),
        };
        let args = self.args(count);
        name + &args
    }

    fn args(&mut self, count: usize) -> String {
        (0..count).map(|_| format!(" {}", self.operand())).collect()
    }

    fn function(&mut self, piped: bool) -> String {
        let place = self.dice.below(self.functions.len());
        let Some(function) = self.functions.get(place).copied() else { return "print".into() };
        let mut kinds = function.params.to_vec();
        if let Some(rest) = function.rest {
            kinds.extend(std::iter::repeat_n(rest, self.dice.below(4)));
        }
        if piped {
            kinds.pop();
        }
        if self.dice.one_in(25) {
            kinds.pop();
        }
        let args: String = kinds.into_iter().map(|kind| format!(" {}", self.arg(kind))).collect();
        function.name.to_owned() + &args
    }

    /// Mostly of that type.
    fn arg(&mut self, kind: Type) -> String {
        if self.dice.one_in(12) {
            return self.operand();
        }
        match kind {
            Type::Basic(Kind::String) if self.dice.one_in(4) => ".B.Value".into(),
            Type::Basic(Kind::String) => self.string(),
            Type::Basic(Kind::Bool) => self.dice.pick(&["true", "false"]).to_owned(),
            Type::Basic(Kind::Float64) => self.dice.pick(&["1.5", "-2.0", "3"]).to_owned(),
            Type::Basic(Kind::Int | Kind::Int64) => self.dice.pick(&["0", "1", "2", "3", "7", "-1", "12"]).to_owned(),
            Type::Map(..) => self
                .dice
                .pick(&["(dict \"a\" 1 \"b\" \"x\")", "(dict)", "(dict \"a\" (dict \"c\" 1))", "(fromJson \"{\\\"b\\\":2}\")"])
                .to_owned(),
            Type::Slice(_) => self.value(),
            _ if self.dice.one_in(2) => self.operand(),
            _ => self.value(),
        }
    }
}
