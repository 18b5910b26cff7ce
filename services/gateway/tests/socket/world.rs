//! A gateway, its scripted worker, and clients of it.

use std::{sync::Arc, time::Duration};

use termfleet_gateway::{
    config::{self, Limits},
    upstream::{WorkerEndpoint, tuned},
};
use termfleet_session::{
    ids::{Epoch, SessionId, Tag, TenantId},
    limits::DEFAULT_SIZE,
    record::{Counters, Mode, Session},
    role::Role,
    state::Status,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    time,
};
use tokio_websockets::{ClientBuilder, MaybeTlsStream};
use tonic::transport::Endpoint;

use crate::{
    client::Client,
    harness::{DEADLINE, Server, Setup, owner},
    worker::Fake,
};

/// A gateway with a worker.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) worker: Fake,
    /// The address of the worker.
    pub(crate) uri: String,
}

impl World {
    /// Everybody is `dev`.
    pub(crate) async fn open() -> Self {
        Self::start(Setup::without_auth()).await
    }

    /// Tokens are checked.
    pub(crate) async fn guarded() -> Self {
        Self::start(Setup::with_auth()).await
    }

    /// Everybody is `dev`, with other limits.
    pub(crate) async fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        Self::start(Setup::without_auth().limits(change)).await
    }

    /// Everybody is `dev`, and what is new is focused.
    pub(crate) async fn focusing_new() -> Self {
        let focus = config::Focus { auto_focus_new: true, ..config::Focus::default() };
        Self::start(Setup { focus, ..Setup::without_auth() }).await
    }

    /// Everybody is `dev`, and has this long to go when it drains.
    pub(crate) async fn draining_within(drain_deadline: Duration) -> Self {
        Self::start(Setup { drain_deadline, ..Setup::without_auth() }).await
    }

    /// Everybody is `dev`, and focused sessions are measured this often.
    pub(crate) async fn measuring_every(sample_interval: Duration) -> Self {
        Self::start(Setup { sample_interval, ..Setup::without_auth() }).await
    }

    pub(crate) async fn start(setup: Setup) -> Self {
        let worker = Fake::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        worker.serve(Arc::clone(&setup.store), listener);
        Self::at(setup, worker, uri).await
    }

    /// Another gateway with the same worker and store.
    pub(crate) async fn second_gateway(&self) -> Self {
        let setup = Setup { store: Arc::clone(&self.server.store), ..Setup::without_auth() };
        Self::at(setup, self.worker.clone(), self.uri.clone()).await
    }

    async fn at(mut setup: Setup, worker: Fake, uri: String) -> Self {
        let channel = tuned(Endpoint::from_shared(uri.clone()).unwrap()).connect_lazy();
        setup.workers.push(WorkerEndpoint { id: "worker".parse().unwrap(), channel });
        let server = setup.start().await;
        let mut standing = server.edge.upstream.standing();
        time::timeout(DEADLINE, standing.wait_for(|stands| *stands)).await.unwrap().unwrap();
        Self { server, worker, uri }
    }

    /// A session of `dev`.
    pub(crate) async fn session(&self) -> String {
        self.server.session("~dev", "dev", "p").await.id.to_string()
    }

    /// A session of `ann`.
    pub(crate) async fn session_of_ann(&self) -> String {
        self.server.session("~ann", "ann", "p").await.id.to_string()
    }

    /// A client whose upgrade brings no token.
    pub(crate) async fn client(&self, target: &str, protocol: &str) -> Client {
        self.client_with(target, protocol, None).await
    }

    /// A client of `termfleet.v1` that is welcome, on the shared endpoint.
    pub(crate) async fn canonical(&self) -> Client {
        let mut client = self.client("/terminal", "termfleet.v1").await;
        client.say(r#"{"type":"handshake","client":{"name":"test"}}"#).await;
        client.json("welcome").await;
        client
    }

    /// The same, whose kernel takes little that is not read.
    pub(crate) async fn canonical_with_receive_buffer(
        &self,
        bytes: u32,
        handshake: &str,
    ) -> Client {
        let stream = TcpSocket::new_v4().unwrap();
        stream.set_recv_buffer_size(bytes).unwrap();
        let stream = stream.connect(self.server.address).await.unwrap();
        let uri = format!("ws://{}/terminal", self.server.address).parse().unwrap();
        let (name, protocol) = (http::header::SEC_WEBSOCKET_PROTOCOL, "termfleet.v1");
        let builder = ClientBuilder::from_uri(uri).add_header(name, protocol.parse().unwrap());
        let builder = builder.unwrap();
        let (socket, _) = builder.connect_on(MaybeTlsStream::Plain(stream)).await.unwrap();
        let mut client = Client::new(socket);
        client.say(handshake).await;
        client.json("welcome").await;
        client
    }

    /// The same as somebody.
    pub(crate) async fn canonical_as(&self, user: &str, role: Role) -> Client {
        let token = self.server.token(user, None, role);
        let mut client = self.client_with("/terminal", "termfleet.v1", Some(&token)).await;
        client.say(r#"{"type":"handshake"}"#).await;
        client.json("welcome").await;
        client
    }

    pub(crate) async fn client_with(
        &self,
        target: &str,
        protocol: &str,
        token: Option<&str>,
    ) -> Client {
        let uri = format!("ws://{}{target}", self.server.address).parse().unwrap();
        let mut builder = ClientBuilder::from_uri(uri);
        let protocol = protocol.parse().unwrap();
        builder = builder.add_header(http::header::SEC_WEBSOCKET_PROTOCOL, protocol).unwrap();
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().unwrap();
            builder = builder.add_header(http::header::AUTHORIZATION, value).unwrap();
        }
        let (socket, _) = builder.connect().await.unwrap();
        Client::new(socket)
    }
}

/// A record as a worker commits it; the id is a new one.
pub(crate) fn record(tenant: &str, user: &str, project: &str) -> Session {
    let tenant: TenantId = tenant.parse().unwrap();
    let project = project.parse().unwrap();
    let mut random = [0; 16];
    getrandom::fill(&mut random).unwrap();
    let now = jiff::Timestamp::now();
    Session {
        id: SessionId::new(&Tag::of(&tenant, &project), random),
        tenant,
        project,
        user: user.parse().unwrap(),
        alias: None,
        owner: Some(owner()),
        epoch: Epoch::new(1),
        status: Status::Active,
        mode: Mode::Normal,
        tab_name: "bash".to_owned(),
        layout: None,
        theme: None,
        labels: Default::default(),
        shell: "/bin/bash".to_owned(),
        current_path: "/tmp".to_owned(),
        environment: Default::default(),
        size: DEFAULT_SIZE,
        process_id: Some(7),
        created_at: now,
        updated_at: now,
        last_activity_at: now,
        suspended_at: None,
        counters: Counters::default(),
        exit: None,
        ended_by: None,
    }
}

/// Waits until something is so: looked at every few milliseconds, up to the deadline.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let waiting = async {
        while !so() {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    let ended = time::timeout(DEADLINE, waiting).await;
    assert!(ended.is_ok(), "{what} did not come to be");
}
