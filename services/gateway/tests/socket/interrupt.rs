//! An interrupt bites at once: of what a program printed, only what had left already is still shown.

use termfleet_proto::ws::frame::{Reason, ServerFrame};
use termfleet_session::limits::MAX_WINDOW_BYTES;

use crate::{
    client::{Client, Got},
    world::{World, until},
};

/// What a socket holds that is read from no more: 128 KiB that the kernel has not sent, a batch of
/// the writer with the frame that reaches over its end, what the client's kernel takes, and one
/// segment of the loopback device.
const ON_THE_WAY: u64 = (128 + 64 + 32 + 16 + 64) << 10;

const HANDSHAKE: &str = r#"{"type":"handshake"}"#;

/// All that the gateway has given to its sockets.
fn given(world: &World) -> u64 {
    let metrics = world.server.metrics();
    let sent =
        metrics.lines().find_map(|line| line.strip_prefix("termfleet_gateway_sent_bytes_total"));
    sent.unwrap().trim_start_matches("{}").trim().parse().unwrap()
}

/// Waits until a socket that nobody reads is full.
async fn full(world: &World) {
    let (mut before, mut since) = (0, 0);
    until("the socket to be full", || {
        let now = given(world);
        since = if now == before { since + 1 } else { 0 };
        before = now;
        now > ON_THE_WAY / 2 && since > 40
    })
    .await;
}

/// Reads output of the only session, acknowledges it, and answers its end at the next snapshot, and
/// the snapshot.
async fn until_snapshot(client: &mut Client, mut end: u64) -> (u64, u64, Reason) {
    loop {
        match client.next().await {
            Got::Frame(ServerFrame::Output { offset, data, .. }) => {
                assert_eq!(offset.get(), end, "a gap, or something twice");
                end += data.len() as u64;
            }
            Got::Frame(ServerFrame::Snapshot { offset, reason, more: false, .. }) => {
                return (end, offset.get(), reason);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_has_not_left_when_a_program_is_interrupted_never_does() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical_with_receive_buffer(8 << 10, HANDSHAKE).await;
    client.attach(&session).await;
    until_snapshot(&mut client, 0).await;
    world.worker.print(&session, &vec![b'y'; MAX_WINDOW_BYTES as usize]);
    full(&world).await;
    world.worker.interrupt(&session);
    world.worker.print(&session, b"$ ");

    let (end, offset, reason) = until_snapshot(&mut client, 0).await;
    assert_eq!((offset, reason), (MAX_WINDOW_BYTES, Reason::Interrupted));
    assert!(end > 0 && end <= ON_THE_WAY, "{end} bytes of the flood were shown");
    assert_eq!(client.output(1).await, (MAX_WINDOW_BYTES, "$ ".into()));
}

#[tokio::test]
async fn another_session_on_the_same_socket_loses_nothing() {
    let world = World::open().await;
    let (stopped, other) = (world.session().await, world.session().await);
    let mut client = world.canonical_with_receive_buffer(8 << 10, HANDSHAKE).await;
    for session in [&stopped, &other] {
        client.attach(session).await;
        until_snapshot(&mut client, 0).await;
    }
    for session in [&stopped, &other] {
        world.worker.print(session, &vec![b'y'; MAX_WINDOW_BYTES as usize]);
    }
    full(&world).await;
    world.worker.interrupt(&stopped);

    let (mut end, mut interrupted) = (0, false);
    while end < MAX_WINDOW_BYTES || !interrupted {
        match client.next().await {
            Got::Frame(ServerFrame::Output { channel, offset, data }) if channel.get() == 2 => {
                assert_eq!(offset.get(), end, "a gap, or something twice");
                end += data.len() as u64;
            }
            Got::Frame(ServerFrame::Output { offset, .. }) => {
                assert!(!interrupted, "output at {} after the interrupt", offset.get());
            }
            Got::Frame(ServerFrame::Snapshot { channel, reason, .. }) => {
                assert_eq!((channel.get(), reason), (1, Reason::Interrupted));
                interrupted = true;
            }
            other => panic!("{other:?}"),
        }
    }
}
