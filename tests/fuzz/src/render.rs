//! This engine, with a host that gives nothing.
use go_template_engine::{Context, Error, Host, Limits, Map, MissingKey, Options, Problem, Stage, Structure, Template, Type, Value};
use go_template_engine::{Field, Kind, Named, Str};
use go_template_functions::{Dialect, functions};
use std::{collections::BTreeMap, rc::Rc, time::Duration};

struct Nothing;

impl Host for Nothing {
    fn random(&mut self, _: &mut [u8]) -> Result<(), Error> {
        Err(Error::new("no random numbers here"))
    }

    fn now(&mut self) -> Result<Duration, Error> {
        Err(Error::new("no time here"))
    }

    fn key(&mut self, _: &str) -> Result<Vec<u8>, Error> {
        Err(Error::new("no keys here"))
    }
}

static ENTRY: Named = Named {
    fields: &[
        Field { name: "Value", kind: Type::STRING, json: Some("value") },
        Field { name: "SecretPath", kind: Type::STRING, json: Some("secretPath") },
    ],
    ..Named::new("model.SecretTemplateOptions", Kind::Struct)
};

const ENTRY_TYPE: Type = Type::Named(&ENTRY);

/// The data of a template.
pub type Data = BTreeMap<String, Vec<u8>>;

/// Renders as an InfisicalSecret does.
///
/// # Errors
/// What is wrong with the template.
pub fn render(source: &str, data: &Data, limits: &Limits) -> Result<Vec<u8>, Problem> {
    let options = Options { functions: functions(Dialect::InfisicalSecret), delimiters: ("", ""), missing_key: MissingKey::Invalid };
    let template = Template::parse("t", source, options, limits)?;
    let entry = |value: &[u8]| Value::Struct(Rc::new(Structure::new(&ENTRY, vec![Value::string(value), Value::string("/app")])));
    let entries = data.iter().map(|(key, value)| (Str::from(key.as_str()), entry(value))).collect();
    let mut host = Nothing;
    let mut context = Context::new(&mut host, limits);
    let output = template.execute(&mut context, &Value::Map(Map::of_strings(&ENTRY_TYPE, entries)))?;
    Ok(output.text)
}

/// As Go words it, for a template called `t`.
pub fn as_go(problem: &Problem) -> String {
    match (&problem.executing, problem.stage) {
        (Some((name, context)), Stage::Execute) => {
            format!("template: t:{}:{}: executing \"{name}\" at <{context}>: {}", problem.line, problem.column - 1, problem.message)
        }
        _ => format!("template: t:{}: {}", problem.line, problem.message),
    }
}
