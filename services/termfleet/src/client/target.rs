//! Which server, and who asks: from flags, variables, or what `dev` wrote for the same user.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, anyhow};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{
    cli::{Server as Options, Usage},
    state::StateDir,
    tls,
};

/// How long a connection may take to stand: beyond it the next server is tried.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// A connection, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Which servers to ask, and with which token.
#[derive(Clone)]
pub(super) struct Target {
    /// At least one; tried in turn.
    pub(super) servers: Vec<Server>,
    /// Who asks.
    pub(super) token: Option<String>,
    tls: Option<TlsConnector>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    secure: bool,
    host: String,
    port: u16,
    /// What stands before every path: empty, or as in `https://example.org/terminals`.
    prefix: String,
}

impl Target {
    /// Reads what the command line says.
    pub(super) fn of(options: &Options) -> Result<Self> {
        let urls = match &options.url {
            Some(urls) => urls.clone(),
            None => StateDir::open(&options.state)?.read_url().context(Usage(
                "no server: start `termfleet dev`, or name one with --url or TERMFLEET_URL".into(),
            ))?,
        };
        let (mut servers, mut in_url) = (Vec::new(), None);
        for url in urls.split(',').map(str::trim).filter(|url| !url.is_empty()) {
            let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
            in_url = in_url.or(fragment.strip_prefix("token=").map(str::to_owned));
            servers.push(Server::parse(url).ok_or_else(|| {
                anyhow!(Usage(format!("{url:?} is not the URL of a server, as http://HOST:4001")))
            })?);
        }
        if servers.is_empty() {
            return Err(Usage("--url names no server".into()).into());
        }
        let token = match (&options.token, &options.token_file) {
            (Some(token), _) => Some(token.trim().to_owned()),
            (None, Some(path)) => Some(read(path)?.trim().to_owned()),
            (None, None) => in_url,
        };
        let secure = servers.iter().any(|server| server.secure);
        let tls = if secure { Some(connector(options.ca.as_deref())?) } else { None };
        Ok(Self { servers, token, tls })
    }

    /// Connects to one of the servers.
    pub(super) async fn connect(&self, server: &Server) -> Result<Box<dyn Stream>> {
        tokio::time::timeout(CONNECT_TIME, self.dial(server))
            .await
            .map_err(|_| anyhow!("{} does not answer", server.url()))?
    }

    async fn dial(&self, server: &Server) -> Result<Box<dyn Stream>> {
        let Server { host, port, .. } = server;
        let name = host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((name, *port)).await.with_context(|| {
            format!("no server answers at {} (another is named with --url)", server.url())
        })?;
        stream.set_nodelay(true)?;
        match &self.tls {
            Some(tls) if server.secure => {
                let name = ServerName::try_from(name.to_owned())?;
                let stream = tls.connect(name, stream).await.with_context(|| {
                    format!("{} cannot be trusted (--ca FILE adds a certificate)", server.url())
                })?;
                Ok(Box::new(stream))
            }
            _ => Ok(Box::new(stream)),
        }
    }
}

impl Server {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let secure = match scheme {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority: http::uri::Authority = authority.parse().ok()?;
        let known = if secure { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(known);
        let prefix = path.trim_end_matches('/').to_owned();
        Some(Self { secure, host: authority.host().to_owned(), port, prefix })
    }

    /// Its URL, for people.
    pub(super) fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority(), self.prefix)
    }

    /// The URL of its WebSocket.
    pub(super) fn socket_url(&self) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        format!("{scheme}://{}{}/terminal", self.authority(), self.prefix)
    }

    /// The Host header.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A path on it.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}/api/terminal{path}", self.prefix)
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| anyhow!(Usage(format!("{} cannot be read: {error}", path.display()))))
}

/// Trusts what the system trusts, and these certificates.
fn connector(ca: Option<&Path>) -> Result<TlsConnector> {
    let pem = ca.map(read).transpose()?;
    tls::connector(pem.as_deref()).map_err(|error| match ca {
        Some(path) => anyhow!(Usage(format!("--ca {}: {error}", path.display()))),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    //! URLs as people write them.
    use super::Server;

    #[test]
    fn urls_of_servers_are_read() {
        for (url, shown) in [
            ("http://127.0.0.1:4001/", "http://127.0.0.1:4001"),
            ("https://example.org", "https://example.org:443"),
            ("wss://example.org/terminals/", "https://example.org:443/terminals"),
            ("ws://[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(Server::parse(url).map(|server| server.url()), Some(shown.to_owned()));
        }
        for url in ["example.org", "ftp://example.org", "http://", "http://a b"] {
            assert_eq!(Server::parse(url), None, "{url}");
        }
    }
}
