//! A secret that a plugin knows shows in no log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends so")]
use hostile::{Bench, CANARY, hostile};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn lines_of_a_guest_are_bounded_and_without_secrets() {
    let log = Log::default();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new("trace")).with_ansi(false).with_writer(log.clone()).init();
    let bench = Bench::new(&[hostile()]).await;
    assert!(bench.act("log-canary").await.is_ok());
    let _ = bench.act("flood-log").await;
    let _ = bench.act("trap").await;
    let _ = bench.act("giant-error").await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains(CANARY));
    assert!(!text.contains("on purpose"));
    let line = text.lines().find(|line| line.contains(" plugin: ") && line.contains("***")).expect("the line is not there");
    assert!(line.contains("ERROR") && line.contains("plugin=\"hostile\""), "{line}");
    let flood = text.lines().filter(|line| line.contains("\"level\":\"fake\"")).count();
    assert!((1..=64).contains(&flood), "{flood}");
}
