//! Looks for the canary in all that is logged.
use hostile::CANARY;
use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Lines that were logged, and those of them with the canary.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<(u64, Vec<String>)>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap();
        log.0 += 1;
        let line = String::from_utf8_lossy(bytes);
        if line.contains(CANARY) {
            log.1.push(line.into_owned());
        }
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

/// Of all tests of this program.
static LOG: OnceLock<Log> = OnceLock::new();

/// Begins to look. Everything is logged, down to what nobody switches on.
pub fn watch() {
    LOG.get_or_init(|| {
        let log = Log::default();
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new("trace")).with_writer(log.clone()).init();
        log
    });
}

/// Something was logged, and the canary not.
pub fn assert_silent() {
    let log = LOG.get().expect("nobody watches the log").0.lock().unwrap();
    assert!(log.0 > 0, "nothing is logged at all");
    assert!(log.1.is_empty(), "the canary is logged: {:?}", log.1);
}

#[test]
fn the_canary_would_be_found() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("trace")).with_writer(log.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::trace!("nothing");
        tracing::trace!(value = CANARY, "something");
    });
    let log = log.0.lock().unwrap();
    assert_eq!((log.0, log.1.len()), (2, 1));
}
