//! What templates call. A look at their words, not a parse: `infisical-operator template check` does that.
use crate::{
    cli::migrate::finding::{Finding, Rule},
    plan::{PUSH_SOURCE, PushSource, Target, Template},
};
use std::collections::BTreeSet;

/// Functions whose result is another at each call.
const RANDOM: [&str; 29] = [
    "ago",
    "bcrypt",
    "buildCustomCert",
    "date",
    "encryptAES",
    "fullPemToPkcs12",
    "fullPemToPkcs12Pass",
    "genCA",
    "genCAWithKey",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
    "htmlDate",
    "htpasswd",
    "now",
    "pemToPkcs12",
    "pemToPkcs12Pass",
    "randAlpha",
    "randAlphaNum",
    "randAscii",
    "randBytes",
    "randInt",
    "randNumeric",
    "shuffle",
    "unixEpoch",
    "uuidv4",
    "dateInZone",
];

/// Functions of the peer that are not there.
const GONE: [&str; 1] = ["getHostByName"];

/// The findings for the templates of a target.
pub(crate) fn findings(target: &Target) -> Vec<Finding> {
    of(target.template.as_ref(), &target.field, ", or secrets.infisical.com/reroll asks")
}

/// The findings for the templates of a push.
pub(crate) fn pushed(source: &PushSource) -> Vec<Finding> {
    of(source.template.as_ref(), PUSH_SOURCE, "")
}

/// `asked` is what else makes random values anew.
fn of(template: Option<&Template>, field: &str, asked: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, text) in template.iter().flat_map(|template| &template.entries) {
        let called = words(text);
        let place = format!("{field}.template.data[{key:?}]");
        let of = |known: &[&str]| known.iter().copied().filter(|name| called.contains(name)).collect::<Vec<_>>().join(", ");
        let (gone, random) = (of(&GONE), of(&RANDOM));
        if !gone.is_empty() {
            let message =
                format!("{place} calls {gone}, which is not there, since it lets a template send secrets away; write the address");
            findings.push(Finding::new(Rule::FunctionGone, message));
        }
        if !random.is_empty() {
            let message = format!("{place} calls {random}: its value stays until template or secrets change{asked}");
            findings.push(Finding::new(Rule::RandomValues, message));
        }
    }
    findings
}

/// The words within actions, but for fields and variables.
pub(crate) fn words(template: &str) -> BTreeSet<&str> {
    let mut words = BTreeSet::new();
    for action in actions(template) {
        let bare = without_texts(action);
        for part in bare {
            let mut rest = part;
            while let Some(start) = rest.find(|letter: char| letter.is_ascii_alphabetic() || matches!(letter, '.' | '$' | '_')) {
                let (_, from) = rest.split_at(start);
                let end =
                    from.find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '$' | '_'))).unwrap_or(from.len());
                let (word, after) = from.split_at(end);
                if word.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
                    words.insert(word);
                }
                rest = after;
            }
        }
    }
    words
}

/// What stands between `{{` and `}}`.
pub(crate) fn actions(template: &str) -> impl Iterator<Item = &str> {
    template.split("{{").skip(1).map(|rest| rest.split_once("}}").map_or(rest, |(action, _)| action))
}

/// The parts of an action outside of quoted texts.
fn without_texts(action: &str) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), action);
    while let Some(start) = rest.find(['"', '`']) {
        let (before, from) = rest.split_at(start);
        parts.push(before);
        let quote = if from.starts_with('"') { '"' } else { '`' };
        let inner = from.get(1..).unwrap_or_default();
        let mut escaped = false;
        let end = inner.char_indices().find(|(_, letter)| {
            let ends = *letter == quote && !escaped;
            escaped = quote == '"' && *letter == '\\' && !escaped;
            ends
        });
        rest = end.and_then(|(end, _)| inner.get(end + 1..)).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::Template, target::testing::target};

    fn rules(text: &str) -> Vec<Rule> {
        let template = Template {
            plugin: "go-template".into(),
            dot: "infisical-secret",
            options: serde_json::Value::Null,
            include_all: false,
            entries: [("K".to_owned(), text.to_owned())].into(),
        };
        let target = Target { template: Some(template), ..target("t") };
        findings(&target).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn functions_are_found_within_actions_only() {
        assert_eq!(rules("{{ randAlphaNum 16 }}"), [Rule::RandomValues]);
        assert_eq!(rules("{{- $x := (now | unixEpoch) -}}"), [Rule::RandomValues]);
        assert_eq!(rules("{{ getHostByName .HOST.Value }}"), [Rule::FunctionGone]);
        assert_eq!(rules("now {{ .now.Value }} {{ $now }} {{ \"now \\\" now\" | upper }} {{ `now` }} {{ .KEY.Value }}"), []);
    }
}
