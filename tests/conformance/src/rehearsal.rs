//! One component, ready to run cases: a bundle of its own with all that the component asks for granted.
use crate::{
    Options,
    case::{Case, Expected, Proof as Wanted, ServiceAccount},
    compare::{bytes, json},
    servers::Servers,
};
use anyhow::{Context, Result, bail, ensure};
use runtime::{
    Ambient, Answers, AuthCall, CallRecord, Caller, CompileLimits, Config, Descriptor, Detours, Entry, Exchange, Failure, GenerateCall,
    Generated, Grants, Inspection, LoadRecord, Observer, Proof, Proved, RenderCall, Rendering, Runtime, SecretBytes, SourceSecret, Stage,
    TokenFailure, TokenFuture, TokenSource, World,
};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z
const NOW: Duration = Duration::from_secs(1_767_225_600);
/// Shorter secrets occur in ordinary words.
const SECRET: usize = 6;

/// A component and what it says about itself.
pub struct Rehearsal {
    folder: TempDir,
    cache: PathBuf,
    compiler: PathBuf,
    world: World,
    descriptor: Arc<Descriptor>,
}

struct Silent;

impl Observer for Silent {
    fn called(&self, _: &CallRecord<'_>) {}
    fn loaded(&self, _: &LoadRecord<'_>) {}
    fn removed(&self, _: &str) {}
}

struct Tokens {
    audiences: Vec<String>,
    token: Vec<u8>,
}

impl TokenSource for Tokens {
    fn token(&self, audiences: Vec<String>) -> TokenFuture<'_> {
        let made = if audiences == self.audiences {
            Ok(SecretBytes::from(self.token.clone()))
        } else {
            Err(TokenFailure::Credentials(format!("the case has no token for the audiences {audiences:?}")))
        };
        Box::pin(async { made })
    }
}

/// What a call came to.
enum Outcome {
    Proved(Box<Proved>),
    Rendered(Rendering),
    Generated(Generated),
    Failed(Failure),
}

impl Rehearsal {
    /// Looks at a component and makes a bundle of it.
    ///
    /// # Errors
    /// It is no plugin that could serve.
    pub async fn of(options: &Options) -> Result<Self> {
        let Inspection { digest, size, world, imports, descriptor, refused } =
            Runtime::inspect(&options.file, &options.compiler).await.with_context(|| options.file.display().to_string())?;
        if let Some(refused) = refused {
            bail!("{}: would not serve: {refused}", options.file.display());
        }
        let (world, descriptor) = world.zip(descriptor).with_context(|| format!("{}: is no plugin", options.file.display()))?;
        let folder = tempfile::tempdir()?;
        let grants: Vec<_> = descriptor.needs.iter().map(|need| need.capability.as_str()).collect();
        let engine = if imports.iter().any(|import| import.starts_with("wasi:")) { "wasi" } else { "core" };
        let bundle = folder.path().join("bundle");
        fs::create_dir(&bundle)?;
        fs::copy(&options.file, bundle.join("plugin.wasm"))?;
        let entry = serde_json::json!({
            "name": descriptor.name, "version": descriptor.version, "world": world.to_string(), "file": "plugin.wasm",
            "digest": digest, "size": size, "grants": grants, "engine": engine,
        });
        fs::write(bundle.join("index.json"), serde_json::json!({ "plugins": [entry] }).to_string())?;
        let cache = options.cache.clone().unwrap_or_else(|| folder.path().join("cache"));
        Ok(Self { folder, cache, compiler: options.compiler.clone(), world, descriptor })
    }

    /// As the plugin calls itself.
    pub fn plugin(&self) -> &str {
        &self.descriptor.name
    }

    /// Its world.
    pub fn world(&self) -> World {
        self.world
    }

    /// Runs a case; gives all that is not as it says.
    ///
    /// # Errors
    /// The case can't be run.
    pub async fn run(&self, case: &Case) -> Result<Vec<String>> {
        let servers = Arc::new(Servers::of(case)?);
        let mounts = self.mounts(case)?;
        let runtime = self.runtime(case, servers.clone(), &mounts).await?;
        let outcome = self.call(case, &runtime).await?;
        let leaks = leaks(&secrets(case, &self.descriptor)?, &outcome);
        if !leaks.is_empty() {
            // The other differences quote the text that leaks.
            return Ok(leaks);
        }
        let mut differences = servers.differences();
        differences.extend(self.judge(case, &outcome)?);
        Ok(differences)
    }

