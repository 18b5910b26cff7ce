//! Frames are deflated for who offered it, behind a thin pipe.

use std::time::Duration;

use termfleet_proto::ws::frame::ServerFrame;
use tokio::time::sleep;

use crate::{
    client::{Client, Got},
    world::World,
};

/// What a build prints: lines that are much alike.
fn log(bytes: usize) -> Vec<u8> {
    let lines =
        (0..).flat_map(|n| format!("   Compiling crate-{n} v0.{}.1\r\n", n % 7).into_bytes());
    lines.take(bytes).collect()
}

/// A client behind a pipe of its own making: its kernel takes little and it reads seldom.
async fn behind_a_thin_pipe(world: &World, session: &str, handshake: &str) -> Client {
    let mut client = world.canonical_with_receive_buffer(8 << 10, handshake).await;
    client.attach(session).await;
    client
}

/// Reads and acknowledges output until there is `until` of it, or as long as `going` says; answers
/// all of it from `so_far` on.
async fn read(
    client: &mut Client,
    mut output: Vec<u8>,
    until: usize,
    pause: impl Fn(&Client) -> bool,
) -> Vec<u8> {
    while output.len() < until {
        match client.next().await {
            Got::Frame(ServerFrame::Output { offset, data, .. }) => {
                assert_eq!(offset.get(), output.len() as u64, "a gap, or something twice");
                output.extend_from_slice(&data);
                client.ack(1, output.len() as u64).await;
            }
            Got::Frame(ServerFrame::Snapshot { .. }) => {}
            other => panic!("{other:?}"),
        }
        if pause(client) {
            sleep(Duration::from_millis(25)).await;
        }
    }
    output
}

#[tokio::test]
async fn a_thin_pipe_is_sent_deflated_frames_whose_bytes_are_the_same() {
    let world = World::open().await;
    let session = world.session().await;
    let offers = r#"{"type":"handshake","client":{"name":"t","capabilities":["deflate"]}}"#;
    let mut client = behind_a_thin_pipe(&world, &session, offers).await;
    let mut printed = log(8 << 20);
    world.worker.print(&session, &printed);
    let all = printed.len();
    let output = read(&mut client, Vec::new(), all, |client| client.deflated == 0).await;
    assert!(output == printed, "the bytes are others");
    assert!(client.deflated > 0);

    // What is known of the pipe holds: from here on only the frames decide.
    let mut noise = vec![0; 8 << 10];
    getrandom::fill(&mut noise).unwrap();
    let mut output = output;
    for (bytes, deflated) in
        [(vec![b'y'; 1_023], 0), (vec![b'y'; 1_024], 1), (vec![b'y'; 1_025], 1), (noise, 0)]
    {
        let before = client.deflated;
        world.worker.print(&session, &bytes);
        printed.extend_from_slice(&bytes);
        output = read(&mut client, output, printed.len(), |_| false).await;
        assert_eq!(client.deflated - before, deflated, "{} bytes", bytes.len());
    }
    assert!(output == printed, "the bytes are others");
}

#[tokio::test]
async fn who_does_not_offer_it_is_sent_no_deflated_frame() {
    let world = World::open().await;
    let session = world.session().await;
    let offers = r#"{"type":"handshake","client":{"name":"t","capabilities":["zstd"]}}"#;
    let mut client = behind_a_thin_pipe(&world, &session, offers).await;
    let printed = log(2 << 20);
    world.worker.print(&session, &printed);
    let output = read(&mut client, Vec::new(), printed.len(), |_| true).await;
    assert!(output == printed, "the bytes are others");
    assert_eq!(client.deflated, 0);
}
