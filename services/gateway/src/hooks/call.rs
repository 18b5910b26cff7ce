//! One call of a webhook: a POST on a connection of its own, and the beginning of its answer.

use std::{io, str::FromStr};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

/// The header of the signature.
const SIGNATURE: &str = "termfleet-signature";
/// More of an answer than a message needs; a longer one is as good as none.
const MAX_ANSWER: usize = 16 << 10;

/// Where a webhook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Over TLS?
    pub secure: bool,
    host: String,
    port: u16,
    /// As the Host header has it.
    authority: String,
    path: String,
}

/// A text that is not the URL of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an http:// or https:// URL without a user name")]
pub struct InvalidEndpoint;

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let uri: Uri = text.parse().map_err(|_| InvalidEndpoint)?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(InvalidEndpoint),
        };
        let authority = uri.authority().ok_or(InvalidEndpoint)?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(InvalidEndpoint);
        }
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { secure, host, port, authority: authority.to_string(), path })
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("no connection: {0}")]
    Connect(#[source] io::Error),
    #[error("no exchange: {0}")]
    Exchange(#[source] hyper::Error),
    #[error("the answer is too long or was cut off")]
    Body,
    #[error("the request cannot be written: {0}")]
    Request(#[source] http::Error),
    #[error("not in time")]
    Late,
}

/// What a webhook answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Sends a signed body; the caller sees to it that it does not take too long.
pub(super) async fn post(
    endpoint: &Endpoint,
    tls: Option<&TlsConnector>,
    signature: &str,
    body: &str,
) -> Result<Answer, NoAnswer> {
    let wire = dial(endpoint, tls).await.map_err(NoAnswer::Connect)?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(&endpoint.path)
        .header(header::HOST, &endpoint.authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "termfleet")
        .header(header::CONNECTION, "close")
        .header(SIGNATURE, signature)
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .map_err(NoAnswer::Request)?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(wire)).await.map_err(NoAnswer::Exchange)?;
    let asking = async move {
        let answer = sender.send_request(request).await.map_err(NoAnswer::Exchange)?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|_| NoAnswer::Body)?;
        Ok(Answer { status: parts.status, body: body.to_bytes() })
    };
    // The connection ends by itself once the answer is read; how it ends is the answer's.
    let (answer, _) = tokio::join!(asking, connection);
    answer
}

async fn dial(endpoint: &Endpoint, tls: Option<&TlsConnector>) -> io::Result<Box<dyn Wire>> {
    let Endpoint { secure, host, port, .. } = endpoint;
    let stream = TcpStream::connect((host.as_str(), *port)).await?;
    stream.set_nodelay(true)?;
    match (secure, tls) {
        (false, _) => Ok(Box::new(stream)),
        (true, Some(tls)) => {
            let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
            Ok(Box::new(tls.connect(name, stream).await?))
        }
        (true, None) => Err(io::Error::other("no certificates are trusted")),
    }
}
