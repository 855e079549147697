//! Two builds in two folders with one compiler give equal digests: neither sources, target folder nor home show in a
//! component.
use bundle::{Options, Workspace, build_crates};
use std::{env, fs, io, path::Path};

const GUEST: &str = "auth-token";

#[test]
fn two_folders_give_one_digest() {
    let out = tempfile::tempdir().unwrap();
    let here = Options::find().unwrap().out(out.path());
    let first = build_crates(&here, &[GUEST]).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("another place").join("workspace");
    copy(&here.workspace.root, &root, &here.workspace.target).unwrap();
    let mut workspace = Workspace::at(&root).unwrap();
    workspace.target = folder.path().join("another target");
    let there = Options { workspace, out: folder.path().join("out"), ..here };
    let second = build_crates(&there, &[GUEST]).unwrap();

    assert_eq!(first.index, second.index);
    let file = |bundle: &bundle::Bundle| fs::read(bundle.component("token").unwrap()).unwrap();
    let component = file(&second);
    assert!(file(&first) == component);
    let home = env::home_dir().unwrap().join(".cargo");
    for trace in [&root, &there.workspace.target, &home] {
        let trace = trace.to_str().unwrap();
        assert!(!component.windows(trace.len()).any(|window| window == trace.as_bytes()), "{trace} shows in the component");
    }
}

/// The sources of a workspace, without what was built or belongs to git.
fn copy(from: &Path, to: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if path == target || name == "target" || name == ".git" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&path, &to.join(name), target)?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
