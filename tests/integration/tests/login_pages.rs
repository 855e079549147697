//! Each login of the default bundle has its page, its line in the index of pages, and a sample.
use api::dialect::{INFISICAL_SECRET, Plugin as Row};
use bundle::{Manifest, Workspace, World};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeSet, fs};
use support::Target;

/// What every page tells.
const OUTLINE: [&str; 5] = ["## When to use", "## YAML", "## On the Infisical side", "## Grants", "## What goes wrong"];

fn logins() -> BTreeSet<String> {
    let workspace = Workspace::find().unwrap();
    let plugins = Manifest::read(&workspace).unwrap().plugins;
    plugins.into_iter().filter(|plugin| plugin.world == World::Authenticator && !plugin.test).map(|plugin| plugin.name).collect()
}

#[test]
fn each_login_has_its_page() {
    let folder = Target::workspace().join("docs/logins");
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    let lines: BTreeSet<String> = logins().iter().map(|name| format!("| [{name}]({name}.md) |")).collect();
    let listed: BTreeSet<String> = index
        .lines()
        .filter(|line| line.starts_with("| ["))
        .filter_map(|line| line.split_inclusive(" |").next())
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, lines, "docs/logins/README.md");
    for name in logins() {
        let path = folder.join(format!("{name}.md"));
        let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let headings: Vec<_> = page.lines().filter(|line| OUTLINE.contains(line)).collect();
        assert_eq!(headings, OUTLINE, "{}", path.display());
    }
}

/// The plugins that a sample logs in by.
fn sampled() -> BTreeSet<String> {
    let mut plugins = BTreeSet::new();
    for entry in fs::read_dir(Target::workspace().join("deploy/samples/infisicalsecret")).unwrap() {
        let path = entry.unwrap().path();
        // Every block at once shows none.
        if path.ends_with("all-methods.yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for document in serde_yaml::Deserializer::from_str(&text) {
            let object = Value::deserialize(document).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let Some(blocks) = object.pointer("/spec/authentication").and_then(Value::as_object) else { continue };
            for (block, fields) in blocks {
                match INFISICAL_SECRET.iter().find(|method| method.block == block).unwrap_or_else(|| panic!("{block}")).plugin {
                    Row::Named(name) => plugins.insert(name.to_owned()),
                    Row::OfBlock => plugins.insert(fields["name"].as_str().unwrap().to_owned()),
                    Row::Gone { .. } => false,
                };
            }
        }
    }
    plugins
}

#[test]
fn each_login_has_a_sample() {
    let sampled = sampled();
    let without: Vec<_> = logins().into_iter().filter(|name| !sampled.contains(name)).collect();
    assert!(without.is_empty(), "deploy/samples/infisicalsecret shows no resource that logs in by {without:?}");
}
