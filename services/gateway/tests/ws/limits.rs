//! Each limit at, below and above its value, over real sockets.

use std::time::Duration;

use termfleet_gateway::ws::Limits;

use crate::raw::{
    BINARY, BINARY_BEGIN, LAST, MORE, PING, PONG, Raw, TEXT, TEXT_BEGIN, announce, frame,
};

const BYTES: usize = 64 << 10;
const FRAMES: usize = 1024;

#[tokio::test]
async fn the_defaults_are_those_of_the_design() {
    let limits = Limits::default();
    assert_eq!((limits.message_bytes, limits.message_frames), (BYTES, FRAMES as u32));
    assert_eq!(limits.message_time, Duration::from_secs(10));
    assert_eq!(limits.write_stall, Duration::from_secs(30));
}

#[tokio::test]
async fn a_message_up_to_the_limit_is_echoed_and_one_beyond_is_1009() {
    let mut raw = Raw::connect(Limits::default()).await;
    for length in [0, 1, 125, 126, 4096, BYTES - 1, BYTES] {
        let payload = vec![b'x'; length];
        for first in [TEXT, BINARY] {
            raw.send(&frame(first, &payload)).await;
            assert!(raw.frame().await == (first, payload.clone()), "{length}");
        }
    }
    raw.send(&frame(TEXT, &vec![b'x'; BYTES + 1])).await;
    assert_eq!(raw.closed().await, 1009);
}

#[tokio::test]
async fn fragments_up_to_the_limit_are_echoed_and_beyond_it_are_1009() {
    let mut raw = Raw::connect(Limits::default()).await;
    for length in [BYTES - 1, BYTES] {
        let payload = vec![b'x'; length];
        let (a, b) = payload.split_at(length / 2);
        raw.send(&[frame(BINARY_BEGIN, a), frame(LAST, b)].concat()).await;
        assert!(raw.frame().await == (BINARY, payload.clone()), "{length}");
    }
    let payload = vec![b'x'; BYTES];
    raw.send(&[frame(BINARY_BEGIN, &payload), announce(LAST, 1)].concat()).await;
    assert_eq!(raw.closed().await, 1009);
}

#[tokio::test]
async fn frames_up_to_the_limit_make_a_message_and_beyond_it_are_1008() {
    let mut raw = Raw::connect(Limits::default()).await;
    for frames in [2, FRAMES - 1, FRAMES] {
        let middle = frame(MORE, b"x").repeat(frames - 2);
        raw.send(&[frame(TEXT_BEGIN, b""), middle, frame(LAST, b"")].concat()).await;
        assert_eq!(raw.frame().await, (TEXT, vec![b'x'; frames - 2]));
    }
    let middle = frame(MORE, b"x").repeat(FRAMES - 1);
    raw.send(&[frame(TEXT_BEGIN, b""), middle, frame(LAST, b"")].concat()).await;
    assert_eq!(raw.closed().await, 1008);
}

#[tokio::test]
async fn pings_between_fragments_count_as_frames_of_the_message() {
    let mut raw = Raw::connect(Limits { message_frames: 3, ..Limits::default() }).await;
    raw.send(&[frame(TEXT_BEGIN, b"a"), frame(PING, b"p"), frame(LAST, b"b")].concat()).await;
    assert_eq!(raw.frame().await, (PONG, b"p".to_vec()));
    assert_eq!(raw.frame().await, (TEXT, b"ab".to_vec()));
    let pings = frame(PING, b"").repeat(3);
    raw.send(&[frame(TEXT_BEGIN, b"a"), pings].concat()).await;
    loop {
        let (first, payload) = raw.frame().await;
        if first != PONG {
            assert_eq!(payload[..2], 1008u16.to_be_bytes());
            break;
        }
    }
}

#[tokio::test]
async fn a_control_frame_of_125_bytes_is_answered() {
    let mut raw = Raw::connect(Limits::default()).await;
    raw.send(&frame(PING, &[7; 125])).await;
    assert_eq!(raw.frame().await, (PONG, vec![7; 125]));
}

#[tokio::test]
async fn a_message_that_is_never_finished_is_4008() {
    let limits = Limits { message_time: Duration::from_millis(100), ..Limits::default() };
    for begun in [
        vec![0x81],
        announce(TEXT, 5)[..4].to_vec(),
        announce(TEXT, 5),
        frame(TEXT_BEGIN, b"half"),
        frame(PING, b"ping")[..6].to_vec(),
    ] {
        let mut raw = Raw::connect(limits).await;
        raw.send(&begun).await;
        assert_eq!(raw.closed().await, 4008, "{begun:x?}");
    }
}
