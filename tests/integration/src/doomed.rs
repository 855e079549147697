//! An operator that a test kills between two of its external effects.
use crate::{Scene, operator::Child, shared, until};
use ::operator::effect::{Effect, Moment};
use std::{fs, os::unix::process::ExitStatusExt, path::PathBuf};
use support::Operator;

/// What `kill -9` sends.
const SIGKILL: i32 = 9;

/// The test build of the operator, as a child, which works as any other until [`Self::kill_at`]. Dropping it kills it.
pub struct Doomed {
    operator: Operator,
    file: PathBuf,
}

impl Doomed {
    pub(crate) async fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let mut setup = Child::setup(scene, arguments).await;
        let file = setup.state.join("kill-at");
        fs::write(&file, "").unwrap();
        setup.variables.push(("INFISICAL_OPERATOR_KILL_AT".into(), file.display().to_string()));
        let operator = Operator::start(shared::doomed_program().await, &setup).unwrap();
        Self { operator, file }
    }

    /// It kills itself when it gets there next.
    pub fn kill_at(&self, moment: Moment, effect: Effect) {
        // Renamed, so that it never reads a half.
        let whole = self.file.with_extension("new");
        fs::write(&whole, format!("{moment} {effect}")).unwrap();
        fs::rename(whole, &self.file).unwrap();
    }

    /// Waits until it has killed itself where it was told to.
    pub async fn died(mut self, moment: Moment, effect: Effect) {
        let process = self.operator.process();
        let status = until(format_args!("the operator to die {moment} {effect}"), async || match process.ended() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err(String::from("it lives")),
            Err(error) => Err(error.to_string()),
        })
        .await;
        let log = self.operator.log().unwrap();
        assert!(
            status.signal() == Some(SIGKILL) && log.ends_with(&format!("killed {moment} {effect}\n")),
            "{status}: {}",
            process_tail(&log)
        );
    }

    /// Asks it to end, as Kubernetes does.
    pub fn terminate(&mut self) {
        self.operator.process().terminate().unwrap();
    }

    /// Waits until it is ready.
    pub async fn ready(&mut self) {
        self.operator.ready().await.unwrap();
    }
}

fn process_tail(log: &str) -> &str {
    const SHOWN: usize = 2000;
    let start = log.len().saturating_sub(SHOWN);
    log.get(start..).unwrap_or(log)
}
