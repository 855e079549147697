//! Tokens to events, by libyaml's grammar. A stack of states stands where a reader by recursion would have its calls, so that
//! depth costs no stack.
use crate::{
    Dialect, Error,
    scan::{Mark, Scanner, Style, TokenKind},
};

/// What a document is made of.
#[derive(Debug)]
pub(crate) enum Event {
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias { name: String, line: usize },
    Scalar { value: String, style: Style, implicit: bool, tag: Option<Vec<u8>>, anchor: Option<String>, line: usize },
    SequenceStart { tag: Option<Vec<u8>>, anchor: Option<String>, line: usize },
    SequenceEnd,
    MappingStart { tag: Option<Vec<u8>>, anchor: Option<String>, line: usize },
    MappingEnd,
}

#[derive(Clone, Copy)]
enum State {
    ImplicitDocumentStart,
    DocumentStart,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequenceEntry { first: bool },
    IndentlessSequenceEntry,
    BlockMappingKey { first: bool },
    BlockMappingValue,
    FlowSequenceEntry { first: bool },
    FlowSequencePairKey,
    FlowSequencePairValue,
    FlowSequencePairEnd,
    FlowMappingKey { first: bool },
    FlowMappingValue { empty: bool },
    End,
}

pub(crate) struct Parser {
    scanner: Scanner,
    dialect: Dialect,
    state: State,
    states: Vec<State>,
    /// Where the open collections began.
    marks: Vec<Mark>,
    tags: Vec<(String, Vec<u8>)>,
}

impl Parser {
    pub(crate) fn new(bytes: &[u8], dialect: Dialect) -> Result<Self, Error> {
        let mut scanner = Scanner::new(bytes, dialect);
        scanner.take()?;
        let state = State::ImplicitDocumentStart;
        Ok(Self { scanner, dialect, state, states: Vec::new(), marks: Vec::new(), tags: Vec::new() })
    }

    pub(crate) fn next(&mut self) -> Result<Event, Error> {
        match self.state {
            State::ImplicitDocumentStart => self.document_start(true),
            State::DocumentStart => self.document_start(false),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(true, false),
            State::BlockSequenceEntry { first } => self.block_sequence_entry(first),
            State::IndentlessSequenceEntry => self.indentless_sequence_entry(),
            State::BlockMappingKey { first } => self.block_mapping_key(first),
            State::BlockMappingValue => self.block_mapping_value(),
            State::FlowSequenceEntry { first } => self.flow_sequence_entry(first),
            State::FlowSequencePairKey => self.flow_sequence_pair_key(),
            State::FlowSequencePairValue => self.flow_sequence_pair_value(),
            State::FlowSequencePairEnd => {
                self.scanner.peek()?;
                self.state = State::FlowSequenceEntry { first: false };
                Ok(Event::MappingEnd)
            }
            State::FlowMappingKey { first } => self.flow_mapping_key(first),
            State::FlowMappingValue { empty } => self.flow_mapping_value(empty),
            State::End => Ok(Event::StreamEnd),
        }
    }

    fn peek(&mut self) -> Result<(TokenKind, Mark), Error> {
        let token = self.scanner.peek()?;
        Ok((token.kind.clone(), token.start))
    }

    /// Whether the next token is one of `kinds`.
    fn at(&mut self, kinds: &[TokenKind]) -> Result<bool, Error> {
        let token = self.scanner.peek()?;
        Ok(kinds.contains(&token.kind))
    }

    fn start(&mut self) -> Result<Mark, Error> {
        Ok(self.scanner.peek()?.start)
    }

    fn skip(&mut self) -> Result<(), Error> {
        self.scanner.take().map(|_| ())
    }

