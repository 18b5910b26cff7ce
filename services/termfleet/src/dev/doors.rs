//! The listeners of `dev`: loopback alone, and a clear word when a port is in use.

use std::{io::ErrorKind, net::SocketAddr};

use anyhow::{Context, Result, anyhow, ensure};
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

pub(crate) async fn open(server: &Server) -> Result<Doors> {
    let mut clients = Vec::new();
    for address in &server.listen {
        clients.push(listen("--listen", *address).await?);
    }
    let admin = listen("--admin-listen", server.admin_listen).await?;
    let first = clients.first().context("there is a client port")?.local_addr()?;
    let urls = Urls {
        client: format!("http://{first}"),
        admin: format!("http://{}", admin.local_addr()?),
    };
    Ok(Doors { clients, admin, urls })
}

async fn listen(flag: &str, address: SocketAddr) -> Result<TcpListener> {
    ensure!(
        address.ip().is_loopback(),
        Usage(format!(
            "{flag} {address}: `dev` gives whoever reaches it a shell of yours, so it listens on \
             loopback alone (127.0.0.1 or [::1]); to reach it from elsewhere, tunnel the port (ssh -L)"
        ))
    );
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow!(
            "{address} is in use, perhaps by another `termfleet dev`: stop that, or choose another \
             port with {flag} (port 0 takes a free one)"
        ),
        _ => anyhow!(error).context(format!("cannot listen on {address} ({flag})")),
    })
}
