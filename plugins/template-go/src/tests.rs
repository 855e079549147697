use super::*;
use plugin_sdk::{
    template::Secret,
    testing::{Failure, Host},
};

fn secret(key: &str, value: impl Into<Vec<u8>>) -> Secret {
    Secret { key: key.into(), value: value.into(), path: "/app".into(), comment: String::new(), tags: vec![] }
}

fn render_with(dot: &str, options: &str, source: &str, secrets: Vec<Secret>) -> Result<Rendered, Failure> {
    Host::new().render::<GoTemplate>(dot, options, &[("out", source)], secrets).map(|mut rendering| rendering.entries.remove(0))
}

fn render(source: &str) -> String {
    let secrets = vec![
        secret("KEY", "val"),
        secret("A-B", "dash"),
        secret("EMPTY", ""),
        secret("MULTI", "l1\nl2"),
        secret("B64", "aGVsbG8="),
        secret("BAD", b"ok\xfe\xff\xc3(end".as_slice()),
    ];
    let rendered = render_with("infisical-secret", "{}", source, secrets).unwrap_or_else(|failure| panic!("{source}: {failure:?}"));
    String::from_utf8_lossy(&rendered.value).into_owned()
}

fn problem(options: &str, source: &str) -> Diagnostic {
    match render_with("infisical-secret", options, source, vec![secret("KEY", "canary"), secret("A-B", "canary")]) {
        Err(Failure::Plugin(Error::Template(mut diagnostics))) if diagnostics.len() == 1 => diagnostics.remove(0),
        Err(other) => panic!("{source}: {other:?}"),
        Ok(rendered) => panic!("{source} gives {:?}", String::from_utf8_lossy(&rendered.value)),
    }
}

