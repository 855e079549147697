//! Components written by hand, for what no toolchain would make.
//!
//! A core module whose functions all answer the same: what lies at a fixed place of its memory, laid out as the canonical ABI
//! wants it.
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where an answer begins.
const ANSWER: usize = 4096;
/// Where lists and texts of answers lie.
const HEAP: usize = 8192;
/// Where the descriptor lies.
const DESCRIPTOR: usize = 32768;

/// A component of a world.
#[derive(Clone)]
pub struct Hand {
    world: &'static str,
    descriptor: Vec<u8>,
    answer: Vec<u8>,
    heap: Vec<u8>,
    body: String,
    describing: String,
    checking: String,
    reallocating: String,
    imports: String,
    memory: String,
    extra: String,
    /// A package of another name, and the interface of it that the component imports.
    foreign: Option<(String, String)>,
}

impl Hand {
    /// Answers zeros, which is a success with nothing in it; a policy's is `allow`.
    #[must_use]
    pub fn new(world: &'static str, descriptor: serde_json::Value) -> Self {
        Self {
            world,
            descriptor: descriptor.to_string().into_bytes(),
            answer: vec![0; 64],
            heap: vec![],
            body: String::new(),
            describing: String::new(),
            checking: String::new(),
            reallocating: String::new(),
            imports: String::new(),
            memory: "4".into(),
            extra: String::new(),
            foreign: None,
        }
    }

    /// A descriptor with nothing but a name and a version.
    #[must_use]
    pub fn plain(world: &'static str, name: &str, version: &str) -> Self {
        Self::new(world, serde_json::json!({"name": name, "version": version, "summary": "By hand."}))
    }

    /// Instructions that run before an answer.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    /// Describes itself by these bytes.
    #[must_use]
    pub fn described_as(mut self, bytes: &[u8]) -> Self {
        self.descriptor = bytes.to_vec();
        self
    }

    /// Instructions that run before it describes itself.
    #[must_use]
    pub fn describing(mut self, body: &str) -> Self {
        self.describing = body.into();
        self
    }

    /// Instructions that run before it checks settings.
    #[must_use]
    pub fn checking(mut self, body: &str) -> Self {
        self.checking = body.into();
        self
    }

    /// Instructions that run before the host is given memory for an argument.
    #[must_use]
    pub fn reallocating(mut self, body: &str) -> Self {
        self.reallocating = body.into();
        self
    }

    /// Limits of the first memory, in pages.
    #[must_use]
    pub fn memory(mut self, limits: &str) -> Self {
        self.memory = limits.into();
        self
    }

    /// Imports an interface of another package, by its text.
    #[must_use]
    pub fn importing(mut self, package: &str, interface: &str, import: &str) -> Self {
        self.foreign = Some((package.into(), interface.into()));
        self.imports = import.into();
        self
    }

    /// Further fields of the module.
    #[must_use]
    pub fn extra(mut self, extra: &str) -> Self {
        self.extra = extra.into();
        self
    }

    /// Puts a number into the answer.
    #[must_use]
    pub fn word(mut self, at: usize, word: u32) -> Self {
        self.answer[at..at + 4].copy_from_slice(&word.to_le_bytes());
        self
    }

    /// Puts a text beside the answer, and its place and length into the answer.
    #[must_use]
    pub fn text(self, at: usize, text: &[u8]) -> Self {
        let (mut hand, place) = self.keep(text);
        hand = hand.word(at, place);
        hand.word(at + 4, text.len() as u32)
    }

    /// Puts a list of key and value pairs into the answer, each with `size` bytes in all.
    #[must_use]
    pub fn pairs(self, at: usize, size: usize, pairs: &[(&str, &str)]) -> Self {
        let (mut hand, mut items) = (self, Vec::new());
        for (key, value) in pairs {
            let mut item = vec![0; size];
            for (at, text) in [(0, key), (8, value)] {
                let (next, place) = hand.keep(text.as_bytes());
                hand = next;
                item[at..at + 4].copy_from_slice(&place.to_le_bytes());
                item[at + 4..at + 8].copy_from_slice(&(text.len() as u32).to_le_bytes());
            }
            items.extend(item);
        }
        let (hand, place) = hand.keep(&items);
        hand.word(at, place).word(at + 4, pairs.len() as u32)
    }

    fn keep(mut self, bytes: &[u8]) -> (Self, u32) {
        while !self.heap.len().is_multiple_of(8) {
            self.heap.push(0);
        }
        let place = (HEAP + self.heap.len()) as u32;
        self.heap.extend_from_slice(bytes);
        (self, place)
    }

    /// The component.
    #[must_use]
    pub fn build(self) -> Vec<u8> {
        let (function, parameters) = match self.world {
            "policy" => ("evaluate", 8),
            "generator" => ("generate", 4),
            "template" => ("render", 12),
            "authenticator" => ("authenticate", 6),
            other => panic!("{other}"),
        };
        let escape = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        let mut described = Vec::new();
        for word in [DESCRIPTOR as u32, self.descriptor.len() as u32] {
            described.extend_from_slice(&word.to_le_bytes());
        }
        let wat = format!(
            r#"(module
                {imports}
                (memory (export "memory") {memory})
                (global $top (mut i32) (i32.const 131072))
                {extra}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    {reallocating}
                    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
                    (global.set $top (i32.add (local.get $at) (local.get 3)))
                    (local.get $at))
                (func (export "infisical:plugin/metadata@0.1.0#describe") (result i32) {describing} (i32.const 2048))
                (func (export "infisical:plugin/metadata@0.1.0#check-settings") (param i32 i32 i32 i32) (result i32) {checking} (i32.const 1024))
                (func (export "infisical:plugin/{world}@0.1.0#{function}") {parameters} (result i32)
                    {body}
                    (i32.const {ANSWER}))
                (data (i32.const 2048) "{described}")
                (data (i32.const {ANSWER}) "{answer}")
                (data (i32.const {HEAP}) "{heap}")
                (data (i32.const {DESCRIPTOR}) "{descriptor}"))"#,
            world = self.world,
            imports = self.imports,
            extra = self.extra,
            body = self.body,
            describing = self.describing,
            checking = self.checking,
            reallocating = self.reallocating,
            memory = self.memory,
            parameters = "(param i32) ".repeat(parameters),
            described = escape(&described),
            answer = escape(&self.answer),
            heap = escape(&self.heap),
            descriptor = escape(&self.descriptor),
        );
        let mut module = wat::parse_str(wat).unwrap();
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap();
        let mut world = resolve.select_world(&[package], Some(&format!("{}-plugin", self.world))).unwrap();
        if let Some((package, interface)) = self.foreign {
            resolve.push_str("foreign.wit", &package).unwrap();
            let text =
                format!("package by:hand; world hand {{ include infisical:plugin/{}-plugin@0.1.0; import {interface}; }}", self.world);
            let package = resolve.push_str("hand.wit", &text).unwrap();
            world = resolve.select_world(&[package], Some("hand")).unwrap();
        }
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
    }
}
