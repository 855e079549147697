//! Documents whose readings and writings were printed by Go's libraries, and the way there and back.
use go_yaml::{Data, Dialect, Key, Map, any, encode, sigs, string_map, string_to_string};
use proptest::prelude::*;

fn v3(text: &str) -> String {
    match any(text.as_bytes(), Dialect::V3).and_then(|data| encode(&data, Dialect::V3)) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(fault) => fault.to_string(),
    }
}

fn v2(json: &str) -> String {
    sigs::json_to_yaml(json.as_bytes()).map_or_else(|fault| fault.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn v3_lays_out_by_four_and_loses_a_leading_line() {
    assert_eq!(v3("{a: [1, {b: [c]}], z: {}}"), "a:\n    - 1\n    - b:\n        - c\nz: {}\n");
    assert_eq!(v3(r#"{a: "x\ny", b: "\nx", c: "a\tb", d: "\n"}"#), "a: |-\n    x\n    y\nb: |4-\n    x\nc: \"a\\tb\"\nd: |4+\n");
    assert_eq!(
        v3("[1e6, 1.0, 0x1F, 1_000, .inf, yes, 2024-01-01, '5', \"\"]"),
        "- 1e+06\n- 1\n- 31\n- 1000\n- .inf\n- \"yes\"\n- 2024-01-01T00:00:00Z\n- \"5\"\n- \"\"\n"
    );
    assert_eq!(v3("a: !!binary //4="), "a: !!binary //4=\n");
}

#[test]
fn v2_lays_out_flush_and_folds() {
    assert_eq!(v2(r#"{"a":[1,{"b":["c"]}],"z":{}}"#), "a:\n- 1\n- b:\n  - c\nz: {}\n");
    assert_eq!(v2(r#"{"a":"\nx","b":1e6,"n":"5","y":"é😀"}"#), "a: |2-\n\n  x\nb: 1e+06\n\"n\": \"5\"\n\"y\": \"é\\U0001F600\"\n");
    let words = "word ".repeat(18);
    assert_eq!(v2(&format!("\"{words}\"")), format!("'{}\n  word '\n", "word ".repeat(17).trim_end()));
    assert_eq!(v2("\"\u{7f}\""), "yaml: control characters are not allowed");
}

#[test]
fn the_two_read_yaml_1_1_differently() {
    let text = b"a: yes\nb: 017\nc: 1e3\ny: 2024-01-01\nn:\n";
    let Map { entries, .. } = string_map(text).unwrap().unwrap();
    assert_eq!(entries.get(&Key::Str(b"a".into())), Some(&Data::Str(b"yes".into())));
    assert_eq!(entries.get(&Key::Str(b"b".into())), Some(&Data::Int(15)));
    let texts = sigs::string_to_string(text).unwrap();
    let of = |key: &[u8]| texts.get(key).map(|text| String::from_utf8_lossy(text).into_owned());
    assert_eq!(of(b"a").as_deref(), Some("true"));
    assert_eq!(of(b"c").as_deref(), Some("1000"));
    assert_eq!(of(b"true").as_deref(), Some("2024-01-01"));
    assert_eq!(of(b"false").as_deref(), Some(""));
    let texts = string_to_string(text).unwrap();
    assert_eq!(texts.get(b"c".as_slice()).map(Vec::as_slice), Some(b"1e3".as_slice()));
}

#[test]
fn faults_are_told_as_go_tells_them() {
    for (text, fault) in [
        ("a: [", "yaml: line 1: did not find expected node content"),
        ("a: b: c", "yaml: mapping values are not allowed in this context"),
        ("A: l1\nl2", "yaml: line 3: could not find expected ':'"),
        ("a: \"x", "yaml: found unexpected end of stream"),
        ("a: &a [*a]", "yaml: anchor 'a' value contains itself"),
        ("a: !!int x", "yaml: cannot decode !!str `x` as a !!int"),
        ("a: %x", "yaml: found character that cannot start any token"),
    ] {
        assert_eq!(any(text.as_bytes(), Dialect::V2).unwrap_err().to_string(), fault, "{text}");
    }
    let twice = string_map(b"a: 1\na: 2").unwrap_err();
    assert_eq!(twice.safe(), "line 2: mapping key already defined at line 1");
}

#[test]
fn a_safe_text_quotes_nothing() {
    for text in ["a: *canary", "a: !!int canary", "[canary]: 1", "canary", "canary: 1\ncanary: 2", "a: &canary [*canary]"] {
        for fault in [any(text.as_bytes(), Dialect::V2).err(), string_to_string(text.as_bytes()).err()].into_iter().flatten() {
            assert!(!fault.safe().contains("canary"), "{text}: {}", fault.safe());
        }
    }
}

#[test]
fn bombs_and_depth_end_in_an_error() {
    let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (from, to) in ("abcdefgh").chars().zip("bcdefghi".chars()) {
        bomb.push_str(&format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 9].join(",")));
    }
    assert!(any(bomb.as_bytes(), Dialect::V3).unwrap_err().to_string().contains("excessive aliasing"));
    for deep in [601, 9_000, 10_001] {
        let text = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
        assert!(any(text.as_bytes(), Dialect::V2).is_err());
    }
    let maps: String = (0..590).map(|level| " ".repeat(level) + "a:\n").collect();
    assert!(any(maps.as_bytes(), Dialect::V3).is_ok());
    assert!(any(format!("{}{}", "[".repeat(600), "]".repeat(600)).as_bytes(), Dialect::V3).is_ok());
}

fn value() -> impl Strategy<Value = Data> {
    let leaf = prop_oneof![
        Just(Data::Null),
        any_bool(),
        proptest::num::i64::ANY.prop_map(Data::Int),
        proptest::num::f64::NORMAL.prop_map(Data::Float),
        "[ -~é\u{a0}\u{2028}\t\n\r:#'\"-]{0,12}".prop_map(|text| Data::Str(text.into_bytes())),
        "(yes|no|null|~|0x1F|1e3|2024-01-01|1:30|<<|=|---|)".prop_map(|text| Data::Str(text.into_bytes())),
        proptest::collection::vec(0_u8.., 0..120).prop_map(Data::Str),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let key = "[ -~é\n]{0,6}".prop_map(|text| Key::Str(text.into_bytes()));
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Data::List),
            proptest::collection::btree_map(key, inner, 0..4).prop_map(|entries| Data::Map(Map { string_keys: true, entries })),
        ]
    })
}

fn any_bool() -> impl Strategy<Value = Data> {
    proptest::bool::ANY.prop_map(Data::Bool)
}

/// Whether a text is one that V3 writes in a way that doesn't read back: the first of leading empty lines is lost, and within
/// blocks and quotes a separator of lines is taken for a break; a block that begins with
/// a blank is read with another indentation than it was written with. It writes the key `<<` without quotes, which reads as a merge.
fn survives(data: &Data) -> bool {
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => {
            !(text.starts_with('\n')
                || (text.contains('\n') && (text.contains('\t') || text.starts_with(' ')))
                || text.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}']))
        }
        Err(_) => true,
    };
    match data {
        Data::Str(bytes) => text(bytes),
        Data::List(items) => items.iter().all(survives),
        Data::Map(map) => {
            let merge = Data::Str(b"<<".to_vec());
            map.entries.iter().all(|(key, value)| key.to_data() != merge && survives(&key.to_data()) && survives(value))
        }
        _ => true,
    }
}

/// Whole floats read back as integers.
fn as_read(data: Data) -> Data {
    match data {
        #[allow(clippy::cast_possible_truncation)]
        Data::Float(f) if f.fract() == 0.0 && f.abs() < 1e6 => Data::Int(f as i64),
        Data::List(items) => Data::List(items.into_iter().map(as_read).collect()),
        Data::Map(map) => {
            let entries = map.entries.into_iter().map(|(key, value)| (key, as_read(value))).collect();
            Data::Map(Map { string_keys: true, entries })
        }
        other => other,
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(data in value().prop_filter("Go loses it", survives)) {
        let text = encode(&data, Dialect::V3).unwrap();
        prop_assert_eq!(any(&text, Dialect::V3).unwrap(), as_read(data), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(prop_oneof![any_byte(), sign()], 0..200)) {
        for dialect in [Dialect::V2, Dialect::V3] {
            let _ = any(&bytes, dialect).map(|data| encode(&data, dialect));
        }
        let _ = sigs::string_to_string(&bytes);
    }
}

fn any_byte() -> impl Strategy<Value = u8> {
    0_u8..
}

fn sign() -> impl Strategy<Value = u8> {
    proptest::sample::select(b"\n\n  -:?[]{},&*!|>'\"%#ab01<\t.~".to_vec())
}
