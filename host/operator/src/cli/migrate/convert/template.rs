//! Templates of v1alpha1 in v1beta1.
//!
//! Two things differ. A secret by itself (`{{ .KEY }}`) prints as `{value /path}` in v1alpha1 and as its value in v1beta1: said. And
//! `includeAllSecrets` is gone: with nothing else to render there is no template at all, and with entries beside it one template
//! makes the whole target, which prints each key and value as JSON, since the result is read as YAML. Into that an entry fits
//! that is text and calls alone; one with branches, loops or variables, or that may make bytes that are no text, does not.
use super::Refusal;
use crate::cli::migrate::rules::template::{actions, words};
use api::{text::Text, v1alpha1::SecretTemplate, v1beta1::StaticTemplate};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What makes a part of a template more than a value to print.
const CONTROL: [&str; 11] = ["if", "else", "end", "range", "with", "define", "block", "template", "break", "continue", "nil"];

/// What may give bytes that are no text.
const BYTES: [&str; 4] = ["decodeBase64ToBytes", "b64dec", "b32dec", "randBytes"];

/// The template of a target, None where all secrets are taken as they are; and what is to be said about it.
pub(super) fn convert(written: &SecretTemplate, field: &str) -> Result<(Option<StaticTemplate>, Vec<String>), Refusal> {
    let entries = written.data.clone().unwrap_or_default();
    let mut notes = Vec::new();
    for (key, text) in &entries {
        let bare: Vec<_> = bare(text);
        if !bare.is_empty() {
            notes.push(format!(
                "attention: {field}.template.data[{key:?}]: {} prints as the value alone for v1beta1, as {{value /path}} for v1alpha1; \
                 write {}.Value",
                bare.join(", "),
                bare.first().copied().unwrap_or_default()
            ));
        }
    }
    let all = written.include_all_secrets == Some(true);
    let data = match (all, entries.is_empty()) {
        (true, true) => return Ok((None, notes)),
        (true, false) => Value::String(bulk(&entries, written, field)?),
        (false, _) => Value::Object(entries.into_iter().map(|(key, text)| (key, Value::String(text))).collect::<Map<_, _>>()),
    };
    let template = StaticTemplate {
        engine_version: Some("v1".into()),
        data,
        engine: written.engine.text().map(str::to_owned),
        engine_settings: written.engine_settings.clone(),
        missing_key: written.missing_key.text().map(str::to_owned),
    };
    Ok((Some(template), notes))
}

/// Secrets that are printed by themselves, for example `.KEY`.
fn bare(template: &str) -> Vec<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '$');
    let tokens = actions(template).flat_map(move |action| action.split(move |letter: char| !is_part(letter)));
    let fields = tokens.filter_map(|token| Some((token, token.strip_prefix('.')?)));
    let alone = fields.filter(|(_, field)| !field.is_empty() && !field.contains('.') && !["Value", "SecretPath"].contains(field));
    alone.map(|(token, _)| token).collect()
}

/// One template for the whole target.
fn bulk(entries: &BTreeMap<String, String>, written: &SecretTemplate, field: &str) -> Result<String, Refusal> {
    if written.engine.text().is_some_and(|engine| engine != "go-template") {
        return Err(format!("{field}.template.includeAllSecrets together with data is converted for go-template alone"));
    }
    let keys: Vec<_> = entries.keys().map(|key| quoted(key)).collect();
    let mut text = format!(
        "{{{{ range $key, $secret := . }}}}{{{{ if not (has $key (list {})) }}}}{{{{ $key | toJson }}}}: {{{{ $secret.Value | toJson }}}}\n\
         {{{{ end }}}}{{{{ end }}}}",
        keys.join(" ")
    );
    for (key, entry) in entries {
        let printed = printed(entry).map_err(|why| {
            format!("{field}.template.data[{key:?}] {why}, which can't be said together with includeAllSecrets in v1beta1; list the keys in data")
        })?;
        text.push_str(&format!("{}: {{{{ {printed} | toJson }}}}\n", quoted(key)));
    }
    Ok(text)
}

