//! The table of a chart's values, made of the comments in `values.yaml`.
//!
//! A comment that begins with `# -- ` describes the key below it, with all that is in it; lines that follow it continue it.
//! Every value must be described, itself or as a part of another.
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fmt::Write;

const BEGIN: &str = "<!-- values: generated from values.yaml -->\n";
const END: &str = "<!-- end of values -->";

/// A value as the table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// As `--set` takes it: `controllerManager.manager.args`.
    pub path: String,
    /// JSON.
    pub default: String,
    /// One sentence, or more.
    pub description: String,
}

/// Every described value of a `values.yaml`, in its order.
///
/// # Errors
/// A value that is not described, a description of nothing, or what is no YAML.
pub fn rows(text: &str) -> Result<Vec<Row>> {
    let values: Value = serde_yaml::from_str(text).context("values.yaml is no YAML")?;
    let mut rows: Vec<Row> = Vec::new();
    // The keys that lead to the present line, each with its indentation.
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut description: Option<String> = None;
    for (number, line) in text.lines().enumerate() {
        let (trimmed, indentation) = (line.trim_start(), line.len() - line.trim_start().len());
        if let Some(comment) = trimmed.strip_prefix('#') {
            let comment = comment.trim();
            match (comment.strip_prefix("-- "), &mut description) {
                (Some(begun), _) => description = Some(begun.to_owned()),
                (None, Some(begun)) => write!(begun, " {comment}")?,
                (None, None) => {}
            }
            continue;
        }
        let Some((key, _)) = trimmed.split_once(':').filter(|_| !trimmed.starts_with("- ")) else {
            ensure!(description.is_none(), "line {}: a description of nothing", number + 1);
            continue;
        };
        path.retain(|(other, _)| *other < indentation);
        path.push((indentation, key));
        let names: Vec<_> = path.iter().map(|(_, key)| *key).collect();
        let (dotted, pointer) = (names.join("."), format!("/{}", names.join("/")));
        // Inside of what is described as a whole there may be lists, whose keys are no values of their own.
        if rows.iter().any(|row| dotted.starts_with(&format!("{}.", row.path))) {
            continue;
        }
        let value = values.pointer(&pointer).with_context(|| format!("line {}: no value {dotted}", number + 1))?;
        match description.take() {
            Some(description) => rows.push(Row { path: dotted, default: value.to_string(), description }),
            None if value.as_object().is_some_and(|object| !object.is_empty()) => {}
            None => bail!("line {}: {dotted} has no description: write it above, after `# -- `", number + 1),
        }
    }
    Ok(rows)
}

/// A page with the table between its two marks.
pub(super) fn in_page(page: &str, values: &str) -> Result<String> {
    let marks = || format!("the page has no two lines {BEGIN}{END}");
    let (before, rest) = page.split_once(BEGIN).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    let mut table = String::from("| value | default | |\n| --- | --- | --- |\n");
    for Row { path, default, description } in rows(values)? {
        writeln!(table, "| `{path}` | `{default}` | {description} |")?;
    }
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_a_row_with_its_default_and_its_description() {
        let rows = rows("# About all.\na:\n  # -- First,\n  # and more.\n  b: 1\n  # -- Whole.\n  c:\n    d: [x]\n    e:\n      - f: g\n        i: j\n# -- Last.\nh: \"\"\n").unwrap();
        let rows: Vec<_> = rows.iter().map(|row| (row.path.as_str(), row.default.as_str(), row.description.as_str())).collect();
        assert_eq!(
            rows,
            [("a.b", "1", "First, and more."), ("a.c", r#"{"d":["x"],"e":[{"f":"g","i":"j"}]}"#, "Whole."), ("h", r#""""#, "Last.")]
        );
    }

    #[test]
    fn a_value_without_a_description_is_refused() {
        let error = rows("a:\n  b: 1\n").unwrap_err().to_string();
        assert!(error.contains("line 2: a.b has no description"), "{error}");
    }

    #[test]
    fn the_table_takes_the_place_of_what_is_between_the_marks() {
        let page = format!("before\n{BEGIN}old\n{END}\nafter\n");
        let made = in_page(&page, "# -- A.\na: 1\n").unwrap();
        assert_eq!(made, format!("before\n{BEGIN}| value | default | |\n| --- | --- | --- |\n| `a` | `1` | A. |\n{END}\nafter\n"));
        assert!(in_page("no marks", "").is_err());
    }
}
