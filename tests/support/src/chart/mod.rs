//! What is generated of the chart: its templates of the definitions, the table of its values, and `deploy/install.yaml` for
//! people without Helm.
//!
//! What can go wrong: a value without a description, which the table refuses to leave out; a chart that does not render.
mod install;
mod values;

pub use install::{NAMESPACE, RELEASE};
pub use values::{Row, rows};

use crate::{helm::Helm, target::Target};
use anyhow::{Context, Result, ensure};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The folder of the chart.
#[must_use]
pub fn folder() -> PathBuf {
    Target::workspace().join("deploy/chart")
}

/// Writes what is generated. With `check` it writes nothing; gives the files that are not as they should be.
///
/// # Errors
/// A file can't be read or written, a value has no description, or the chart does not render.
pub fn generate(helm: &Helm, check: bool) -> Result<Vec<PathBuf>> {
    let mut stale = templates(&folder().join("templates/crds"), check)?;
    let readme = folder().join("README.md");
    let text = read(&readme)?;
    let values = read(&folder().join("values.yaml"))?;
    stale.extend(update(readme, &values::in_page(&text, &values)?, check)?);
    stale.extend(update(Target::workspace().join("deploy/install.yaml"), &install::text(helm)?, check)?);
    Ok(stale)
}

/// The templates of the definitions, and no others.
fn templates(folder: &Path, check: bool) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let files: BTreeMap<_, _> = api::crds::files()?.into_iter().collect();
    let mut stale = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !files.contains_key(name) {
            if !check {
                fs::remove_file(&path)?;
            }
            stale.push(path);
        }
    }
    for (name, text) in files {
        stale.extend(update(folder.join(name), &template(&text)?, check)?);
    }
    Ok(stale)
}

/// A definition as a template: left out on demand, kept when the release goes, since all resources would go with it.
fn template(definition: &str) -> Result<String> {
    // Descriptions may hold templates as examples.
    let escaped = definition.replace("{{", "{{ \"{{\" }}");
    let (before, after) = escaped.split_once("\nspec:\n").context("a definition has no spec")?;
    ensure!(before.contains("\nmetadata:\n  name: ") && before.lines().count() == 4, "a definition begins in another way: {before}");
    let metadata = "  labels:\n    {{- include \"secrets-operator.chartLabels\" . | nindent 4 }}\n  annotations:\n    \
                    helm.sh/resource-policy: keep\n    {{- with .Values.commonAnnotations }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}";
    Ok(format!("{{{{- if .Values.installCRDs }}}}\n{before}\n{metadata}\nspec:\n{after}{{{{- end }}}}\n"))
}

/// The path, if the file does not hold the text.
fn update(path: PathBuf, text: &str, check: bool) -> Result<Option<PathBuf>> {
    if fs::read_to_string(&path).is_ok_and(|found| found == text) {
        return Ok(None);
    }
    if !check {
        fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))?;
    }
    Ok(Some(path))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_of_a_template_in_a_definition_is_no_template_of_the_chart() {
        let definition = "apiVersion: v1\nkind: K\nmetadata:\n  name: n\nspec:\n  description: '{{ .KEY.Value }}'\n";
        let made = template(definition).unwrap();
        assert!(made.contains("'{{ \"{{\" }} .KEY.Value }}'"), "{made}");
        assert!(made.starts_with("{{- if .Values.installCRDs }}\n") && made.ends_with("{{- end }}\n"), "{made}");
    }
}