    /// How long so many calls of a case take.
    ///
    /// # Errors
    /// The case can't be run, or a call fails.
    pub async fn time(&self, case: &Case, calls: usize) -> Result<Vec<Duration>> {
        let mounts = self.mounts(case)?;
        let runtime = self.runtime(case, Arc::new(Servers::of(case)?.repeating()), &mounts).await?;
        let mut times = Vec::with_capacity(calls);
        for _ in 0..calls {
            let began = Instant::now();
            let outcome = self.call(case, &runtime).await?;
            times.push(began.elapsed());
            if let Outcome::Failed(failure) = outcome {
                bail!("{}: {failure}", self.plugin());
            }
        }
        Ok(times)
    }

    /// A folder for each mount. Those that the plugin may be granted and the case has nothing in are empty.
    fn mounts(&self, case: &Case) -> Result<(TempDir, BTreeMap<String, PathBuf>)> {
        let root = tempfile::tempdir_in(self.folder.path())?;
        let granted = self.descriptor.needs.iter().filter_map(|need| need.capability.strip_prefix("mounts:"));
        let names: BTreeSet<&str> = case.files.keys().map(String::as_str).chain(granted).collect();
        let mut mounts = BTreeMap::new();
        for name in names {
            ensure!(plain(Path::new(name)), "mount {name:?} is not a plain name");
            let folder = root.path().join(name);
            fs::create_dir(&folder)?;
            for (path, value) in case.files.get(name).into_iter().flatten() {
                ensure!(plain(Path::new(path)), "file {path:?} of mount {name} is not a path within it");
                let file = folder.join(path);
                fs::create_dir_all(file.parent().unwrap_or(&folder))?;
                fs::write(file, case.bytes(value)?)?;
            }
            mounts.insert(name.to_owned(), folder);
        }
        Ok((root, mounts))
    }

    async fn runtime(&self, case: &Case, http: Arc<dyn Answers>, mounts: &(TempDir, BTreeMap<String, PathBuf>)) -> Result<Runtime> {
        let now = case.now.map(|now| now.duration_since(jiff::Timestamp::UNIX_EPOCH).unsigned_abs());
        let withheld = Grants::parse(&case.withheld)?;
        let config = Config {
            bundle: self.folder.path().join("bundle"),
            shipped_cache: None,
            local_cache: self.cache.clone(),
            compiler: self.compiler.clone(),
            compile_limits: CompileLimits::default(),
            limits: BTreeMap::new(),
            mounts: mounts.1.clone(),
            environment: placed(&case.environment, &mounts.1),
            private_egress: false,
            detours: Detours::default(),
            withheld: BTreeMap::from([(self.plugin().to_owned(), withheld)]),
            stage: Some(Stage { now: now.unwrap_or(NOW), random: case.random.unwrap_or(7), http }),
            observer: Arc::new(Silent),
        };
        Ok(Runtime::start(config).await?)
    }

    async fn call(&self, case: &Case, runtime: &Runtime) -> Result<Outcome> {
        let token = |account: &ServiceAccount| -> Result<Arc<dyn TokenSource>> {
            Ok(Arc::new(Tokens { audiences: account.audiences.clone(), token: case.bytes(&account.token)? }))
        };
        let caller = Caller {
            namespace: "conformance".into(),
            ambient: if case.trusted { Ambient::Granted } else { Ambient::Withheld },
            service_account: case.service_account.as_ref().map(token).transpose()?,
        };
        let plugin = self.plugin().to_owned();
        match self.world {
            World::Authenticator => {
                let inputs =
                    case.inputs.iter().map(|(name, value)| Ok((name.clone(), case.bytes(value)?.into()))).collect::<Result<_>>()?;
                let call = AuthCall { plugin, settings: Value::Object(case.settings.clone()), inputs, caller };
                Ok(runtime.authenticate(call).await.map_or_else(Outcome::Failed, |proved| Outcome::Proved(Box::new(proved))))
            }
            World::Template => {
                let secrets = case.secrets.iter().map(|(key, value)| {
                    let value = Arc::new(SecretBytes::from(case.bytes(value)?));
                    Ok(SourceSecret { key: key.clone(), value, path: "/".into(), comment: String::new().into(), tags: vec![] })
                });
                let call = RenderCall {
                    plugin,
                    dot: dot(case.dot.as_deref())?,
                    options: Value::Object(case.options.clone()),
                    entries: case.entries.iter().map(|(key, source)| Entry { key: key.clone(), source: source.clone() }).collect(),
                    secrets: Arc::new(secrets.collect::<Result<_>>()?),
                    imports: Arc::default(),
                    caller,
                };
                Ok(runtime.render(call).await.map_or_else(Outcome::Failed, Outcome::Rendered))
            }
            World::Generator => {
                let call = GenerateCall { plugin, settings: Value::Object(case.settings.clone()), caller };
                Ok(runtime.generate(call).await.map_or_else(Outcome::Failed, Outcome::Generated))
            }
            World::Policy => bail!("cases are for authenticators, templates and generators; this is a policy"),
        }
    }

