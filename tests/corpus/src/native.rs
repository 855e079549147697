//! Renders with the plugin's code, without a component.
use crate::{
    case::{Case, Datum, Outputs},
    judge::Made,
};
use plugin_sdk::{
    Error,
    template::Secret,
    testing::{Failure, Host},
};
use std::{panic, thread};
use template_go::GoTemplate;

/// Renders a case.
pub fn render(case: &Case) -> Made {
    // A main thread's stack is a machine's choice; a component has its own bound, which other tests meet.
    thread::scope(|scope| {
        let run = thread::Builder::new().stack_size(256 << 20).spawn_scoped(scope, || panic::catch_unwind(|| run(case)));
        match run.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(Ok(made))) => made,
            Ok(Ok(Err(_)) | Err(_)) => Made::Broken("panicked".into()),
            Err(error) => Made::Broken(error.to_string()),
        }
    })
}

fn run(case: &Case) -> Made {
    let secret = |datum: &Datum| Secret {
        key: datum.key.clone(),
        value: datum.value(),
        path: case.path_of_all().unwrap_or(&datum.path).to_owned(),
        comment: String::new(),
        tags: vec![],
    };
    let of = |imported: bool| case.data.iter().filter(|datum| datum.imported == imported).map(secret).collect();
    let options = case.plugin_options();
    match Host::new().render_with_imports::<GoTemplate>(&case.dialect, &options, &case.entries(), of(false), of(true)) {
        Ok(rendering) => {
            let mut values = Outputs::new();
            if case.includes_all() {
                values.extend(case.data.iter().map(|datum| (datum.key.clone(), datum.value())));
            }
            values.extend(rendering.entries.into_iter().map(|entry| (entry.key, entry.value)));
            Made::Values(values)
        }
        Err(Failure::Plugin(error)) => failed(&error),
        Err(failure) => Made::Broken(format!("{failure:?}")),
    }
}

fn failed(error: &Error) -> Made {
    match error {
        Error::Template(diagnostics) => match diagnostics.first() {
            Some(first) => Made::Error { stage: stage(first.line, &first.message), message: first.message.clone() },
            None => Made::Broken("an error without a diagnostic".into()),
        },
        Error::Settings(violations) => {
            let messages: Vec<_> = violations.iter().map(|violation| format!("{} {}", violation.pointer, violation.message)).collect();
            Made::Error { stage: "post", message: messages.join("; ") }
        }
        other => Made::Broken(format!("{other:?}")),
    }
}

/// What a diagnostic tells of its stage: one of the rendered text has no place in the source, and one of a run names what ran.
pub fn stage(line: u32, message: &str) -> &'static str {
    if line == 0 {
        "post"
    } else if message.starts_with("at <") {
        "exec"
    } else {
        "parse"
    }
}
