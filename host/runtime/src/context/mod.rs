//! What stands behind the imports during one call. It lives as long as the store of that call.
//!
//! Every import is always linked; each function here first charges a budget, then asks for the right to this very use, and
//! then does the work. What can go wrong ends in one of three ways: a [`Refusal`], which the guest gets as an error of the
//! contract and may handle; a [`Stop`], which ends the call; or an error of wasmtime's own, such as a handle that doesn't
//! exist. What was denied is written down here, so that nothing a guest answers can hide or invent it.
//!
//! Nothing here knows a generated type: each version of the contract puts its own on top of the same functions.
mod credential;
mod facts;
mod log;
mod memory;
mod scrub;
mod services;
mod wasi;

// Public, as far as the crate goes, since the bindings re-export it.
pub use self::credential::Credential;
pub(crate) use self::{
    memory::{Memory, Refused},
    scrub::Scrubber,
    services::{Content, Part, Request, Services},
};

use crate::{
    Ambient, Capability, Failure, Limits, SecretBytes, TokenSource,
    capability::Refusal,
    rights::{Answer, Rights},
    wasi::State,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Instant,
};
use wasmtime::component::ResourceTable;

/// What a function behind an import answers.
pub(crate) type Imported<T> = wasmtime::Result<Result<T, Refusal>>;

/// Why the host ended a call from within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    /// All ticks are used up.
    #[error("the budget of CPU is used up")]
    Cpu,
    /// A budget of host calls is used up.
    #[error("the budget of {0} is used up")]
    Budget(&'static str),
    /// The host could not do what it should.
    #[error("the host failed: {0}")]
    Host(&'static str),
}

/// What a call may use.
#[derive(Clone)]
pub(crate) enum Access {
    /// Nothing but log: `describe` and `check-settings`.
    Nothing,
    /// These rights, ambient sources included or not.
    Rights(Arc<Rights>, Ambient),
}

/// A use that was denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    /// As it would stand in a grant.
    pub(crate) capability: String,
    /// Granted, but withheld from this call.
    pub(crate) ambient: bool,
}

/// All that a call begins with.
pub(crate) struct Start {
    pub(crate) plugin: Arc<str>,
    pub(crate) limits: Limits,
    pub(crate) access: Access,
    /// Sensitive inputs by name.
    pub(crate) inputs: BTreeMap<String, Arc<SecretBytes>>,
    pub(crate) service_account: Option<Arc<dyn TokenSource>>,
    pub(crate) services: Arc<Services>,
    pub(crate) meter: Arc<Meter>,
}

/// Figures of a call, for its record. They outlive the store, so that a call that was given up is reported too.
#[derive(Default)]
pub(crate) struct Meter {
    /// Bytes of linear memory at most.
    pub(crate) peak: AtomicUsize,
    /// Uses that were denied.
    pub(crate) denials: AtomicU32,
}

/// What is left of each budget.
struct Budgets {
    cheap_calls: u32,
    cheap_bytes: usize,
    costly_calls: u32,
    key_calls: u32,
    http_requests: u32,
}

/// The state of one call.
pub(crate) struct Context {
    pub(crate) table: ResourceTable,
    pub(crate) memory: Memory,
    pub(crate) scrubber: Scrubber,
    /// Set once the component is instantiated.
    pub(crate) instantiated: bool,
    plugin: Arc<str>,
    limits: Limits,
    ticks: u32,
    left: Budgets,
    access: Access,
    inputs: BTreeMap<String, Arc<SecretBytes>>,
    service_account: Option<Arc<dyn TokenSource>>,
    services: Arc<Services>,
    denied: Option<Denial>,
    unreachable: Option<String>,
    meter: Arc<Meter>,
    lines: u32,
    place: Option<String>,
    wasi: Option<Box<State>>,
    began: Instant,
}

impl Context {
    pub(crate) fn new(start: Start) -> Self {
        let Start { plugin, limits, access, inputs, service_account, services, meter } = start;
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        Self {
            table,
            memory: Memory::new(&limits, meter.clone()),
            scrubber: Scrubber::default(),
            instantiated: false,
            plugin,
            ticks: limits.ticks,
            left: Budgets {
                cheap_calls: limits.cheap_calls,
                cheap_bytes: limits.cheap_bytes,
                costly_calls: limits.costly_calls,
                key_calls: limits.key_calls,
                http_requests: limits.http_requests,
            },
            limits,
            access,
            inputs,
            service_account,
            services,
            denied: None,
            unreachable: None,
            meter,
            lines: 0,
            place: None,
            wasi: None,
            began: Instant::now(),
        }
    }

    /// One more tick began while the guest ran.
    pub(crate) fn tick(&mut self) -> Result<(), Stop> {
        self.ticks = self.ticks.checked_sub(1).ok_or(Stop::Cpu)?;
        Ok(())
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where the guest says that it panicked.
    pub(crate) fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// What could not be reached last.
    pub(crate) fn unreachable(&self) -> Option<&str> {
        self.unreachable.as_deref()
    }

    /// The first use that was denied.
    pub(crate) fn denied(&self) -> Option<Denial> {
        self.denied.clone().or_else(|| self.denied_by_wasi())
    }

    /// That denial, as the outcome of the call.
    pub(crate) fn not_granted(&self) -> Option<Failure> {
        let denial = self.denied()?;
        Some(Failure::NotGranted { plugin: self.plugin.to_string(), capability: denial.capability, ambient: denial.ambient })
    }

    fn ask(&mut self, used: &Capability) -> Result<(), Refusal> {
        let answer = match &self.access {
            Access::Nothing => Answer::NotGranted,
            Access::Rights(rights, ambient) => rights.ask(used, *ambient),
        };
        match answer {
            Answer::Granted => Ok(()),
            Answer::NotGranted => Err(self.deny(used.to_string(), false)),
            Answer::Ambient => Err(self.deny(used.to_string(), true)),
        }
    }

    fn deny(&mut self, capability: String, ambient: bool) -> Refusal {
        let capability = crate::text::cut(&capability);
        self.meter.denials.fetch_add(1, Ordering::Relaxed);
        self.denied.get_or_insert_with(|| Denial { capability: capability.clone(), ambient });
        Refusal::Denied(capability)
    }

    /// Of clock, random, log, environment and credentials together.
    fn charge_cheap(&mut self, bytes: usize) -> Result<(), Stop> {
        spend(&mut self.left.cheap_calls, "cheap host calls")?;
        self.left.cheap_bytes = self.left.cheap_bytes.checked_sub(bytes).ok_or(Stop::Budget("bytes through cheap host calls"))?;
        Ok(())
    }

    /// Of mounts, service-account and signing together.
    fn charge_costly(&mut self) -> Result<(), Stop> {
        spend(&mut self.left.costly_calls, "costly host calls")
    }
}

fn spend(left: &mut u32, name: &'static str) -> Result<(), Stop> {
    *left = left.checked_sub(1).ok_or(Stop::Budget(name))?;
    Ok(())
}

/// A fault of the host ends the call; every other refusal is the guest's to handle.
fn answer<T>(result: Result<T, impl Into<Refusal>>) -> Imported<T> {
    match result.map_err(Into::into) {
        Err(Refusal::Host(text)) => Err(Stop::Host(text).into()),
        other => Ok(other),
    }
}
