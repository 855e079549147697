use std::{collections::BTreeSet, time::Duration};

use go_template_engine::{Context, Error, Field, Host, Kind, Limits, MissingKey, Named, Options, Structure, Template, Type, Value};

use super::*;

/// Random numbers that aren't, a fixed time, keys made for this test, and one secret in a folder.
struct Fixed(u8);

impl Host for Fixed {
    fn random(&mut self, out: &mut [u8]) -> Result<(), Error> {
        for byte in out {
            self.0 = self.0.wrapping_mul(5).wrapping_add(3);
            *byte = self.0;
        }
        Ok(())
    }

    fn now(&mut self) -> Result<Duration, Error> {
        Ok(Duration::from_secs(1_700_000_000))
    }

    fn key(&mut self, kind: &str) -> Result<Vec<u8>, Error> {
        Ok(match kind {
            "p256" => include_bytes!("../../tests/keys/p256.pem").to_vec(),
            "ed25519" => include_bytes!("../../tests/keys/ed25519.pem").to_vec(),
            _ => include_bytes!("../../tests/keys/rsa2048.pem").to_vec(),
        })
    }

    fn secret_from(&mut self, path: &[u8], key: &[u8]) -> Result<Value, Error> {
        static SECRET: Named =
            Named { fields: &[Field::new("Value", Type::STRING)], ..Named::new("model.SecretTemplateOptions", Kind::Struct) };
        assert_eq!((path, key), (&b"/db"[..], &b"HOST"[..]));
        Ok(Value::Struct(std::rc::Rc::new(Structure::new(&SECRET, vec![Value::string("db.local")]))))
    }
}

fn render(dialect: Dialect, template: &str) -> Result<String, String> {
    let limits = Limits::default();
    let options = Options { functions: functions(dialect), delimiters: ("{{", "}}"), missing_key: MissingKey::Error };
    let template = Template::parse("example", template, options, &limits).map_err(|problem| problem.message)?;
    let mut host = Fixed(1);
    let output = template.execute(&mut Context::new(&mut host, &limits), &Value::Nil).map_err(|problem| problem.message)?;
    Ok(String::from_utf8(output.text).unwrap())
}

#[test]
fn every_example_gives_what_the_page_says() {
    let mut wrong = Vec::new();
    for entry in sections().flat_map(|section| section.entries) {
        // Dialects differ in the libraries beneath; no example shows one of those differences but where one alone has it.
        for dialect in dialects(entry.name).take(if entry.name == "htpasswd" { 2 } else { 3 }) {
            let found = render(dialect, entry.example);
            if found.as_deref() != Ok(entry.output) {
                wrong.push(format!("{} in {dialect:?}: {found:?}, not {:?}", entry.name, entry.output));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_function_is_on_the_page_once_and_every_entry_uses_its_own() {
    let documented: Vec<&str> = sections().flat_map(|section| section.entries).map(|entry| entry.name).collect();
    let names: BTreeSet<&str> = documented.iter().copied().collect();
    assert_eq!(names.len(), documented.len());
    for dialect in [Dialect::InfisicalSecret, Dialect::StaticSecret, Dialect::ExternalSecret] {
        let missing: Vec<&str> = functions(dialect).iter().map(|function| function.name).filter(|name| !names.contains(name)).collect();
        assert_eq!(missing, Vec::<&str>::new(), "{dialect:?}: add these to src/docs");
    }
    for section in sections() {
        assert!(section.entries.is_sorted_by(|a, b| a.name < b.name), "{}", section.title);
        for entry in section.entries {
            assert!(entry.example.contains(entry.name), "{}", entry.name);
        }
    }
}

#[test]
fn names_that_the_peers_withhold_are_unknown() {
    for name in ["env", "expandenv", "getHostByName"] {
        assert_eq!(dialects(name).count(), 0, "{name}");
    }
}
