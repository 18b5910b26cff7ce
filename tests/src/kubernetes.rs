//! As much of the API server of Kubernetes as one StatefulSet needs, over TLS, in the test's own
//! process: reading it, merge patches of its metadata, and its scale subresource, all with optimistic
//! locks as the real one has them. What a kubelet would do with its pods is the test's to do.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::{home::Home, openssl::self_signed};

/// The token of the service account.
const TOKEN: &str = "the-gateways-own";
/// The only StatefulSet there is.
const PATH: &str = "/apis/apps/v1/namespaces/terminals/statefulsets/worker";

/// A running API server; it ends when it is dropped.
pub struct ApiServer {
    address: SocketAddr,
    account: PathBuf,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

struct State {
    version: u64,
    replicas: u64,
    annotations: Map<String, Value>,
    /// Patches of the size, in their order.
    scaled: Vec<u64>,
    forbids: bool,
    /// How many patches come too late.
    conflicts: u32,
}

impl ApiServer {
    /// Starts with a StatefulSet `worker` of so many pods, the first of which is `worker-1`.
    ///
    /// # Errors
    /// If there is no certificate or port for it.
    pub async fn start(home: &Home, replicas: u64) -> Result<Self> {
        let account = home.folder("account")?;
        let (key, certificate) = (account.join("ca.key"), account.join("ca.crt"));
        self_signed(&key, &certificate).await?;
        std::fs::write(account.join("token"), TOKEN)?;
        std::fs::write(account.join("namespace"), "terminals")?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(&certificate)?],
                PrivateKeyDer::from_pem_file(&key)?,
            )?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = State {
            version: 1,
            replicas,
            annotations: Map::new(),
            scaled: Vec::new(),
            forbids: false,
            conflicts: 0,
        };
        let state = Arc::new(Mutex::new(state));
        let serving = TaskTracker::new().spawn(serve(listener, tls.into(), state.clone()));
        Ok(Self { address, account, state, serving })
    }

    /// What a gateway's `[cluster]` section says of it.
    #[must_use]
    pub fn config(&self) -> String {
        format!(
            "pool_driver = \"kubernetes\"\nkubernetes_set = \"worker\"\n\
             kubernetes_api = \"https://{}\"\nkubernetes_account = {:?}\n",
            self.address, self.account
        )
    }

    /// How many pods there shall be.
    #[must_use]
    pub fn replicas(&self) -> u64 {
        lock(&self.state).replicas
    }

    /// Every size that was asked for by the scale subresource.
    #[must_use]
    pub fn scaled(&self) -> Vec<u64> {
        lock(&self.state).scaled.clone()
    }

    /// What is noted on the StatefulSet.
    #[must_use]
    pub fn annotations(&self) -> Map<String, Value> {
        lock(&self.state).annotations.clone()
    }

    /// The service account loses its rights, or has them again.
    pub fn forbid(&self, forbids: bool) {
        lock(&self.state).forbids = forbids;
    }

    /// So many patches from now on find that somebody else was faster.
    pub fn conflict(&self, times: u32) {
        lock(&self.state).conflicts = times;
    }

    /// Somebody else changes the size, as `kubectl scale` does.
    pub fn change(&self, replicas: u64) {
        let mut state = lock(&self.state);
        state.replicas = replicas;
        state.version += 1;
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, state: Arc<Mutex<State>>) {
    let (tls, tasks) = (TlsAcceptor::from(tls), TaskTracker::new());
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), state.clone());
        tasks.spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let service = service_fn(move |request| answer(request, state.clone()));
            // A client that leaves is told by what the test misses then.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (status, answer) = lock(&state).answer(&head, &body);
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    *response.status_mut() = status;
    Ok(response)
}

impl State {
    fn answer(&mut self, head: &http::request::Parts, body: &[u8]) -> (StatusCode, Value) {
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        if header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return failure(StatusCode::UNAUTHORIZED, "Unauthorized");
        }
        if self.forbids {
            return failure(StatusCode::FORBIDDEN, "statefulsets.apps \"worker\" is forbidden");
        }
        let path = head.uri.path();
        if head.method == Method::GET && path == PATH {
            return (StatusCode::OK, self.object());
        }
        if head.method != Method::PATCH {
            return failure(StatusCode::METHOD_NOT_ALLOWED, "no such method");
        }
        if header("content-type") != Some("application/merge-patch+json") {
            return failure(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only merge patches are known");
        }
        let Ok(patch) = serde_json::from_slice::<Value>(body) else {
            return failure(StatusCode::BAD_REQUEST, "no JSON");
        };
        let read = patch["metadata"]["resourceVersion"].as_str().and_then(|read| read.parse().ok());
        if read != Some(self.version) || self.conflicts > 0 {
            self.conflicts = self.conflicts.saturating_sub(1);
            return failure(StatusCode::CONFLICT, "the object has been modified");
        }
        match path.strip_prefix(PATH) {
            Some("") => self.annotate(&patch["metadata"]["annotations"]),
            Some("/scale") => self.scale(&patch["spec"]["replicas"]),
            _ => failure(StatusCode::NOT_FOUND, "statefulsets.apps not found"),
        }
    }

    fn annotate(&mut self, changes: &Value) -> (StatusCode, Value) {
        for (key, value) in changes.as_object().into_iter().flatten() {
            match value {
                Value::Null => _ = self.annotations.remove(key),
                // As the real one: annotations are text.
                Value::String(_) => _ = self.annotations.insert(key.clone(), value.clone()),
                _ => return failure(StatusCode::BAD_REQUEST, "an annotation is text"),
            }
        }
        self.version += 1;
        (StatusCode::OK, self.object())
    }

    fn scale(&mut self, replicas: &Value) -> (StatusCode, Value) {
        let Some(replicas) = replicas.as_u64() else {
            return failure(StatusCode::UNPROCESSABLE_ENTITY, "spec.replicas: must be a number");
        };
        self.replicas = replicas;
        self.scaled.push(replicas);
        self.version += 1;
        let scale = json!({
            "kind": "Scale",
            "metadata": {"name": "worker", "resourceVersion": self.version.to_string()},
            "spec": {"replicas": replicas},
        });
        (StatusCode::OK, scale)
    }

    fn object(&self) -> Value {
        json!({
            "kind": "StatefulSet",
            "metadata": {
                "name": "worker",
                "resourceVersion": self.version.to_string(),
                "annotations": self.annotations,
            },
            "spec": {"replicas": self.replicas, "ordinals": {"start": 1}},
        })
    }
}

fn failure(status: StatusCode, message: &str) -> (StatusCode, Value) {
    (status, json!({"kind": "Status", "status": "Failure", "message": message}))
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Every change leaves it whole.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
