//! Anchors, aliases, tags and directives.
use super::{
    Mark, Scanner, Token, TokenKind,
    chars::{is_blank, is_blankz, is_breakz, is_word},
};
use crate::Error;

impl Scanner {
    pub(super) fn scan_anchor(&mut self, alias: bool) -> Result<Token, Error> {
        let start = self.mark;
        self.skip();
        let name = self.scan_word();
        let c = self.look(0);
        if name.is_empty() || !(is_blankz(c) || matches!(c, '?' | ':' | ',' | ']' | '}' | '%' | '@' | '`')) {
            return Err(self.fault(start, "did not find expected alphabetic or numeric character"));
        }
        let kind = if alias { TokenKind::Alias(name) } else { TokenKind::Anchor(name) };
        Ok(Token { kind, start, end: self.mark })
    }

    fn scan_word(&mut self) -> String {
        let mut word = String::new();
        while is_word(self.look(0)) {
            self.read(&mut word);
        }
        word
    }

    pub(super) fn scan_tag(&mut self) -> Result<Token, Error> {
        let start = self.mark;
        let (handle, suffix) = if self.look(1) == '<' {
            self.skip();
            self.skip();
            let suffix = self.scan_tag_uri(None, start)?;
            if self.look(0) != '>' {
                return Err(self.fault(start, "did not find the expected '>'"));
            }
            self.skip();
            (String::new(), suffix)
        } else {
            let handle = self.scan_tag_handle(false, start)?;
            if handle.len() > 1 && handle.ends_with('!') {
                let suffix = self.scan_tag_uri(None, start)?;
                (handle, suffix)
            } else {
                let suffix = self.scan_tag_uri(Some(&handle), start)?;
                // A lone `!` is a tag of its own.
                if suffix.is_empty() { (String::new(), b"!".to_vec()) } else { ("!".to_owned(), suffix) }
            }
        };
        if !is_blankz(self.look(0)) {
            return Err(self.fault(start, "did not find expected whitespace or line break"));
        }
        Ok(Token { kind: TokenKind::Tag { handle, suffix }, start, end: self.mark })
    }

    fn scan_tag_handle(&mut self, directive: bool, start: Mark) -> Result<String, Error> {
        if self.look(0) != '!' {
            return Err(self.fault(start, "did not find expected '!'"));
        }
        let mut handle = String::new();
        self.read(&mut handle);
        handle.push_str(&self.scan_word());
        if self.look(0) == '!' {
            self.read(&mut handle);
        } else if directive && handle != "!" {
            return Err(self.fault(start, "did not find expected '!'"));
        }
        Ok(handle)
    }

    /// The rest of a tag; `head` is a handle that turned out to be the beginning of it.
    fn scan_tag_uri(&mut self, head: Option<&str>, start: Mark) -> Result<Vec<u8>, Error> {
        let head = head.unwrap_or_default();
        let mut uri = head.bytes().skip(1).collect::<Vec<_>>();
        let mut found = !head.is_empty();
        loop {
            match self.look(0) {
                '%' => self.scan_uri_escapes(start, &mut uri)?,
                c if is_word(c) || ";/?:@&=+$,.!~*'()[]".contains(c) => {
                    uri.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    self.skip();
                }
                _ => break,
            }
            found = true;
        }
        if found { Ok(uri) } else { Err(self.fault(start, "did not find expected tag URI")) }
    }

    /// The octets of one character.
    fn scan_uri_escapes(&mut self, start: Mark, uri: &mut Vec<u8>) -> Result<(), Error> {
        let mut left = None;
        while left != Some(0) {
            let digits = (self.look(0) == '%').then(|| (self.look(1).to_digit(16), self.look(2).to_digit(16)));
            let Some((Some(high), Some(low))) = digits else { return Err(self.fault(start, "did not find URI escaped octet")) };
            let octet = u8::try_from(high << 4 | low).unwrap_or(0);
            left = Some(match left {
                None => match octet {
                    0..0x80 => 0,
                    0xc0..0xe0 => 1,
                    0xe0..0xf0 => 2,
                    0xf0..0xf8 => 3,
                    _ => return Err(self.fault(start, "found an incorrect leading UTF-8 octet")),
                },
                Some(_) if octet & 0xc0 != 0x80 => return Err(self.fault(start, "found an incorrect trailing UTF-8 octet")),
                Some(left) => left - 1,
            });
            uri.push(octet);
            (0..3).for_each(|_| self.skip());
        }
        Ok(())
    }

    pub(super) fn scan_directive(&mut self) -> Result<Token, Error> {
        let start = self.mark;
        self.skip();
        let name = self.scan_word();
        if name.is_empty() {
            return Err(self.fault(start, "could not find expected directive name"));
        }
        if !is_blankz(self.look(0)) {
            return Err(self.fault(start, "found unexpected non-alphabetical character"));
        }
        let kind = match name.as_str() {
            "YAML" => self.scan_version(start)?,
            "TAG" => self.scan_tag_directive(start)?,
            _ => return Err(self.fault(start, "found unknown directive name")),
        };
        let end = self.mark;
        self.skip_blanks();
        self.skip_comment();
        if !is_breakz(self.look(0)) {
            return Err(self.fault(start, "did not find expected comment or line break"));
        }
        self.skip_break();
        Ok(Token { kind, start, end })
    }

    fn skip_blanks(&mut self) {
        while is_blank(self.look(0)) {
            self.skip();
        }
    }

    fn scan_version(&mut self, start: Mark) -> Result<TokenKind, Error> {
        self.skip_blanks();
        let major = self.scan_version_number(start)?;
        if self.look(0) != '.' {
            return Err(self.fault(start, "did not find expected digit or '.' character"));
        }
        self.skip();
        let minor = self.scan_version_number(start)?;
        Ok(TokenKind::Version { major, minor })
    }

    fn scan_version_number(&mut self, start: Mark) -> Result<u8, Error> {
        let (mut value, mut length) = (0_u8, 0);
        while let Some(digit) = self.look(0).to_digit(10) {
            length += 1;
            if length > 2 {
                return Err(self.fault(start, "found extremely long version number"));
            }
            value = value * 10 + u8::try_from(digit).unwrap_or(0);
            self.skip();
        }
        if length == 0 { Err(self.fault(start, "did not find expected version number")) } else { Ok(value) }
    }

    fn scan_tag_directive(&mut self, start: Mark) -> Result<TokenKind, Error> {
        self.skip_blanks();
        let handle = self.scan_tag_handle(true, start)?;
        if !is_blank(self.look(0)) {
            return Err(self.fault(start, "did not find expected whitespace"));
        }
        self.skip_blanks();
        let prefix = self.scan_tag_uri(None, start)?;
        if !is_blankz(self.look(0)) {
            return Err(self.fault(start, "did not find expected whitespace or line break"));
        }
        Ok(TokenKind::TagDirective { handle, prefix })
    }
}
