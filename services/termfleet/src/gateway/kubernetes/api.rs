//! The API server of Kubernetes, as far as one StatefulSet goes: its size, by the scale subresource,
//! and one annotation on it.
//!
//! Every change names the version that was read, so that of two gateways one is told that it is late.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow, ensure};
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Bytes;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time};

use crate::{cli::Usage, config::Kubernetes, exchange::exchange, tls};

/// How long the API server may take for one answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// On the StatefulSet while it shrinks: how many workers shall be left. It is there and not in a
/// gateway, so that any gateway can bring it to its end.
const SHRINKING: &str = "termfleet.io/scale-down-to";
/// Longest part of an answer that is shown.
const SHOWN: usize = 300;

/// Asks about one StatefulSet, in the name of the gateway's own service account.
pub(in crate::gateway) struct Api {
    host: String,
    port: u16,
    /// The StatefulSet's own path.
    path: String,
    account: PathBuf,
}

/// How the StatefulSet is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatefulSet {
    /// Pods that there shall be.
    pub(super) replicas: u32,
    /// The number of the first one.
    pub(super) first: u32,
    /// While it shrinks: to how many.
    pub(super) shrinking_to: Option<u32>,
    version: String,
}

/// Why there is no answer, or another one than was hoped for.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// Somebody changed it meanwhile: read it again.
    #[error("the StatefulSet was changed meanwhile")]
    Changed,
    /// This gateway may not, or there is no such thing: for whoever installed it.
    #[error("the API server of Kubernetes answers {0}: {1}")]
    Refused(StatusCode, String),
    /// It could not be asked.
    #[error("the API server of Kubernetes: {0:#}")]
    Unreachable(#[from] anyhow::Error),
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
    #[serde(default)]
    annotations: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Spec {
    // The API server fills it in.
    replicas: u32,
    #[serde(default)]
    ordinals: Ordinals,
}

#[derive(Deserialize, Default)]
struct Ordinals {
    #[serde(default)]
    start: u32,
}

impl Api {
    /// The API server that is configured, else the one that every pod is told of.
    ///
    /// # Errors
    /// If there is none, or no service account to ask with.
    pub(in crate::gateway) fn of(kubernetes: &Kubernetes) -> Result<Self> {
        let url = match &kubernetes.api {
            Some(url) => url.clone(),
            None => in_cluster().context(Usage(
                "cluster.pool_driver = \"kubernetes\" is for gateways that run as pods: there is no \
                 KUBERNETES_SERVICE_HOST here. Set cluster.kubernetes_api to reach an API server \
                 from elsewhere"
                    .into(),
            ))?,
        };
        let uri: Uri =
            url.parse().ok().filter(|uri: &Uri| uri.scheme_str() == Some("https")).context(
                Usage(format!("cluster.kubernetes_api: {url:?} is not an https:// URL")),
            )?;
        let authority = uri.authority().context("an authority")?;
        let mut api = Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(443),
            path: String::new(),
            account: kubernetes.account.clone(),
        };
        for file in ["token", "ca.crt"] {
            api.file(file).map_err(|error| anyhow!(Usage(format!("{error:#}"))))?;
        }
        let namespace =
            api.file("namespace").map_err(|error| anyhow!(Usage(format!("{error:#}"))))?;
        api.path = format!(
            "/apis/apps/v1/namespaces/{}/statefulsets/{}",
            namespace.trim(),
            kubernetes.set
        );
        Ok(api)
    }

    /// Reads the StatefulSet.
    pub(super) async fn read(&self) -> Result<StatefulSet, ApiError> {
        let body = self.ask(Method::GET, &self.path, None).await?;
        Ok(parse(&body)?)
    }

    /// Says that it shrinks, to how many, or that it does not any more.
    pub(super) async fn note(
        &self,
        set: &StatefulSet,
        shrinking_to: Option<u32>,
    ) -> Result<StatefulSet, ApiError> {
        let annotation = shrinking_to.map_or(Value::Null, |count| count.to_string().into());
        let patch = json!({"metadata": {
            "resourceVersion": set.version,
            "annotations": {SHRINKING: annotation},
        }});
        let body = self.ask(Method::PATCH, &self.path, Some(&patch)).await?;
        Ok(parse(&body)?)
    }

    /// Changes how many pods there shall be.
    pub(super) async fn scale(&self, set: &StatefulSet, replicas: u32) -> Result<(), ApiError> {
        let patch = json!({
            "metadata": {"resourceVersion": set.version},
            "spec": {"replicas": replicas},
        });
        self.ask(Method::PATCH, &format!("{}/scale", self.path), Some(&patch)).await.map(|_| ())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        patch: Option<&Value>,
    ) -> Result<Bytes, ApiError> {
        let asking = time::timeout(ANSWER_TIME, self.exchange(method, path, patch));
        let (status, body) = asking.await.unwrap_or_else(|_| Err(anyhow!("no answer in time")))?;
        match status {
            status if status.is_success() => Ok(body),
            StatusCode::CONFLICT => Err(ApiError::Changed),
            status if status.is_client_error() => Err(ApiError::Refused(status, message(&body))),
            status => Err(anyhow!("it answers {status}: {}", message(&body)).into()),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        patch: Option<&Value>,
    ) -> Result<(StatusCode, Bytes)> {
        // Both are replaced from time to time.
        let (token, authorities) = (self.file("token")?, self.file("ca.crt")?);
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(self.host.clone())?;
        let stream = tls::only(&authorities)?.connect(name, stream).await?;
        let body = patch.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, format!("{}:{}", self.host, self.port))
            .header(header::AUTHORIZATION, format!("Bearer {}", token.trim()))
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "termfleet")
            .header(header::CONTENT_TYPE, "application/merge-patch+json")
            .body(Full::new(Bytes::from(body)))?;
        exchange(stream, request).await
    }

    fn file(&self, name: &str) -> Result<String> {
        let path = self.account.join(name);
        fs::read_to_string(&path)
            .with_context(|| format!("the service account's {} cannot be read", path.display()))
    }
}

