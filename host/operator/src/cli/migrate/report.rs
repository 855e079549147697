//! Findings as text and as JSON.
use super::finding::{Finding, Level};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// An object that was looked at, with what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Its kind.
    pub kind: String,
    /// Empty for objects of the cluster.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Of each the most urgent first.
    pub findings: Vec<Finding>,
}

impl Looked {
    fn level(&self) -> Option<Level> {
        self.findings.iter().map(|finding| finding.rule.level()).min()
    }

    /// As the operator names it in its messages.
    pub fn title(&self) -> String {
        let Self { kind, namespace, name, .. } = self;
        if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") }
    }
}

/// All that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order of kinds, then of names.
    pub looked: Vec<Looked>,
    /// What could not be looked at, and why.
    pub unseen: Vec<String>,
}

/// How many objects are as they are, differ, and need attention.
struct Counts {
    same: usize,
    differ: usize,
    act: usize,
}

impl Report {
    /// Whether someone has to do something.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        self.looked.iter().any(|looked| looked.level() == Some(Level::Act))
    }

    fn counts(&self) -> Counts {
        let count = |level| self.looked.iter().filter(|looked| looked.level() == level).count();
        Counts { same: count(None), differ: count(Some(Level::Differs)), act: count(Some(Level::Act)) }
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for looked in self.looked.iter().filter(|looked| !looked.findings.is_empty()) {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{}", looked.title());
            for Finding { rule, message } in &looked.findings {
                let _ = writeln!(text, "  {:<8} {}: {message}", rule.level().name(), rule.name());
            }
            text.push('\n');
        }
        for unseen in &self.unseen {
            let _ = writeln!(text, "not looked at: {unseen}");
        }
        let Counts { same, differ, act } = self.counts();
        let total = self.looked.len();
        let objects = if total == 1 { "object" } else { "objects" };
        let _ = writeln!(text, "{total} {objects}: {same} as they are, {differ} differ, {act} need attention");
        text
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let Counts { same, differ, act } = self.counts();
        let findings = self.looked.iter().flat_map(|looked| {
            looked.findings.iter().map(move |Finding { rule, message }| {
                json!({
                    "kind": looked.kind, "namespace": looked.namespace, "name": looked.name,
                    "rule": rule.name(), "level": rule.level(), "message": message,
                })
            })
        });
        json!({
            "objects": self.looked.len(), "asTheyAre": same, "differ": differ, "needAttention": act,
            "findings": findings.collect::<Vec<_>>(), "notLookedAt": self.unseen,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::migrate::finding::Rule;

    #[test]
    fn objects_are_counted_by_their_most_urgent_finding() {
        let looked = |name: &str, rules: &[Rule]| Looked {
            kind: "InfisicalSecret".into(),
            namespace: "shop".into(),
            name: name.into(),
            findings: rules.iter().map(|rule| Finding::new(*rule, "message")).collect(),
        };
        let report = Report {
            looked: vec![looked("a", &[]), looked("b", &[Rule::LongName]), looked("c", &[Rule::LongName, Rule::Drift])],
            unseen: vec!["rights".into()],
        };
        assert!(report.needs_attention());
        let text = report.text();
        assert!(text.ends_with("not looked at: rights\n3 objects: 1 as they are, 1 differ, 1 need attention\n"), "{text}");
        assert!(text.contains("InfisicalSecret shop/c\n  differs  long-name: message\n  act      drift: message\n"), "{text}");
        assert!(!text.contains("shop/a"));
        let json = report.json();
        assert_eq!((&json["objects"], &json["needAttention"], &json["findings"][2]["rule"]), (&json!(3), &json!(1), &json!("drift")));
    }
}