    fn pop(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    /// A fault of the grammar, whose line Go counts from 0.
    fn fault(&self, context: Mark, problem: Mark, text: &str) -> Error {
        let lines = match self.dialect {
            Dialect::V3 => [context.line, problem.line],
            Dialect::V2 => [problem.line, context.line],
        };
        Error::at(text, lines.into_iter().find(|line| *line != 0).unwrap_or(0))
    }

    fn empty(&mut self, mark: Mark) -> Event {
        Event::Scalar { value: String::new(), style: Style::Plain, implicit: true, tag: None, anchor: None, line: mark.line }
    }

    fn document_start(&mut self, implicit: bool) -> Result<Event, Error> {
        if !implicit {
            while self.at(&[TokenKind::DocumentEnd])? {
                self.skip()?;
            }
        }
        let explicit = matches!(
            self.scanner.peek()?.kind,
            TokenKind::Version { .. } | TokenKind::TagDirective { .. } | TokenKind::DocumentStart | TokenKind::StreamEnd
        );
        if implicit && !explicit {
            self.directives()?;
            self.states.push(State::DocumentEnd);
            self.state = State::BlockNode;
            return Ok(Event::DocumentStart);
        }
        if self.at(&[TokenKind::StreamEnd])? {
            self.state = State::End;
            self.skip()?;
            return Ok(Event::StreamEnd);
        }
        self.directives()?;
        let start = self.start()?;
        if !self.at(&[TokenKind::DocumentStart])? {
            return Err(self.fault(Mark::default(), start, "did not find expected <document start>"));
        }
        self.states.push(State::DocumentEnd);
        self.state = State::DocumentContent;
        self.skip()?;
        Ok(Event::DocumentStart)
    }

    fn directives(&mut self) -> Result<(), Error> {
        let mut version = false;
        loop {
            let (kind, start) = self.peek()?;
            match kind {
                TokenKind::Version { major, minor } => {
                    if version {
                        return Err(self.fault(Mark::default(), start, "found duplicate %YAML directive"));
                    }
                    if (major, minor) != (1, 1) {
                        return Err(self.fault(Mark::default(), start, "found incompatible YAML document"));
                    }
                    version = true;
                }
                TokenKind::TagDirective { handle, prefix } => {
                    if self.tags.iter().any(|(known, _)| *known == handle) {
                        return Err(self.fault(Mark::default(), start, "found duplicate %TAG directive"));
                    }
                    self.tags.push((handle, prefix));
                }
                _ => break,
            }
            self.skip()?;
        }
        for (handle, prefix) in [("!", "!"), ("!!", crate::resolve::LONG_PREFIX)] {
            if !self.tags.iter().any(|(known, _)| known == handle) {
                self.tags.push((handle.to_owned(), prefix.as_bytes().to_vec()));
            }
        }
        Ok(())
    }

    fn document_content(&mut self) -> Result<Event, Error> {
        let (kind, start) = self.peek()?;
        if matches!(
            kind,
            TokenKind::Version { .. }
                | TokenKind::TagDirective { .. }
                | TokenKind::DocumentStart
                | TokenKind::DocumentEnd
                | TokenKind::StreamEnd
        ) {
            self.pop();
            return Ok(self.empty(start));
        }
        self.node(true, false)
    }

    fn document_end(&mut self) -> Result<Event, Error> {
        if self.at(&[TokenKind::DocumentEnd])? {
            self.skip()?;
        }
        self.tags.clear();
        self.state = State::DocumentStart;
        Ok(Event::DocumentEnd)
    }

    fn node(&mut self, block: bool, indentless: bool) -> Result<Event, Error> {
        let (kind, start) = self.peek()?;
        let line = start.line;
        if let TokenKind::Alias(name) = kind {
            self.pop();
            self.skip()?;
            return Ok(Event::Alias { name, line });
        }
        let mut anchor = None;
        let mut written = None;
        // An anchor and a tag, in any order, each once.
        for _ in 0..2 {
            let (kind, mark) = self.peek()?;
            match kind {
                TokenKind::Anchor(name) if anchor.is_none() => anchor = Some(name),
                TokenKind::Tag { handle, suffix } if written.is_none() => written = Some((handle, suffix, mark)),
                _ => break,
            }
            self.skip()?;
        }
        let tag = match written {
            None => None,
            Some((handle, suffix, _)) if handle.is_empty() => Some(suffix),
            Some((handle, suffix, mark)) => {
                let prefix = self.tags.iter().find(|(known, _)| *known == handle).map(|(_, prefix)| prefix.as_slice());
                let tag = [prefix.unwrap_or_default(), if prefix.is_some() { suffix.as_slice() } else { &[] }].concat();
                if tag.is_empty() {
                    return Err(self.fault(start, mark, "found undefined tag handle"));
                }
                Some(tag)
            }
        }
        .filter(|tag| !tag.is_empty());

        let (kind, mark) = self.peek()?;
        match kind {
            TokenKind::BlockEntry if indentless => {
                self.state = State::IndentlessSequenceEntry;
                Ok(Event::SequenceStart { tag, anchor, line })
            }
            TokenKind::Scalar { value, style } => {
                let implicit = match &tag {
                    None => style == Style::Plain,
                    Some(tag) => tag == b"!",
                };
                self.pop();
                self.skip()?;
                Ok(Event::Scalar { value, style, implicit, tag, anchor, line })
            }
            TokenKind::FlowSequenceStart => {
                self.state = State::FlowSequenceEntry { first: true };
                Ok(Event::SequenceStart { tag, anchor, line })
            }
            TokenKind::FlowMappingStart => {
                self.state = State::FlowMappingKey { first: true };
                Ok(Event::MappingStart { tag, anchor, line })
            }
            TokenKind::BlockSequenceStart if block => {
                self.state = State::BlockSequenceEntry { first: true };
                Ok(Event::SequenceStart { tag, anchor, line })
            }
            TokenKind::BlockMappingStart if block => {
                self.state = State::BlockMappingKey { first: true };
                Ok(Event::MappingStart { tag, anchor, line })
            }
            _ if anchor.is_some() || tag.is_some() => {
                self.pop();
                let implicit = tag.is_none();
                Ok(Event::Scalar { value: String::new(), style: Style::Plain, implicit, tag, anchor, line })
            }
            _ => Err(self.fault(start, mark, "did not find expected node content")),
        }
    }

    /// The node after an indicator, or nothing where one of `ends` follows.
    fn node_or_empty(&mut self, ends: &[TokenKind], then: State, block: bool, at: Option<Mark>) -> Result<Event, Error> {
        if self.at(ends)? {
            self.state = then;
            let mark = match at {
                Some(mark) => mark,
                None => self.start()?,
            };
            return Ok(self.empty(mark));
        }
        self.states.push(then);
        let indentless = matches!(then, State::BlockMappingKey { .. } | State::BlockMappingValue);
        self.node(block, indentless)
    }

    fn open(&mut self, first: bool) -> Result<(), Error> {
        if first {
            let token = self.scanner.take()?;
            self.marks.push(token.start);
        }
        Ok(())
    }

    fn close(&mut self, event: Event) -> Result<Event, Error> {
        self.pop();
        self.marks.pop();
        self.skip()?;
        Ok(event)
    }

    fn broken(&mut self, text: &str) -> Error {
        let context = self.marks.pop().unwrap_or_default();
        match self.start() {
            Ok(start) => self.fault(context, start, text),
            Err(fault) => fault,
        }
    }

    fn block_sequence_entry(&mut self, first: bool) -> Result<Event, Error> {
        self.open(first)?;
        if self.at(&[TokenKind::BlockEntry])? {
            let mark = self.scanner.take()?.end;
            let then = State::BlockSequenceEntry { first: false };
            return self.node_or_empty(&[TokenKind::BlockEntry, TokenKind::BlockEnd], then, true, Some(mark));
        }
        if self.at(&[TokenKind::BlockEnd])? {
            return self.close(Event::SequenceEnd);
        }
        Err(self.broken("did not find expected '-' indicator"))
    }

    fn indentless_sequence_entry(&mut self) -> Result<Event, Error> {
        if self.at(&[TokenKind::BlockEntry])? {
            let mark = self.scanner.take()?.end;
            let ends = [TokenKind::BlockEntry, TokenKind::Key, TokenKind::Value, TokenKind::BlockEnd];
            return self.node_or_empty(&ends, State::IndentlessSequenceEntry, true, Some(mark));
        }
        self.pop();
        Ok(Event::SequenceEnd)
    }

    fn block_mapping_key(&mut self, first: bool) -> Result<Event, Error> {
        self.open(first)?;
        if self.at(&[TokenKind::Key])? {
            let mark = self.scanner.take()?.end;
            let ends = [TokenKind::Key, TokenKind::Value, TokenKind::BlockEnd];
            return self.node_or_empty(&ends, State::BlockMappingValue, true, Some(mark));
        }
        if self.at(&[TokenKind::BlockEnd])? {
            return self.close(Event::MappingEnd);
        }
        Err(self.broken("did not find expected key"))
    }

    fn block_mapping_value(&mut self) -> Result<Event, Error> {
        let then = State::BlockMappingKey { first: false };
        if self.at(&[TokenKind::Value])? {
            let mark = self.scanner.take()?.end;
            let ends = [TokenKind::Key, TokenKind::Value, TokenKind::BlockEnd];
            return self.node_or_empty(&ends, then, true, Some(mark));
        }
        let start = self.start()?;
        self.state = then;
        Ok(self.empty(start))
    }

    fn flow_sequence_entry(&mut self, first: bool) -> Result<Event, Error> {
        self.open(first)?;
        if !self.at(&[TokenKind::FlowSequenceEnd])? {
            if !first {
                if !self.at(&[TokenKind::FlowEntry])? {
                    return Err(self.broken("did not find expected ',' or ']'"));
                }
                self.skip()?;
            }
            if self.at(&[TokenKind::Key])? {
                let line = self.scanner.take()?.start.line;
                self.state = State::FlowSequencePairKey;
                return Ok(Event::MappingStart { tag: None, anchor: None, line });
            }
            if !self.at(&[TokenKind::FlowSequenceEnd])? {
                self.states.push(State::FlowSequenceEntry { first: false });
                return self.node(false, false);
            }
        }
        self.close(Event::SequenceEnd)
    }

    fn flow_sequence_pair_key(&mut self) -> Result<Event, Error> {
        if self.at(&[TokenKind::Value, TokenKind::FlowEntry, TokenKind::FlowSequenceEnd])? {
            // Go takes the token here.
            let mark = self.scanner.take()?.end;
            self.state = State::FlowSequencePairValue;
            return Ok(self.empty(mark));
        }
        self.states.push(State::FlowSequencePairValue);
        self.node(false, false)
    }

    fn flow_sequence_pair_value(&mut self) -> Result<Event, Error> {
        if self.at(&[TokenKind::Value])? {
            self.skip()?;
            let ends = [TokenKind::FlowEntry, TokenKind::FlowSequenceEnd];
            return self.node_or_empty(&ends, State::FlowSequencePairEnd, false, None);
        }
        let start = self.start()?;
        self.state = State::FlowSequencePairEnd;
        Ok(self.empty(start))
    }

    fn flow_mapping_key(&mut self, first: bool) -> Result<Event, Error> {
        self.open(first)?;
        if !self.at(&[TokenKind::FlowMappingEnd])? {
            if !first {
                if !self.at(&[TokenKind::FlowEntry])? {
                    return Err(self.broken("did not find expected ',' or '}'"));
                }
                self.skip()?;
            }
            if self.at(&[TokenKind::Key])? {
                self.skip()?;
                let ends = [TokenKind::Value, TokenKind::FlowEntry, TokenKind::FlowMappingEnd];
                return self.node_or_empty(&ends, State::FlowMappingValue { empty: false }, false, None);
            }
            if !self.at(&[TokenKind::FlowMappingEnd])? {
                self.states.push(State::FlowMappingValue { empty: true });
                return self.node(false, false);
            }
        }
        self.close(Event::MappingEnd)
    }

    fn flow_mapping_value(&mut self, empty: bool) -> Result<Event, Error> {
        let then = State::FlowMappingKey { first: false };
        if !empty && self.at(&[TokenKind::Value])? {
            self.skip()?;
            return self.node_or_empty(&[TokenKind::FlowEntry, TokenKind::FlowMappingEnd], then, false, None);
        }
        let start = self.start()?;
        self.state = then;
        Ok(self.empty(start))
    }
}
