//! From bytes to events: the lines of server-sent events, as strict servers and careless ones write them.
//!
//! Older servers send a bare `1` as a heartbeat, without an end of line: at the beginning of a line it is one, since no field
//! begins with a digit. An event needs no name. Of an event larger than [`LARGEST`] nothing is kept but that it came.
use super::{Change, ChangeKind, Event, payload};
use std::collections::VecDeque;

/// What is kept of one event, in bytes: an event of some thousands of keys.
pub(super) const LARGEST: usize = 1 << 20;

/// Bytes go in, events come out. Holds no value of a secret, but names: it is not formatted.
#[derive(Default)]
pub(super) struct Reader {
    /// Of the line that has begun, without its end.
    line: Vec<u8>,
    begun: bool,
    /// The line before ended with CR: an LF belongs to it.
    after_cr: bool,
    name: Option<String>,
    data: Vec<u8>,
    has_data: bool,
    overflown: bool,
    ready: VecDeque<Event>,
}

impl Reader {
    /// The next event, if one is complete.
    pub fn take(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Reads more.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                bytes = rest;
                continue;
            }
            if !self.begun && first == b'1' {
                self.heartbeat();
                bytes = rest;
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let (part, after) = bytes.split_at(end.unwrap_or(bytes.len()));
            self.begun = true;
            self.keep(part);
            bytes = after;
            if let Some((end, rest)) = after.split_first() {
                self.after_cr = *end == b'\r';
                self.line_ended();
                bytes = rest;
            }
        }
    }

    fn keep(&mut self, part: &[u8]) {
        if self.line.len() + self.data.len() + part.len() > LARGEST {
            self.overflown = true;
            // Of a line that is not kept, the field's name is all that matters.
            self.line.truncate(16);
            self.data = Vec::new();
            return;
        }
        self.line.extend_from_slice(part);
    }

    fn line_ended(&mut self) {
        self.begun = false;
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let (field, rest) = line.split_at(colon);
                let value = rest.get(1..).unwrap_or_default();
                (field, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (&*line, &[][..]),
        };
        match field {
            b"" => self.heartbeat(),
            b"event" => self.name = Some(String::from_utf8_lossy(value).into_owned()),
            b"data" if !self.overflown => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"data" => self.has_data = true,
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let (name, data) = (self.name.take(), std::mem::take(&mut self.data));
        let (has_data, overflown) = (std::mem::take(&mut self.has_data), std::mem::take(&mut self.overflown));
        let name = name.as_deref().unwrap_or_default();
        match name {
            "ping" => self.heartbeat(),
            // A heartbeat of older servers that somebody put into the form of an event.
            "" if !overflown && data.trim_ascii() == b"1" => self.heartbeat(),
            "error" => self.ready.push_back(Event::Withdrawn),
            _ if overflown => self.ready.push_back(Event::Change(Change { kind: ChangeKind::Other, places: Vec::new() })),
            _ if has_data => self.ready.push_back(Event::Change(payload::change(name, &data))),
            // A field without meaning here, or two blank lines.
            _ => {}
        }
    }

    /// One is as good as many.
    fn heartbeat(&mut self) {
        if self.ready.back() != Some(&Event::Heartbeat) {
            self.ready.push_back(Event::Heartbeat);
        }
    }
}

