//! What is loaded, what is refused and why, and what serves meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends so")]
use hostile::{Bench, Plugin, Recorder, call, caller, compiler, component::Hand, config, guest, hostile, write_bundle, write_index};
use runtime::{CompileLimits, EvaluateCall, Failure, Limits, MachineCode, Runtime, ShippedCache, StartError};
use serde_json::json;
use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc, time::Duration};

fn policy(version: &'static str) -> Plugin {
    Plugin { version, ..Plugin::new("by-hand", "policy", Hand::plain("policy", "by-hand", version).build()) }
}

fn version(runtime: &Runtime, plugin: &str) -> Option<String> {
    Some(runtime.plugins().get(plugin)?.descriptor.as_ref()?.version.clone())
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said_by_name() {
    let named = |name: &str, world, wasm| Plugin::new(name, world, wasm);
    let need = |name: &str, needs: serde_json::Value| {
        let descriptor = json!({"name": name, "version": "1.0.0", "summary": "", "needs": needs});
        Hand::new("policy", descriptor).build()
    };
    let wrong = [
        (named("text", "policy", b"(component)".to_vec()), "not WebAssembly"),
        (named("cut", "policy", guest("hostile")[..5000].to_vec()), "does not compile"),
        (named("core", "policy", wat::parse_str("(module)").unwrap()), "core module"),
        (named("empty", "policy", wat::parse_str("(component)").unwrap()), "not of world policy"),
        (
            named("types", "policy", wat::parse_str(r#"(component (import "wasi:filesystem/types@0.2.0" (instance)))"#).unwrap()),
            "imports \"wasi:filesystem/types@0.2.0\"",
        ),
        (
            named("patch", "policy", wat::parse_str(r#"(component (import "infisical:plugin/log@0.1.7" (instance)))"#).unwrap()),
            "imports \"infisical:plugin/log@0.1.7\"",
        ),
        (
            named("world", "template", Hand::plain("policy", "world", "1.0.0").build()),
            "not of world template, as the index says, but of policy",
        ),
        (named("name", "policy", Hand::plain("policy", "other", "1.0.0").build()), "calls itself \"other\""),
        (named("newer", "policy", Hand::plain("policy", "newer", "1.0.1").build()), "version 1.0.1, but the index says 1.0.0"),
        (named("version", "policy", Hand::plain("policy", "version", "one").build()), "/version"),
        (named("described", "policy", Hand::new("policy", json!([])).build()), "descriptor is wrong"),
        (
            named("need", "policy", need("need", json!([{"capability": "clock", "reason": "to know"}]))),
            "needs clock, which is not granted (to know)",
        ),
        (named("odd", "policy", need("odd", json!([{"capability": "files:/etc", "reason": ""}]))), "is not a capability"),
        (named("wide", "policy", need("wide", json!([{"capability": "http:https://*.com", "reason": ""}]))), "is not an origin"),
        (
            named(
                "schema",
                "policy",
                Hand::new(
                    "policy",
                    json!({"name": "schema", "version": "1.0.0", "summary": "", "settings": {"$ref": "http://a.example/s"}}),
                )
                .build(),
            ),
            "JSON Schema",
        ),
        (
            named("loops", "policy", Hand::plain("policy", "loops", "1.0.0").extra("(func $start (loop (br 0))) (start $start)").build()),
            "CPU time",
        ),
        (
            named(
                "memory",
                "policy",
                Hand::plain("policy", "memory", "1.0.0")
                    .extra("(func $start (drop (memory.grow (i32.const 1000))) unreachable) (start $start)")
                    .build(),
            ),
            "more memory than its limit",
        ),
        (named("table", "policy", Hand::plain("policy", "table", "1.0.0").extra("(table 30000 funcref)").build()), "table"),
    ];
    let bench = Bench::new(&wrong.iter().map(|(plugin, _)| plugin.clone()).collect::<Vec<_>>()).await;
    for (plugin, expected) in &wrong {
        let error = bench.error(&plugin.name);
        assert!(error.contains(expected), "{}: {error}", plugin.name);
        assert!(error.len() < 600, "{error}");
    }
    let failure = bench.runtime.authenticate(call("text", json!({}), &[], caller("a"))).await.err().unwrap();
    assert!(matches!(failure, Failure::NotFound { .. }), "{failure}");
    assert_eq!(bench.records.loads.lock().unwrap().len(), wrong.len());
}

#[tokio::test]
async fn a_file_that_differs_from_the_index_is_refused() {
    let bench = Bench::new(&[]).await;
    let plugin = policy("1.0.0");
    fs::write(bench.bundle.path().join("by-hand.wasm"), policy("2.0.0").wasm).unwrap();
    write_index(bench.bundle.path(), &[plugin.entry()]);
    bench.until(|runtime| runtime.plugins().contains_key("by-hand")).await;
    let error = bench.error("by-hand");
    assert!(error.contains("sha256:") && error.contains("rewrite the index"), "{error}");
}

#[tokio::test]
async fn a_newer_version_takes_over_and_a_broken_one_does_not() {
    let bench = Bench::new(&[policy("1.0.0")]).await;
    assert_eq!(version(&bench.runtime, "by-hand").as_deref(), Some("1.0.0"));
    write_bundle(bench.bundle.path(), &[policy("2.0.0")]);
    bench.until(|runtime| version(runtime, "by-hand").as_deref() == Some("2.0.0")).await;

    let broken = Plugin { wasm: b"\0asm\x0d\0\x01\0broken".to_vec(), ..policy("3.0.0") };
    write_bundle(bench.bundle.path(), &[broken]);
    bench.until(|runtime| runtime.plugins()["by-hand"].error.is_some()).await;
    assert_eq!(version(&bench.runtime, "by-hand").as_deref(), Some("2.0.0"));
    assert_eq!(bench.runtime.plugins()["by-hand"].digest, policy("2.0.0").entry()["digest"]);
    let evaluate =
        EvaluateCall { plugin: "by-hand".into(), settings: json!({}), stage: "before-login", subject: json!({}), caller: caller("a") };
    assert!(bench.runtime.evaluate(evaluate).await.is_ok());

    write_bundle(bench.bundle.path(), &[policy("4.0.0")]);
    bench.until(|runtime| runtime.plugins()["by-hand"].error.is_none()).await;
    assert_eq!(version(&bench.runtime, "by-hand").as_deref(), Some("4.0.0"));
    write_index(bench.bundle.path(), &[]);
    bench.until(|runtime| runtime.plugins().is_empty()).await;
    assert_eq!(*bench.records.removed.lock().unwrap(), ["by-hand"]);
}

#[tokio::test]
async fn an_instance_is_made_without_a_call() {
    let bench = Bench::new(&[policy("1.0.0")]).await;
    assert!(bench.runtime.instantiate("by-hand").await.is_ok());
    assert!(bench.records.calls.lock().unwrap().is_empty());
    assert!(matches!(bench.runtime.instantiate("other").await, Err(Failure::NotFound { .. })));
}

#[tokio::test]
async fn other_grants_make_another_generation() {
    let bench = Bench::new(&[Plugin { grants: vec![], ..hostile() }]).await;
    assert!(matches!(bench.fails("reveal").await, Failure::NotGranted { .. }));
    let count = *bench.runtime.changes().borrow();
    write_bundle(bench.bundle.path(), &[hostile()]);
    bench.until(|runtime| *runtime.changes().borrow() > count).await;
    assert!(bench.act("reveal").await.is_ok());
}

#[tokio::test]
async fn calls_in_flight_end_on_the_version_they_began_with_and_do_not_hold_up_the_next() {
    let bench = Bench::limited(&[hostile()], Limits { concurrency: 1, ..Limits::default() }).await;
    let count = *bench.runtime.changes().borrow();
    let (call, ()) = tokio::join!(bench.act("loop"), async {
        write_bundle(bench.bundle.path(), &[Plugin { grants: vec![], ..hostile() }]);
        bench.until(|runtime| *runtime.changes().borrow() > count).await;
    });
    assert!(matches!(call, Err(Failure::TimedOut("CPU time"))), "{:?}", call.err());
}

#[tokio::test]
async fn a_volume_that_is_swapped_by_a_symbolic_link_is_followed() {
    let root = tempfile::tempdir().unwrap();
    for version in ["1.0.0", "2.0.0"] {
        let folder = root.path().join(format!("..{version}"));
        fs::create_dir(&folder).unwrap();
        write_bundle(&folder, &[policy(version)]);
    }
    let point = |version: &str| {
        let next = root.path().join("..data_tmp");
        symlink(format!("..{version}"), &next).unwrap();
        fs::rename(next, root.path().join("..data")).unwrap();
    };
    point("1.0.0");
    for file in ["index.json", "by-hand.wasm"] {
        symlink(Path::new("..data").join(file), root.path().join(file)).unwrap();
    }
    let records = Arc::<Recorder>::default();
    let runtime = Runtime::start(config(root.path(), &records)).await.unwrap();
    let bench = Bench { runtime, bundle: tempfile::tempdir().unwrap(), records };
    assert_eq!(version(&bench.runtime, "by-hand").as_deref(), Some("1.0.0"));
    point("2.0.0");
    bench.until(|runtime| version(runtime, "by-hand").as_deref() == Some("2.0.0")).await;
}

#[tokio::test]
async fn a_folder_that_is_replaced_whole_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    for version in ["1.0.0", "2.0.0"] {
        fs::create_dir(root.path().join(version)).unwrap();
        write_bundle(&root.path().join(version), &[policy(version)]);
    }
    let folder = root.path().join("bundle");
    symlink("1.0.0", &folder).unwrap();
    let records = Arc::<Recorder>::default();
    let runtime = Runtime::start(config(&folder, &records)).await.unwrap();
    let bench = Bench { runtime, bundle: root, records };
    let next = bench.bundle.path().join("next");
    symlink("2.0.0", &next).unwrap();
    fs::rename(next, &folder).unwrap();
    bench.until(|runtime| version(runtime, "by-hand").as_deref() == Some("2.0.0")).await;
}

#[tokio::test]
async fn an_index_that_can_not_be_read_leaves_everything_as_it_is() {
    let bench = Bench::new(&[policy("1.0.0")]).await;
    fs::write(bench.bundle.path().join("index.json"), "{").unwrap();
    bench.until(|runtime| runtime.plugins()["by-hand"].error.is_some()).await;
    assert!(bench.error("by-hand").contains("keep serving"));
    assert_eq!(version(&bench.runtime, "by-hand").as_deref(), Some("1.0.0"));
    let error = bench.runtime.refresh().await.unwrap_err();
    assert!(matches!(error, StartError::Index { .. }), "{error}");
}

#[tokio::test]
async fn wasi_is_there_for_plugins_of_the_second_engine_alone() {
    let clock = Hand::plain("policy", "wasi", "1.0.0").importing(
        "package wasi:clocks@0.2.6; interface monotonic-clock { now: func() -> u64; }",
        "wasi:clocks/monotonic-clock@0.2.6",
        r#"(import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))"#,
    );
    let wasm = clock.body("(drop (call $now))").build();
    let core = Plugin::new("wasi", "policy", wasm);
    let bench = Bench::new(std::slice::from_ref(&core)).await;
    assert!(bench.error("wasi").contains("imports \"wasi:clocks/monotonic-clock@0.2.6\""), "{}", bench.error("wasi"));
    let bench = Bench::new(&[Plugin { engine: "wasi", ..core }]).await;
    assert_eq!(bench.runtime.plugins()["wasi"].error, None);
    let evaluate =
        EvaluateCall { plugin: "wasi".into(), settings: json!({}), stage: "before-login", subject: json!({}), caller: caller("a") };
    assert!(bench.runtime.evaluate(evaluate).await.is_ok());
}

#[tokio::test]
async fn a_runtime_does_not_start_without_a_bundle_or_with_limits_that_it_can_not_keep() {
    let folder = tempfile::tempdir().unwrap();
    let records = Arc::<Recorder>::default();
    let missing = Runtime::start(config(&folder.path().join("missing"), &records)).await.err().unwrap();
    assert!(matches!(missing, StartError::Folder { .. }), "{missing}");
    let empty = Runtime::start(config(folder.path(), &records)).await.err().unwrap();
    assert!(matches!(empty, StartError::Index { .. }), "{empty}");
    write_index(folder.path(), &[]);
    let mut large = config(folder.path(), &records);
    large.limits.insert(runtime::World::Template, Limits { memory: 65 << 20, ..Limits::template() });
    let large = Runtime::start(large).await.err().unwrap();
    assert!(matches!(&large, StartError::Engine(text) if text.contains("template")), "{large}");
}

#[tokio::test]
async fn compiled_code_is_kept_and_damaged_code_is_made_again() {
    let cache = tempfile::tempdir().unwrap();
    let with = |compiler: &str| {
        let (folder, compiler) = (cache.path().to_owned(), compiler.to_owned());
        move |config: &mut runtime::Config| {
            config.local_cache = folder;
            if !compiler.is_empty() {
                config.compiler = compiler.into();
            }
        }
    };
    let bench = Bench::with(&[policy("1.0.0")], with("")).await;
    assert!(matches!(bench.records.codes.lock().unwrap()[..], [MachineCode::Compiled(_)]));
    drop(bench);
    // Nothing compiles any more, so what serves comes from the cache.
    let bench = Bench::with(&[policy("1.0.0")], with("/bin/false")).await;
    assert_eq!(bench.runtime.plugins()["by-hand"].error, None);
    assert!(matches!(bench.records.codes.lock().unwrap()[..], [MachineCode::Cached(_)]));
    let file = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some()).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[4000] ^= 1;
    fs::write(&file, bytes).unwrap();
    let bench = Bench::with(&[policy("1.0.0")], with("/bin/false")).await;
    assert!(bench.error("by-hand").contains("does not compile"), "{}", bench.error("by-hand"));
    let bench = Bench::with(&[policy("1.0.0")], with("")).await;
    assert_eq!(bench.runtime.plugins()["by-hand"].error, None);
}

#[tokio::test]
async fn a_shipped_cache_saves_compiling_if_it_is_the_one_that_was_meant() {
    let (bundle, shipped, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_bundle(bundle.path(), &[policy("1.0.0")]);
    let manifest = Runtime::ship(bundle.path(), shipped.path()).unwrap();
    let plugins = [policy("1.0.0")];
    let start = |manifest: &str| {
        let shipped = ShippedCache { folder: shipped.path().to_owned(), manifest: manifest.to_owned() };
        let local = cache.path().to_owned();
        Bench::with(&plugins, move |config| {
            config.compiler = "/bin/false".into();
            config.shipped_cache = Some(shipped);
            config.local_cache = local;
        })
    };
    assert_eq!(start(&manifest).await.runtime.plugins()["by-hand"].error, None);
    assert!(start(&manifest.replace('a', "b")).await.runtime.plugins()["by-hand"].error.is_some());
}

#[tokio::test]
async fn compiling_has_limits() {
    let many: String = (0..50_000).map(|_| "(func (result i32) (i32.add (i32.const 1) (i32.const 2)))").collect();
    let bomb = Plugin::new("bomb", "policy", Hand::plain("policy", "bomb", "1.0.0").extra(&many).build());
    for (limits, expected) in [
        (CompileLimits { wall: Duration::from_millis(50), ..CompileLimits::default() }, "took longer than 50ms"),
        (CompileLimits { cpu: Duration::from_secs(1), ..CompileLimits::default() }, "took longer than 1s"),
        (CompileLimits { memory: 64 << 20, ..CompileLimits::default() }, "memory"),
        (CompileLimits { component: 1000, ..CompileLimits::default() }, "more than 1000 bytes"),
    ] {
        let cache = tempfile::tempdir().unwrap();
        let bench = Bench::with(std::slice::from_ref(&bomb), |config| {
            config.compile_limits = limits;
            config.local_cache = cache.path().to_owned();
        })
        .await;
        let error = bench.error("bomb");
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn a_file_is_inspected_without_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.wasm");
    fs::write(&file, guest("hostile")).unwrap();
    let found = Runtime::inspect(&file, &compiler()).await.unwrap();
    assert_eq!((found.refused, found.world), (None, Some(runtime::World::Authenticator)));
    assert_eq!(found.descriptor.unwrap().name, "hostile");
    assert!(found.imports.contains(&"infisical:plugin/log@0.1.0".to_owned()), "{:?}", found.imports);
    fs::write(&file, wat::parse_str(r#"(component (import "acme:thing/run@1.0.0" (instance)))"#).unwrap()).unwrap();
    let found = Runtime::inspect(&file, &compiler()).await.unwrap();
    assert!(found.refused.unwrap().contains("acme:thing/run@1.0.0"));
    assert!(Runtime::inspect(&folder.path().join("missing"), &compiler()).await.is_err());
}

#[tokio::test]
async fn code_that_the_cache_lost_is_made_again_at_the_next_call_or_missed_by_name() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().to_owned();
    let bench = Bench::with(&[policy("1.0.0")], move |config| config.local_cache = folder).await;
    let cached = || {
        let files = fs::read_dir(cache.path()).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect::<Vec<_>>()
    };
    let lose = || cached().iter().for_each(|file| fs::remove_file(file).unwrap());
    assert_eq!(cached().len(), 1);
    lose();
    let wasm = bench.bundle.path().join("by-hand.wasm");
    let bytes = fs::read(&wasm).unwrap();
    fs::write(&wasm, b"another").unwrap();
    let failure = bench.runtime.instantiate("by-hand").await.unwrap_err();
    assert!(matches!(&failure, Failure::NotReady { plugin, cause } if plugin == "by-hand" && cause.contains("digest")), "{failure}");
    fs::write(&wasm, bytes).unwrap();
    assert!(bench.runtime.instantiate("by-hand").await.is_ok());
    assert_eq!(cached().len(), 1, "compiled and kept again");
}
