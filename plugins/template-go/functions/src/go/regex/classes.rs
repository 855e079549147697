//! The character classes that Go's regular expressions name.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use crate::go::unicode;

/// Every rune.
pub fn any() -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)])
}

/// `.` without the flag `s`.
pub fn any_but_newline() -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new('\0', '\t'), ClassUnicodeRange::new('\u{b}', char::MAX)])
}

/// The runes from one number to another; surrogates are left out, since no text holds one.
pub fn range(low: u32, high: u32) -> ClassUnicode {
    let clip =
        |low: u32, high: u32| (low <= high).then(|| Some(ClassUnicodeRange::new(char::from_u32(low)?, char::from_u32(high)?))).flatten();
    ClassUnicode::new([clip(low, high.min(0xd7ff)), clip(low.max(0xe000), high)].into_iter().flatten())
}

/// Adds what differs in case only.
pub fn fold(class: &mut ClassUnicode) {
    let others: Vec<char> = class.iter().flat_map(|range| unicode::folded(range.start(), range.end())).collect();
    class.union(&ClassUnicode::new(others.into_iter().map(|rune| ClassUnicodeRange::new(rune, rune))));
}

fn ascii(ranges: &[(u8, u8)], negate: bool, folded: bool) -> ClassUnicode {
    let mut class = ClassUnicode::new(ranges.iter().map(|&(low, high)| ClassUnicodeRange::new(char::from(low), char::from(high))));
    if folded {
        fold(&mut class);
    }
    if negate {
        class.negate();
    }
    class
}

const DIGIT: &[(u8, u8)] = &[(b'0', b'9')];
const SPACE: &[(u8, u8)] = &[(b'\t', b'\n'), (0x0c, b'\r'), (b' ', b' ')];
const WORD: &[(u8, u8)] = &[(b'0', b'9'), (b'A', b'Z'), (b'_', b'_'), (b'a', b'z')];

/// `\d`, `\s`, `\w` and their opposites; ASCII only, and `\s` without the vertical tab.
pub fn perl(letter: u8, folded: bool) -> Option<ClassUnicode> {
    let ranges = match letter.to_ascii_lowercase() {
        b'd' => DIGIT,
        b's' => SPACE,
        b'w' => WORD,
        _ => return None,
    };
    Some(ascii(ranges, letter.is_ascii_uppercase(), folded))
}

/// `[:alpha:]` and its like, `[:^alpha:]` for the opposite.
pub fn posix(name: &[u8], folded: bool) -> Option<ClassUnicode> {
    let inner = name.strip_prefix(b"[:")?.strip_suffix(b":]")?;
    let (inner, negate) = match inner.strip_prefix(b"^") {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    let ranges: &[(u8, u8)] = match inner {
        b"alnum" => &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')],
        b"alpha" => &[(b'A', b'Z'), (b'a', b'z')],
        b"ascii" => &[(0, 0x7f)],
        b"blank" => &[(b'\t', b'\t'), (b' ', b' ')],
        b"cntrl" => &[(0, 0x1f), (0x7f, 0x7f)],
        b"digit" => DIGIT,
        b"graph" => &[(b'!', b'~')],
        b"lower" => &[(b'a', b'z')],
        b"print" => &[(b' ', b'~')],
        b"punct" => &[(b'!', b'/'), (b':', b'@'), (b'[', b'`'), (b'{', b'~')],
        b"space" => &[(b'\t', b'\r'), (b' ', b' ')],
        b"upper" => &[(b'A', b'Z')],
        b"word" => WORD,
        b"xdigit" => &[(b'0', b'9'), (b'A', b'F'), (b'a', b'f')],
        _ => return None,
    };
    Some(ascii(ranges, negate, folded))
}

/// General categories with the long names that Go knows for them.
const CATEGORIES: &[(&str, &str)] = &[
    ("C", "Other"),
    ("Cc", "Control"),
    ("Cc", "Cntrl"),
    ("Cf", "Format"),
    ("Cn", "Unassigned"),
    ("Co", "Privateuse"),
    ("Cs", "Surrogate"),
    ("L", "Letter"),
    ("Lc", "Casedletter"),
    ("Ll", "Lowercaseletter"),
    ("Lm", "Modifierletter"),
    ("Lo", "Otherletter"),
    ("Lt", "Titlecaseletter"),
    ("Lu", "Uppercaseletter"),
    ("M", "Mark"),
    ("M", "Combiningmark"),
    ("Mc", "Spacingmark"),
    ("Me", "Enclosingmark"),
    ("Mn", "Nonspacingmark"),
    ("N", "Number"),
    ("Nd", "Decimalnumber"),
    ("Nd", "Digit"),
    ("Nl", "Letternumber"),
    ("No", "Othernumber"),
    ("P", "Punctuation"),
    ("P", "Punct"),
    ("Pc", "Connectorpunctuation"),
    ("Pd", "Dashpunctuation"),
    ("Pe", "Closepunctuation"),
    ("Pf", "Finalpunctuation"),
    ("Pi", "Initialpunctuation"),
    ("Po", "Otherpunctuation"),
    ("Ps", "Openpunctuation"),
    ("S", "Symbol"),
    ("Sc", "Currencysymbol"),
    ("Sk", "Modifiersymbol"),
    ("Sm", "Mathsymbol"),
    ("So", "Othersymbol"),
    ("Z", "Separator"),
    ("Zl", "Lineseparator"),
    ("Zp", "Paragraphseparator"),
    ("Zs", "Spaceseparator"),
];

/// The class that `\p{name}` means; `None` for a name that Go doesn't know.
pub fn named(name: &[u8]) -> Option<ClassUnicode> {
    let mut canonical = String::new();
    for &byte in name.iter().filter(|byte| !matches!(byte, b'_' | b'-' | b' ')) {
        let letter = if canonical.is_empty() { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
        canonical.push(char::from(letter));
    }
    match canonical.as_str() {
        "Any" => return Some(any()),
        "Ascii" => return Some(range(0, 0x7f)),
        "Assigned" => return Some(unicode::assigned().clone()),
        // Surrogates are no characters of any text.
        "Cs" | "Surrogate" => return Some(ClassUnicode::empty()),
        _ => {}
    }
    let known = CATEGORIES.iter().find(|(short, long)| *short == canonical || *long == canonical).map(|(short, _)| *short);
    let mut unassigned = unicode::assigned().clone();
    unassigned.negate();
    match known {
        Some("Cn") => Some(unassigned),
        Some("C") => {
            unassigned.union(&unicode::category("C"));
            Some(unassigned)
        }
        Some(category) => Some(unicode::category(category)),
        // Those of several words are missing in Go too: it takes the underscore out of the name that it looks for, but not out of
        // the name that it has.
        None => Some(unicode::table(&canonical)).filter(|class| !class.ranges().is_empty()),
    }
}
