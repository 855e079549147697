//! The live view: resources with their condition, plugins with their calls. Redrawn in place on a terminal; elsewhere a line
//! for each change.
mod screen;
mod snapshot;

use crate::environment::Environment;
use anyhow::Result;
use screen::Look;
use snapshot::Snapshot;
use std::{
    io::{IsTerminal, Write},
    time::Duration,
};
use support::Endpoints;

/// Fast enough for the eye, slow enough not to show up in what it measures.
const BETWEEN: Duration = Duration::from_millis(500);
const CLEAR: &str = "\x1b[2J\x1b[H";
/// Home, without clearing: a cleared screen flickers.
const HOME: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K";
const REST_OF_SCREEN: &str = "\x1b[J";

/// Shows the view until it is dropped.
///
/// # Errors
/// The terminal is gone.
pub async fn show(environment: &Environment) -> Result<()> {
    let endpoints = Endpoints::of(&environment.setup)?;
    let mut out = std::io::stdout();
    let terminal = out.is_terminal();
    let mut before: Option<Snapshot> = None;
    if terminal {
        write!(out, "{CLEAR}")?;
    }
    loop {
        let now = snapshot::take(&environment.cluster, &environment.setup.namespaces, &endpoints).await;
        if terminal {
            let look =
                Look { kubeconfig: environment.cluster.kubeconfig(), page: &environment.server.url(), log: &environment.setup.log() };
            write!(out, "{HOME}")?;
            // Zero where the terminal does not know.
            let columns = rustix::termios::tcgetwinsize(&out).map_or(0, |size| usize::from(size.ws_col));
            for line in screen::lines(&look, &now, if columns == 0 { 120 } else { columns }) {
                writeln!(out, "{line}{REST_OF_LINE}")?;
            }
            write!(out, "{REST_OF_SCREEN}")?;
        } else {
            for line in screen::changes(before.as_ref(), &now) {
                writeln!(out, "{line}")?;
            }
        }
        out.flush()?;
        before = Some(now);
        tokio::time::sleep(BETWEEN).await;
    }
}
