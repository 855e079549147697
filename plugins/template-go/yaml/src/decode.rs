//! Nodes to [`Data`], by the types that Go would decode into: `interface{}`, `map[string]interface{}`, `map[string]string`.
use crate::{
    Data, Dialect, Error, Key, MAX_DEPTH, Map,
    compose::{self, Document, Kind, Node, NodeId},
    resolve::{self, Resolved},
    sigs,
};
use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Decodes the first document into an `interface{}`.
///
/// # Errors
/// What is wrong with the document.
pub fn any(bytes: &[u8], dialect: Dialect) -> Result<Data, Error> {
    let Some(document) = compose::first(bytes, dialect)? else { return Ok(Data::Null) };
    let mut decoder = Decoder::new(&document, dialect);
    let value = decoder.value(document.root, Want::Any)?;
    decoder.finish(value.unwrap_or(Data::Null))
}

/// Decodes the first document into a `map[string]interface{}` by V3. `None` is a nil map, which is what `null` gives; no
/// document at all gives an empty one.
///
/// # Errors
/// What is wrong with the document, or with its keys.
pub fn string_map(bytes: &[u8]) -> Result<Option<Map>, Error> {
    root_map(bytes, Want::Any, "map[string]interface {}")
}

/// Decodes the first document into a `map[string]string` by V3: scalars keep their text as written, `null` is empty.
///
/// # Errors
/// What is wrong with the document; a value that is a list or a map.
pub fn string_to_string(bytes: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Error> {
    let map = root_map(bytes, Want::Text, "map[string]string")?.unwrap_or_default();
    let text = |data| if let Data::Str(s) = data { s } else { Vec::new() };
    let mut texts = BTreeMap::new();
    // Not collected: that sorts first, which is much code for each type.
    texts.extend(map.entries.into_iter().filter_map(|(key, value)| if let Key::Str(k) = key { Some((k, text(value))) } else { None }));
    Ok(texts)
}

fn root_map(bytes: &[u8], want: Want, type_name: &str) -> Result<Option<Map>, Error> {
    let mut map = Map { string_keys: true, entries: BTreeMap::new() };
    let Some(document) = compose::first(bytes, Dialect::V3)? else { return Ok(Some(map)) };
    let mut decoder = Decoder::new(&document, Dialect::V3);
    let Some(root) = document.node(document.root) else { return Ok(Some(map)) };
    let nil = match root.kind {
        Kind::Mapping(_) => {
            decoder.count()?;
            decoder.mapping(document.root, &mut map, want, true)?;
            false
        }
        _ => {
            let null = matches!(root.kind, Kind::Scalar) && decoder.scalar(root, Want::Text)?.is_none();
            if !null {
                decoder.unfit(root, type_name);
            }
            null
        }
    };
    decoder.finish(if nil { None } else { Some(map) })
}

/// The type that a value is decoded into.
#[derive(Clone, Copy, PartialEq)]
enum Want {
    Any,
    Text,
}

struct Decoder<'a> {
    document: &'a Document,
    dialect: Dialect,
    /// Aliases being followed.
    following: HashSet<NodeId>,
    unfit: Vec<String>,
    decoded: u32,
    aliased: u32,
    alias_depth: u32,
    depth: usize,
    /// While a merge goes on: the keys that it may not overwrite.
    merged: Option<BTreeSet<Key>>,
}

impl<'a> Decoder<'a> {
    fn new(document: &'a Document, dialect: Dialect) -> Self {
        Self {
            document,
            dialect,
            following: HashSet::new(),
            unfit: Vec::new(),
            decoded: 0,
            aliased: 0,
            alias_depth: 0,
            depth: 0,
            merged: None,
        }
    }

    fn finish<T>(self, value: T) -> Result<T, Error> {
        if self.unfit.is_empty() { Ok(value) } else { Err(Error::unfit(self.unfit)) }
    }

