//! An OpenTelemetry collector in the test's own process: it takes spans by OTLP over gRPC.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, transport::Server};

use crate::wait::until;

/// A span as it arrived.
#[derive(Debug, Clone)]
pub struct Span {
    /// The process that sent it: its `service.name`.
    pub service: String,
    /// What it is called.
    pub name: String,
    /// Where in the code it is from.
    pub target: String,
    /// The trace, in hexadecimal digits.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The span that it is in; empty if it is the first.
    pub parent: String,
    /// Everything else that it says, as text.
    pub attributes: Vec<(String, String)>,
}

/// A running collector; it ends when it is dropped.
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
    serving: JoinHandle<()>,
}

impl Collector {
    /// Listens on a free port.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let service = TraceServiceServer::new(Service { spans: spans.clone() });
        let server = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        let serving = TaskTracker::new().spawn(async move {
            // It is aborted with the test; what else could end it is told by what is missing then.
            let _ = server.await;
        });
        Ok(Self { address, spans, serving })
    }

    /// What to tell a process about it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that came so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a span.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn span(&self, what: &str, is: impl Fn(&Span) -> bool) -> Result<Span> {
        until(what, || async { self.spans().into_iter().find(|span| is(span)) }).await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Service {
    spans: Arc<Mutex<Vec<Span>>>,
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes);
            let service = attribute(&attributes.unwrap_or_default(), "service.name");
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let attributes = span.attributes.iter();
                spans.push(Span {
                    service: service.clone(),
                    name: span.name,
                    target: attribute(&span.attributes, "target"),
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    attributes: attributes.map(|kv| (kv.key.clone(), text(&kv.value))).collect(),
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    found.map(|attribute| text(&attribute.value)).unwrap_or_default()
}

fn text(value: &Option<AnyValue>) -> String {
    match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
