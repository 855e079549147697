//! The default bundle passes its cases, and a case that a plugin does not pass fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
use conformance::{Options, Report, run};
use std::{
    fs,
    path::{Path, PathBuf},
};
use support::{Setup, Target, default_bundle};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).into()
}

async fn test(plugin: &str, cases: PathBuf) -> anyhow::Result<Report> {
    let bundle = default_bundle().await.unwrap();
    let entry = bundle.index.plugins.iter().find(|entry| entry.name == plugin).unwrap();
    let cache = Target::of_this_program().unwrap().tools("conformance-cache").unwrap();
    run(&Options { file: bundle.folder.join(&entry.file), cases, compiler: Setup::program().await.unwrap(), cache: Some(cache) }).await
}

#[tokio::test]
async fn every_plugin_of_the_default_bundle_passes_its_cases() {
    let bundle = default_bundle().await.unwrap();
    let mut failed = Vec::new();
    for entry in &bundle.index.plugins {
        let world = serde_json::to_value(entry.world).unwrap();
        let own = cases().join(world.as_str().unwrap()).join(&entry.name);
        if !own.exists() && world == "template" {
            continue;
        }
        let report = test(&entry.name, cases()).await.unwrap_or_else(|error| panic!("{}: {error:#}", entry.name));
        println!("{report}");
        if report.failed() > 0 {
            failed.push(report.to_string());
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

const OTHERWISE: &str = r"
about: Expects what the plugin does not do.
inputs: {client-id: 11111111-2222, client-secret: canary-4711}
http:
- request: {method: GET, url: https://nowhere.example/}
expect:
  exchange:
    path: /v1/auth/other-auth/login
    body: {clientId: 11111111-2223, clientSecret: canary-4712, more: true}
";

#[tokio::test]
async fn each_difference_is_told_without_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("authenticator/universal/otherwise");
    fs::create_dir_all(&case).unwrap();
    fs::write(case.join("case.yaml"), OTHERWISE).unwrap();
    let report = test("universal", folder.path().into()).await.unwrap();
    assert_eq!((report.results.len(), report.failed()), (1, 1));
    assert_eq!(
        report.results[0].differences,
        [
            "http: 1 requests expected, 0 sent",
            "path: /v1/auth/other-auth/login expected, /v1/auth/universal-auth/login found",
            "body: /clientId: 13 bytes expected, 13 found, the first 12 alike",
            "body: /clientSecret: 11 bytes expected, 11 found, the first 10 alike",
            "body: /more: a boolean expected, nothing found",
        ]
    );
    assert!(!report.to_string().contains("canary"), "{report}");
}

#[tokio::test]
async fn a_case_that_would_test_nothing_is_refused() {
    for (yaml, says) in [
        (OTHERWISE.replace("inputs:", "input:"), "unknown field"),
        (OTHERWISE.replace("exchange:", "exchanged:"), "unknown field"),
        ("about: Nothing.\nexpect: {}".to_owned(), "none of exchange"),
        ("about: [".to_owned(), "not of the form"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let case = folder.path().join("authenticator/universal/wrong");
        fs::create_dir_all(&case).unwrap();
        let settings = "inputs: {client-id: a, client-secret: b}\n";
        fs::write(case.join("case.yaml"), if yaml.contains("Nothing") { format!("{settings}{yaml}") } else { yaml }).unwrap();
        let error = format!("{:#}", test("universal", folder.path().into()).await.unwrap_err());
        assert!(error.contains("authenticator/universal/wrong") && error.contains(says), "{error}");
    }
    let none = tempfile::tempdir().unwrap();
    let error = test("universal", none.path().into()).await.unwrap_err().to_string();
    assert!(error.contains("no cases for authenticator \"universal\""), "{error}");
}
