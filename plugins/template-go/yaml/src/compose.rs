//! Events to nodes: one document, its anchors resolved. Nodes lie in one list and name each other by number, so that neither
//! building nor dropping them costs stack.
use crate::{
    Dialect, Error,
    parse::{Event, Parser},
    resolve,
    scan::Style,
};
use std::collections::HashMap;

pub(crate) type NodeId = usize;

#[derive(Debug)]
pub(crate) enum Kind {
    Scalar,
    Alias(NodeId),
    Sequence(Vec<NodeId>),
    /// Keys and values in turn.
    Mapping(Vec<NodeId>),
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// In its short form, `!!str`; empty for none.
    pub(crate) tag: String,
    /// A scalar's text, an alias's name.
    pub(crate) value: String,
    /// Written without quotes and without a tag, or with the tag `!`.
    pub(crate) implicit: bool,
    /// From 0.
    pub(crate) line: usize,
}

pub(crate) struct Document {
    nodes: Vec<Node>,
    pub(crate) root: NodeId,
}

impl Document {
    pub(crate) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }
}

/// Reads the first document; `None` where there is none.
pub(crate) fn first(bytes: &[u8], dialect: Dialect) -> Result<Option<Document>, Error> {
    let mut parser = Parser::new(bytes, dialect)?;
    match parser.next()? {
        Event::DocumentStart => {}
        _ => return Ok(None),
    }
    let mut composer = Composer { dialect, nodes: Vec::new(), anchors: HashMap::new(), open: Vec::new(), root: None };
    loop {
        let event = parser.next()?;
        if matches!(event, Event::DocumentEnd | Event::StreamEnd) {
            break;
        }
        composer.add(event)?;
    }
    Ok(composer.root.map(|root| Document { nodes: composer.nodes, root }))
}

struct Composer {
    dialect: Dialect,
    nodes: Vec<Node>,
    anchors: HashMap<String, NodeId>,
    open: Vec<NodeId>,
    root: Option<NodeId>,
}

impl Composer {
    fn add(&mut self, event: Event) -> Result<(), Error> {
        let (node, anchor) = match event {
            Event::Alias { name, line } => {
                let Some(target) = self.anchors.get(&name).copied() else {
                    return Err(Error::quoting(format!("unknown anchor '{name}' referenced"), "unknown anchor referenced"));
                };
                (Node { kind: Kind::Alias(target), tag: String::new(), value: name, implicit: false, line }, None)
            }
            Event::Scalar { value, style, implicit, tag, anchor, line } => {
                let tag = self.scalar_tag(tag, style, &value)?;
                (Node { kind: Kind::Scalar, tag, value, implicit, line }, anchor)
            }
            Event::SequenceStart { tag, anchor, line } => {
                let tag = self.collection_tag(tag, "!!seq");
                (Node { kind: Kind::Sequence(Vec::new()), tag, value: String::new(), implicit: false, line }, anchor)
            }
            Event::MappingStart { tag, anchor, line } => {
                let tag = self.collection_tag(tag, "!!map");
                (Node { kind: Kind::Mapping(Vec::new()), tag, value: String::new(), implicit: false, line }, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
                return Ok(());
            }
            Event::DocumentStart | Event::DocumentEnd | Event::StreamEnd => return Ok(()),
        };
        let id = self.nodes.len();
        let collection = matches!(node.kind, Kind::Sequence(_) | Kind::Mapping(_));
        self.nodes.push(node);
        match self.open.last().and_then(|open| self.nodes.get_mut(*open)) {
            Some(Node { kind: Kind::Sequence(items) | Kind::Mapping(items), .. }) => items.push(id),
            _ => self.root = self.root.or(Some(id)),
        }
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, id);
        }
        if collection {
            self.open.push(id);
        }
        Ok(())
    }

    /// V3 gives each scalar its tag at once; V2 leaves it open.
    fn scalar_tag(&self, tag: Option<Vec<u8>>, style: Style, value: &str) -> Result<String, Error> {
        let tag = tag.map(|tag| resolve::short(&tag)).unwrap_or_default();
        if self.dialect == Dialect::V2 || !(tag.is_empty() || tag == "!") {
            return Ok(tag);
        }
        if style != Style::Plain {
            return Ok("!!str".to_owned());
        }
        if value == "<<" {
            return Ok("!!merge".to_owned());
        }
        Ok(resolve::resolve("", value, self.dialect)?.0)
    }

    fn collection_tag(&self, tag: Option<Vec<u8>>, default: &str) -> String {
        match (self.dialect, tag.map(|tag| resolve::short(&tag))) {
            (Dialect::V2, _) => String::new(),
            (Dialect::V3, Some(tag)) if tag != "!" => tag,
            (Dialect::V3, _) => default.to_owned(),
        }
    }
}
