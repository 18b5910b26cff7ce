//! One REST request and its answer, from the first server that can be reached.

use anyhow::{Context, Result, anyhow, bail};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use termfleet_proto::rest::Problem;

use super::target::{Server, Target};
use crate::exchange::exchange;

/// How long an answer may take: the server's own deadlines are shorter.
const ANSWER_TIME: std::time::Duration = std::time::Duration::from_secs(30);

impl Target {
    /// Asks, and reads the answer. `body` is JSON, or empty.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T> {
        let mut last = anyhow!("there is no server to ask");
        for server in &self.servers {
            let stream = match self.connect(server).await {
                Ok(stream) => stream,
                Err(error) => {
                    last = error;
                    continue;
                }
            };
            let asking = self.exchange(server, stream, method.clone(), path, body.clone());
            let (status, answer) = tokio::time::timeout(ANSWER_TIME, asking)
                .await
                .with_context(|| format!("{} does not answer", server.url()))??;
            return read(status, &answer);
        }
        Err(last)
    }

    async fn exchange(
        &self,
        server: &Server,
        stream: Box<dyn super::target::Stream>,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::builder()
            .method(method)
            .uri(server.path(path))
            .header("host", server.authority());
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        exchange(stream, request.body(Full::new(body))?).await
    }
}

fn read<T: DeserializeOwned>(status: StatusCode, answer: &[u8]) -> Result<T> {
    if status.is_success() {
        return serde_json::from_slice(answer).context("this is no Termfleet, or a newer one");
    }
    if status == StatusCode::UNAUTHORIZED {
        bail!(
            "the token is missing, expired or not for this server: `termfleet token` prints one; \
             give it with --token or TERMFLEET_TOKEN"
        );
    }
    match serde_json::from_slice::<Problem>(answer) {
        Ok(problem) if problem.code == termfleet_session::code::Code::SessionNotFound => {
            bail!("there is no such session: `termfleet ls` lists those there are")
        }
        Ok(problem) => bail!("{} ({}): {}", problem.detail, problem.name, problem.advice),
        Err(_) => bail!("the server answers {status}"),
    }
}
