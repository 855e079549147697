//! Every limit as a value that is passed in. The defaults are those of the operator.
use std::time::Duration;

/// Limits of one plugin. All are on; none can be switched off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all linear memories of a call together.
    pub memory: usize,
    /// Elements of each table.
    pub table_elements: usize,
    /// CPU, as a count of ticks of 10 ms that began while the plugin ran. A host call costs one at most.
    pub ticks: u32,
    /// Wall time of a call, waiting in host calls included.
    pub wall: Duration,
    /// Bytes that one transfer between guest and host may have (elements count too).
    pub transfer: usize,
    /// Open handles.
    pub handles: usize,
    /// Calls of clock, random, log, environment and credentials together.
    pub cheap_calls: u32,
    /// Bytes through those.
    pub cheap_bytes: usize,
    /// Calls of mounts, service-account and signing together.
    pub costly_calls: u32,
    /// Calls of keys: an RSA key takes up to a second.
    pub key_calls: u32,
    /// Requests.
    pub http_requests: u32,
    /// Bytes of a request's body.
    pub http_request: usize,
    /// Bytes of a response's body.
    pub http_response: usize,
    /// Bytes of the result.
    pub result: usize,
    /// Calls at once.
    pub concurrency: usize,
}

impl Default for Limits {
    /// For authenticators, generators and policies.
    fn default() -> Self {
        Self {
            memory: 32 << 20,
            table_elements: 20_000,
            ticks: 100,
            wall: Duration::from_secs(15),
            transfer: 4 << 20,
            handles: 64,
            cheap_calls: 4096,
            cheap_bytes: 64 << 10,
            costly_calls: 64,
            key_calls: 8,
            http_requests: 6,
            http_request: 256 << 10,
            http_response: 1 << 20,
            result: 1 << 20,
            concurrency: 8,
        }
    }
}

impl Limits {
    /// For templates: twice the memory and CPU, since a target may have a thousand entries; a third of the time, since
    /// they wait for nothing.
    #[must_use]
    pub fn template() -> Self {
        Self { memory: 64 << 20, ticks: 200, wall: Duration::from_secs(5), ..Self::default() }
    }

    /// For plugins of the second engine, whose toolchains bring a runtime of their own.
    #[must_use]
    pub fn wasi(self) -> Self {
        Self { memory: 256 << 20, table_elements: 100_000, ..self }
    }
}

/// Limits of the child that compiles. A component of 439 KiB was seen to compile for 6 s, so size alone bounds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Bytes of address space.
    pub memory: u64,
    /// CPU of all threads.
    pub cpu: Duration,
    /// Wall time.
    pub wall: Duration,
    /// Bytes of the component.
    pub component: u64,
    /// Bytes of a component for the second engine.
    pub wasi_component: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { memory: 1 << 30, cpu: Duration::from_secs(30), wall: Duration::from_secs(60), component: 16 << 20, wasi_component: 64 << 20 }
    }
}
