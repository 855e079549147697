//! Templates of v1alpha1 in v1beta1.
//!
//! Two things differ. A secret by itself prints in another way ([`whole`]): said. And
//! `includeAllSecrets` is gone: with nothing else to render there is no template at all, and with entries beside it one template
//! makes the whole target, which prints each key and value quoted, all but ASCII escaped, since the result is read as YAML, which
//! takes no control characters. Into that an entry fits that is text and calls alone; one with branches, loops or variables, or that may make bytes that are no text, does not.
use super::{Refusal, whole};
use crate::cli::migrate::rules::template::words;
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
        let whole: Vec<_> = whole::printed(text).into_iter().map(|action| format!("{{{{ {} }}}}", shown(action))).collect();
        if !whole.is_empty() {
            notes.push(format!(
                "attention: {field}.template.data[{key:?}]: {} may print secrets by themselves: as the value alone for v1beta1, as \
                 {{value /path}} for v1alpha1; write .Value after what stands for a secret",
                whole.join(", ")
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

/// An action as a comment may have it: in one line, and not endless.
fn shown(action: &str) -> String {
    action.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(80).collect()
}

/// One template for the whole target.
fn bulk(entries: &BTreeMap<String, String>, written: &SecretTemplate, field: &str) -> Result<String, Refusal> {
    if written.engine.text().is_some_and(|engine| engine != "go-template") {
        return Err(format!("{field}.template.includeAllSecrets together with data is converted for go-template alone"));
    }
    let keys: Vec<_> = entries.keys().map(|key| quoted(key)).collect();
    let mut text = format!(
        "{{{{ range $key, $secret := . }}}}{{{{ if not (has $key (list {})) }}}}{{{{ printf \"%+q: %+q\" $key $secret.Value }}}}\n\
         {{{{ end }}}}{{{{ end }}}}",
        keys.join(" ")
    );
    for (key, entry) in entries {
        let printed = printed(entry).map_err(|why| {
            format!("{field}.template.data[{key:?}] {why}, which can't be said together with includeAllSecrets in v1beta1; list the keys in data")
        })?;
        text.push_str(&format!("{}: {{{{ printf \"%+q\" ({printed}) }}}}\n", quoted(key)));
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
        // What is not there prints as <no value> by itself, and as <nil> in printf.
        values.push_str(&format!(" (ternary \"<no value>\" ({action}) (kindIs \"invalid\" ({action})))"));
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
        assert!(notes.len() == 1 && notes[0].contains("data[\"A\"]: {{ .KEY }} may print"), "{notes:?}");
    }

    #[test]
    fn entries_beside_all_secrets_are_printed_quoted() {
        let (data, _) =
            converted(json!({"includeAllSecrets": true, "data": {"URL": "100% \"{{ .A.Value | upper }}\"\n{{- .B.Value -}} x"}})).unwrap();
        let text = data.unwrap().as_str().unwrap().to_owned();
        assert!(text.contains("has $key (list \"URL\")"), "{text}");
        let value = |action: &str| format!("(ternary \"<no value>\" ({action}) (kindIs \"invalid\" ({action})))");
        let (a, b) = (value(".A.Value | upper"), value(".B.Value"));
        assert!(text.ends_with(&format!("\"URL\": {{{{ printf \"%+q\" (printf \"100%% \\\"%v\\\"%vx\" {a} {b}) }}}}\n")), "{text}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_way_out() {
        for entry in ["{{ if .A.Value }}x{{ end }}", "{{ $x := .A.Value }}", "{{ .A.Value | b64dec }}", "{{ \"}}\" }}", "{{ .A"] {
            let refusal = converted(json!({"includeAllSecrets": true, "data": {"K": entry}})).unwrap_err();
            assert!(refusal.contains("data[\"K\"]") && refusal.contains("list the keys"), "{entry}: {refusal}");
        }
    }
}
