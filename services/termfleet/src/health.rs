//! `termfleet health`: asks an admin port's `/readyz`; for probes and scripts.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::cli::{self, Usage};

/// More than any readiness answer needs.
const MAX_ANSWER: usize = 64 << 10;

pub(crate) fn run(options: &cli::Health) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let patience = Duration::from_millis(options.timeout);
    let (status, body) = runtime
        .block_on(async { tokio::time::timeout(patience, ask(&options.admin)).await })
        .with_context(|| format!("{} did not answer in {} ms", options.admin, options.timeout))??;
    println!("{body}");
    if status != StatusCode::OK {
        bail!("not ready");
    }
    Ok(())
}

async fn ask(admin: &str) -> Result<(StatusCode, String)> {
    let address = admin.strip_prefix("http://").unwrap_or(admin).trim_end_matches('/');
    let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    ensure!(
        matches!(port, Some(Ok(_))),
        Usage(format!("--admin {admin}: not the address of an admin port (as in 127.0.0.1:9464)"))
    );
    let stream = TcpStream::connect(address).await.with_context(|| {
        format!("nothing answers at {address}: start `termfleet dev`, or name its admin port with --admin")
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get("/readyz")
        .header("host", address)
        .header("connection", "close")
        .body(Empty::<Bytes>::new())?;
    let asking = async move {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|_| anyhow::anyhow!("the answer is not a readiness report"))?;
        Ok((parts.status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    // The connection ends by itself once the answer is read; how it ends is the answer's.
    let (answer, _) = tokio::join!(asking, connection);
    answer
}
