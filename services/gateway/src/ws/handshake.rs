//! The upgrade request: what it must be, and the answer to a good one.
//!
//! Nothing is read here but the head. Who the client is, and whether its Host and Origin are
//! known (`site`), is asked elsewhere; no extension is ever negotiated.

use data_encoding::BASE64;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{
        ALLOW, CONNECTION, CONTENT_LENGTH, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
    },
};
use sha1::{Digest, Sha1};
use termfleet_session::code::Code;

/// What is hashed behind the client's key (RFC 6455 §1.3).
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Length of a decoded key.
const KEY_BYTES: usize = 16;
/// The only version there is.
const SUPPORTED: HeaderValue = HeaderValue::from_static("13");

/// Why a request is refused before anybody asks who sent it. The text is safe for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// Not a GET.
    #[error("a WebSocket is opened with GET")]
    Method,
    /// Not HTTP/1.1.
    #[error("a WebSocket needs HTTP/1.1")]
    HttpVersion,
    /// A body or the promise of one.
    #[error("a WebSocket request has no body")]
    Body,
    /// No Host header, several, or one that is not a host.
    #[error("exactly one valid Host header is needed")]
    Host,
    /// No `Upgrade: websocket`.
    #[error("this address speaks WebSocket: send Upgrade: websocket")]
    Upgrade,
    /// No `Connection: Upgrade`.
    #[error("send Connection: Upgrade")]
    Connection,
    /// No Sec-WebSocket-Key, several, or not 16 bytes in base64.
    #[error("Sec-WebSocket-Key must be 16 bytes in base64")]
    Key,
    /// Not version 13.
    #[error("only version 13 of WebSocket is spoken here")]
    SocketVersion,
    /// A subprotocol list that is not a list of tokens.
    #[error("Sec-WebSocket-Protocol must be a list of different tokens")]
    Protocols,
    /// A Host that is not ours.
    #[error("this server does not answer for that host")]
    ForeignHost,
    /// An Origin that may not speak to us.
    #[error("requests from that origin are not accepted")]
    ForeignOrigin,
}

impl Reject {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::SocketVersion => StatusCode::UPGRADE_REQUIRED,
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::HttpVersion
            | Self::Body
            | Self::Host
            | Self::Upgrade
            | Self::Connection
            | Self::Key
            | Self::Protocols => StatusCode::BAD_REQUEST,
        }
    }

    /// The code of the refusal.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::ForeignHost | Self::ForeignOrigin => Code::ConnectionRejected,
            _ => Code::BadMessage,
        }
    }

    /// The header that belongs to the answer, if one does.
    #[must_use]
    pub fn header(self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Method => Some((ALLOW, HeaderValue::from_static("GET"))),
            Self::SocketVersion => Some((SEC_WEBSOCKET_VERSION, SUPPORTED)),
            _ => None,
        }
    }
}

/// A good upgrade request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    accept: String,
    /// The subprotocols offered, in the client's order.
    pub protocols: Vec<String>,
}

impl Upgrade {
    /// The 101 that switches, with the chosen subprotocol (a token) echoed.
    #[must_use]
    pub fn response(&self, protocol: Option<&str>) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        // Base64 and tokens are always valid header values.
        for (name, value) in
            [(SEC_WEBSOCKET_ACCEPT, Some(&*self.accept)), (SEC_WEBSOCKET_PROTOCOL, protocol)]
        {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// Checks the head of an upgrade request.
///
/// # Errors
/// [`Reject`], the first rule that it breaks.
pub fn check<B>(request: &Request<B>) -> Result<Upgrade, Reject> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(Reject::Method);
    }
    if request.version() != Version::HTTP_11 {
        return Err(Reject::HttpVersion);
    }
    if single(headers, &HOST).is_none() {
        return Err(Reject::Host);
    }
    if has_body(headers) {
        return Err(Reject::Body);
    }
    if !list(headers, &UPGRADE).any(|entry| entry.eq_ignore_ascii_case("websocket")) {
        return Err(Reject::Upgrade);
    }
    if !list(headers, &CONNECTION).any(|entry| entry.eq_ignore_ascii_case("upgrade")) {
        return Err(Reject::Connection);
    }
    if single(headers, &SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(Reject::SocketVersion);
    }
    let key = single(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_key(key)).ok_or(Reject::Key)?;
    Ok(Upgrade { accept: accept(key), protocols: protocols(headers)? })
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|length| length.as_bytes() != b"0")
}

fn is_key(key: &str) -> bool {
    BASE64.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == KEY_BYTES)
}

fn accept(key: &str) -> String {
    let hash = Sha1::new().chain_update(key.as_bytes()).chain_update(ACCEPT_GUID).finalize();
    BASE64.encode(&hash)
}

fn protocols(headers: &HeaderMap) -> Result<Vec<String>, Reject> {
    let mut protocols: Vec<String> = Vec::new();
    if headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().any(|value| value.to_str().is_err()) {
        return Err(Reject::Protocols);
    }
    for entry in list(headers, &SEC_WEBSOCKET_PROTOCOL) {
        if !entry.bytes().all(is_token) || protocols.iter().any(|known| known == entry) {
            return Err(Reject::Protocols);
        }
        protocols.push(entry.to_owned());
    }
    Ok(protocols)
}

/// A character of a token (RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The value of a header that must stand there exactly once.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// The entries of a header that is a list, over all its lines; empty ones do not count.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests;
