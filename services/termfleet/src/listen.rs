//! Listeners, with a clear word when an address cannot be had.

use std::{io::ErrorKind, net::SocketAddr};

use anyhow::{Result, anyhow};
use tokio::net::TcpListener;

use crate::{cli::Usage, config::Server};

/// Where clients and the admin reach this process.
pub(crate) struct Doors {
    /// Client ports.
    pub(crate) clients: Vec<TcpListener>,
    /// The admin port.
    pub(crate) admin: TcpListener,
    /// What to call them.
    pub(crate) urls: Urls,
}

/// The URLs of the first client port and of the admin port, without a path.
pub(crate) struct Urls {
    /// Of the first client port.
    pub(crate) client: String,
    /// Of the admin port.
    pub(crate) admin: String,
}

impl Doors {
    /// Opens the client ports and the admin port.
    pub(crate) async fn open(server: &Server) -> Result<Self> {
        let mut clients = Vec::new();
        for address in &server.listen {
            clients.push(listen("--listen", *address).await?);
        }
        let admin = listen("--admin-listen", server.admin_listen).await?;
        let first = clients.first().ok_or_else(|| anyhow!("there is no client port"))?;
        let urls = Urls {
            client: format!("http://{}", first.local_addr()?),
            admin: format!("http://{}", admin.local_addr()?),
        };
        Ok(Self { clients, admin, urls })
    }
}

/// Listens on an address that this flag, or a setting in its place, gave.
pub(crate) async fn listen(flag: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow!(Usage(format!(
            "{address} is in use, perhaps by another termfleet: stop that, or choose another port \
             with {flag} (port 0 takes a free one)"
        ))),
        _ => anyhow!(error).context(format!("cannot listen on {address} ({flag})")),
    })
}
