//! Runs one call from start to end, and says how it ended.
//!
//! A call has a store of its own and a task of its own on a runtime of its own: a panic in a host function ends at the task,
//! a wait is ended from outside, and a loop in a guest holds up nobody but other guests, by one tick at most. Nothing a guest
//! does can end in anything but a [`Failure`]. The order in which causes are asked matters: what the host itself wrote down
//! comes first, what wasmtime says second, since a guest that was refused something mostly dies of something else.
use crate::{
    Failure,
    context::{Context, Refused, Start, Stop},
    text,
};
use std::{future::Future, pin::Pin};
use tokio::{sync::OwnedSemaphorePermit, task::JoinHandle};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store, Trap, UpdateDeadline, component::ResourceTableError};

/// What is done with a store. The outer error is a trap or the like, the inner one an answer.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = wasmtime::Result<Result<T, Failure>>> + Send + 'a>>;

/// The threads that guests run on, apart from everybody else's. Dropped without waiting for what blocks on them.
pub(crate) struct Threads(Option<tokio::runtime::Runtime>);

impl Threads {
    pub(crate) fn new() -> std::io::Result<Self> {
        // Two at least: with one, each looping guest would delay every other by a tick for each tick.
        let workers = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            // For signatures, keys and files.
            .max_blocking_threads(32)
            .thread_name("plugin")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> Option<&tokio::runtime::Handle> {
        self.0.as_ref().map(tokio::runtime::Runtime::handle)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A task that ends with whoever waits for it: the caller's cancellation is the call's.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs a call on an engine, with WASI opened first or not. The permit is given back when its store is gone, not when the caller stops waiting.
pub(crate) async fn run<T, F>(
    threads: &Threads,
    (engine, wasi): (&Engine, bool),
    start: Start,
    permit: OwnedSemaphorePermit,
    work: F,
) -> Result<T, Failure>
where
    T: Send + 'static,
    F: for<'a> FnOnce(&'a mut Store<Context>) -> Work<'a, T> + Send + 'static,
{
    let wall = start.limits.wall;
    let store = store(engine, start);
    let Some(handle) = threads.handle() else { return Err(Failure::Host("the runtime of the plugins has ended")) };
    let mut task = Task(handle.spawn(async move {
        // What is captured goes last and locals in reverse, so the store goes before the permit only if both are locals.
        let _permit = permit;
        let mut store = store;
        if wasi && let Err(stop) = store.data_mut().open_wasi().await {
            return Err(classify(&stop.into(), store.data()));
        }
        match work(&mut store).await {
            Ok(_) if store.data().over_wasi_budget() => Err(Failure::Budget("http requests")),
            Ok(result) => result,
            Err(error) => Err(classify(&error, store.data())),
        }
    }));
    match tokio::time::timeout(wall, &mut task.0).await {
        Err(_) => Err(Failure::TimedOut("wall time")),
        Ok(Err(ended)) if ended.is_panic() => Err(Failure::Host("a host function panicked")),
        Ok(Err(_)) => Err(Failure::Host("the runtime of the plugins has ended")),
        Ok(Ok(result)) => result,
    }
}

fn store(engine: &Engine, start: Start) -> Store<Context> {
    let mut store = Store::new(engine, Context::new(start));
    let transfer = store.data().limits().transfer;
    store.set_hostcall_fuel(transfer);
    store.limiter(|context| &mut context.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| {
        store.data_mut().tick()?;
        // Not `Yield`: that wakes its task at once, and a worker that always has such a task looks at timers and sockets
        // only every 61st turn. Tokio puts back a task that yields by itself only after it has looked.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}

fn classify(error: &wasmtime::Error, context: &Context) -> Failure {
    match error.downcast_ref::<Stop>() {
        Some(Stop::Cpu) => return Failure::TimedOut("CPU time"),
        Some(Stop::Budget(name)) => return Failure::Budget(name),
        Some(Stop::Host(text)) => return Failure::Host(text),
        None => {}
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return Failure::Budget("open handles");
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Failure::Busy;
    }
    let trap = error.downcast_ref::<Trap>();
    match context.memory.refused() {
        // A stack overflow says for certain what it is.
        _ if trap == Some(&Trap::StackOverflow) => {}
        Some(Refused::Memory) => return Failure::OutOfMemory(context.limits().memory),
        Some(Refused::Table) => return Failure::Budget("table elements"),
        None => {}
    }
    if let Some(trap) = trap {
        return Failure::Trapped(trapped(*trap, context));
    }
    let cause = error.root_cause().to_string();
    // The type of this error is private: its text is all there is. A test holds on to it.
    if cause.contains("fuel allocated for hostcalls") {
        return Failure::Budget("bytes in one transfer");
    }
    let cause = context.scrubber.clean(&cause);
    if context.instantiated { Failure::BadResult(cause) } else { Failure::Trapped(text::cut(&format!("it does not start: {cause}"))) }
}

fn trapped(trap: Trap, context: &Context) -> String {
    let mut text = trap.to_string().trim_start_matches("wasm trap: ").to_owned();
    // A function with an array on its stack runs out of the stack in linear memory first.
    if matches!(trap, Trap::StackOverflow | Trap::MemoryOutOfBounds) {
        text.push_str(", perhaps a recursion too deep");
    }
    if let Some(place) = context.place() {
        text.push_str(&format!(", at {place}"));
    }
    if let Some(denial) = context.denied() {
        text.push_str(&format!(", after {} was denied", denial.capability));
    }
    text::cut(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Limits, TokenFailure, TokenFuture, TokenSource,
        capability::http::Client,
        context::{Access, Services},
        engine::{Engines, Profile},
    };
    use std::{
        collections::BTreeMap,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };
    use tokio::sync::Semaphore;

    fn start() -> Start {
        Start {
            plugin: "test".into(),
            limits: Limits::default(),
            access: Access::Nothing,
            inputs: BTreeMap::new(),
            service_account: None,
            services: Arc::new(Services {
                mounts: crate::Mounts::default(),
                environment: Arc::default(),
                client: Arc::new(Client::new(false)),
                stage: None,
                home: tokio::runtime::Handle::current(),
            }),
            meter: Arc::default(),
        }
    }

    async fn end<F>(places: &Arc<Semaphore>, work: F) -> Failure
    where
        F: for<'a> FnOnce(&'a mut Store<Context>) -> Work<'a, ()> + Send + 'static,
    {
        let (engines, threads) = (Engines::new().unwrap(), Threads::new().unwrap());
        let permit = places.clone().acquire_owned().await.unwrap();
        run(&threads, (engines.of(Profile::Core), false), start(), permit, work).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_panic_in_a_host_function_ends_that_call_and_nothing_else() {
        let places = Arc::new(Semaphore::new(1));
        let failure = end(&places, |_| Box::pin(async { panic!("canary-4711") })).await;
        assert!(matches!(&failure, Failure::Host(text) if !text.contains("canary")), "{failure}");
        // The place is free again.
        assert!(places.acquire().await.is_ok());
    }

    /// Goes with the store, and writes down whether the place was still taken then.
    struct Last(Arc<Semaphore>, Arc<AtomicUsize>);

    impl Drop for Last {
        fn drop(&mut self) {
            self.1.store(self.0.available_permits(), Ordering::SeqCst);
        }
    }

    impl TokenSource for Last {
        fn token(&self, _: Vec<String>) -> TokenFuture<'_> {
            Box::pin(async { Err(TokenFailure::Unavailable) })
        }
    }

    #[tokio::test]
    async fn a_place_is_taken_until_the_store_is_gone() {
        let (engines, threads) = (Engines::new().unwrap(), Threads::new().unwrap());
        let (places, free) = (Arc::new(Semaphore::new(1)), Arc::new(AtomicUsize::new(usize::MAX)));
        let permit = places.clone().acquire_owned().await.unwrap();
        let start = Start { service_account: Some(Arc::new(Last(places.clone(), free.clone()))), ..start() };
        run(&threads, (engines.of(Profile::Core), false), start, permit, |_| Box::pin(async { Ok(Ok(())) })).await.unwrap();
        assert!(places.acquire().await.is_ok());
        assert_eq!(free.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn what_the_host_says_comes_before_what_wasmtime_says() {
        let places = Arc::new(Semaphore::new(1));
        let trap = || wasmtime::Error::from(Trap::UnreachableCodeReached);
        let failure = end(&places, move |_| Box::pin(async move { Err(trap().context(Stop::Budget("cheap host calls"))) })).await;
        assert!(matches!(failure, Failure::Budget("cheap host calls")), "{failure}");
        let failure = end(&places, move |_| Box::pin(async move { Err(trap()) })).await;
        assert!(matches!(failure, Failure::Trapped(_)), "{failure}");
        let failure = end(&places, move |store| {
            Box::pin(async move {
                use wasmtime::ResourceLimiter;
                store.data_mut().memory.memory_growing(0, usize::MAX, None)?;
                Err(trap())
            })
        })
        .await;
        assert!(matches!(failure, Failure::OutOfMemory(_)), "{failure}");
    }
}