fn parse(body: &[u8]) -> Result<StatefulSet> {
    let object: Object = serde_json::from_slice(body).context("this is no StatefulSet")?;
    let Object { metadata, spec } = object;
    ensure!(!metadata.resource_version.is_empty(), "this StatefulSet has no version");
    let shrinking_to = metadata.annotations.get(SHRINKING).and_then(Value::as_str);
    Ok(StatefulSet {
        replicas: spec.replicas,
        first: spec.ordinals.start,
        shrinking_to: shrinking_to.and_then(|count| count.parse().ok()),
        version: metadata.resource_version,
    })
}

/// What a `Status` object says, for people.
fn message(body: &[u8]) -> String {
    let status: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = status["message"].as_str().unwrap_or("it does not say why");
    text.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// Where every pod finds the API server.
fn in_cluster() -> Option<String> {
    let host = std::env::var("KUBERNETES_SERVICE_HOST").ok().filter(|host| !host.is_empty())?;
    let port = std::env::var("KUBERNETES_SERVICE_PORT").unwrap_or_else(|_| "443".to_owned());
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Some(format!("https://{host}:{port}"))
}

#[cfg(test)]
mod tests {
    //! What of a StatefulSet is read.
    use super::*;

    #[test]
    fn a_stateful_set_is_read() {
        let body = json!({
            "metadata": {"resourceVersion": "7", "annotations": {SHRINKING: "2", "other": "x"}},
            "spec": {"replicas": 5, "ordinals": {"start": 1}, "serviceName": "w"},
        });
        let set = parse(body.to_string().as_bytes()).unwrap();
        let version = "7".to_owned();
        assert_eq!(set, StatefulSet { replicas: 5, first: 1, shrinking_to: Some(2), version });
        let body = json!({"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 0}});
        let set = parse(body.to_string().as_bytes()).unwrap();
        assert_eq!((set.replicas, set.first, set.shrinking_to), (0, 0, None));
    }

    #[test]
    fn anything_else_is_not() {
        for body in ["", "{}", r#"{"metadata":{"resourceVersion":""},"spec":{"replicas":1}}"#] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