    fn judge(&self, case: &Case, outcome: &Outcome) -> Result<Vec<String>> {
        let Expected { exchange, token, rendered, generated, error, notices, volatile } = &case.expect;
        let mut differences = match (outcome, exchange, token, rendered.as_ref().or(generated.as_ref()), error) {
            (Outcome::Failed(failure), _, _, _, Some(wanted)) => {
                let mut differences = Vec::new();
                let text = failure.to_string();
                if failure.reason() != wanted.reason {
                    differences.push(format!("error: {} expected, {} found: {text}", wanted.reason, failure.reason()));
                }
                differences.extend(
                    wanted.says.iter().filter(|says| !text.contains(*says)).map(|says| format!("error: {says:?} is not in: {text}")),
                );
                let after = failure.retry_after().map(|after| after.as_secs());
                if wanted.retry_after.is_some() && wanted.retry_after != after {
                    differences.push(format!("error: retry after {:?} s expected, {after:?} found", wanted.retry_after));
                }
                differences
            }
            (Outcome::Failed(failure), ..) => vec![format!("a result expected, {} found: {failure}", failure.reason())],
            (Outcome::Proved(proved), Some(wanted), ..) => match &proved.proof {
                Proof::Exchange(exchange) => proof(case, wanted, exchange)?,
                Proof::Token(_) => vec!["an exchange expected, a token found".into()],
            },
            (Outcome::Proved(proved), _, Some(wanted), ..) => match &proved.proof {
                Proof::Token(token) => bytes("token", &case.bytes(wanted)?, token.expose_secret().as_bytes()).into_iter().collect(),
                Proof::Exchange(_) => vec!["a token expected, an exchange found".into()],
            },
            (Outcome::Rendered(rendering), _, _, Some(wanted), _) if generated.is_none() => {
                let found = rendering.entries.iter().map(|entry| (entry.key.as_str(), &entry.value));
                let mut differences = values(case, wanted, found.collect())?;
                differences.extend(volatile_of(volatile.as_deref(), rendering));
                differences
            }
            (Outcome::Generated(made), _, _, Some(wanted), _) if rendered.is_none() => {
                values(case, wanted, made.outputs.iter().map(|output| (output.key.as_str(), &output.value)).collect())?
            }
            (_, _, _, _, Some(wanted)) => vec![format!("error {} expected, a result found", wanted.reason)],
            _ => bail!("expect has none of exchange, token, rendered, generated and error that this plugin could give"),
        };
        let given: &[String] = match outcome {
            Outcome::Proved(proved) => &proved.notices,
            Outcome::Rendered(rendering) => &rendering.notices,
            Outcome::Generated(made) => &made.notices,
            Outcome::Failed(_) => &[],
        };
        let missing = notices.iter().filter(|wanted| !given.iter().any(|notice| notice.contains(*wanted)));
        differences.extend(missing.map(|wanted| format!("notices: {wanted:?} is in none of {given:?}")));
        Ok(differences)
    }
}

fn plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// `${mounts/NAME}` in a variable stands for the folder of a mount.
fn placed(environment: &BTreeMap<String, String>, mounts: &BTreeMap<String, PathBuf>) -> BTreeMap<String, String> {
    let place = |text: &String| {
        mounts.iter().fold(text.clone(), |text, (name, folder)| text.replace(&format!("${{mounts/{name}}}"), &folder.to_string_lossy()))
    };
    environment.iter().map(|(name, text)| (name.clone(), place(text))).collect()
}

fn dot(written: Option<&str>) -> Result<&'static str> {
    const KNOWN: [&str; 3] = ["infisical-secret", "static-secret", "external-secret"];
    let wanted = written.unwrap_or(KNOWN[0]);
    KNOWN.into_iter().find(|known| *known == wanted).with_context(|| format!("dot is {wanted:?}; known are {KNOWN:?}"))
}

