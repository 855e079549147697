use go_template_engine::{Kind, Limits};
use proptest::prelude::*;

use super::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::Float),
        any::<String>().prop_map(Value::string),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::list),
            prop::collection::vec((any::<String>(), inner), 0..4).prop_map(|entries| {
                let map = go_template_engine::Map::dict();
                for (key, value) in entries {
                    map.set(key, value).unwrap();
                }
                Value::Map(map)
            }),
        ]
    })
}

fn written(value: &Value, style: Style) -> String {
    let Ok(text) = encode::encode(value, style, Limits::default().allocated) else { panic!("can't be written") };
    String::from_utf8(text).unwrap()
}

proptest! {
    #[test]
    fn what_was_written_reads_back(value in value()) {
        for style in [PLAIN, PRETTY, RAW] {
            let Ok((read, None)) = decode::decode(written(&value, style).as_bytes()) else { panic!("can't be read") };
            prop_assert!(read.deep_equal(&value));
        }
    }

    #[test]
    fn reading_never_panics(bytes: Vec<u8>) {
        let _ = decode::decode(&bytes);
    }
}

#[test]
fn numbers_are_written_as_javascript_writes_them() {
    for (number, text) in
        [(1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-7, "1e-7"), (0.000_001, "0.000001"), (-0.0, "-0"), (1.5, "1.5")]
    {
        assert_eq!(written(&Value::Float(number), PLAIN), text);
    }
    assert_eq!(written(&Value::Int(Kind::Int64, -3), PLAIN), "-3");
}

#[test]
fn errors_are_those_of_gos_scanner() {
    for (text, error) in [
        ("", "unexpected end of JSON input"),
        ("]", "invalid character ']' looking for beginning of value"),
        ("[1 2]", "invalid character '2' after array element"),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
        ("{\"a\" 1}", "invalid character '1' after object key"),
        ("{\"a\":1]", "invalid character ']' after object key:value pair"),
        ("nxll", "invalid character 'x' in literal null (expecting 'u')"),
        ("01", "invalid character '1' after top-level value"),
        ("tru", "invalid character ' ' in literal true (expecting 'e')"),
        ("-x", "invalid character 'x' in numeric literal"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("\"\\u12\"", "invalid character '\"' in \\u hexadecimal character escape"),
        ("\"\n\"", "invalid character '\\n' in string literal"),
        ("'", "invalid character '\\'' looking for beginning of value"),
        ("é", "invalid character 'Ã' looking for beginning of value"),
    ] {
        let Err(found) = decode::decode(text.as_bytes()) else { panic!("{text} is read") };
        assert_eq!(found.shown(), error);
    }
    let Ok((_, Some(large))) = decode::decode(b"[1e999]") else { panic!("1e999 is read") };
    assert_eq!(large.shown(), "json: cannot unmarshal number 1e999 into Go value of type float64");
}
