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
        ("{{ .B64.Value | b64dec }} {{ b64enc .BAD.Value }}", "hello b2v+/8MoZW5k"),
        (r#"{{ upper .KEY.Value }} {{ trimSuffix "l" .KEY.Value }}"#, "VAL va"),
        (r#"{{ .EMPTY.Value | default "d" }} {{ default "d" .KEY.Value }} {{ coalesce "" "x" }}"#, "d val x"),
        (r#"{{ mergeOverwrite $.NOPE (dict "a" 1) }} {{ merge $.NOPE $.NOPE }}"#, "map[a:1] map[]"),
        ("a:{{ .MULTI.Value | nindent 2 }}|{{ indent 1 .MULTI.Value }}", "a:\n  l1\n  l2| l1\n l2"),
        (r#"{{ dict "b" 1 "a" (list true nil "<&>") | toJson }}"#, r#"{"a":[true,null,"\u003c\u0026\u003e"],"b":1}"#),
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
    assert_eq!(text("static-secret", "{{ .KEY.String }} {{ printf `%s %d` .KEY .KEY }}"), "val val {%!d(string=val) %!d(string=/app)}");
    assert_eq!(text("external-secret", r#"{{ .KEY }} {{ .KEY | upper }} {{ index . "NOPE" }}|"#), "val VAL |");
    let Err(Failure::Plugin(Error::Template(diagnostics))) = render_with("external-secret", "{}", "{{ .NOPE }}", secrets()) else {
        panic!()
    };
    assert_eq!(diagnostics[0].message, "at <.NOPE>: map has no entry for key \"NOPE\"");
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
fn a_missing_key_that_shows_is_counted() {
    for (source, wanted, missing) in [
        ("{{ .NOPE }}", "<no value>", 1),
        ("{{ .NOPE.Value }} {{ .NOPE.Value }}", "<no value> <no value>", 2),
        (r#"{{ .NOPE.Value | default "d" }}"#, "d", 0),
        (r#"{{ index . "NOPE" }}|{{ (index . "NOPE").Value }}|"#, "{ }||", 0),
        ("{{ if .NOPE }}a{{ end }}{{ .KEY.Value }}", "val", 0),
        ("{{ range . }}{{ .Value }}{{ $.NOPE }}{{ end }}", "val<no value>", 1),
    ] {
        let rendered = render_with("infisical-secret", "{}", source, vec![secret("KEY", "val")]).unwrap();
        assert_eq!((String::from_utf8_lossy(&rendered.value).as_ref(), rendered.missing), (wanted, missing), "{source}");
    }
}

#[test]
fn a_missing_key_is_an_error_where_asked_for() {
    let strict = r#"{"missing-key": "error"}"#;
    for (source, line, column) in
        [("{{ .NOPE }}", 1, 4), ("a\n é {{ .KEY.Value }}{{ upper .NOPE }}", 2, 30), ("{{ range . }}{{ $.NOPE }}{{ end }}", 1, 18)]
    {
        let diagnostic = problem(strict, source);
        assert!(diagnostic.message.ends_with("map has no entry for key \"NOPE\""), "{source}: {}", diagnostic.message);
        assert_eq!((diagnostic.line, diagnostic.column), (line, column), "{source}");
    }
    let rendered = render_with("infisical-secret", strict, "{{ if false }}{{ .NOPE }}{{ end }}", vec![]).unwrap();
    assert_eq!(rendered.missing, 0);
}

#[test]
fn what_does_not_parse_has_a_place() {
    for (source, line, message) in [
        ("a\nb {{ .KEY.Value", 2, "unclosed action"),
        ("{{ if .KEY }}x", 1, "unexpected EOF"),
        ("a{{ end }}b", 1, "unexpected {{end}}"),
        ("\n\n{{ nothing .KEY }}", 3, "function \"nothing\" not defined"),
        ("{{ env \"HOME\" }}", 1, "function \"env\" not defined"),
        ("{{ | upper }}", 1, "unexpected \"|\" in command"),
        ("{{ define \"secret-templates\" }}a{{ end }}b", 1, "multiple definition"),
    ] {
        let diagnostic = problem("{}", source);
        assert_eq!((diagnostic.line, diagnostic.entry.as_str()), (line, "out"), "{source}: {}", diagnostic.message);
        assert!(diagnostic.message.contains(message), "{source}: {}", diagnostic.message);
    }
}

#[test]
fn what_does_not_render_has_a_place_and_quotes_no_value() {
    for (source, message) in [
        ("{{ .KEY.value }}", "at <.KEY.value>: can't evaluate field value in type model.SecretTemplateOptions"),
        ("{{ .KEY.Value.More }}", "can't evaluate field More in type string"),
        ("{{ .KEY | upper }}", "at <upper>: wrong type for value; expected string; got model.SecretTemplateOptions"),
        ("{{ len .KEY }}", "error calling len: len of type model.SecretTemplateOptions"),
        ("{{ range .KEY.Value }}{{ end }}", "range can't iterate over a value of type string"),
        ("{{ range .KEY }}{{ end }}", "range can't iterate over a value of type model.SecretTemplateOptions"),
        ("{{ range $k, $v := 5 }}{{ .KEY.Value }}{{ end }}", "to iterate over more than one variable"),
        ("{{ fail .KEY.Value }}", "error calling fail: "),
        ("{{ .KEY.Value | printf \"%s!\" | fail }}", "error calling fail: "),
        ("{{ mustFromJson .KEY.Value }}", "error calling mustFromJson: invalid character"),
        ("{{ mustRegexMatch (print \"(\" .KEY.Value) \"\" }}", "missing closing )"),
        ("{{ printf 5 .KEY.Value }}", "expected string; found 5"),
        ("{{ .KEY.Value 5 }}", "Value has arguments but cannot be invoked as function"),
        ("{{ lt .KEY.Value 5 }}", "incompatible types for comparison"),
        ("{{ eq (list .KEY.Value) (list .KEY.Value) }}", "non-comparable type"),
        ("{{ call .KEY.Value }}", "non-function .KEY.Value of type string"),
        ("{{ .KEY.Value | call }}", "non-function <string Value> of type string"),
        ("{{ template \"none\" . }}", "template \"none\" not defined"),
    ] {
        let diagnostic = problem("{}", source);
        assert!(diagnostic.message.contains(message), "{source}: {}", diagnostic.message);
        assert!(!diagnostic.message.contains("canary"), "{source}: {}", diagnostic.message);
        assert_eq!(diagnostic.line, 1, "{source}");
        assert!(diagnostic.column > 1, "{source}");
    }
    assert!(problem("{}", "{{ fail (printf `%s is missing` `KEY`) }}").message.ends_with("error calling fail: KEY is missing"));
}

#[test]
fn what_runs_away_is_stopped() {
    for (source, message) in [
        ("{{ range 1000000000 }}{{ end }}", "steps"),
        ("{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}", "more than"),
        ("{{ define `d` }}{{ template `d` }}{{ end }}{{ template `d` }}", "maximum template depth"),
        ("{{ range until 20 }}{{ printf `%999999d` 1 }}{{ end }}", "prints more than"),
        ("{{ $s := `x` }}{{ range until 40 }}{{ $s = print $s $s }}{{ end }}", "text gets larger"),
        ("{{ repeat 1000000000 `abc` }}", "repeat"),
        ("{{ until 1000000000 }}", "until"),
        ("{{ $d := dict }}{{ $_ := set $d `d` $d }}{{ $d }}", "nested too deep"),
    ] {
        let diagnostic = problem("{}", source);
        assert!(diagnostic.message.contains(message), "{source}: {}", diagnostic.message);
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
fn one_template_makes_all_keys_of_a_bulk_form() {
    let secrets = || vec![secret("KEY", "val"), secret("A-B", "x: y")];
    let render = |source: &str| {
        Host::new().render::<GoTemplate>("static-secret", r#"{"bulk": true}"#, &[("template.data", source)], secrets()).map(|rendering| {
            rendering.entries.into_iter().map(|entry| (entry.key, String::from_utf8_lossy(&entry.value).into_owned())).collect::<Vec<_>>()
        })
    };
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
    assert_eq!(
        render("{{ range $k, $v := . }}{{ $k }}: {{ $v.Value | quote }}\n{{ end }}n: 1.50").unwrap(),
        pairs(&[("A-B", "x: y"), ("KEY", "val"), ("n", "1.50")])
    );
    assert_eq!(render("\n  ").unwrap(), []);
    let Err(Failure::Plugin(Error::Template(diagnostics))) = render("{{ .KEY }}") else { panic!() };
    assert_eq!((diagnostics[0].line, diagnostics[0].column), (0, 0));
    assert!(diagnostics[0].message.contains("not a valid YAML map"), "{}", diagnostics[0].message);
    assert!(!diagnostics[0].message.contains("val:"), "{}", diagnostics[0].message);
}

#[test]
fn keys_and_values_are_yaml_of_the_first_edition() {
    let render = |options: &str, source: &str| {
        Host::new().render::<GoTemplate>("external-secret", options, &[("x", source)], vec![secret("V", "aGk=")]).map(|rendering| {
            rendering.entries.into_iter().map(|entry| (entry.key, String::from_utf8_lossy(&entry.value).into_owned())).collect::<Vec<_>>()
        })
    };
    let made = render(r#"{"scope": "keys-and-values"}"#, "a: {{ .V }}\nb: yes\nc: 0123\nd: 1.50").unwrap();
    let made: Vec<_> = made.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(made, [("a", "aGk="), ("b", "true"), ("c", "83"), ("d", "1.5")]);
    let made = render(r#"{"scope": "keys-and-values", "decoding-strategy": "Base64"}"#, "a: {{ .V }}").unwrap();
    assert_eq!(made, [("a".to_owned(), "hi".to_owned())]);
    assert!(matches!(render(r#"{"decoding-strategy": "Base64"}"#, "%"), Err(Failure::Plugin(Error::Template(_)))));
}

#[test]
fn what_a_dot_does_not_have_is_refused() {
    for (dot, options, pointer) in
        [("infisical-secret", r#"{"bulk": true}"#, "/options/bulk"), ("external-secret", r#"{"scope": "all"}"#, "/options/scope")]
    {
        let Err(Failure::Plugin(Error::Settings(violations))) = render_with(dot, options, "", vec![]) else { panic!() };
        assert_eq!(violations[0].pointer, pointer);
    }
}

#[test]
fn what_uses_chance_is_volatile_and_its_neighbours_are_not() {
    let entries =
        [("a", "{{ uuidv4 }}"), ("b", "{{ .KEY.Value }}"), ("c", "{{ now | date `2006` }}"), ("d", "{{ if false }}{{ uuidv4 }}{{ end }}")];
    let rendering = Host::new().render::<GoTemplate>("infisical-secret", "{}", &entries, vec![secret("KEY", "val")]).unwrap();
    assert_eq!(rendering.entries.iter().map(|entry| entry.volatile).collect::<Vec<_>>(), [true, false, true, false]);
}