// `Event` has no Debug on purpose, so comparisons are asserted, not printed.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Vec<Event> {
        read_in(&[bytes])
    }

    fn read_in(chunks: &[&[u8]]) -> Vec<Event> {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for chunk in chunks {
            reader.feed(chunk);
            events.extend(std::iter::from_fn(|| reader.take()));
        }
        events
    }

    fn without_heartbeats(events: Vec<Event>) -> Vec<Event> {
        events.into_iter().filter(|event| *event != Event::Heartbeat).collect()
    }

    fn changed(kind: ChangeKind, environment: &str, path: &str) -> Event {
        Event::Change(Change { kind, places: vec![Place { environment: environment.into(), path: path.into() }] })
    }

    fn newer(environment: &str, path: &str) -> String {
        let row = format!(r#"{{"environment":"{environment}","secretPath":"{path}","secretKeys":"KEY"}}"#);
        format!(
            "id: 17\nevent: secret:update\ndata: {{\"type\":\"secret-manager\",\"data\":{{\"eventType\":\"secret:update\",\"payload\":[{row}]}}}}\n\n"
        )
    }

    #[test]
    fn both_generations_are_understood() {
        assert!(read(b"event: ping\n\n") == [Event::Heartbeat]);
        assert!(read(b"1") == [Event::Heartbeat], "a bare one is heard without an end of line");
        assert!(read(b"data: 1\n\n") == [Event::Heartbeat]);
        assert!(read(newer("dev", "/app").as_bytes()) == [changed(ChangeKind::Update, "dev", "/app")]);
        let older = r#"{"projectType":"secret-manager","data":{"eventType":"create-secret","payload":{"secretPath":"/","environment":"dev","secretKey":"K"}}}"#;
        let glued = format!("111id: 2026\nevent: secret-manager\ndata: {older}\n\n1");
        assert!(read(glued.as_bytes()) == [Event::Heartbeat, changed(ChangeKind::Create, "dev", "/"), Event::Heartbeat]);
        let glued = format!("11event: secret-manager\ndata: {older}\n\n");
        assert!(without_heartbeats(read(glued.as_bytes())) == [changed(ChangeKind::Create, "dev", "/")]);
        assert!(read(b"event: error\ndata: {\"message\":\"x\"}\n\n") == [Event::Withdrawn]);
    }

    #[test]
    fn an_event_without_a_name_is_one_of_its_own() {
        let nameless = newer("dev", "/a").replace("event: secret:update\n", "");
        let both = format!("{nameless}{}", newer("dev", "/b"));
        assert!(read(both.as_bytes()) == [changed(ChangeKind::Update, "dev", "/a"), changed(ChangeKind::Update, "dev", "/b")]);
    }

    #[test]
    fn what_is_not_understood_is_a_change_anywhere() {
        let anywhere = |kind| Event::Change(Change { kind, places: Vec::new() });
        assert!(read(b"data: 2\n\n") == [anywhere(ChangeKind::Other)]);
        assert!(
            read(b"event: secret:delete\ndata: {\"data\":{\"payload\":[{\"secretPath\":\"/\"}]}}\n\n") == [anywhere(ChangeKind::Delete)]
        );
        assert!(read(b"data: {\ndata: }\n\n") == [anywhere(ChangeKind::Other)], "two lines of data are one text");
        assert!(read(b": comment\nretry: 3\nid\n\n\n").iter().all(|event| *event == Event::Heartbeat));
    }

    #[test]
    fn a_line_may_be_long_but_not_without_end() {
        let row = |number: usize| format!(r#"{{"environment":"dev","secretPath":"/f{number}","secretKeys":"{}"}}"#, "K".repeat(100));
        let rows: Vec<_> = (0..1000).map(row).collect();
        let long = format!("data: {{\"data\":{{\"eventType\":\"secret:create\",\"payload\":[{}]}}}}\n\n", rows.join(","));
        assert!(long.len() > 100_000);
        assert!(matches!(&*read(long.as_bytes()), [Event::Change(change)] if change.places.len() == 1000));
        let mut reader = Reader::default();
        reader.feed(b"data: ");
        for _ in 0..40 {
            reader.feed(&vec![b'x'; LARGEST / 16]);
            assert!(reader.line.capacity() + reader.data.capacity() <= 3 * LARGEST);
        }
        reader.feed(b"\n\n");
        assert!(reader.take() == Some(Event::Change(Change { kind: ChangeKind::Other, places: Vec::new() })));
        reader.feed(newer("dev", "/").as_bytes());
        assert!(reader.take() == Some(changed(ChangeKind::Update, "dev", "/")), "the next event is read as ever");
    }

    proptest! {
        #[test]
        fn wherever_it_is_cut_and_however_lines_end_the_events_are_the_same(
            paths in prop::collection::vec("/[a-z1]{0,8}", 1..6),
            ones in prop::collection::vec(0_usize..4, 6),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            cuts in prop::collection::vec(0_usize..2000, 0..30),
        ) {
            let mut text = String::new();
            for (path, ones) in paths.iter().zip(&ones) {
                text.push_str(&"1".repeat(*ones));
                text.push_str(&newer("dev", path).replace('\n', end));
            }
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % (text.len() + 1)).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            let wanted: Vec<_> = paths.iter().map(|path| changed(ChangeKind::Update, "dev", path)).collect();
            prop_assert!(without_heartbeats(read_in(&chunks)) == wanted);
            let heard = read_in(&chunks).len() - wanted.len();
            prop_assert!(heard >= ones.iter().take(paths.len()).filter(|ones| **ones > 0).count(), "a heartbeat was missed");
        }

        #[test]
        fn no_bytes_are_too_strange(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..32)) {
            let chunks: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
            read_in(&chunks);
        }
    }
}
