//! Logs: JSON or text, to stderr or stdout, with the flags of controller-runtime's zap mapped onto level and format.
//!
//! Promised: no value of a secret. Values live in types that can't be formatted; a panic logs its place and never its
//! message, which may hold whatever the panicking code had in hand; libraries that log bodies are held to errors.
use clap::{ArgAction, Args, ValueEnum};
use std::io;
use tracing::Metadata;
use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Json,
    Text,
}

#[derive(Args, Clone, Debug)]
pub struct Logging {
    /// Format of the log.
    #[arg(long, env = "INFISICAL_OPERATOR_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
    /// Level of the log: error, warn, info, debug, trace, or a filter such as info,operator=debug.
    #[arg(long, env = "INFISICAL_OPERATOR_LOG_LEVEL")]
    pub log_level: Option<String>,
    /// stdout or stderr; anything else counts as stderr.
    #[arg(long, env = "INFISICAL_LOG_WRITER", default_value = "stderr")]
    pub log_writer: String,

    /// Text at debug level, or JSON at info level.
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = super::truth, action = ArgAction::Set)]
    pub zap_devel: Option<bool>,
    /// json or console.
    #[arg(long, hide = true)]
    pub zap_encoder: Option<String>,
    /// debug, info, error, panic, or a number of verbosity.
    #[arg(long, hide = true)]
    pub zap_log_level: Option<String>,
    /// Has no effect.
    #[arg(long, hide = true)]
    pub zap_stacktrace_level: Option<String>,
    /// Has no effect: times are RFC 3339.
    #[arg(long, hide = true)]
    pub zap_time_encoding: Option<String>,
}

impl Logging {
    /// Own flags first, then zap's, then JSON.
    #[must_use]
    pub fn format(&self) -> LogFormat {
        self.log_format.unwrap_or(match (self.zap_encoder.as_deref(), self.zap_devel) {
            (Some("console"), _) | (None, Some(true)) => LogFormat::Text,
            _ => LogFormat::Json,
        })
    }

    /// Own flags first, then zap's, then info.
    #[must_use]
    pub fn level(&self) -> String {
        if let Some(level) = &self.log_level {
            return level.clone();
        }
        let level = match (self.zap_log_level.as_deref(), self.zap_devel) {
            (Some("error" | "panic" | "fatal"), _) => "error",
            (Some("warn"), _) => "warn",
            (Some("debug" | "1" | "2"), _) | (None, Some(true)) => "debug",
            (Some(number), _) if number.parse::<u8>().is_ok_and(|number| number > 2) => "trace",
            _ => "info",
        };
        // The libraries below say much at debug that serves only their own authors.
        format!("{level},kube=error,rustls=warn,wasmtime=warn,cranelift=warn")
    }

    /// Starts logging for the whole process.
    pub fn start(&self) {
        let filter = EnvFilter::try_new(self.level()).unwrap_or_else(|_| EnvFilter::new("info"));
        let stdout = self.log_writer == "stdout";
        let writer = move || -> Box<dyn io::Write> { if stdout { Box::new(io::stdout()) } else { Box::new(io::stderr()) } };
        let layer = match self.format() {
            LogFormat::Json => tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(writer).boxed(),
            LogFormat::Text => tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer).boxed(),
        };
        // Fails only where a test has set another one before.
        let _ = tracing_subscriber::registry().with(filter).with(layer.with_filter(filter_fn(harmless))).try_init();
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "panicked");
        }));
    }
}

/// These libraries write what they send or receive into their logs, bodies of Secrets among it, at whatever level a user
/// asks for.
const TALKATIVE: [&str; 5] = ["kube_client", "hyper", "h2", "reqwest", "tower"];

fn harmless(metadata: &Metadata<'_>) -> bool {
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    !TALKATIVE.contains(&crate_name) || *metadata.level() == tracing::Level::ERROR
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        logging: Logging,
    }

    fn parse(arguments: &[&str]) -> Logging {
        Only::try_parse_from(std::iter::once("x").chain(arguments.iter().copied())).unwrap().logging
    }

    #[test]
    fn zap_flags_map_onto_level_and_format() {
        assert_eq!(parse(&[]).format(), LogFormat::Json);
        assert_eq!(parse(&["--zap-devel"]).format(), LogFormat::Text);
        assert_eq!(parse(&["--zap-devel", "--zap-encoder=json"]).format(), LogFormat::Json);
        assert!(parse(&["--zap-devel"]).level().starts_with("debug,"));
        assert!(parse(&["--zap-log-level=error", "--zap-devel"]).level().starts_with("error,"));
        assert!(parse(&["--zap-log-level=5"]).level().starts_with("trace,"));
        assert_eq!(parse(&["--log-level=warn", "--zap-log-level=5"]).level(), "warn");
    }
}