#[test]
fn reads_the_dot_of_an_infisical_secret() {
    for (source, wanted) in [
        ("{{ .KEY.Value }}", "val"),
        ("{{ .KEY.SecretPath }}", "/app"),
        ("{{ .KEY }}", "{val /app}"),
        ("{{ .EMPTY }}|{{ if .EMPTY }}struct{{ end }}|{{ if .EMPTY.Value }}value{{ end }}", "{ /app}|struct|"),
        (r#"{{ (index . "A-B").Value }} {{ index . "A-B" }}"#, "dash {dash /app}"),
        (r#"{{ range $k, $v := . }}{{ if eq $k "KEY" }}{{ $k }}={{ $v.Value }}{{ end }}{{ end }}"#, "KEY=val"),
        (r#"{{ $x := .KEY }}{{ $x.Value }} {{ (printf "%s" $x) }} {{ print .KEY "s" }}"#, "val {val /app} {val /app}s"),
        ("{{ with .KEY }}{{ .Value }}{{ $.EMPTY.Value }}{{ end }}", "val"),
        (r#"{{ define "t" }}[{{ .Value }}]{{ end }}{{ template "t" .KEY }}"#, "[val]"),
        (r#"{{ toJson .KEY }} {{ list .KEY | toJson }}"#, r#"{"value":"val","secretPath":"/app"} [{"value":"val","secretPath":"/app"}]"#),
    ] {
        assert_eq!(render(source), wanted, "{source}");
    }
}

#[test]
fn has_the_functions_that_samples_use() {
    for (source, wanted) in [
        ("{{ .B64.Value | decodeBase64ToBytes }} {{ .B64.Value | b64dec }}", "hello hello"),
        ("{{ encodeBase64 .KEY.Value }} {{ b64enc .BAD.Value }}", "dmFs b2v+/8MoZW5k"),
        (
            r#"{{ upper .KEY.Value }} {{ "ÄB" | lower }} {{ trim "  x " }}|{{ trimSuffix "l" .KEY.Value }}|{{ trimAll "-" "--x-" }}"#,
            "VAL äb x|va|x",
        ),
        (r#"{{ .MULTI.Value | quote }} {{ squote .KEY.Value "a" }} {{ quote "é\"\\\x01" }}"#, r#""l1\nl2" 'val' 'a' "é\"\\\x01""#),
        (r#"{{ .EMPTY.Value | default "d" }} {{ default "d" .KEY.Value }} {{ coalesce "" "x" }}"#, "d val x"),
        ("a:{{ .MULTI.Value | nindent 2 }}|{{ indent 1 .MULTI.Value }}", "a:\n  l1\n  l2| l1\n l2"),
        (r#"{{ replace "a" "-" .KEY.Value }} {{ list "a" "b" | join "," }} {{ splitList "-" "x-y" | join "+" }}"#, "v-l a,b x+y"),
        (r#"{{ dict "b" 1 "a" (list true nil "<&>") | toJson }}"#, r#"{"a":[true,null,"\u003c\u0026\u003e"],"b":1}"#),
        (r#"{{ dict "b" "x" "a" "1" | toYaml }}"#, "a: '1'\nb: x"),
        (r#"{{ ternary "y" "n" (hasPrefix "v" .KEY.Value) }} {{ contains "a" .KEY.Value }} {{ empty .EMPTY.Value }}"#, "y true true"),
        (r#"{{ "{{ .Nested }}" }} {{ len "é" }}"#, "{{ .Nested }} 2"),
    ] {
        assert_eq!(render(source), wanted, "{source}");
    }
}

#[test]
fn other_dots_print_values() {
    let secrets = || vec![secret("KEY", "val")];
    let text = |dot: &str, source: &str| String::from_utf8(render_with(dot, "{}", source, secrets()).unwrap().value).unwrap();
    assert_eq!(text("static-secret", "{{ .KEY }} {{ .KEY.Value }} {{ .KEY.SecretPath }} {{ quote .KEY }}"), r#"val val /app "val""#);
    assert_eq!(text("external-secret", r#"{{ .KEY }} {{ .KEY | upper }} {{ index . "NOPE" }}|"#), "val VAL |");
    let Err(Failure::Plugin(Error::Settings(violations))) = render_with("another", "{}", "", secrets()) else { panic!() };
    assert_eq!(violations[0].pointer, "/dot");
}

#[test]
fn any_bytes_pass_through() {
    let all: Vec<u8> = (0..=255).chain("\u{10fe41}".bytes()).collect();
    for source in [
        "{{ .BIN.Value }}",
        "{{ .BIN.Value | b64enc | b64dec }}",
        "{{ with .BIN }}{{ .Value }}{{ end }}",
        r#"{{ printf "%s" .BIN.Value }}"#,
    ] {
        let rendered = render_with("infisical-secret", "{}", source, vec![secret("BIN", all.clone())]).unwrap();
        assert!(rendered.value == all, "{source}");
    }
}

#[test]
fn a_missing_key_is_counted() {
    for (source, wanted, missing) in [
        ("{{ .NOPE }}", "<no value>", 1),
        ("{{ .NOPE.Value }} {{ .NOPE.Value }}", "<no value> <no value>", 2),
        (r#"{{ .NOPE.Value | default "d" }}"#, "d", 1),
        (r#"{{ index . "NOPE" }}|{{ (index . "NOPE").Value }}|"#, "{ }||", 2),
        ("{{ if false }}{{ .NOPE.Value }}{{ end }}{{ .KEY.Value }}", "val", 0),
        ("{{ range . }}{{ .Value }}{{ $.NOPE }}{{ end }}", "val<no value>", 1),
    ] {
        let rendered = render_with("infisical-secret", "{}", source, vec![secret("KEY", "val")]).unwrap();
        assert_eq!((String::from_utf8_lossy(&rendered.value).as_ref(), rendered.missing), (wanted, missing), "{source}");
    }
}

#[test]
fn a_missing_key_is_an_error_where_asked_for() {
    let strict = r#"{"missing-key": "error"}"#;
    for (source, line, column) in [
        ("{{ .NOPE.Value }}", 1, 4),
        ("a\n é {{ .KEY.Value }}{{ upper .NOPE.Value }}", 2, 29),
        ("{{ range . }}{{ $.NOPE }}{{ end }}", 1, 17),
        (r#"{{ (index . "NOPE").Value }}"#, 1, 4),
    ] {
        let diagnostic = problem(strict, source);
        assert_eq!(diagnostic.message, "there is no key \"NOPE\"", "{source}");
        assert_eq!((diagnostic.line, diagnostic.column), (line, column), "{source}");
    }
    let rendered = render_with("infisical-secret", strict, "{{ if false }}{{ .NOPE }}{{ end }}", vec![]).unwrap();
    assert_eq!(rendered.missing, 0);
}

#[test]
fn what_does_not_parse_has_a_place() {
    for (source, line, message) in [
        ("a\nb {{ .KEY.Value", 2, "unclosed action"),
        ("{{ if .KEY }}x", 1, "has no end"),
        ("{{ define \"x\" }}a", 1, "has no end"),
        ("a{{ end }}b", 1, "has no block"),
        ("{{ if .KEY }}{{ end }}{{ else }}", 1, "has no block"),
        ("\n\n{{ nothing .KEY }}", 3, "function \"nothing\" not defined"),
        ("{{ | upper }}", 1, ""),
        ("{{ \"open }}", 1, ""),
    ] {
        let diagnostic = problem("{}", source);
        assert_eq!((diagnostic.line, diagnostic.entry.as_str()), (line, "out"), "{source}: {}", diagnostic.message);
        assert!(diagnostic.message.contains(message), "{source}: {}", diagnostic.message);
        assert!(!diagnostic.message.contains('\0'), "{source}: {:?}", diagnostic.message);
    }
}

#[test]
fn what_does_not_render_has_a_place_and_quotes_no_value() {
    for (source, message) in [
        ("{{ .KEY.value }}", "can't evaluate field value"),
        ("{{ .KEY.Value.More }}", "can't evaluate field More in string"),
        ("{{ .KEY | upper }}", "upper: wants a string, not a secret"),
        ("{{ len .KEY }}", "can't measure"),
        ("{{ .KEY.Value | b64dec }}{{ .KEY.Value | decodeBase64ToBytes | toJson }}{{ b64dec \"%\" }}", "b64dec: the value is not base64"),
        ("{{ range .KEY.Value }}{{ end }}", "cannot range over string"),
        ("{{ fail .KEY.Value }}", "fail: the template fails on purpose"),
        ("{{ printf 5 .KEY.Value }}", "must be a string"),
        ("{{ .KEY.Value 5 }}", "can't give argument to non-function"),
        ("{{ lt .KEY.Value 5 }}", "incompatible types"),
        ("{{ template \"none\" . }}", "undefined template"),
    ] {
        let diagnostic = problem("{}", source);
        assert!(diagnostic.message.contains(message), "{source}: {}", diagnostic.message);
        assert!(!diagnostic.message.contains("canary"), "{source}: {}", diagnostic.message);
        assert_eq!(diagnostic.line, 1, "{source}");
        assert!(diagnostic.column > 1, "{source}");
    }
}

#[test]
fn all_entries_that_fail_are_told() {
    let entries = [("a", "{{ .KEY.Value }}"), ("b", "{{"), ("c", "{{ .KEY.value }}")];
    let Err(Failure::Plugin(Error::Template(diagnostics))) =
        Host::new().render::<GoTemplate>("infisical-secret", "{}", &entries, vec![secret("KEY", "val")])
    else {
        panic!()
    };
    assert_eq!(diagnostics.iter().map(|d| d.entry.as_str()).collect::<Vec<_>>(), ["b", "c"]);
}

#[test]
fn takes_other_delimiters() {
    let options = r#"{"delimiters": ["<<", ">>"]}"#;
    let rendered = render_with("infisical-secret", options, "<< .KEY.Value >> {{ .KEY }}", vec![secret("KEY", "val")]).unwrap();
    assert_eq!(rendered.value, b"val {{ .KEY }}");
}

#[test]
fn of_repeated_keys_the_peer_s_choice_counts() {
    let pair = || vec![secret("K", "first"), secret("K", "second")];
    let value = |dot: &str, source: &str| render_with(dot, "{}", source, pair()).unwrap().value;
    assert_eq!(value("infisical-secret", "{{ .K.Value }}"), b"second");
    assert_eq!(value("static-secret", "{{ .K.Value }}"), b"first");
}

#[test]
fn what_it_can_not_do_is_refused() {
    for (options, pointer) in [(r#"{"bulk": true}"#, "/options/bulk"), (r#"{"scope": "keys-and-values"}"#, "/options/scope")] {
        let Err(Failure::Plugin(Error::Settings(violations))) = render_with("static-secret", options, "", vec![]) else { panic!() };
        assert_eq!(violations[0].pointer, pointer);
    }
}
