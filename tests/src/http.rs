//! A small HTTP client: one request, one answer, over a fresh connection.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::wait::within;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Who asks whom.
#[derive(Debug, Clone)]
pub struct Http {
    address: SocketAddr,
    token: Option<String>,
}

impl Http {
    /// Asks that address, with a token if there is one.
    #[must_use]
    pub fn new(address: SocketAddr, token: Option<&str>) -> Self {
        Self { address, token: token.map(ToOwned::to_owned) }
    }

    /// Sends a request with a JSON body (none if it is `null`).
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("connection", "close");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let bytes = if body.is_null() {
            Bytes::new()
        } else {
            request = request.header("content-type", "application/json");
            serde_json::to_vec(&body)?.into()
        };
        self.exchange(request.body(Full::new(bytes))?).await
    }

    /// Sends a request as it is.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let connecting = async { Ok(TcpStream::connect(self.address).await?) };
        over(within("an HTTP connection", connecting).await?, request).await
    }

    /// GET.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, Value::Null).await
    }

    /// POST.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn post(&self, path: &str, body: Value) -> Result<Answer> {
        self.send(Method::POST, path, body).await
    }

    /// Creates a session in a project; its id.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn create(&self, project: &str) -> Result<String> {
        let body = serde_json::json!({ "projectId": project });
        let answer = self.post("/api/terminal/sessions", body).await?;
        let id = answer.json()["session"]["id"].as_str().map(ToOwned::to_owned);
        id.with_context(|| format!("no session: {} {}", answer.status, answer.text()))
    }

    /// DELETE.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(Method::DELETE, path, Value::Null).await
    }
}

/// Sends a request over a wire that stands, as it is.
///
/// # Errors
/// If there is no answer.
pub async fn over(
    wire: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Full<Bytes>>,
) -> Result<Answer> {
    let exchange = async {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(wire)).await?;
        let asking = async move {
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        // The connection ends by itself once the answer is read; how it ends is the answer's.
        let (answer, _) = tokio::join!(asking, connection);
        answer
    };
    within("an HTTP answer", exchange).await
}
