//! The second floor's hop: one bidirectional gRPC stream a terminal, over one HTTP/2 connection that
//! is tuned as the product's.

use std::{convert::Infallible, future, net::SocketAddr, pin::Pin, task};

use anyhow::Result;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::{io::AsyncWriteExt, net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::{io::ReaderStream, task::TaskTracker};
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    codegen::{BoxFuture, http::uri::PathAndQuery},
    server::NamedService,
    transport::{Channel, Endpoint, Server},
};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::{
    shell::{READ_BYTES, Shell},
    socket::Socket,
};

/// As the gateway's windows are.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// More terminals than are ever measured; the library's own bound is 200.
const STREAMS: u32 = 10_000;
/// Messages that may wait for the stream.
const AHEAD: usize = 16;
const TERMINAL: &str = "/termfleet.floor.Floor/Terminal";

/// Bytes of a terminal, in either direction.
#[derive(Clone, PartialEq, prost::Message)]
struct Piece {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
}

/// The way to the worker, for the edge.
#[derive(Clone)]
pub(crate) struct Worker(Channel);

impl Worker {
    pub(crate) async fn connect(worker: SocketAddr) -> Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{worker}"))?
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        Ok(Self(endpoint.connect().await?))
    }

    /// Serves a socket with a stream of its own until either ends.
    pub(crate) async fn converse(self, socket: Socket) -> Result<()> {
        let Socket { mut incoming, mut outgoing } = socket;
        let (sender, queue) = mpsc::channel(AHEAD);
        let mut grpc = tonic::client::Grpc::new(self.0);
        grpc.ready().await?;
        let (path, codec) = (PathAndQuery::from_static(TERMINAL), ProstCodec::default());
        let opening = grpc.streaming(Request::new(ReceiverStream::new(queue)), path, codec);
        let mut pieces: Streaming<Piece> = opening.await?.into_inner();
        let typing = async {
            while let Some(bytes) = incoming.next().await? {
                sender.send(Piece { data: bytes.freeze() }).await?;
            }
            Ok(())
        };
        let printing = async {
            while let Some(Piece { data }) = pieces.message().await? {
                outgoing.send(&data).await?;
            }
            Ok(())
        };
        tokio::select! {
            typed = typing => typed,
            printed = printing => printed,
        }
    }
}

/// Serves edges.
pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    let incoming = TcpListenerStream::new(listener).map(|accepted| {
        let stream = accepted?;
        stream.set_nodelay(true)?;
        Ok::<_, std::io::Error>(stream)
    });
    let mut server = Server::builder().max_concurrent_streams(STREAMS);
    Ok(server.add_service(Floor::default()).serve_with_incoming(incoming).await?)
}

/// The service, written by hand: one method needs no generator.
#[derive(Clone, Default)]
struct Floor(TaskTracker);

impl NamedService for Floor {
    const NAME: &'static str = "termfleet.floor.Floor";
}

impl Service<http::Request<Body>> for Floor {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = Terminal(self.0.clone());
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Piece, Piece>::default());
            Ok(grpc.streaming(method, request).await)
        })
    }
}

struct Terminal(TaskTracker);

impl Service<Request<Streaming<Piece>>> for Terminal {
    type Response = Response<Pin<Box<dyn Stream<Item = Result<Piece, Status>> + Send>>>;
    type Error = Status;
    type Future = future::Ready<Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Status>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Streaming<Piece>>) -> Self::Future {
        let started = Shell::start().map_err(|error| Status::internal(error.to_string()));
        future::ready(started.map(|shell| {
            let Shell { output, mut input, child } = shell;
            let mut typed = request.into_inner();
            self.0.spawn(async move {
                // Killed with the stream.
                let _child = child;
                while let Ok(Some(Piece { data })) = typed.message().await {
                    if input.write_all(&data).await.is_err() {
                        break;
                    }
                }
            });
            let pieces = ReaderStream::with_capacity(output, READ_BYTES);
            let pieces = pieces.map(|read| match read {
                Ok(data) => Ok(Piece { data }),
                Err(error) => Err(Status::aborted(error.to_string())),
            });
            Response::new(Box::pin(pieces) as Pin<Box<_>>)
        }))
    }
}
