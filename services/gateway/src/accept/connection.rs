//! One connection of the client port while it speaks HTTP.

use std::{convert::Infallible, time::Duration};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use crate::{http::Requests, ws};

/// How long a request's head may take, also the first of a connection (`security.md` §4).
const HEADER_TIME: Duration = Duration::from_secs(10);
/// Longest head of a request (`security.md` §4).
const HEADER_BYTES: usize = 16 << 10;
/// How long we go on reading after a last answer: an unread byte would make the kernel answer with
/// a reset, which overtakes the answer.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// What is read at once and thrown away meanwhile.
const LINGER_BYTES: usize = 8 << 10;

/// Answers a connection's requests until it ends, is upgraded, or drains.
pub(super) async fn serve(stream: TcpStream, requests: Requests) {
    if let Err(error) = ws::tune(&stream) {
        tracing::debug!(%error, "a connection was gone before it was served");
        return;
    }
    let (drain, stop) = (requests.server.edge.drain.clone(), requests.server.stop.clone());
    let connection_id = requests.connection_id.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let requests = requests.clone();
        async move { Ok::<_, Infallible>(requests.answer(request).await) }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();

    let served = stop.run_until_cancelled(async {
        tokio::select! {
            served = &mut connection => return served,
            () = drain.draining() => Pin::new(&mut connection).graceful_shutdown(),
        }
        (&mut connection).await
    });
    if let Some(Err(error)) = served.await {
        tracing::debug!(connection = &*connection_id, %error, "a connection ended");
    }
    // An upgraded connection is no longer here.
    if let Some(parts) = connection.into_parts() {
        linger(parts.io.into_inner()).await;
    }
}

/// Ends our half, then reads what still comes until the other half ends too, for a moment.
pub(super) async fn linger(mut stream: TcpStream) {
    let reading = async {
        if stream.shutdown().await.is_err() {
            return;
        }
        let mut thrown_away = [0; LINGER_BYTES];
        while let Ok(1..) = stream.read(&mut thrown_away).await {}
    };
    let _ = time::timeout(LINGER_TIME, reading).await;
}
