//! A snapshot as text. Pure.
use super::snapshot::{Plugin, Resource, Snapshot};
use std::{path::Path, time::Duration};

/// Where a person looks further.
pub struct Look<'a> {
    pub kubeconfig: &'a Path,
    pub page: &'a str,
    pub log: &'a Path,
}

/// The whole screen. Tables are cut at `width`; the lines above them are not, since they are there to be copied.
pub fn lines(look: &Look<'_>, snapshot: &Snapshot, width: usize) -> Vec<String> {
    let mut lines = vec![
        format!("cluster    kubectl --kubeconfig {} get infisicalsecrets -A", look.kubeconfig.display()),
        format!("Infisical  {}/  (edit a secret there)", look.page),
        match &snapshot.operator {
            None => format!("operator   ready, log {}", look.log.display()),
            Some(why) => format!("operator   not ready: {why}"),
        },
        String::new(),
    ];
    match &snapshot.resources {
        Ok(resources) => {
            let rows = resources.iter().map(|row| {
                let message = if row.ready == "True" { row.message.clone() } else { format!("{}: {}", row.reason, row.message) };
                vec![row.name.clone(), row.ready.clone(), row.synced.map_or_else(|| "-".into(), ago), message]
            });
            lines.extend(table(width, ["RESOURCE", "READY", "LAST SYNC", "MESSAGE"], rows));
        }
        Err(error) => lines.push(format!("resources can't be listed: {error}")),
    }
    lines.push(String::new());
    let rows = snapshot.plugins.iter().map(|row| {
        vec![row.name.clone(), row.version.clone(), row.calls.to_string(), row.failed.to_string(), seconds(row.p50), seconds(row.p99)]
    });
    lines.extend(table(width, ["PLUGIN", "VERSION", "CALLS", "FAILED", "P50", "P99"], rows));
    lines.push(String::new());
    lines.push("Ctrl-C stops everything.".into());
    lines
}

/// A line for each difference.
pub fn changes(before: Option<&Snapshot>, now: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    if before.is_none_or(|before| before.operator != now.operator) {
        lines.push(format!("operator: {}", now.operator.as_deref().unwrap_or("ready")));
    }
    let known = before.and_then(|before| before.resources.as_ref().ok());
    match &now.resources {
        Ok(resources) => {
            for row in resources {
                let was = known.and_then(|all| all.iter().find(|other| other.name == row.name));
                let same = |was: &Resource| (&was.ready, &was.reason, &was.message) == (&row.ready, &row.reason, &row.message);
                // A younger write than before is a new one.
                let written = row.synced.is_some() && was.is_some_and(|was| was.synced.is_none_or(|age| row.synced < Some(age)));
                if !was.is_some_and(same) || written {
                    lines.push(format!("{}: Ready={} {} {}", row.name, row.ready, row.reason, row.message));
                }
            }
        }
        Err(error) if before.is_none_or(|before| before.resources.is_ok()) => lines.push(format!("resources can't be listed: {error}")),
        Err(_) => {}
    }
    for row in &now.plugins {
        let was = before.and_then(|before| before.plugins.iter().find(|other| other.name == row.name));
        if was.is_none_or(|was: &Plugin| was.version != row.version || was.failed != row.failed) {
            lines.push(format!("plugin {}: version {}, {} calls, {} failed", row.name, row.version, row.calls, row.failed));
        }
    }
    lines
}

/// The first characters of a line, as many as fit.
fn cut(line: &str, width: usize) -> &str {
    line.char_indices().nth(width).map_or(line, |(end, _)| line.get(..end).unwrap_or(line))
}

fn table<const COLUMNS: usize>(width: usize, head: [&str; COLUMNS], rows: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let mut all = vec![head.map(str::to_owned).to_vec()];
    all.extend(rows);
    let widest = |column: usize| all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..COLUMNS).map(widest).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cut(cells.join("  ").trim_end(), width).to_owned()
    };
    all.iter().map(line).collect()
}

fn ago(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s ago"),
        seconds @ 120..7200 => format!("{} min ago", seconds / 60),
        seconds => format!("{} h ago", seconds / 3600),
    }
}

fn seconds(time: Option<f64>) -> String {
    match time {
        None => "-".into(),
        Some(time) if time < 0.001 => format!("{:.0} µs", time * 1e6),
        Some(time) if time < 1.0 => format!("{:.1} ms", time * 1e3),
        Some(time) => format!("{time:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let resource = Resource {
            name: "demo/a".into(),
            ready: "False".into(),
            reason: "Unreachable".into(),
            message: "no answer".into(),
            synced: Some(Duration::from_secs(130)),
        };
        let plugin =
            Plugin { name: "universal".into(), version: "0.1.0".into(), calls: 3, failed: 1, p50: Some(0.00005), p99: Some(0.0123) };
        Snapshot { operator: None, resources: Ok(vec![resource]), plugins: vec![plugin] }
    }

    #[test]
    fn the_screen_shows_condition_age_and_quantiles() {
        let look = Look { kubeconfig: Path::new("/k"), page: "http://127.0.0.1:1", log: Path::new("/l") };
        let text = lines(&look, &snapshot(), 80).join("\n");
        assert!(text.contains("demo/a    False  2 min ago  Unreachable: no answer"), "{text}");
        assert!(text.contains("universal  0.1.0    3      1       50 µs  12.3 ms"), "{text}");
    }

    #[test]
    fn a_line_is_printed_for_a_change_and_none_for_rest() {
        let first = snapshot();
        assert_eq!(changes(None, &first).len(), 3);
        let mut later = first.clone();
        later.resources.as_mut().unwrap()[0].synced = Some(Duration::from_secs(131));
        assert_eq!(changes(Some(&first), &later), Vec::<String>::new());
        later.resources.as_mut().unwrap()[0].synced = Some(Duration::from_secs(0));
        assert_eq!(changes(Some(&first), &later).len(), 1);
        later.operator = Some("gone".into());
        assert_eq!(changes(Some(&first), &later).len(), 2);
    }

    #[test]
    fn a_line_is_cut_between_characters() {
        assert_eq!(cut("äöü", 2), "äö");
        assert_eq!(cut("ab", 5), "ab");
    }
}
