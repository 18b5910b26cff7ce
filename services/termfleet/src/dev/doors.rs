//! The listeners of `dev`: loopback alone.

use anyhow::{Result, ensure};

use crate::{cli::Usage, config::Server, listen::Doors};

pub(super) async fn open(server: &Server) -> Result<Doors> {
    let clients = server.listen.iter().map(|address| ("--listen", address));
    for (flag, address) in clients.chain([("--admin-listen", &server.admin_listen)]) {
        ensure!(
            address.ip().is_loopback(),
            Usage(format!(
                "{flag} {address}: `dev` gives whoever reaches it a shell of yours, so it listens \
                 on loopback alone (127.0.0.1 or [::1]); to reach it from elsewhere, tunnel the \
                 port (ssh -L)"
            ))
        );
    }
    Doors::open(server).await
}
