//! Functions on texts.
use super::{Entry, Section, entry};

/// Of this file, in the order of the page.
pub static SECTIONS: &[Section] = &[
    Section { title: "Strings", note: "Lengths and places count bytes, as in Go: a cut may fall inside a character.", entries: STRINGS },
    Section {
        title: "Regular expressions",
        note: "RE2's syntax, as Go has it; every expression takes time linear in the text. Without `must`, an expression that is none fails the template too, but for `regexMatch`, which is false.",
        entries: REGEX,
    },
    Section {
        title: "Base64 and base32",
        note: "Where a text can't be decoded, the result is the error's text, as in sprig: check what you decode.",
        entries: ENCODING,
    },
    Section { title: "Paths", note: "The functions that begin with `os` do the same: both operators run on Linux.", entries: PATHS },
    Section {
        title: "Addresses",
        note: "The map has `scheme`, `host`, `hostname`, `path`, `query`, `fragment`, `userinfo` and `opaque`.",
        entries: URL,
    },
    Section {
        title: "Versions",
        note: "Pre-releases satisfy a constraint in Infisical's dialects if that very part names one, in External Secrets' if any part beside it does.",
        entries: SEMVER,
    },
];

static STRINGS: &[Entry] = &[
    entry("abbrev", "Cuts a text to a number of bytes, of which the last three are dots.", r#"{{ abbrev 8 "hello world" }}"#, "hello..."),
    entry(
        "abbrevboth",
        "Cuts a text at both ends; the first number is a byte that must stay.",
        r#"{{ abbrevboth 5 10 "1234 5678 9123" }}"#,
        "...5678...",
    ),
    entry("camelcase", "Joins words, each with a capital.", r#"{{ camelcase "http_server" }}"#, "HttpServer"),
    entry("cat", "Joins all arguments but nil with spaces.", r#"{{ cat "a" 1 true }}"#, "a 1 true"),
    entry("contains", "Whether the second text holds the first.", r#"{{ contains "cat" "concatenate" }}"#, "true"),
    entry("hasPrefix", "Whether the second text begins with the first.", r#"{{ hasPrefix "post" "postgres" }}"#, "true"),
    entry("hasSuffix", "Whether the second text ends with the first.", r#"{{ hasSuffix ".pem" "ca.pem" }}"#, "true"),
    entry("hello", "Says hello.", "{{ hello }}", "Hello!"),
    entry("indent", "Puts so many spaces before every line.", r#"{{ indent 2 "a\nb" | quote }}"#, r#""  a\n  b""#),
    entry("initials", "The first letter of every word.", r#"{{ initials "First Try" }}"#, "FT"),
    entry("join", "Joins the elements of a list with a separator.", r#"{{ list "a" "b" 3 | join "-" }}"#, "a-b-3"),
    entry("kebabcase", "Words in lower case, joined by hyphens.", r#"{{ kebabcase "FirstName" }}"#, "first-name"),
    entry("lower", "In lower case.", r#"{{ lower "HELLO" }}"#, "hello"),
    entry("nindent", "As `indent`, with a line end before.", r#"{{ nindent 2 "a" | quote }}"#, r#""\n  a""#),
    entry("nospace", "Without white space.", r#"{{ nospace " a b c " }}"#, "abc"),
    entry("plural", "The first text if the number is 1, else the second.", r#"{{ plural "key" "keys" 2 }}"#, "keys"),
    entry("quote", "Each argument but nil as a quoted Go string.", r#"{{ quote "a\"b" 1 nil }}"#, r#""a\"b" "1""#),
    entry("randAlpha", "So many random letters. Volatile.", "{{ randAlpha 12 | len }}", "12"),
    entry("randAlphaNum", "So many random letters and digits. Volatile.", "{{ randAlphaNum 12 | len }}", "12"),
    entry("randAscii", "So many random printable characters. Volatile.", "{{ randAscii 12 | len }}", "12"),
    entry("randNumeric", "So many random digits. Volatile.", "{{ randNumeric 6 | len }}", "6"),
    entry("repeat", "The text so many times.", r#"{{ repeat 3 "ab" }}"#, "ababab"),
    entry("replace", "Every first text by the second, in the third.", r#"{{ replace "-" "_" "a-b-c" }}"#, "a_b_c"),
    entry("shuffle", "The characters in random order. Volatile.", r#"{{ shuffle "aaa" }}"#, "aaa"),
    entry("snakecase", "Words in lower case, joined by underscores.", r#"{{ snakecase "HTTPServer" }}"#, "http_server"),
    entry("sortAlpha", "The elements as texts, sorted.", r#"{{ list "c" "a" "b" | sortAlpha }}"#, "[a b c]"),
    entry("split", "Parts between separators, as a map of `_0`, `_1` and so on.", r#"{{ (split ":" "host:5432")._1 }}"#, "5432"),
    entry("splitList", "Parts between separators, as a list.", r#"{{ splitList "," "a,b,c" }}"#, "[a b c]"),
    entry("splitn", "As `split`, into at most so many parts.", r#"{{ (splitn "=" 2 "a=b=c")._1 }}"#, "b=c"),
    entry("squote", "Each argument but nil between single quotes.", r#"{{ squote "a" 1 }}"#, "'a' '1'"),
    entry("substr", "From a byte to another.", r#"{{ substr 0 5 "hello world" }}"#, "hello"),
    entry("swapcase", "Capitals small and small letters capital; a word begins with a capital.", r#"{{ swapcase "This Is" }}"#, "tHIS iS"),
    entry("title", "The first letter of every word as a capital.", r#"{{ title "hello world" }}"#, "Hello World"),
    entry("trim", "Without white space at the ends.", r#"{{ trim "  hello " }}"#, "hello"),
    entry("trimAll", "Without the given characters at the ends.", r#"{{ trimAll "$" "$5.00$" }}"#, "5.00"),
    entry("trimPrefix", "Without the first text at the beginning.", r#"{{ trimPrefix "v" "v1.2" }}"#, "1.2"),
    entry("trimSuffix", "Without the first text at the end.", r#"{{ trimSuffix "/" "a/b/" }}"#, "a/b"),
    entry("trimall", "The same as `trimAll`.", r#"{{ trimall "-" "-a-" }}"#, "a"),
    entry(
        "trunc",
        "The first bytes, or with a negative number the last.",
        r#"{{ trunc 5 "hello world" }} {{ trunc -5 "hello world" }}"#,
        "hello world",
    ),
    entry("untitle", "The first letter of every word small.", r#"{{ untitle "Hello World" }}"#, "hello world"),
    entry("upper", "In upper case.", r#"{{ upper "hello" }}"#, "HELLO"),
    entry("wrap", "Breaks lines at spaces, at most so many bytes wide.", r#"{{ wrap 5 "a few words" | quote }}"#, r#""a few\nwords""#),
    entry("wrapWith", "As `wrap`, with another line end; long words are cut.", r#"{{ wrapWith 4 "/" "hello you" }}"#, "hell/o/you"),
];

static REGEX: &[Entry] = &[
    entry("mustRegexFind", "As `regexFind`.", r#"{{ mustRegexFind "[0-9]+" "ab12" }}"#, "12"),
    entry("mustRegexFindAll", "As `regexFindAll`.", r#"{{ mustRegexFindAll "[a-z]" "a1b2" -1 }}"#, "[a b]"),
    entry(
        "mustRegexMatch",
        "As `regexMatch`, and fails the template where the expression is none.",
        r#"{{ mustRegexMatch "^a+$" "aaa" }}"#,
        "true",
    ),
    entry("mustRegexReplaceAll", "As `regexReplaceAll`.", r#"{{ mustRegexReplaceAll "a(x*)b" "-ab-axb-" "${1}" }}"#, "--x-"),
    entry("mustRegexReplaceAllLiteral", "As `regexReplaceAllLiteral`.", r#"{{ mustRegexReplaceAllLiteral "a+" "caab" "$1" }}"#, "c$1b"),
    entry("mustRegexSplit", "As `regexSplit`.", r#"{{ mustRegexSplit ",\\s*" "a, b,c" -1 }}"#, "[a b c]"),
    entry("regexFind", "The first match.", r#"{{ regexFind "[0-9]+" "port 5432" }}"#, "5432"),
    entry("regexFindAll", "At most so many matches, all with -1.", r#"{{ regexFindAll "[0-9]" "a1b2c3" 2 }}"#, "[1 2]"),
    entry("regexMatch", "Whether a text has a match.", r#"{{ regexMatch "^[a-z]+$" "abc" }}"#, "true"),
    entry("regexQuoteMeta", "A text as an expression for itself.", r#"{{ regexQuoteMeta "1.2+3" }}"#, r"1\.2\+3"),
    entry(
        "regexReplaceAll",
        "Every match replaced; `${1}` is the first group.",
        r#"{{ regexReplaceAll "(\\w+)@(\\w+)" "joe@db" "${2}/${1}" }}"#,
        "db/joe",
    ),
    entry(
        "regexReplaceAllLiteral",
        "Every match replaced by the text as it stands.",
        r#"{{ regexReplaceAllLiteral "a+" "caab" "$1" }}"#,
        "c$1b",
    ),
    entry("regexSplit", "The parts between matches, at most so many, all with -1.", r#"{{ regexSplit "[;,]" "a;b,c" -1 }}"#, "[a b c]"),
];

static ENCODING: &[Entry] = &[
    entry("b32dec", "Decodes base32.", r#"{{ b32dec "NBUQ====" }}"#, "hi"),
    entry("b32enc", "Encodes in base32.", r#"{{ b32enc "hi" }}"#, "NBUQ===="),
    entry("b64dec", "Decodes base64.", r#"{{ b64dec "aGk=" }}"#, "hi"),
    entry("b64enc", "Encodes in base64.", r#"{{ b64enc "hi" }}"#, "aGk="),
];

static PATHS: &[Entry] = &[
    entry("base", "The last part.", r#"{{ base "/etc/ssl/ca.pem" }}"#, "ca.pem"),
    entry("clean", "The shortest path of the same meaning.", r#"{{ clean "a/../b//c" }}"#, "b/c"),
    entry("dir", "All but the last part.", r#"{{ dir "/etc/ssl/ca.pem" }}"#, "/etc/ssl"),
    entry("ext", "From the last dot on.", r#"{{ ext "ca.pem" }}"#, ".pem"),
    entry("isAbs", "Whether the path begins at the root.", r#"{{ isAbs "/etc" }}"#, "true"),
    entry("osBase", "As `base`.", r#"{{ osBase "/etc/hosts" }}"#, "hosts"),
    entry("osClean", "As `clean`.", r#"{{ osClean "/a/./b" }}"#, "/a/b"),
    entry("osDir", "As `dir`.", r#"{{ osDir "/etc/hosts" }}"#, "/etc"),
    entry("osExt", "As `ext`.", r#"{{ osExt "a.tar.gz" }}"#, ".gz"),
    entry("osIsAbs", "As `isAbs`.", r#"{{ osIsAbs "etc" }}"#, "false"),
];

static URL: &[Entry] = &[
    entry(
        "urlJoin",
        "An address of its parts.",
        r#"{{ urlJoin (dict "scheme" "https" "host" "h:8443" "path" "/a b") }}"#,
        "https://h:8443/a%20b",
    ),
    entry("urlParse", "An address in its parts.", r#"{{ (urlParse "postgres://app:pw@db:5432/orders").hostname }}"#, "db"),
];

static SEMVER: &[Entry] = &[
    entry(
        "semver",
        "A version, with `.Major`, `.Minor`, `.Patch`, `.Prerelease` and more.",
        r#"{{ (semver "v1.2.3-rc.1").Prerelease }}"#,
        "rc.1",
    ),
    entry("semverCompare", "Whether a version satisfies a constraint.", r#"{{ semverCompare "^1.2" "1.9.0" }}"#, "true"),
];
