use super::*;
use crate::function::FunctionTable;

fn problem(source: &str) -> String {
    match parse("t", source, ("", ""), FunctionTable::new(&[], &[]), 100) {
        Ok(_) => panic!("{source} is accepted"),
        Err(problem) => format!("{}: {}", problem.line, problem.message),
    }
}

#[test]
fn faults_are_told_as_go_tells_them() {
    for (source, wanted) in [
        ("{{ \"a", "1: unterminated quoted string"),
        ("{{ 'ab' }}", "1: malformed character constant: 'ab'"),
        ("{{ '' }}", "1: invalid syntax"),
        ("\n{{ if true }}", "2: unexpected EOF"),
        ("{{ end }}", "1: unexpected {{end}}"),
        ("{{ else }}", "1: unexpected {{else}}"),
        ("{{ if 1 }}{{ else }}{{ else }}{{ end }}", "1: expected end; found {{else}}"),
        ("{{ nope }}", "1: function \"nope\" not defined"),
        ("{{ $x }}", "1: undefined variable \"$x\""),
        ("{{ .a-b }}", "1: bad character U+002D '-'"),
        ("{{ 1 | 2 }}", "1: non executable command in pipeline stage 2"),
        ("{{ }}", "1: missing value for command"),
        ("{{ | print }}", "1: unexpected \"|\" in command"),
        ("{{ (print 1 }}", "1: unclosed left paren"),
        ("{{ print 1) }}", "1: unexpected right paren"),
        ("{{ 0x }}", "1: illegal number syntax: \"0x\""),
        ("{{ 1a }}", "1: bad number syntax: \"1a\""),
        ("{{ 99999999999999999999 }}", "1: integer overflow: \"99999999999999999999\""),
        ("{{ true.x }}", "1: unexpected . after term \"true\""),
        ("{{ range $a, $b, $c := . }}{{ end }}", "1: too many declarations in range"),
        ("{{ $a, $b := 1 }}", "1: too many declarations in command"),
        ("{{ break }}", "1: {{break}} outside {{range}}"),
        ("{{ /* a */ b }}", "1: unexpected \"/\" in command"),
        ("{{/* a }}", "1: unclosed comment"),
        ("{{/* a */ }}", "1: comment ends before closing delimiter"),
        ("{{ define \"a\" }}x{{ end }}{{ define \"a\" }}y{{ end }}", "1: template: multiple definition of template \"a\""),
        ("{{ template }}", "1: unexpected \"}}\" in template clause"),
        ("{{ define a }}{{ end }}", "1: unexpected \"a\" in define clause"),
        ("{{ print\n\n\"a", "3: unterminated quoted string in action started at t:1"),
        ("{{ print\n", "2: unclosed action started at t:1"),
        ("{{ \u{1} }}", "1: unrecognized character in action: U+0001"),
        ("{{ : }}", "1: expected :="),
        ("{{ print(1) }}", "1: unexpected \"(\" in operand"),
    ] {
        assert_eq!(problem(source), wanted, "{source}");
    }
}

#[test]
fn depth_is_bounded_and_length_is_not() {
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(101), ")".repeat(101));
    assert!(problem(&deep).contains("max expression depth exceeded"));
    let long = format!("{{{{ if true }}}}{}{{{{ end }}}}", "{{ else if true }}".repeat(20_000));
    assert!(parse("t", &long, ("", ""), FunctionTable::new(&[], &[]), 100).is_ok());
}
