//! The other tenant, who must not notice.
use hostile::{call, caller};
use runtime::Runtime;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::{sync::watch, task::JoinHandle};

/// No call waits longer. It takes a millisecond on an idle machine; these cores are shared with compilers and other tests.
const LONGEST: Duration = Duration::from_secs(2);

/// Calls without an end.
pub struct Neighbour {
    task: JoinHandle<()>,
    seen: watch::Receiver<Seen>,
}

#[derive(Default)]
struct Seen {
    served: u32,
    longest: Duration,
    failed: Option<String>,
}

impl Neighbour {
    /// Begins, and waits for the first success.
    pub async fn move_in(runtime: &Runtime) -> Self {
        let (runtime, (sender, seen)) = (runtime.clone(), watch::channel(Seen::default()));
        let task = tokio::spawn(async move {
            while sender.borrow().failed.is_none() {
                let began = Instant::now();
                let inputs = [("client-id", "id"), ("client-secret", "another-secret")];
                let result = runtime.authenticate(call("universal", json!({}), &inputs, caller("neighbour"))).await;
                sender.send_modify(|seen| {
                    seen.longest = seen.longest.max(began.elapsed());
                    match result {
                        Ok(_) => seen.served += 1,
                        Err(failure) => seen.failed = Some(failure.to_string()),
                    }
                });
            }
        });
        let mut neighbour = Self { task, seen };
        neighbour.go_on(1).await;
        neighbour
    }

    /// Waits for so many more successes.
    async fn go_on(&mut self, more: u32) {
        let goal = self.seen.borrow().served + more;
        let wait = self.seen.wait_for(|seen| seen.served >= goal || seen.failed.is_some());
        assert!(tokio::time::timeout(LONGEST * more, wait).await.is_ok(), "the neighbour's calls do not come back");
    }

    /// Ends once a few more calls went well, and gives how many there were.
    pub async fn unharmed(mut self) -> u32 {
        self.go_on(3).await;
        self.task.abort();
        let seen = self.seen.borrow();
        assert_eq!(seen.failed, None, "a call of the neighbour fails");
        assert!(seen.longest < LONGEST, "a call of the neighbour waits for {:?}", seen.longest);
        seen.served
    }
}

/// What would go unnoticed if nobody looked.
mod controls {
    use super::LONGEST;
    use crate::arena::Arena;
    use hostile::write_bundle;

    #[tokio::test]
    #[should_panic(expected = "a call of the neighbour waits for")]
    async fn a_neighbour_that_is_kept_waiting_is_noticed() {
        let arena = Arena::new(&[]).await;
        // The very thing that a host must not do: hold up the thread that its callers run on.
        arena.attack(async { std::thread::sleep(LONGEST) }).await;
    }

    #[tokio::test]
    #[should_panic(expected = "a call of the neighbour fails")]
    async fn a_neighbour_that_is_not_served_is_noticed() {
        let arena = Arena::new(&[]).await;
        arena
            .attack(async {
                write_bundle(arena.bench.bundle.path(), &[]);
                arena.bench.runtime.refresh().await.unwrap();
            })
            .await;
    }
}
