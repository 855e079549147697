//! What a program shows at `/metrics`, in the text format of Prometheus and OpenMetrics.
use std::collections::BTreeMap;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// With its suffix, such as `_total`.
    pub name: String,
    /// By name.
    pub labels: BTreeMap<String, String>,
    /// In base units.
    pub value: f64,
}

impl Sample {
    /// Whether it has these labels, among others.
    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|label| label == value))
    }
}

/// All samples of one scrape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics(Vec<Sample>);

impl Metrics {
    /// Reads the text; a line that is no sample is left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    /// Samples of this name with these labels, whatever others they have.
    pub fn all<'a>(&'a self, name: &'a str, labels: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| sample.name == name && sample.has(labels))
    }

    /// Their sum; 0 if there is none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels).map(|sample| sample.value).sum()
    }

    /// An estimate of a quantile (0 to 1) of a histogram, linear within a bucket as Prometheus has it. None: empty.
    #[must_use]
    pub fn quantile(&self, name: &str, labels: &[(&str, &str)], quantile: f64) -> Option<f64> {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for sample in self.all(&format!("{name}_bucket"), labels) {
            let bound: f64 = sample.labels.get("le")?.parse().ok()?;
            match buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, count)) => *count += sample.value,
                None => buckets.push((bound, sample.value)),
            }
        }
        buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
        let rank = quantile * buckets.last()?.1;
        let (mut below, mut counted) = (0.0, 0.0);
        for (bound, count) in buckets {
            if count >= rank && count > counted {
                // Nothing is known above the last finite bound.
                let part = if bound.is_finite() { (bound - below) * (rank - counted) / (count - counted) } else { 0.0 };
                return Some(below + part);
            }
            (below, counted) = (bound, count);
        }
        None
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (series, rest) = match line.split_once('{') {
        Some((name, rest)) => {
            let (labels, rest) = labels(rest)?;
            ((name, labels), rest)
        }
        None => {
            let (name, rest) = line.split_once(' ')?;
            ((name, BTreeMap::new()), rest)
        }
    };
    // A time stamp or an exemplar may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: series.0.into(), labels: series.1, value })
}

/// What stands between the braces, and what comes after them.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => value.push(match characters.next()? {
                    'n' => '\n',
                    other => other,
                }),
                other => value.push(other),
            }
        }
        labels.insert(name.into(), value);
        rest = characters.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP calls Calls.
# TYPE calls counter
calls_total{plugin="a",outcome="ok"} 3
calls_total{plugin="b",outcome="ok, \"so\" so"} 4 # {trace="x"} 1.0
up 1
seconds_bucket{le="1",plugin="a"} 2
seconds_bucket{le="3",plugin="a"} 4
seconds_bucket{le="+Inf",plugin="a"} 4
# EOF
"#;

    #[test]
    fn samples_are_found_by_name_and_label() {
        let metrics = Metrics::parse(TEXT);
        assert_eq!(metrics.sum("calls_total", &[]), 7.0);
        assert_eq!(metrics.sum("calls_total", &[("outcome", "ok, \"so\" so")]), 4.0);
        assert_eq!(metrics.sum("calls_total", &[("plugin", "c")]), 0.0);
        assert_eq!(metrics.sum("up", &[]), 1.0);
    }

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let metrics = Metrics::parse(TEXT);
        assert_eq!(metrics.quantile("seconds", &[], 0.5), Some(1.0));
        assert_eq!(metrics.quantile("seconds", &[("plugin", "a")], 0.75), Some(2.0));
        assert_eq!(metrics.quantile("seconds", &[("plugin", "b")], 0.5), None);
        let empty = Metrics::parse("seconds_bucket{le=\"0.001\"} 0\nseconds_bucket{le=\"+Inf\"} 0\n");
        assert_eq!(empty.quantile("seconds", &[], 0.99), None);
    }
}
