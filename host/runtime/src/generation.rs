//! One loaded version of a plugin, and the calls to it.
//!
//! A generation never changes: another version, or other grants, make another one. Calls hold on to theirs until they end.
use crate::{
    AuthCall, Caller, Class, Descriptor, EvaluateCall, Failure, GenerateCall, Generated, Input, Limits, Proved, RenderCall, Rendering,
    SecretBytes, Verdict, Violation, World,
    breaker::Breaker,
    check,
    context::{Access, Context, Meter, Services, Start},
    contract::Guest,
    engine::Profile,
    exchange,
    execute::{self, Threads, Work},
    load::LoadError,
    resident::Resident,
    rights::Rights,
    settings::{self, Settings},
};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Engine, Store};

/// How long a call waits for a place before it is told that the plugin is busy.
const WAIT: Duration = Duration::from_secs(2);

/// A plugin that serves.
pub(crate) struct Generation {
    /// `sha256:…`
    pub(crate) digest: String,
    pub(crate) world: World,
    pub(crate) descriptor: Arc<Descriptor>,
    pub(crate) machine: Machine,
    pub(crate) rights: Arc<Rights>,
    pub(crate) settings: Settings,
    pub(crate) breaker: Mutex<Breaker>,
}

/// What it takes to run a component.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) name: Arc<str>,
    pub(crate) code: Arc<Resident<Guest>>,
    pub(crate) engine: Engine,
    pub(crate) profile: Profile,
    pub(crate) threads: Arc<Threads>,
    pub(crate) services: Arc<Services>,
    pub(crate) limits: Limits,
    /// One for each call at once; the same for all generations of a plugin.
    pub(crate) places: Arc<Semaphore>,
}

/// Whose call it is, and with what.
#[derive(Default)]
struct Behalf {
    inputs: BTreeMap<String, Arc<SecretBytes>>,
    caller: Option<Caller>,
}

impl Machine {
    async fn guest(&self) -> Result<Guest, Failure> {
        let unready = |error: LoadError| Failure::NotReady { plugin: self.name.to_string(), cause: error.to_string() };
        self.code.get().await.map_err(unready)
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        match tokio::time::timeout(WAIT, self.places.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Failure::Busy),
        }
    }

    async fn run<T, F>(&self, access: Access, behalf: Behalf, meter: &Arc<Meter>, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Store<Context>) -> Work<'a, T> + Send + 'static,
    {
        let permit = self.place().await?;
        self.run_in(permit, access, behalf, meter, work).await
    }

    async fn run_in<T, F>(
        &self,
        permit: OwnedSemaphorePermit,
        access: Access,
        behalf: Behalf,
        meter: &Arc<Meter>,
        work: F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Store<Context>) -> Work<'a, T> + Send + 'static,
    {
        let start = Start {
            plugin: self.name.clone(),
            limits: self.limits.clone(),
            access,
            inputs: behalf.inputs,
            service_account: behalf.caller.and_then(|caller| caller.service_account),
            services: self.services.clone(),
            meter: meter.clone(),
        };
        execute::run(&self.threads, (&self.engine, self.profile == Profile::Wasi), start, permit, work).await
    }

    /// What the component says about itself, with everything denied.
    pub(crate) async fn describe(&self, permit: OwnedSemaphorePermit) -> Result<String, Failure> {
        let guest = self.guest().await?;
        self.run_in(permit, Access::Nothing, Behalf::default(), &Arc::default(), move |store| {
            Box::pin(async move { guest.describe(store).await.map(Ok) })
        })
        .await
    }

    /// Makes an instance and drops it.
    async fn instantiate(&self) -> Result<Duration, Failure> {
        let guest = self.guest().await?;
        self.run(Access::Nothing, Behalf::default(), &Arc::default(), move |store| {
            Box::pin(async move {
                let began = Instant::now();
                guest.instantiate(store).await?;
                Ok(Ok(began.elapsed()))
            })
        })
        .await
    }

    async fn check_settings(&self, settings: String, meter: &Arc<Meter>) -> Result<Vec<Violation>, Failure> {
        let guest = self.guest().await?;
        self.run(Access::Nothing, Behalf::default(), meter, move |store| {
            Box::pin(async move {
                let found = guest.check_settings(store, &settings).await?;
                Ok(Ok(check::violations(store.data(), found)))
            })
        })
        .await
    }
}

