use super::*;
use plugin_sdk::template::{Options, Secret};

const CANARY: &str = "canary-3e8d";

fn secret(key: &str, value: &[u8]) -> Secret {
    Secret { key: key.into(), value: value.to_vec(), path: "/app".into(), comment: String::new(), tags: vec!["t".into()] }
}

fn request(dot: &str, options: &str, source: &str) -> Request {
    Request {
        dot: dot.into(),
        options: options_of(options),
        entries: vec![Entry { key: "K".into(), source: source.into() }],
        secrets: vec![secret("A", b"one"), secret("A-B", b"two"), secret("SECRET", CANARY.as_bytes()), secret("BIN", &[0xff, 1])],
        imports: vec![secret("A", b"import"), secret("C", b"three")],
        extensions: vec![],
    }
}

fn options_of(text: &str) -> Options {
    serde_json::from_str(text).unwrap()
}

fn rendering(dot: &str, options: &str, source: &str) -> Result<Rendering, Error> {
    Jinja::render(request(dot, options, source))
}

fn text(source: &str) -> String {
    let rendered = rendering("static-secret", "{}", source).ok().unwrap();
    String::from_utf8(rendered.entries[0].value.clone()).unwrap()
}

fn diagnostic_of(options: &str, source: &str) -> Diagnostic {
    match rendering("static-secret", options, source) {
        Err(Error::Template(mut diagnostics)) => diagnostics.remove(0),
        _ => panic!("no diagnostic"),
    }
}

#[test]
fn a_secret_is_a_variable_with_parts() {
    assert_eq!(text("{{ A }}:{{ secrets.A.value }}:{{ secrets.A.path }}:{{ secrets.A.tags|join }}\n"), "one:one:/app:t\n");
    assert_eq!(text("{{ secrets['A-B'] }} {{ C }} {{ A|upper }}"), "two three ONE");
    assert_eq!(text("{% for key, secret in secrets|items %}{{ key }},{% endfor %}"), "A,A-B,BIN,C,SECRET,");
    let bare = rendering("external-secret", "{}", "{{ A }}{{ A|length }}").ok().unwrap();
    assert_eq!(bare.entries[0].value, b"one3");
    assert!(matches!(rendering("another", "{}", ""), Err(Error::Settings(_))));
}

#[test]
fn a_missing_one_is_counted_or_refused() {
    let lenient = rendering("static-secret", "{}", "{{ NOPE }}{{ secrets.NOPE.value }}{{ A }}{% if A == 'one' %}{% endif %}").ok().unwrap();
    assert_eq!((lenient.entries[0].missing, lenient.entries[0].value.as_slice()), (2, &b"one"[..]));
    let strict = diagnostic_of(r#"{"missing-key": "error"}"#, "a\n  {{ NOPE }}");
    assert_eq!((strict.entry.as_str(), strict.line, strict.message.as_str()), ("K", 2, "undefined value"));
}

#[test]
fn one_template_may_make_all_keys() {
    let source = "{% for key in ['x', 'y'] %}{{ key }}: {{ A }}-1.50\n{% endfor %}z: 1.50";
    let made = rendering("static-secret", r#"{"bulk": true}"#, source).ok().unwrap();
    let made: Vec<_> = made.entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_slice())).collect();
    assert_eq!(made, [("x", &b"one-1.50"[..]), ("y", b"one-1.50"), ("z", b"1.50")]);
    let wrong = diagnostic_of(r#"{"bulk": true}"#, "- {{ SECRET }}");
    assert!(!wrong.message.contains(CANARY) && wrong.message.contains("YAML"), "{}", wrong.message);
}

#[test]
fn an_error_tells_its_place_and_no_value() {
    let syntax = diagnostic_of("{}", "one\n{{ A");
    assert_eq!(syntax.line, 2);
    assert!(syntax.message.starts_with("syntax error"), "{}", syntax.message);
    let unknown = diagnostic_of("{}", "{{ A|nope }}");
    assert!(unknown.message.contains("nope"), "{}", unknown.message);
    for source in [
        "{{ SECRET|int }}",
        "{{ SECRET + 1 }}",
        "{{ SECRET.value|tojson|int }}",
        "{{ dict(SECRET) }}",
        "{{ range(SECRET) }}",
        "{% include SECRET %}",
        "{% import SECRET as x %}",
        "{% extends SECRET %}",
    ] {
        let message = diagnostic_of("{}", source).message;
        assert!(!message.contains(CANARY) && !message.is_empty(), "{source}: {message}");
    }
    for source in ["{{ BIN }}", "{{ BIN ~ 'x' }}", "{{ secrets.BIN }}", "{{ secrets.BIN ~ '' }}", "{{ BIN|upper }}", "{{ [BIN] }}"] {
        assert!(diagnostic_of("{}", source).message.contains("not UTF-8"), "{source}");
    }
    assert_eq!(text("{% if BIN %}there{% endif %}"), "there");
}

#[test]
fn a_check_parses_and_renders_nothing() {
    assert!(rendering("static-secret", r#"{"check": true, "missing-key": "error"}"#, "{{ NOPE }}").ok().unwrap().entries.is_empty());
    assert_eq!(diagnostic_of(r#"{"check": true}"#, "{{").line, 1);
}

#[test]
fn loops_and_output_are_bounded() {
    let steps = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    assert_eq!(diagnostic_of("{}", steps).message, "it takes too many steps");
    let long = format!("{{% for a in range(2000) %}}{}{{% endfor %}}", "x".repeat(1000));
    assert!(diagnostic_of("{}", &long).message.contains("larger than"));
    let deep = "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}";
    assert!(!diagnostic_of("{}", deep).message.is_empty());
}

#[test]
fn options_of_its_own_are_checked() {
    let trimmed = rendering("static-secret", r#"{"trim-blocks": true}"#, "{% if A %}\nx\n{% endif %}\n").ok().unwrap();
    assert_eq!(trimmed.entries[0].value, b"x\n");
    assert!(matches!(rendering("static-secret", r#"{"trim-blocks": 1}"#, ""), Err(Error::Settings(_))));
    let other = rendering("static-secret", r#"{"delimiters": ["[[", "]]"]}"#, "[[ A ]] {{ A }}").ok().unwrap();
    assert_eq!(other.entries[0].value, b"one {{ A }}");
}
