//! Echoes text and binary messages through the gateway's own WebSocket guard, so that outside
//! conformance suites and load generators can be run against it. Every path is the same.
//!
//! It shows the whole wiring of a socket: the accept loop, the upgrade, a read task that nothing
//! cancels, and a write loop that batches. It knows no sign-in; it answers whoever calls.

use std::{convert::Infallible, io::Write as _, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Parser;
use http::{Request, Response, header::COOKIE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn, upgrade};
use hyper_util::rt::{TokioIo, TokioTimer};
use termfleet_gateway::ws::{
    self, Ended, Limits, Message, Reader, Reject, Site, Violation, Writer,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_util::task::TaskTracker;

/// Request heads: how large, and how long they may take (`security.md` §4).
const HEADER_BYTES: usize = 16 << 10;
const HEADER_TIME: Duration = Duration::from_secs(10);
/// Messages between a socket's reader and its writer: a full queue holds the client back.
const QUEUED_MESSAGES: usize = 8;

/// What the echo server is told.
#[derive(Debug, Clone, Parser)]
#[command(about = "Echoes WebSocket messages through the gateway's guard")]
pub(crate) struct Options {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9001")]
    pub(crate) listen: SocketAddr,
    /// The longest message, in bytes.
    #[arg(long, default_value_t = Limits::default().message_bytes)]
    pub(crate) max_message_bytes: usize,
    /// The most frames of one message.
    #[arg(long, default_value_t = Limits::default().message_frames)]
    pub(crate) max_fragments: u32,
    /// Answers only to loopback hosts and pages, as the development server does.
    #[arg(long)]
    pub(crate) loopback_only: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    writeln!(std::io::stdout(), "listening {}", listener.local_addr()?)?;
    let limits = Limits {
        message_bytes: options.max_message_bytes,
        message_frames: options.max_fragments,
        ..Limits::default()
    };
    let echo = Echo { limits, site: options.loopback_only.then(Site::loopback) };
    let tasks = TaskTracker::new();
    tokio::select! {
        served = echo.serve(listener, tasks.clone()) => served.context("cannot accept"),
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for Ctrl-C"),
    }
}

/// An echo server.
#[derive(Debug, Clone)]
pub(crate) struct Echo {
    pub(crate) limits: Limits,
    /// Who may call, if not everybody.
    pub(crate) site: Option<Site>,
}

impl Echo {
    /// Accepts connections until accepting fails.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        tasks: TaskTracker,
    ) -> std::io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            tasks.spawn(self.clone().connection(stream, tasks.clone()));
        }
    }

    async fn connection(self, stream: TcpStream, tasks: TaskTracker) {
        if ws::tune(&stream).is_err() {
            return; // It is gone already.
        }
        let service = service_fn(|request| {
            let response = self.answer(request, &tasks);
            async { Ok::<_, Infallible>(response) }
        });
        // What fails here is the client's head or its connection; hyper has answered if it could.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .max_header_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
    }

    fn answer(&self, mut request: Request<Incoming>, tasks: &TaskTracker) -> Response<Full<Bytes>> {
        // Nobody signs in here, so any cookie stands for a sign-in by cookie.
        let by_cookie = request.headers().contains_key(COOKIE);
        let known = self.site.as_ref().map_or(Ok(()), |site| site.check(&request, by_cookie));
        match known.and_then(|()| ws::check(&request)) {
            Ok(accepted) => {
                let protocol = accepted.protocols.first().map(String::as_str);
                let response = accepted.response(protocol).map(|()| Full::default());
                let upgrade = upgrade::on(&mut request);
                tasks.spawn(socket(upgrade, self.limits, tasks.clone()));
                response
            }
            Err(reject) => refused(reject),
        }
    }
}

fn refused(reject: Reject) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{reject}\n")));
    *response.status_mut() = reject.status();
    response.headers_mut().extend(reject.header());
    response
}

/// What the reader tells the writer.
enum Said {
    Message(Message),
    Violation(Violation),
}

async fn socket(upgrade: upgrade::OnUpgrade, limits: Limits, tasks: TaskTracker) {
    let Ok((reader, writer)) = ws::open(upgrade, limits).await else { return };
    let (said, heard) = mpsc::channel(QUEUED_MESSAGES);
    tasks.spawn(read(reader, said));
    // A socket that cannot be written to is dropped; the reader sees that its channel is closed.
    let _ = write(writer, heard).await;
}

/// The one task that reads, to the end of the stream.
async fn read(mut reader: Reader, said: mpsc::Sender<Said>) {
    loop {
        let (next, last) = match reader.next().await {
            Ok(message @ Message::Close(_)) => (Said::Message(message), true),
            // Pongs are due at the writer already.
            Ok(Message::Ping(_) | Message::Pong(_)) => continue,
            Ok(message) => (Said::Message(message), false),
            Err(Ended::Violation(violation)) => (Said::Violation(violation), true),
            Err(Ended::Lost(_)) => return,
        };
        if said.send(next).await.is_err() || last {
            break;
        }
    }
    drop(said);
    reader.linger().await;
}

async fn write(mut writer: Writer, mut heard: mpsc::Receiver<Said>) -> Result<(), ws::WriteError> {
    let mut batch = Vec::with_capacity(QUEUED_MESSAGES);
    loop {
        let received = tokio::select! {
            received = heard.recv_many(&mut batch, QUEUED_MESSAGES) => Some(received),
            () = writer.ping_heard() => None,
        };
        if received == Some(0) {
            return Ok(());
        }
        for said in batch.drain(..) {
            match said {
                Said::Message(Message::Text(text)) => writer.queue_text(&text),
                Said::Message(Message::Binary(payload)) => writer.queue_binary(&[], payload),
                Said::Message(Message::Ping(_) | Message::Pong(_)) => {}
                Said::Message(Message::Close(close)) => {
                    writer.queue_close(close.code, &close.reason);
                    return writer.finish().await;
                }
                Said::Violation(violation) => {
                    writer.queue_close(Some(violation.code), violation.reason);
                    return writer.finish().await;
                }
            }
            if writer.queued() >= ws::BATCH_BYTES {
                writer.flush().await?;
            }
        }
        writer.flush().await?;
    }
}