impl Generation {
    /// How long an instance takes to make.
    pub(crate) async fn instantiate(&self) -> Result<Duration, Failure> {
        self.machine.instantiate().await
    }

    pub(crate) async fn authenticate(&self, call: AuthCall, meter: &Arc<Meter>) -> Result<Proved, Failure> {
        let AuthCall { plugin: _, settings, inputs, caller } = call;
        // A setting that is unknown often explains the input that is missing, so it is said first.
        let settings = self.checked(&settings, &caller, meter).await?;
        let (shown, hidden) = place_inputs(&self.descriptor.inputs, inputs)?;
        let (guest, digest) = (self.machine.guest().await?, self.digest.clone());
        self.call(hidden, caller, meter, move |store| {
            Box::pin(async move {
                let shown: Vec<_> = shown.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
                Ok(match guest.authenticate(store, &settings, &shown).await? {
                    Err(error) => Err(check::answered(store.data(), error)),
                    Ok(proved) => exchange::proof(store.data_mut(), proved.proof)?.map(|proof| Proved {
                        proof,
                        notices: store.data().scrubber.clean_all(&proved.notices),
                        digest,
                    }),
                })
            })
        })
        .await
    }

    pub(crate) async fn render(&self, call: RenderCall, meter: &Arc<Meter>) -> Result<Rendering, Failure> {
        let RenderCall { plugin: _, dot, options, entries, secrets, imports, caller } = call;
        let guest = self.machine.guest().await?;
        self.call(BTreeMap::new(), caller, meter, move |store| {
            Box::pin(async move {
                store.data_mut().scrubber.add_all(secrets.clone());
                store.data_mut().scrubber.add_all(imports.clone());
                let answer = guest.render(store, dot, &options.to_string(), &entries, &secrets, &imports).await?;
                let asked: BTreeSet<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
                Ok(match answer {
                    Err(error) => Err(check::answered(store.data(), error)),
                    Ok(rendering) => check::rendering(store.data(), &options, &asked, rendering),
                })
            })
        })
        .await
    }

    pub(crate) async fn generate(&self, call: GenerateCall, meter: &Arc<Meter>) -> Result<Generated, Failure> {
        let GenerateCall { plugin: _, settings, caller } = call;
        let settings = self.checked(&settings, &caller, meter).await?;
        let guest = self.machine.guest().await?;
        self.call(BTreeMap::new(), caller, meter, move |store| {
            Box::pin(async move {
                Ok(match guest.generate(store, &settings).await? {
                    Err(error) => Err(check::answered(store.data(), error)),
                    Ok(generated) => check::generated(store.data(), generated),
                })
            })
        })
        .await
    }

    pub(crate) async fn evaluate(&self, call: EvaluateCall, meter: &Arc<Meter>) -> Result<Verdict, Failure> {
        let EvaluateCall { plugin: _, settings, stage, subject, caller } = call;
        let settings = self.checked(&settings, &caller, meter).await?;
        let guest = self.machine.guest().await?;
        self.call(BTreeMap::new(), caller, meter, move |store| {
            Box::pin(async move {
                Ok(match guest.evaluate(store, &settings, stage, &subject.to_string()).await? {
                    Err(error) => Err(check::answered(store.data(), error)),
                    Ok(verdict) => Ok(check::verdict(store.data(), verdict)),
                })
            })
        })
        .await
    }

    /// The settings as text, once the schema and the plugin have nothing against them.
    pub(crate) async fn checked(&self, settings: &Value, caller: &Caller, meter: &Arc<Meter>) -> Result<String, Failure> {
        let text = if settings.is_null() { "{}".to_owned() } else { settings.to_string() };
        if let Some(violation) = settings::too_long(&text) {
            return Err(Failure::Settings(vec![violation]));
        }
        let key = Settings::key(&text);
        let verdict = match self.settings.verdict(&key) {
            Some(verdict) => verdict,
            None => {
                let empty = Value::Object(serde_json::Map::new());
                let mut found = self.settings.check(if settings.is_null() { &empty } else { settings });
                if found.is_empty() {
                    self.admit(&caller.namespace)?;
                    let checked = self.machine.check_settings(text.clone(), meter).await;
                    // A success says nothing about the calls that really count.
                    if let Err(failure) = &checked {
                        self.record(&caller.namespace, Err(failure));
                    }
                    found = checked?;
                }
                let verdict: Arc<[Violation]> = found.into();
                self.settings.keep(key, verdict.clone());
                verdict
            }
        };
        if verdict.is_empty() { Ok(text) } else { Err(Failure::Settings(verdict.to_vec())) }
    }

