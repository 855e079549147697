//! What each function is for, with an example: the page `docs/template-functions.md` is made of this, and the tests run every
//! example. Nothing of it is in the plugin.
use std::fmt::Write;

mod data;
mod security;
mod text;

use crate::{Dialect, functions};

/// A function.
pub struct Entry {
    /// As templates call it.
    pub name: &'static str,
    /// What it gives, in one sentence.
    pub summary: &'static str,
    /// A template that shows it.
    pub example: &'static str,
    /// What that template renders to.
    pub output: &'static str,
}

const fn entry(name: &'static str, summary: &'static str, example: &'static str, output: &'static str) -> Entry {
    Entry { name, summary, example, output }
}

/// Functions that belong together.
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// What all of them have in common; may be empty.
    pub note: &'static str,
    /// In alphabetical order.
    pub entries: &'static [Entry],
}

/// The whole page, section by section.
pub fn sections() -> impl Iterator<Item = &'static Section> {
    [text::SECTIONS, data::SECTIONS, security::SECTIONS].into_iter().flatten()
}

/// The dialects that have a function of that name.
pub fn dialects(name: &str) -> impl Iterator<Item = Dialect> + use<'_> {
    [Dialect::InfisicalSecret, Dialect::StaticSecret, Dialect::ExternalSecret]
        .into_iter()
        .filter(move |dialect| functions(*dialect).find(name).is_some())
}

const HEAD: &str = "\
# Functions of Go templates

<!-- Made by: cargo run -p go-template-functions --bin function-docs -->

What templates can call beside the language's own functions, which are Go's: `and`, `call`, `eq`, `ge`, `gt`, `html`, `index`,
`js`, `le`, `len`, `lt`, `ne`, `not`, `or`, `print`, `printf`, `println`, `urlquery`. They are sprig's, as Infisical's operator
and External Secrets Operator have them, and those operators' own. In a pipe the piped value is the last argument.

*Volatile* functions give something else at every call. An entry that uses one keeps its value as long as its template and its
source data are the same.

`env`, `expandenv` and `getHostByName` are missing on purpose: a template sees nothing but its secrets.
";

/// The page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for section in sections() {
        page.push_str("\n## ");
        page.push_str(section.title);
        page.push('\n');
        if !section.note.is_empty() {
            page.push('\n');
            page.push_str(section.note);
            page.push('\n');
        }
        page.push_str("\n| function | | example | gives |\n| --- | --- | --- | --- |\n");
        for entry in section.entries {
            let cells = [entry.example, entry.output].map(code);
            // Writing to a string can't fail.
            let _ = writeln!(page, "| `{}` | {} | {} | {} |", entry.name, entry.summary, cells[0], cells[1]);
        }
    }
    page
}

/// Code in a cell of a table: bars are escaped, and line ends shown as such.
fn code(text: &str) -> String {
    if text.is_empty() {
        return "*nothing*".to_owned();
    }
    let text = text.replace('|', "\\|").replace('\n', "⏎");
    let fence = if text.contains('`') { "``" } else { "`" };
    format!("{fence}{text}{fence}")
}

#[cfg(test)]
mod tests;