    fn node(&self, id: NodeId) -> Result<&'a Node, Error> {
        self.document.node(id).ok_or_else(|| Error::new("a node is missing"))
    }

    fn unfit(&mut self, node: &Node, type_name: &str) {
        self.unfit.push(format!("line {}: cannot unmarshal {} into {type_name}", node.line + 1, node.tag));
    }

    /// Counts one step, and refuses documents that live off their aliases, by Go's measure.
    fn count(&mut self) -> Result<(), Error> {
        self.decoded += 1;
        if self.alias_depth > 0 {
            self.aliased += 1;
        }
        let (low, high) = (400_000, 4_000_000);
        let allowed = match self.decoded {
            n if n <= low => 0.99,
            n if n >= high => 0.10,
            n => 0.99 - 0.89 * (f64::from(n - low) / f64::from(high - low)),
        };
        if self.aliased > 100 && self.decoded > 1000 && f64::from(self.aliased) / f64::from(self.decoded) > allowed {
            return Err(Error::new("document contains excessive aliasing"));
        }
        Ok(())
    }

    /// `None` is a value that doesn't fit, which Go leaves out.
    fn value(&mut self, id: NodeId, want: Want) -> Result<Option<Data>, Error> {
        self.count()?;
        if self.depth >= MAX_DEPTH {
            return Err(Error::new(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let node = self.node(id)?;
        self.depth += 1;
        let value = match &node.kind {
            Kind::Scalar => self.scalar(node, want),
            Kind::Alias(target) => self.follow(id, node, |decoder| decoder.value(*target, want)),
            Kind::Sequence(_) | Kind::Mapping(_) if want == Want::Text => {
                self.unfit(node, "string");
                Ok(None)
            }
            Kind::Sequence(items) => self.list(items),
            Kind::Mapping(items) => self.fresh_map(id, items),
        };
        self.depth -= 1;
        value
    }

    fn list(&mut self, items: &[NodeId]) -> Result<Option<Data>, Error> {
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            list.extend(self.value(*item, Want::Any)?);
        }
        Ok(Some(Data::List(list)))
    }

    fn fresh_map(&mut self, id: NodeId, items: &[NodeId]) -> Result<Option<Data>, Error> {
        let string_keys = self.dialect == Dialect::V3 && self.has_string_keys(items)?;
        let mut map = Map { string_keys, entries: BTreeMap::new() };
        Ok(self.mapping(id, &mut map, Want::Any, false)?.then_some(Data::Map(map)))
    }

    fn follow<T>(&mut self, id: NodeId, alias: &Node, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if !self.following.insert(id) {
            let name = &alias.value;
            return Err(Error::quoting(format!("anchor '{name}' value contains itself"), "an anchor's value contains itself"));
        }
        self.alias_depth += 1;
        let value = read(self);
        self.alias_depth -= 1;
        self.following.remove(&id);
        value
    }

    fn has_string_keys(&self, items: &[NodeId]) -> Result<bool, Error> {
        for key in items.iter().step_by(2) {
            if !matches!(self.short_tag(*key)?, "!!str" | "!!merge") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn short_tag(&self, id: NodeId) -> Result<&'a str, Error> {
        let node = self.node(id)?;
        match node.kind {
            Kind::Alias(target) => Ok(&self.node(target)?.tag),
            _ => Ok(&node.tag),
        }
    }

    fn scalar(&mut self, node: &Node, want: Want) -> Result<Option<Data>, Error> {
        let quoted = node.tag.is_empty() && !node.implicit;
        let (tag, resolved) =
            if quoted { ("!!str".to_owned(), Resolved::Text) } else { resolve::resolve(&node.tag, &node.value, self.dialect)? };
        let written = || Data::Str(node.value.clone().into_bytes());
        if tag == "!!binary" {
            return Ok(Some(Data::Str(binary(&node.value)?)));
        }
        Ok(match (resolved, want) {
            (Resolved::Null, Want::Any) => Some(Data::Null),
            (Resolved::Null, Want::Text) => None,
            (_, Want::Text) | (Resolved::Text, Want::Any) => Some(written()),
            (Resolved::Bool(b), Want::Any) => Some(Data::Bool(b)),
            (Resolved::Int(n), Want::Any) => Some(Data::Int(n)),
            (Resolved::Uint(n), Want::Any) => Some(Data::Uint(n)),
            (Resolved::Float(f), Want::Any) => Some(Data::Float(f)),
            // V2 leaves a time as text where no type asks for one.
            (Resolved::Time(_), Want::Any) if self.dialect == Dialect::V2 => Some(written()),
            (Resolved::Time(t), Want::Any) => Some(Data::Time(t)),
        })
    }

    /// Adds the pairs of a mapping to `map`. False where V3 found a key twice.
    fn mapping(&mut self, id: NodeId, map: &mut Map, want: Want, new: bool) -> Result<bool, Error> {
        let Kind::Mapping(items) = &self.node(id)?.kind else { return Ok(false) };
        if self.dialect == Dialect::V3 && !self.keys_are_unique(items)? {
            return Ok(false);
        }
        let mut merged = self.merged.take();
        let mut merge = None;
        let want_key = if map.string_keys { Want::Text } else { Want::Any };
        for pair in items.chunks_exact(2) {
            let &[key, value] = pair else { continue };
            if self.is_merge(key)? {
                if self.dialect == Dialect::V2 {
                    self.merge(id, value, map, want)?;
                } else {
                    merge = Some(value);
                }
                continue;
            }
            self.pair(key, value, map, want_key, want, new, &mut merged)?;
        }
        self.merged = merged;
        if let Some(merge) = merge {
            self.merge(id, merge, map, want)?;
        }
        Ok(true)
    }

    #[expect(clippy::too_many_arguments, reason = "out of the loop so that a level of nesting costs little stack")]
    fn pair(
        &mut self,
        key: NodeId,
        value: NodeId,
        map: &mut Map,
        want_key: Want,
        want: Want,
        new: bool,
        merged: &mut Option<BTreeSet<Key>>,
    ) -> Result<(), Error> {
        let Some(key) = self.key(key, want_key)? else { return Ok(()) };
        if let Some(merged) = merged
            && !merged.insert(key.clone())
        {
            return Ok(());
        }
        match self.value(value, want)? {
            Some(value) => {
                map.entries.insert(key, value);
            }
            None if self.short_tag(value)? == "!!null" && (new || !map.entries.contains_key(&key)) => {
                map.entries.insert(key, Data::Str(Vec::new()));
            }
            None => {}
        }
        Ok(())
    }

    fn key(&mut self, id: NodeId, want: Want) -> Result<Option<Key>, Error> {
        let Some(key) = self.value(id, want)? else { return Ok(None) };
        if matches!(key, Data::List(_) | Data::Map(_)) {
            let text = format!("invalid map key: {}", sigs::go_syntax(&key));
            return Err(Error::quoting(text, "a map or a list can't be a key"));
        }
        Ok(Key::of(key))
    }

    fn keys_are_unique(&mut self, items: &[NodeId]) -> Result<bool, Error> {
        let before = self.unfit.len();
        let mut seen = HashMap::new();
        for key in items.iter().step_by(2) {
            let node = self.node(*key)?;
            let identity = (std::mem::discriminant(&node.kind), node.value.as_str());
            if let Some(first) = seen.get(&identity) {
                self.unfit.push(format!("line {}: mapping key already defined at line {first}", node.line + 1));
            } else {
                seen.insert(identity, node.line + 1);
            }
        }
        Ok(self.unfit.len() == before)
    }

    fn is_merge(&self, id: NodeId) -> Result<bool, Error> {
        let node = self.node(id)?;
        let tagged = node.tag == "!!merge" || if self.dialect == Dialect::V3 { node.tag == "!" } else { node.implicit };
        Ok(matches!(node.kind, Kind::Scalar) && node.value == "<<" && tagged)
    }

    /// Adds what `<<` names. V3 does so last and overwrites nothing of the mapping; V2 where the key stands.
    fn merge(&mut self, parent: NodeId, from: NodeId, map: &mut Map, want: Want) -> Result<(), Error> {
        let outermost = self.dialect == Dialect::V3 && self.merged.is_none();
        if outermost {
            let Kind::Mapping(items) = &self.node(parent)?.kind else { return Ok(()) };
            let mut own = BTreeSet::new();
            for key in items.iter().step_by(2) {
                let key = self.value(*key, Want::Any)?.and_then(Key::of);
                own.insert(key.ok_or_else(|| Error::new("a map or a list can't be a key beside a merge"))?);
            }
            self.merged = Some(own);
        }
        match &self.node(from)?.kind {
            Kind::Sequence(items) => {
                // Earlier ones take precedence: V2 lets later writes win, V3 the first.
                let order: Vec<_> = if self.dialect == Dialect::V2 { items.iter().rev().collect() } else { items.iter().collect() };
                for item in order {
                    self.merge_one(*item, map, want)?;
                }
            }
            _ => self.merge_one(from, map, want)?,
        }
        if outermost {
            self.merged = None;
        }
        Ok(())
    }

    fn merge_one(&mut self, id: NodeId, map: &mut Map, want: Want) -> Result<(), Error> {
        const NO_MAP: &str = "map merge requires map or sequence of maps as the value";
        if self.depth >= MAX_DEPTH {
            return Err(Error::new(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let node = self.node(id)?;
        self.depth += 1;
        match node.kind {
            Kind::Mapping(_) => {
                self.count()?;
                self.mapping(id, map, want, false)?;
            }
            Kind::Alias(target) => {
                if !matches!(self.node(target)?.kind, Kind::Mapping(_)) {
                    return Err(Error::new(NO_MAP));
                }
                self.count()?;
                self.follow(id, node, |decoder| {
                    decoder.count()?;
                    decoder.mapping(target, map, want, false).map(|_| ())
                })?;
            }
            _ => return Err(Error::new(NO_MAP)),
        }
        self.depth -= 1;
        Ok(())
    }
}

/// Base64 as Go's decoder takes it: padded, line breaks passed over, loose bits at the end allowed.
fn binary(text: &str) -> Result<Vec<u8>, Error> {
    let config =
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    let packed: Vec<u8> = text.bytes().filter(|c| !matches!(c, b'\r' | b'\n')).collect();
    engine.decode(packed).map_err(|_| Error::new("!!binary value contains invalid base64 data"))
}
