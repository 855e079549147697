//! The address that the hostile guest may send requests to. It stands in its descriptor, so it is the same everywhere.
use std::{
    io::ErrorKind,
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

/// As in the descriptor, behind `http://`.
pub const SERVER: &str = "127.66.6.6:6666";

/// Tests of another process may have it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Listens there, once nobody else does. Blocks.
#[must_use]
pub fn take_server_address() -> TcpListener {
    let end = Instant::now() + PATIENCE;
    loop {
        match TcpListener::bind(SERVER) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < end => thread::sleep(Duration::from_millis(50)),
            result => return result.unwrap_or_else(|error| panic!("{SERVER}: {error}")),
        }
    }
}
