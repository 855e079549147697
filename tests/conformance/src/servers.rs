//! Servers played from a case: each request must be the next of the case.
use crate::{
    case::{Case, Request, Response},
    compare::bytes,
};
use anyhow::Result;
use runtime::{Answers, StagedRequest, StagedResponse};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The requests of a case, and how far the plugin came.
pub struct Servers {
    script: Vec<(Wanted, Option<Answer>)>,
    repeats: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sent: usize,
    differences: Vec<String>,
}

struct Wanted {
    method: String,
    url: String,
    headers: BTreeMap<String, Vec<u8>>,
    body: Option<Vec<u8>>,
}

#[derive(Clone)]
struct Answer {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Servers {
    /// The servers of a case.
    ///
    /// # Errors
    /// A value can't be read.
    pub fn of(case: &Case) -> Result<Self> {
        let script = case
            .http
            .iter()
            .map(|exchange| {
                let answer = exchange.response.as_ref().map(|response| answer(case, response)).transpose()?;
                Ok((wanted(case, &exchange.request)?, answer))
            })
            .collect::<Result<_>>()?;
        Ok(Self { script, repeats: false, state: Mutex::default() })
    }

    /// The same for a case that is run again and again.
    pub fn repeating(self) -> Self {
        Self { repeats: true, ..self }
    }

    /// All that was sent otherwise than the case says, and how many requests were never sent.
    pub fn differences(&self) -> Vec<String> {
        let state = self.state();
        let mut differences = state.differences.clone();
        if state.sent < self.script.len() {
            differences.push(format!("http: {} requests expected, {} sent", self.script.len(), state.sent));
        }
        differences
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wanted(case: &Case, request: &Request) -> Result<Wanted> {
    let headers = request.headers.iter().map(|(name, value)| Ok((name.to_ascii_lowercase(), case.bytes(value)?))).collect::<Result<_>>()?;
    let body = request.body.as_ref().map(|body| case.bytes(body)).transpose()?;
    Ok(Wanted { method: request.method.clone(), url: request.url.clone(), headers, body })
}

fn answer(case: &Case, response: &Response) -> Result<Answer> {
    let headers = response.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone().into_bytes())).collect();
    let body = match (&response.body, response.body_of_bytes) {
        (Some(body), _) => case.bytes(body)?,
        (None, Some(length)) => vec![b'x'; length],
        (None, None) => Vec::new(),
    };
    Ok(Answer { status: response.status, headers, body })
}

impl Answers for Servers {
    fn answer(&self, sent: &StagedRequest) -> Option<StagedResponse> {
        let mut state = self.state();
        state.sent += 1;
        let number = state.sent;
        // A case that is run again and again begins anew.
        let turn = if self.repeats { (number - 1) % self.script.len().max(1) } else { number - 1 };
        let Some((wanted, answer)) = self.script.get(turn) else {
            state.differences.push(format!("http request {number}: {} not expected", sent.method));
            return None;
        };
        state.differences.extend(wanted.differences(sent).into_iter().map(|difference| format!("http request {number}: {difference}")));
        let Answer { status, headers, body } = answer.clone()?;
        Some(StagedResponse { status, headers, body })
    }
}

impl Wanted {
    fn differences(&self, sent: &StagedRequest) -> Vec<String> {
        let mut differences = Vec::new();
        if self.method != sent.method {
            differences.push(format!("method {} expected, {} sent", self.method, sent.method));
        }
        differences.extend(bytes("url", self.url.as_bytes(), sent.url.as_bytes()));
        for (name, wanted) in &self.headers {
            match sent.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)) {
                Some((_, value)) => differences.extend(bytes(&format!("header {name}"), wanted, value)),
                None => differences.push(format!("header {name}: expected, not sent")),
            }
        }
        if let Some(wanted) = &self.body {
            differences.extend(bytes("body", wanted, &sent.body));
        }
        differences
    }
}
