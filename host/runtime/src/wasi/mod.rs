//! WASI 0.2 with nothing in it, for plugins of toolchains that bring a standard library.
//!
//! Such a plugin imports WASI whether it needs it or not, so all of it is linked, and what stands behind it is empty: no
//! arguments, no variables, no standard streams (what is written to them is dropped: the text of a panic may hold a
//! secret), no folders, no sockets, no name look-up. Three grants open something:
//!
//! - `mounts:NAME` makes the folder readable as `/mounts/NAME`, below which links can't lead out.
//! - `http:ORIGIN` lets `wasi:http/outgoing-handler` send, by the same rules and the same client as the import `http`.
//! - `clock` sets the clocks; see [`clocks`] for what they show without it.
//!
//! Random numbers can't be refused: WASI has no answer for that, and every runtime draws some when it starts. They come
//! from the host's generator with or without the grant, which tells a plugin nothing. A stream that is the same each time
//! would be worse: a plugin would make secrets of it.
pub(crate) mod clocks;
mod http;

use crate::capability::{
    Aborted, blocking,
    egress::Egress,
    http::{Bounds, Client},
    mounts::Mounts,
};
use std::{collections::BTreeSet, sync::Arc};
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// All that is linked. A component with another import is refused by its name, before the linker sees it.
const INTERFACES: [&str; 29] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Streams, sockets and headers that a plugin may have open. Runtimes hold a dozen.
const HANDLES: usize = 1024;

/// Random bytes drawn at once.
const RANDOM: u64 = 64 << 10;

/// Bytes of a set of headers, as counted by the library: twice what the client sends at most.
const FIELDS: usize = 128 << 10;

/// Whether an import belongs to what [`add_to_linker`] links: `wasi:PACKAGE/INTERFACE@0.2.N`.
pub(crate) fn is_import(name: &str) -> bool {
    name.split_once('@').is_some_and(|(interface, version)| version.starts_with("0.2.") && INTERFACES.contains(&interface))
}

/// Links WASI 0.2. What a plugin finds behind it is in the [`State`] of its call.
///
/// # Errors
/// Where one of the names is taken.
pub(crate) fn add_to_linker<T: WasiView + WasiHttpView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// What is open to one call.
#[derive(Default)]
pub(crate) struct Opened {
    /// Real clocks.
    pub(crate) clock: bool,
    /// Names of mounts.
    pub(crate) mounts: BTreeSet<String>,
    /// Where requests may go.
    pub(crate) http: Option<Http>,
}

/// How requests are sent.
pub(crate) struct Http {
    /// That of the plugin.
    pub(crate) client: Arc<Client>,
    /// The rules for this call.
    pub(crate) egress: Egress,
    /// How many requests.
    pub(crate) requests: u32,
    /// Bounds of each.
    pub(crate) bounds: Bounds,
}

/// What stands behind WASI during one call.
pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    fields: WasiHttpCtx,
    http: http::Hooks,
}

impl State {
    /// With what is opened. A mount whose folder isn't there now is left out.
    ///
    /// # Errors
    /// Where the process is about to end.
    pub(crate) async fn new(opened: Opened, mounts: &Mounts) -> Result<Self, Aborted> {
        let mounts = mounts.clone();
        let Opened { clock, mounts: names, http } = opened;
        let wasi = blocking(move || {
            let mut wasi = WasiCtx::builder();
            clocks::set(&mut wasi, clock);
            wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).max_random_size(RANDOM);
            for name in names {
                let Some(folder) = mounts.folder(&name) else { continue };
                if let Err(error) = wasi.preopened_dir(folder, format!("/mounts/{name}"), FsPerms::ReadOnly) {
                    tracing::debug!(mount = name, %error, "the folder of a mount can't be opened");
                }
            }
            wasi.build()
        })
        .await?;
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let mut fields = WasiHttpCtx::new();
        fields.set_field_size_limit(FIELDS);
        Ok(Self { wasi, table, fields, http: http::Hooks::new(http) })
    }

    /// With nothing opened, for a call that links no WASI.
    pub(crate) fn closed() -> Self {
        let mut wasi = WasiCtx::builder();
        clocks::set(&mut wasi, false);
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).max_random_size(RANDOM);
        Self { wasi: wasi.build(), table: ResourceTable::new(), fields: WasiHttpCtx::new(), http: http::Hooks::new(None) }
    }

    /// For [`WasiView`].
    pub(crate) fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }

    /// For [`WasiHttpView`].
    pub(crate) fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.fields, table: &mut self.table, hooks: &mut self.http }
    }

    /// Capabilities that were used without a grant, as they would stand in one.
    pub(crate) fn denied(&self) -> Vec<String> {
        self.http.denied()
    }

    /// Whether more requests were sent than the budget has.
    pub(crate) fn over_budget(&self) -> bool {
        self.http.over_budget()
    }
}

#[cfg(test)]
mod tests;