    async fn call<T, F>(
        &self,
        inputs: BTreeMap<String, Arc<SecretBytes>>,
        caller: Caller,
        meter: &Arc<Meter>,
        work: F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Store<Context>) -> Work<'a, T> + Send + 'static,
    {
        self.admit(&caller.namespace)?;
        let namespace = caller.namespace.clone();
        let access = Access::Rights(self.rights.clone(), caller.ambient);
        let result = self.machine.run(access, Behalf { inputs, caller: Some(caller) }, meter, work).await;
        self.record(&namespace, result.as_ref().map(|_| ()));
        result
    }

    fn admit(&self, namespace: &str) -> Result<(), Failure> {
        let breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        breaker.admit(namespace, Instant::now()).map_err(Failure::HeldOff)
    }

    fn record(&self, namespace: &str, result: Result<(), &Failure>) {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => breaker.success(namespace, Instant::now()),
            Err(failure) if failure.class() == Class::Plugin => breaker.fault(namespace, Instant::now()),
            Err(_) => {}
        }
    }
}

type Shown = Vec<(String, String)>;
type Hidden = BTreeMap<String, Arc<SecretBytes>>;

/// Sensitive inputs become handles, others trimmed text.
fn place_inputs(declared: &[Input], mut given: BTreeMap<String, SecretBytes>) -> Result<(Shown, Hidden), Failure> {
    let (mut shown, mut hidden) = (Shown::new(), Hidden::new());
    for input in declared {
        let Some(bytes) = given.remove(&input.name) else {
            if input.required {
                return Err(Failure::Credentials(format!("the input {:?} is missing", input.name)));
            }
            continue;
        };
        if bytes.expose_secret().trim_ascii().is_empty() {
            if input.required {
                return Err(Failure::Credentials(format!("the input {:?} is empty", input.name)));
            }
            continue;
        }
        if input.sensitive {
            hidden.insert(input.name.clone(), Arc::new(bytes));
            continue;
        }
        let Ok(text) = std::str::from_utf8(bytes.expose_secret()) else {
            return Err(Failure::Credentials(format!("the input {:?} is not UTF-8", input.name)));
        };
        shown.push((input.name.clone(), text.trim().to_owned()));
    }
    match given.into_keys().next() {
        None => Ok((shown, hidden)),
        Some(unknown) => {
            let known: Vec<_> = declared.iter().map(|input| input.name.as_str()).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            Err(Failure::Credentials(crate::text::cut(&format!("the plugin has no input {unknown:?}; it has: {known}"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, required: bool, sensitive: bool) -> Input {
        Input { name: name.into(), required, sensitive, summary: String::new() }
    }

    fn given(inputs: &[(&str, &[u8])]) -> BTreeMap<String, SecretBytes> {
        inputs.iter().map(|(name, bytes)| ((*name).into(), SecretBytes::from(bytes.to_vec()))).collect()
    }

    #[test]
    fn inputs_go_where_the_descriptor_says() {
        let declared = [input("id", true, false), input("secret", true, true), input("path", false, false)];
        let (shown, hidden) = place_inputs(&declared, given(&[("id", b" abc\n"), ("secret", b" s3cret\n"), ("path", b"\n")])).ok().unwrap();
        assert_eq!(shown, [("id".to_owned(), "abc".to_owned())]);
        assert_eq!(hidden["secret"].expose_secret(), b" s3cret\n");
    }

    #[test]
    fn an_input_that_is_missing_or_unknown_is_named() {
        let declared = [input("id", true, false), input("secret", true, true)];
        for (inputs, named) in [
            (given(&[("secret", b"canary")]), "\"id\" is missing"),
            (given(&[("id", b"a"), ("secret", b" ")]), "\"secret\" is empty"),
            (given(&[("id", b"\xff"), ("secret", b"canary")]), "\"id\" is not UTF-8"),
            (given(&[("id", b"a"), ("secret", b"canary"), ("other", b"")]), "no input \"other\"; it has: id, secret"),
        ] {
            let Err(Failure::Credentials(text)) = place_inputs(&declared, inputs) else { panic!("{named}") };
            assert!(text.contains(named) && !text.contains("canary"), "{text}");
        }
    }
}
