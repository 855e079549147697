//! Which reads a change concerns. Servers match in their own ways, so what they tell is matched here once more.
use crate::read::ReadRequest;
use infisical::{Change, Place};

/// Whether a read may give something else after a change. `imports` are the folders from which the read imported last.
pub(super) fn concerns(read: &ReadRequest, imports: &[Place], change: &Change) -> bool {
    // What is not known to be elsewhere may be here.
    change.places.is_empty() || change.places.iter().any(|place| is_read(read, place) || imports.contains(place))
}

fn is_read(read: &ReadRequest, place: &Place) -> bool {
    place.environment == read.environment && (place.path == read.path || (read.recursive && is_below(&place.path, &read.path)))
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| root == "/" || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use infisical::{ChangeKind, ProjectRef};

    fn read(path: &str, recursive: bool) -> ReadRequest {
        ReadRequest {
            project: ProjectRef::Id("p".into()),
            environment: "dev".into(),
            path: path.into(),
            recursive,
            expand_references: true,
            include_imports: true,
            tags: Vec::new(),
            secret: None,
        }
    }

    fn place(environment: &str, path: &str) -> Place {
        Place { environment: environment.into(), path: path.into() }
    }

    #[test]
    fn folders_are_matched_by_name_and_not_by_text() {
        let change = |places: &[Place]| Change { kind: ChangeKind::Update, places: places.to_vec() };
        for (path, recursive, changed, wanted) in [
            ("/app", false, place("dev", "/app"), true),
            ("/app", false, place("prod", "/app"), false),
            ("/app", false, place("dev", "/app/db"), false),
            ("/app", true, place("dev", "/app/db/x"), true),
            ("/app", true, place("dev", "/application"), false),
            ("/", true, place("dev", "/x"), true),
            ("/", false, place("dev", "/x"), false),
            ("/app", true, place("dev", "/"), false),
        ] {
            let found = concerns(&read(path, recursive), &[], &change(std::slice::from_ref(&changed)));
            assert_eq!(found, wanted, "{path} {recursive} {changed:?}");
        }
        assert!(concerns(&read("/app", false), &[], &change(&[])), "a change of which nothing is known");
        assert!(concerns(&read("/app", false), &[], &change(&[place("dev", "/x"), place("dev", "/app")])));
    }

    #[test]
    fn a_folder_that_is_imported_concerns_who_imports_it() {
        let imports = [place("prod", "/shared"), place("dev", "/base")];
        let change = |place| Change { kind: ChangeKind::Update, places: vec![place] };
        assert!(concerns(&read("/app", false), &imports, &change(place("prod", "/shared"))));
        assert!(!concerns(&read("/app", false), &imports, &change(place("dev", "/shared"))));
        assert!(!concerns(&read("/app", false), &imports, &change(place("prod", "/shared/deep"))));
    }
}
