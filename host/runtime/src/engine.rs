//! The two engines and the one thread that makes their clocks tick.
//!
//! One constructor owns both the epoch flag and its ticker: with the flag and without a ticker no budget of CPU would ever
//! bite, and the other way round every call would trap. No other place makes an engine that runs code.
//!
//! `core` serves plugins of `wasm32-unknown-unknown` from a pool of slots, so that an instance costs microseconds. `wasi`
//! serves toolchains that bring a standard library: their memories are larger and their modules many, so it allocates on
//! demand. Code compiled for one does not load into the other.
use serde::Deserialize;
use std::{sync::Arc, thread, time::Duration};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmFeatures};

/// Between two ticks. A budget of CPU is a count of them.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Bytes of a linear memory in the pool: what a template may use, the hungriest of the worlds.
pub(crate) const MEMORY_SLOT: usize = 64 << 20;

/// Calls at once, of all plugins of the pool together. Address space is reserved for each: 16 GiB, none of it memory until
/// it is used.
pub(crate) const SLOTS: u32 = 256;

/// Places that are kept free of calls, for versions that are loaded meanwhile.
pub(crate) const LOADING: u32 = 8;

/// Elements of a table in the pool.
pub(crate) const TABLE_SLOT: usize = 20_000;

/// Bytes that the address space of a memory of the `wasi` engine is reserved for at once; it may move to grow further.
const WASI_RESERVATION: u64 = 256 << 20;

/// Which engine a plugin runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, strum::IntoStaticStr, strum::EnumString)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Profile {
    /// Imports of the contract alone.
    #[default]
    Core,
    /// WASI 0.2 too, with nothing in it but what was granted.
    Wasi,
}

/// Both engines and their ticker, which ends with the last clone.
#[derive(Clone)]
pub(crate) struct Engines {
    core: Engine,
    wasi: Engine,
    _ticker: Arc<()>,
}

impl Engines {
    /// Fails where the address space of the pool can't be had, or the ticker's thread.
    pub(crate) fn new() -> wasmtime::Result<Self> {
        let mut pooled = config(Profile::Core)?;
        pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        let core = Engine::new(&pooled)?;
        let wasi = Engine::new(&config(Profile::Wasi)?)?;
        let ticker = Arc::new(());
        let (engines, alive) = ([core.weak(), wasi.weak()], Arc::downgrade(&ticker));
        thread::Builder::new().name("epoch".into()).spawn(move || {
            while alive.strong_count() > 0 {
                thread::sleep(TICK);
                for engine in &engines {
                    if let Some(engine) = engine.upgrade() {
                        engine.increment_epoch();
                    }
                }
            }
        })?;
        Ok(Self { core, wasi, _ticker: ticker })
    }

    pub(crate) fn of(&self, profile: Profile) -> &Engine {
        match profile {
            Profile::Core => &self.core,
            Profile::Wasi => &self.wasi,
        }
    }
}

/// For the child that compiles: what it makes loads into the engine of the same profile. No pool and no ticker, since it
/// runs nothing.
pub(crate) fn compiling(profile: Profile) -> wasmtime::Result<Engine> {
    Engine::new(&config(profile)?)
}

/// Named, a platform means its oldest processors: code that was compiled where the bundle was built runs on any node. Where
/// there is no name here, code is for the processor at hand.
fn platform() -> Option<&'static str> {
    if cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")) {
        Some("x86_64-unknown-linux-gnu")
    } else if cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "musl")) {
        Some("x86_64-unknown-linux-musl")
    } else if cfg!(all(target_arch = "aarch64", target_os = "linux", target_env = "gnu")) {
        Some("aarch64-unknown-linux-gnu")
    } else if cfg!(all(target_arch = "aarch64", target_os = "linux", target_env = "musl")) {
        Some("aarch64-unknown-linux-musl")
    } else {
        None
    }
}

/// All that compiled code depends on, and the stacks.
fn config(profile: Profile) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    if let Some(platform) = platform() {
        config.target(platform)?;
    }
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .max_wasm_stack(512 << 10)
        .async_stack_size(1 << 20)
        .async_stack_zeroing(true)
        .memory_guard_size(64 << 10)
        .relaxed_simd_deterministic(true)
        .wasm_features(WasmFeatures::THREADS, false)
        .wasm_features(WasmFeatures::SHARED_EVERYTHING_THREADS, false)
        .wasm_features(WasmFeatures::MEMORY64, false)
        .wasm_features(WasmFeatures::CUSTOM_PAGE_SIZES, false)
        .wasm_features(WasmFeatures::GC, false)
        .wasm_features(WasmFeatures::EXCEPTIONS, false)
        .memory_reservation(match profile {
            Profile::Core => MEMORY_SLOT as u64,
            Profile::Wasi => WASI_RESERVATION,
        })
        // Names of a guest's functions help nobody here, and cost time at each trap.
        .wasm_backtrace_max_frames(None);
    Ok(config)
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(SLOTS)
        .total_core_instances(SLOTS * 4)
        .total_memories(SLOTS)
        .total_tables(SLOTS * 2)
        .total_stacks(SLOTS)
        .max_core_instances_per_component(8)
        .max_memories_per_component(1)
        .max_tables_per_component(4)
        .max_memory_size(MEMORY_SLOT)
        .table_elements(TABLE_SLOT)
        // Each slot is wiped when it is given back, not later in a batch: nothing of one call is left for another.
        .decommit_batch_size(1);
    pool
}
