//! Every case, by the component in the runtime, as the operator renders.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use corpus::{
    case::{Case, Datum, Outputs},
    check,
    judge::{Made, stage},
    say,
};
use hostile::{Bench, Plugin, caller};
use runtime::{Entry, Failure, RenderCall, Runtime, SecretBytes, SourceSecret};
use secrecy::ExposeSecret as _;
use std::{fs, sync::Arc};
use support::Target;

/// The plugin as a component, with all that it asks for.
fn plugin() -> Plugin {
    let folder = tempfile::tempdir().unwrap();
    let options = bundle::Options::find().unwrap().out(folder.path());
    let bundle = bundle::build_crates(&options, &["template-go"]).unwrap();
    let wasm = fs::read(bundle.component("go-template").unwrap()).unwrap();
    say(&format!("component: {} bytes", wasm.len()));
    Plugin { version: env!("CARGO_PKG_VERSION"), ..Plugin::new("go-template", "template", wasm) }.grants(&["clock", "keys", "random"])
}

async fn render(runtime: &Runtime, case: &Case) -> Made {
    let secret = |datum: &Datum| SourceSecret {
        key: datum.key.clone(),
        value: Arc::new(SecretBytes::from(datum.value())),
        path: case.path_of_all().unwrap_or(&datum.path).into(),
        comment: String::new().into(),
        tags: vec![],
    };
    let of = |imported: bool| Arc::new(case.data.iter().filter(|datum| datum.imported == imported).map(secret).collect());
    let entry = |(key, source): (&str, &str)| Entry { key: key.into(), source: source.into() };
    let call = RenderCall {
        plugin: "go-template".into(),
        dot: match case.dialect.as_str() {
            "static-secret" => "static-secret",
            "external-secret" => "external-secret",
            _ => "infisical-secret",
        },
        options: serde_json::from_str(&case.plugin_options()).unwrap(),
        entries: case.entries().into_iter().map(entry).collect(),
        secrets: of(false),
        imports: of(true),
        caller: caller("default"),
    };
    match runtime.render(call).await {
        Ok(rendering) => {
            let mut values = Outputs::new();
            if case.includes_all() {
                values.extend(case.data.iter().map(|datum| (datum.key.clone(), datum.value())));
            }
            values.extend(rendering.entries.into_iter().map(|entry| (entry.key, entry.value.expose_secret().to_vec())));
            Made::Values(values)
        }
        Err(Failure::Template(diagnostics)) => match diagnostics.first() {
            Some(first) => Made::Error { stage: stage(first.line, &first.message), message: first.message.clone() },
            None => Made::Broken("an error without a diagnostic".into()),
        },
        Err(Failure::Settings(violations)) => {
            Made::Error { stage: "post", message: violations.iter().map(|violation| violation.message.as_str()).collect() }
        }
        Err(failure) => Made::Broken(failure.to_string()),
    }
}

#[test]
fn every_case_is_as_go_renders_it() {
    drop(Target::of_this_program().unwrap().build("compile-plugin").unwrap());
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let bench = tokio.block_on(Bench::new(&[plugin()]));
    check(|case| tokio.block_on(render(&bench.runtime, case)));
}
