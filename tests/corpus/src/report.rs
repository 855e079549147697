//! Counts.
use crate::{case::Case, excepted::Excepted};
use std::{collections::BTreeMap, fmt};

/// What was counted.
#[derive(Default)]
pub struct Report {
    rows: BTreeMap<String, BTreeMap<String, (usize, usize)>>,
    /// Id and difference of what should not differ.
    pub failures: Vec<(String, String)>,
    /// Ids of excepted cases that differ.
    pub excepted: Vec<String>,
    /// All.
    pub total: usize,
}

impl Report {
    /// Counts a case.
    pub fn add(&mut self, case: &Case, difference: Option<String>, excepted: &Excepted) {
        let (passed, total) = self.rows.entry(case.group.clone()).or_default().entry(case.dialect.clone()).or_default();
        *total += 1;
        *passed += usize::from(difference.is_none());
        self.total += 1;
        match difference {
            None => {}
            Some(_) if excepted.has(&case.id) => self.excepted.push(case.id.clone()),
            Some(difference) => self.failures.push((case.id.clone(), difference)),
        }
    }
}

/// A table of groups and dialects.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIALECTS: [&str; 3] = ["infisical-secret", "static-secret", "external-secret"];
        writeln!(out, "{:32}{:>18}{:>18}{:>18}", "group", DIALECTS[0], DIALECTS[1], DIALECTS[2])?;
        let mut sums: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (group, row) in &self.rows {
            write!(out, "{group:32}")?;
            for dialect in DIALECTS {
                let (passed, total) = row.get(dialect).copied().unwrap_or_default();
                let sum = sums.entry(dialect).or_default();
                *sum = (sum.0 + passed, sum.1 + total);
                let shown = if total == 0 { "–".to_owned() } else { format!("{passed}/{total}") };
                write!(out, "{shown:>18}")?;
            }
            writeln!(out)?;
        }
        write!(out, "{:32}", "all")?;
        for dialect in DIALECTS {
            let (passed, total) = sums.get(dialect).copied().unwrap_or_default();
            write!(out, "{:>18}", format!("{passed}/{total}"))?;
        }
        let passed: usize = sums.values().map(|(passed, _)| passed).sum();
        write!(out, "\npassed {passed} of {}, excepted {}", self.total, self.excepted.len())
    }
}
