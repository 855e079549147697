//! Times this engine beside Go's, in one run: what a target costs, read and rendered anew each time, as the operators do.
use anyhow::Result;
use fuzz::{
    oracle::Oracle,
    render::{Data, render},
};
use go_template_engine::Limits;
use std::time::{Duration, Instant};

struct Work {
    name: &'static str,
    data: Data,
    templates: Vec<String>,
}

fn main() -> Result<()> {
    let value = |number: usize| (format!("KEY_{number}"), format!("value-{number}").into_bytes());
    let small: Data = (0..100).map(value).collect();
    let large: Data = (0..1_000).map(value).collect();
    let two = (0..100).map(|number| format!("{{{{ .KEY_{number}.Value | upper | b64enc }}}}")).collect();
    let long = (0..5_000).map(|number| format!("line {number}: {{{{ .KEY_{}.Value | quote }}}}\n", number % 100)).collect();
    let works = [
        Work { name: "100 entries, two functions each", data: small.clone(), templates: two },
        Work {
            name: "1,000 keys, one template",
            data: large,
            templates: vec!["{{ range $k, $v := . }}{{ $k }}={{ $v.Value | quote }}\n{{ end }}".into()],
        },
        Work { name: "one template of 200 kB", data: small, templates: vec![long] },
    ];
    let target = std::env::temp_dir().join(format!("template-oracle-{}", std::process::id()));
    std::fs::create_dir_all(&target)?;
    let mut oracle = Oracle::start(&target)?;
    println!("{:36}{:>12}{:>12}", "", "here", "Go");
    for work in &works {
        let limits = Limits::default();
        let here = median(|| {
            for template in &work.templates {
                std::hint::black_box(render(template, &work.data, &limits).map_err(|problem| anyhow::anyhow!("{problem}"))?);
            }
            Ok(())
        })?;
        let go = oracle.time(&work.templates, &work.data)?;
        println!("{:36}{:>12}{:>12}", work.name, show(here), show(go));
    }
    drop(std::fs::remove_dir_all(&target));
    Ok(())
}

fn median(mut work: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..101 {
        let begin = Instant::now();
        work()?;
        times.push(begin.elapsed());
    }
    times.sort();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

fn show(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}