/// A text as Go and JSON both write it.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// A template of text and values as one call of printf.
fn printed(template: &str) -> Result<String, &'static str> {
    let called = words(template);
    if CONTROL.iter().any(|word| called.contains(word)) {
        return Err("has branches or loops");
    }
    if BYTES.iter().any(|word| called.contains(word)) {
        return Err("makes bytes");
    }
    let (mut format, mut values) = (String::new(), String::new());
    let mut parts = template.split("{{");
    let mut add = |text: &str| format.push_str(&text.replace('%', "%%"));
    let mut text = parts.next().unwrap_or_default();
    for part in parts {
        let (action, after) = part.split_once("}}").ok_or("has an action without an end")?;
        if action.matches('"').count() % 2 == 1 || action.matches('`').count() % 2 == 1 || action.contains('\'') {
            return Err("has quoted braces");
        }
        let (trims_before, action) = action.strip_prefix("- ").map_or((false, action), |rest| (true, rest));
        let (trims_after, action) = action.strip_suffix(" -").map_or((false, action), |rest| (true, rest));
        add(if trims_before { text.trim_end() } else { text });
        let action = action.trim();
        if action.starts_with("/*") {
            return Err("has a comment");
        }
        if action.is_empty() || action.starts_with('$') || action.contains('=') {
            return Err("has variables");
        }
        add("\0");
        values.push_str(&format!(" ({action})"));
        text = if trims_after { after.trim_start() } else { after };
    }
    add(text);
    Ok(format!("printf {}{values}", quoted(&format).replace("\\u0000", "%v")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn converted(template: Value) -> Result<(Option<Value>, Vec<String>), Refusal> {
        let written: SecretTemplate = serde_json::from_value(template).unwrap();
        convert(&written, "spec.x").map(|(template, notes)| (template.map(|template| template.data), notes))
    }

    #[test]
    fn entries_stay_as_they_are_and_all_secrets_need_no_template() {
        let data = json!({"A": "{{ .KEY.Value }}"});
        assert_eq!(converted(json!({"data": data})), Ok((Some(data), vec![])));
        assert_eq!(converted(json!({"includeAllSecrets": true})), Ok((None, vec![])));
        assert_eq!(converted(json!({})), Ok((Some(json!({})), vec![])));
    }

    #[test]
    fn a_secret_by_itself_is_said() {
        let notes =
            converted(json!({"data": {"A": "{{ .KEY }} .NO {{ .B.Value }}{{ range $k, $v := . }}{{ .Value }}{{ end }}"}})).unwrap().1;
        assert!(notes.len() == 1 && notes[0].contains(".KEY prints") && notes[0].contains(".KEY.Value"), "{notes:?}");
    }

    #[test]
    fn entries_beside_all_secrets_are_printed_as_json() {
        let (data, _) =
            converted(json!({"includeAllSecrets": true, "data": {"URL": "100% \"{{ .A.Value | upper }}\"\n{{- .B.Value -}} x"}})).unwrap();
        let text = data.unwrap().as_str().unwrap().to_owned();
        assert!(text.contains("has $key (list \"URL\")"), "{text}");
        assert!(text.ends_with("\"URL\": {{ printf \"100%% \\\"%v\\\"%vx\" (.A.Value | upper) (.B.Value) | toJson }}\n"), "{text}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_way_out() {
        for entry in ["{{ if .A.Value }}x{{ end }}", "{{ $x := .A.Value }}", "{{ .A.Value | b64dec }}", "{{ \"}}\" }}", "{{ .A"] {
            let refusal = converted(json!({"includeAllSecrets": true, "data": {"K": entry}})).unwrap_err();
            assert!(refusal.contains("data[\"K\"]") && refusal.contains("list the keys"), "{entry}: {refusal}");
        }
    }
}
