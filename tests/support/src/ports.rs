//! Free ports, for programs that can't say which one they took.
use anyhow::{Context, Result};
use std::net::{Ipv4Addr, TcpListener};

/// Ports of 127.0.0.1 that were free a moment ago. Below 32768, where systems begin to give ports to outgoing connections,
/// so that none of those takes one before its user does.
///
/// # Errors
/// A thousand tries found none.
pub fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    const TRIES: usize = 1000;
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let mut ports = [0; COUNT];
    for index in 0..COUNT {
        let port = (0..TRIES).map(|_| rand::random_range(20_000..32_768)).find(|port| !ports.contains(port) && free(port));
        if let Some(place) = ports.get_mut(index) {
            *place = port.context("no free port on 127.0.0.1")?;
        }
    }
    Ok(ports)
}
