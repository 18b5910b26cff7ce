//! One request over HTTP/1.1 on a connection of its own, and its answer.

use anyhow::{Result, anyhow};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// More than any page of sessions needs.
const MAX_ANSWER: usize = 8 << 20;

/// Sends the request, with `connection: close`, and reads the answer; the caller sees to it that
/// this does not take too long.
pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes)> {
    let close = http::HeaderValue::from_static("close");
    request.headers_mut().insert(http::header::CONNECTION, close);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let asking = async move {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|_| anyhow!("the answer is too long or was cut off"))?;
        Ok((parts.status, body.to_bytes()))
    };
    // The connection ends by itself once the answer is read; how it ends is the answer's.
    let (answer, _) = tokio::join!(asking, connection);
    answer
}
