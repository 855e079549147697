//! The committed definitions are those of the types, and they accept what users have.
use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn deploy_crds_is_what_the_types_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds");
    let mut committed: BTreeSet<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for (name, text) in api::crds::files().unwrap() {
        assert!(committed.remove(&name), "{name} is missing: cargo run -p api --bin crds");
        assert_eq!(fs::read_to_string(folder.join(&name)).unwrap(), text, "{name} is old: cargo run -p api --bin crds");
    }
    assert!(committed.is_empty(), "no type makes {committed:?}");
}
