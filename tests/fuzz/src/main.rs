//! Compares with Go's engine for a while.
use anyhow::Result;
use clap::Parser;
use fuzz::{
    dice::Dice,
    grammar::{Grammar, common},
    oracle::Oracle,
    render::{Data, as_go, render},
};
use go_template_engine::Limits;
use go_template_functions::{Dialect, functions};
use std::{
    panic, thread,
    time::{Duration, Instant},
};

/// Renders random templates by this engine and by Go's.
#[derive(Parser)]
struct Options {
    /// For how long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where to begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Differences to print before it gives up.
    #[arg(long, default_value_t = 20)]
    most: usize,
    /// Use these functions beside the language's own, and no others; all without.
    #[arg(long, value_delimiter = ',')]
    functions: Option<Vec<String>>,
    /// Compare the texts of errors too, but for those of functions.
    #[arg(long)]
    texts: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    // Nothing of the engine recurses further than a component's stack allows; a debug build needs more for the same depth.
    let run = thread::Builder::new().stack_size(256 << 20).spawn(move || compare(&options))?;
    run.join().unwrap_or_else(|_| anyhow::bail!("the comparison panicked"))
}

/// What Infisical's operator has beside sprig, which the program in Go does not know.
fn of_the_operator(name: &str) -> bool {
    let own = ["decodeBase64ToBytes", "encodeBase64", "filterCertChain", "filterPEM", "fromYaml", "toYaml"];
    own.contains(&name) || name.starts_with("jwk") || name.starts_with("pkcs12") || name.contains("ToPkcs12")
}

fn compare(options: &Options) -> Result<()> {
    let target = std::env::temp_dir().join(format!("template-oracle-{}", std::process::id()));
    std::fs::create_dir_all(&target)?;
    let mut oracle = Oracle::start(&target)?;
    let all = functions(Dialect::InfisicalSecret);
    let known: Vec<&str> = match &options.functions {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => all.iter().map(|function| function.name).filter(|name| !of_the_operator(name)).collect(),
    };
    let data = Data::from([
        ("A".to_owned(), b"val".to_vec()),
        ("B".to_owned(), "é x=1,2".into()),
        ("C".to_owned(), vec![]),
        ("D".to_owned(), b"\xff\x00z".to_vec()),
    ]);
    let limits = Limits::default();
    let (begin, mut seed, mut found, mut good, mut bad) = (Instant::now(), options.seed, 0, 0_u64, 0_u64);
    while begin.elapsed() < Duration::from_secs(options.seconds) && found < options.most {
        seed += 1;
        let mut dice = Dice::new(seed);
        let source = Grammar::new(&mut dice, common(all, &known)).template();
        let wanted = oracle.render(&source, &data)?;
        let made = panic::catch_unwind(|| render(&source, &data, &limits));
        let difference = match (&wanted, &made) {
            (_, Err(_)) => Some("panicked".to_owned()),
            (Ok(wanted), Ok(Ok(made))) if wanted == made => {
                good += 1;
                None
            }
            (Ok(wanted), Ok(Ok(made))) => Some(format!("Go {:?}\nwe {:?}", String::from_utf8_lossy(wanted), String::from_utf8_lossy(made))),
            (Ok(wanted), Ok(Err(problem))) => Some(format!("Go {:?}\nwe fail: {}", String::from_utf8_lossy(wanted), as_go(problem))),
            (Err(wanted), Ok(Ok(made))) => Some(format!("Go fails: {wanted}\nwe {:?}", String::from_utf8_lossy(made))),
            (Err(wanted), Ok(Err(problem))) => {
                bad += 1;
                let ours = as_go(problem);
                (options.texts && *wanted != ours && !excused(wanted)).then(|| format!("Go fails: {wanted}\nwe fail: {ours}"))
            }
        };
        if let Some(difference) = difference {
            found += 1;
            println!("--- {seed}\n{source}\n{difference}");
        }
    }
    drop(std::fs::remove_dir_all(&target));
    println!("{} templates: {good} the same, {bad} failed in both, {found} differ; next seed {seed}", seed - options.seed);
    anyhow::ensure!(found == 0, "{found} differences");
    Ok(())
}

/// Errors whose text we word otherwise: those that quote a value, and those of libraries.
fn excused(wanted: &str) -> bool {
    ["error calling", "can't iterate over", "to iterate over more than one variable"].iter().any(|part| wanted.contains(part))
}
