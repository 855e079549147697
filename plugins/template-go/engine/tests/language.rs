//! Templates that Go 1.26 rendered, with nothing but the language's own functions. Each line of `language.jsonl` has the text or
//! the error that Go gave.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use go_template_engine::{Context, Error, FunctionTable, Host, Limits, Map, MissingKey, Options, Problem, Stage, Template, Value};
use serde::Deserialize;
use std::time::Duration;

#[derive(Deserialize)]
struct Line {
    template: String,
    output: Option<String>,
    error: Option<String>,
}

struct Nothing;

impl Host for Nothing {
    fn random(&mut self, _: &mut [u8]) -> Result<(), Error> {
        Err(Error::new("none"))
    }

    fn now(&mut self) -> Result<Duration, Error> {
        Err(Error::new("none"))
    }

    fn key(&mut self, _: &str) -> Result<Vec<u8>, Error> {
        Err(Error::new("none"))
    }
}

/// `{a: 1, s: "x", l: [1, nil, "b"], m: {k: nil, n: {z: 2.5}}, n: nil}`
fn dot() -> Value {
    let map = |entries: Vec<(&str, Value)>| {
        let map = Map::dict();
        entries.into_iter().for_each(|(key, value)| map.set(key, value).unwrap());
        Value::Map(map)
    };
    map(vec![
        ("a", Value::int(1)),
        ("s", Value::string("x")),
        ("l", Value::list(vec![Value::int(1), Value::Nil, Value::string("b")])),
        ("m", map(vec![("k", Value::Nil), ("n", map(vec![("z", Value::Float(2.5))]))])),
        ("n", Value::Nil),
    ])
}

fn render(source: &str) -> Result<String, Problem> {
    let limits = Limits::default();
    let options = Options { functions: FunctionTable::new(&[], &[]), delimiters: ("", ""), missing_key: MissingKey::Invalid };
    let template = Template::parse("t", source, options, &limits)?;
    let mut host = Nothing;
    let output = template.execute(&mut Context::new(&mut host, &limits), &dot())?;
    Ok(String::from_utf8_lossy(&output.text).into_owned())
}

fn as_go(problem: &Problem) -> String {
    match (&problem.executing, problem.stage) {
        (Some((name, context)), Stage::Execute) => {
            format!("template: t:{}:{}: executing {name:?} at <{context}>: {}", problem.line, problem.column - 1, problem.message)
        }
        _ => format!("template: t:{}: {}", problem.line, problem.message),
    }
}

/// Go's texts that repeat a value; ours name its type.
const QUOTING: [&str; 4] = ["can't iterate over", "to iterate over more", "non-comparable type", "call of"];

#[test]
fn templates_render_and_fail_as_in_go() {
    let mut wrong = Vec::new();
    for line in include_str!("language.jsonl").lines() {
        let line: Line = serde_json::from_str(line).unwrap();
        match (line.output, render(&line.template)) {
            (Some(wanted), Ok(made)) if wanted == made => {}
            (Some(wanted), made) => {
                wrong.push(format!("{}\n  Go {wanted:?}\n  we {:?}", line.template, made.map_err(|problem| as_go(&problem))))
            }
            (None, Ok(made)) => wrong.push(format!("{}\n  Go fails: {:?}\n  we {made:?}", line.template, line.error)),
            (None, Err(problem)) => {
                let (wanted, made) = (line.error.unwrap_or_default(), as_go(&problem));
                if wanted != made && !QUOTING.iter().any(|part| wanted.contains(part) && made.contains(part)) {
                    wrong.push(format!("{}\n  Go {wanted}\n  we {made}", line.template));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
