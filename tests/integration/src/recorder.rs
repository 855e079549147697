//! A way to the API server that notes what is asked, so that a test can tell which requests one operator made.
//!
//! It stands on loopback, passes everything on as the administrator, watches included, and keeps method, path and status of
//! each request; no body is kept, since it may hold secrets. A client comes through it by [`Recorder::kubeconfig`]. It can also
//! answer in the place of the API server, as one that refuses or fails.
use axum::{Router, body::Body, extract::State, http::Request, response::Response};
use futures::StreamExt;
use kube::Client;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{sync::watch, task::JoinHandle};

/// One request to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET`, `PATCH` and so on.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Of the answer.
    pub status: u16,
}

impl Asked {
    /// Whether it may have changed something.
    #[must_use]
    pub fn writes(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// Notes until it is dropped.
pub struct Recorder {
    asked: Arc<Mutex<Vec<Asked>>>,
    refused: watch::Sender<Refused>,
    kubeconfig: PathBuf,
    task: JoinHandle<()>,
}

/// Status by path.
type Refused = BTreeMap<String, u16>;

#[derive(Clone)]
struct Way {
    client: Client,
    asked: Arc<Mutex<Vec<Asked>>>,
    refused: watch::Sender<Refused>,
}

impl Recorder {
    pub(crate) async fn start(client: Client, folder: &Path) -> Self {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let refused = watch::Sender::new(Refused::new());
        let way = Way { client, asked: Arc::clone(&asked), refused: refused.clone() };
        let router = Router::new().fallback(pass).with_state(way);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let kubeconfig = folder.join(format!("recorder-{}", address.port()));
        let config = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "recorded", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "admin", "user": {}}],
            "contexts": [{"name": "recorded", "context": {"cluster": "recorded", "user": "admin"}}],
            "current-context": "recorded",
        });
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        Self { asked, refused, kubeconfig, task }
    }

    /// The file to give to a client.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// From now on requests for this path, without its query, get this status, and a watch of it that is open is cut. None: they are
    /// passed on again.
    pub fn refuse(&self, path: &str, status: Option<u16>) {
        self.refused.send_modify(|refused| match status {
            Some(status) => drop(refused.insert(path.to_owned(), status)),
            None => drop(refused.remove(path)),
        });
    }

    /// All requests that were answered so far.
    #[must_use]
    pub fn all(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those of them that may have changed something.
    #[must_use]
    pub fn writes(&self) -> Vec<Asked> {
        self.all().into_iter().filter(Asked::writes).collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(way): State<Way>, request: Request<Body>) -> Response {
    let (mut parts, body) = request.into_parts();
    let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
    // Of the connection to us, and of a client that has no credentials here.
    for name in ["host", "connection", "content-length", "transfer-encoding", "authorization"] {
        parts.headers.remove(name);
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut refused = way.refused.subscribe();
    let in_force = refused.borrow().get(&path).copied();
    let (status, answer) = match in_force {
        Some(status) => (status, refusal(status)),
        None => match way.client.send(Request::from_parts(parts, body.to_vec().into())).await {
            Ok(answer) => {
                let of = path.clone();
                let cut = async move { drop(refused.wait_for(|refused| refused.contains_key(&of)).await) };
                let passed_on = |body| Body::from_stream(Body::new(body).into_data_stream().take_until(Box::pin(cut)));
                (answer.status().as_u16(), answer.map(passed_on))
            }
            Err(error) => (502, Response::builder().status(502).body(Body::from(error.to_string())).unwrap()),
        },
    };
    way.asked.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { method, path, status });
    answer
}

/// As the API server words it.
fn refusal(status: u16) -> Response {
    let body = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "", "code": status, "message": "refused by the test",
    });
    Response::builder().status(status).header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
}