fn proof(case: &Case, wanted: &Wanted, found: &Exchange) -> Result<Vec<String>> {
    let mut differences: Vec<_> =
        (wanted.path != found.path).then(|| format!("path: {} expected, {} found", wanted.path, found.path)).into_iter().collect();
    differences.extend(json("body: ", &wanted.body, &Value::Object(found.fields.clone())));
    for (name, value) in &wanted.headers {
        match found.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)) {
            Some((_, value_found)) => {
                differences.extend(bytes(&format!("header {name}"), &case.bytes(value)?, value_found.expose_secret().as_bytes()));
            }
            None => differences.push(format!("header {name}: expected, not found")),
        }
    }
    let more = found.headers.iter().filter(|(name, _)| !wanted.headers.keys().any(|wanted| wanted.eq_ignore_ascii_case(name)));
    differences.extend(more.map(|(name, _)| format!("header {name}: found, not expected")));
    match (&wanted.client_identity, &found.client_identity) {
        (None, None) => {}
        (Some(wanted), Some(found)) => {
            differences.extend(bytes("client identity, chain", &case.bytes(&wanted.chain)?, found.chain.expose_secret()));
            differences.extend(bytes("client identity, key", &case.bytes(&wanted.key)?, found.key.expose_secret()));
        }
        (Some(_), None) => differences.push("a client identity expected, none found".into()),
        (None, Some(_)) => differences.push("no client identity expected, one found".into()),
    }
    Ok(differences)
}

fn values(case: &Case, wanted: &BTreeMap<String, crate::value::Value>, found: BTreeMap<&str, &SecretBytes>) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for (key, value) in wanted {
        match found.get(key.as_str()) {
            Some(value_found) => differences.extend(bytes(&format!("key {key}"), &case.bytes(value)?, value_found.expose_secret())),
            None => differences.push(format!("key {key}: expected, not found")),
        }
    }
    let more = found.keys().filter(|key| !wanted.contains_key(**key));
    differences.extend(more.map(|key| format!("key {key:?}: found, not expected")));
    Ok(differences)
}

fn volatile_of(wanted: Option<&[String]>, found: &Rendering) -> Vec<String> {
    let Some(wanted) = wanted else { return Vec::new() };
    let differing = found.entries.iter().filter(|entry| entry.volatile != wanted.contains(&entry.key));
    differing.map(|entry| format!("key {:?}: volatile is {}", entry.key, entry.volatile)).collect()
}

/// What must show in no text: sensitive inputs, files, tokens, secrets.
fn secrets(case: &Case, descriptor: &Descriptor) -> Result<Vec<Vec<u8>>> {
    let sensitive = |name: &String| descriptor.inputs.iter().any(|input| input.sensitive && input.name == *name);
    let inputs = case.inputs.iter().filter(|(name, _)| sensitive(name)).map(|(_, value)| value);
    let files = case.files.values().flat_map(BTreeMap::values);
    let token = case.service_account.iter().map(|account| &account.token);
    inputs.chain(files).chain(token).chain(case.secrets.values()).map(|value| case.bytes(value)).collect()
}

fn leaks(secrets: &[Vec<u8>], outcome: &Outcome) -> Vec<String> {
    let texts = match outcome {
        Outcome::Proved(proved) => proved.notices.clone(),
        Outcome::Rendered(rendering) => rendering.notices.clone(),
        Outcome::Generated(made) => made.notices.clone(),
        Outcome::Failed(failure) => vec![failure.to_string()],
    };
    let made: Vec<Vec<u8>> = match outcome {
        Outcome::Generated(made) => made.outputs.iter().map(|output| output.value.expose_secret().to_vec()).collect(),
        _ => Vec::new(),
    };
    let shown = |secret: &Vec<u8>| {
        let secret = String::from_utf8_lossy(secret);
        let secret = secret.trim();
        secret.len() >= SECRET && texts.iter().any(|text| text.contains(secret))
    };
    let found = secrets.iter().chain(&made).filter(|secret| shown(secret)).count();
    if found > 0 { vec![format!("{found} of the secrets of the case show in an error or a notice")] } else { vec![] }
}
