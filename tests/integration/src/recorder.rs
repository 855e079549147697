//! A way to the API server that notes what is asked, so that a test can tell which requests one operator made.
//!
//! It stands on loopback, passes everything on as the administrator, watches included, and keeps method, path and status of
//! each request; no body is kept, since it may hold secrets. A client comes through it by [`Recorder::kubeconfig`].
use axum::{Router, body::Body, extract::State, http::Request, response::Response};
use kube::Client;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::task::JoinHandle;

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
    kubeconfig: PathBuf,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Way {
    client: Client,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Recorder {
    pub(crate) async fn start(client: Client, folder: &Path) -> Self {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(pass).with_state(Way { client, asked: Arc::clone(&asked) });
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
        Self { asked, kubeconfig, task }
    }

    /// The file to give to a client.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
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
    let answer = way.client.send(Request::from_parts(parts, body.to_vec().into())).await;
    let (status, answer) = match answer {
        Ok(answer) => (answer.status().as_u16(), answer.map(Body::new)),
        Err(error) => (502, Response::builder().status(502).body(Body::from(error.to_string())).unwrap()),
    };
    way.asked.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { method, path, status });
    answer
}
