//! What is asked of a server, from all down to little: the whole project by one stream; where that is refused, whole
//! environments; where that is refused too, single folders.
//!
//! The whole project needs no other request when resources come and go, and shows changes to which references lead; but it
//! takes the permission for all of the project. Newer servers match by prefix of text, older ones by glob, and neither says
//! which: so a folder with all below it is asked for in both ways.
use crate::read::ReadRequest;
use infisical::{ENTRIES_PER_PLACE, MOST_ENTRIES, Place, SubscribeRequest};
use std::collections::BTreeSet;

/// Streams of one identity in one project, of the five that servers allow: one is left for whoever takes over from this
/// process before the server has noticed that it is gone.
pub(super) const MOST_STREAMS: usize = 4;

const PLACES_PER_STREAM: usize = MOST_ENTRIES / ENTRIES_PER_PLACE;

/// How much is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rung {
    Project,
    Environments,
    Folders,
}

impl Rung {
    /// What to ask for when this is refused.
    pub fn narrower(self) -> Option<Self> {
        match self {
            Self::Project => Some(Self::Environments),
            Self::Environments => Some(Self::Folders),
            Self::Folders => None,
        }
    }
}

/// The streams for some reads, with the folders that they import from. Reads beyond what [`MOST_STREAMS`] can carry are left
/// to their interval.
pub(super) fn requests<'a>(
    rung: Rung,
    project_id: &str,
    reads: impl Iterator<Item = (&'a ReadRequest, &'a [Place])>,
) -> Vec<SubscribeRequest> {
    let request = |places: &[Place]| SubscribeRequest { project_id: project_id.to_owned(), places: places.to_vec() };
    let places: BTreeSet<Place> = match rung {
        Rung::Project => return vec![request(&[])],
        Rung::Environments => reads
            .flat_map(|(read, imports)| std::iter::once(&read.environment).chain(imports.iter().map(|import| &import.environment)))
            .flat_map(|environment| with_all_below(environment, "/"))
            .collect(),
        Rung::Folders => reads
            .flat_map(|(read, imports)| {
                let folder = with_all_below(&read.environment, &read.path);
                let folder = folder.into_iter().take(if read.recursive { 2 } else { 1 });
                folder.chain(imports.iter().cloned())
            })
            .collect(),
    };
    let places: Vec<_> = places.into_iter().collect();
    places.chunks(PLACES_PER_STREAM).take(MOST_STREAMS).map(request).collect()
}

fn with_all_below(environment: &str, path: &str) -> [Place; 2] {
    let place = |path: String| Place { environment: environment.to_owned(), path };
    [place(path.to_owned()), place(format!("{}/**", path.trim_end_matches('/')))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use infisical::ProjectRef;

    fn read(environment: &str, path: &str, recursive: bool) -> ReadRequest {
        ReadRequest {
            project: ProjectRef::Id("p".into()),
            environment: environment.into(),
            path: path.into(),
            recursive,
            expand_references: true,
            include_imports: true,
            tags: Vec::new(),
            secret: None,
        }
    }

    fn asked(rung: Rung, reads: &[(ReadRequest, Vec<Place>)]) -> Vec<Vec<String>> {
        let all = requests(rung, "p", reads.iter().map(|(read, imports)| (read, &**imports)));
        let text = |place: &Place| format!("{}{}", place.environment, place.path);
        all.iter().map(|request| request.places.iter().map(text).collect()).collect()
    }

    #[test]
    fn each_rung_asks_for_less_and_never_for_more_than_a_stream_takes() {
        let imported = vec![Place { environment: "prod".into(), path: "/shared".into() }];
        let reads = [(read("dev", "/app", false), imported), (read("dev", "/web", true), vec![]), (read("dev", "/app", false), vec![])];
        assert_eq!(asked(Rung::Project, &reads), [Vec::<String>::new()]);
        assert_eq!(asked(Rung::Environments, &reads), [["dev/", "dev/**"], ["prod/", "prod/**"]]);
        assert_eq!(asked(Rung::Folders, &reads), [["dev/app", "dev/web"], ["dev/web/**", "prod/shared"]]);
    }

    #[test]
    fn however_many_folders_there_are_one_stream_is_left_to_others() {
        let reads: Vec<_> = (0..40).map(|number| (read(&format!("e{number}"), "/", true), vec![])).collect();
        for rung in [Rung::Environments, Rung::Folders] {
            let asked = asked(rung, &reads);
            assert_eq!(asked.len(), MOST_STREAMS);
            assert!(asked.iter().all(|places| places.len() * ENTRIES_PER_PLACE <= MOST_ENTRIES));
        }
    }
}
