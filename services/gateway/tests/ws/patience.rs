//! The time that a message may take, on a clock that the test moves: the default of 10 s exactly,
//! and only for time in which it is the client that keeps us waiting.

use std::time::Duration;

use bytes::Bytes;
use termfleet_gateway::ws::{self, CloseCode, Ended, Limits, Message, Reader};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, ReadHalf, duplex, split},
    time::{Instant, sleep},
};

use crate::raw::{LAST, MORE, PING, TEXT, TEXT_BEGIN, announce, frame};

const SECOND: Duration = Duration::from_secs(1);

fn pair() -> (Reader<ReadHalf<DuplexStream>>, DuplexStream) {
    let (ours, theirs) = duplex(1 << 20);
    let (read, write) = split(ours);
    let (reader, _writer) = ws::split(read, write, Bytes::new(), Limits::default());
    (reader, theirs)
}

fn is_slow(ended: &Ended) -> bool {
    matches!(ended, Ended::Violation(violation) if violation.code == CloseCode::SLOW)
}

#[tokio::test(start_paused = true)]
async fn half_a_message_is_given_ten_seconds() {
    for begun in [announce(TEXT, 5), frame(TEXT_BEGIN, b"half"), vec![0x81]] {
        let (mut reader, mut client) = pair();
        client.write_all(&begun).await.unwrap();
        let began = Instant::now();
        assert!(is_slow(&reader.next().await.unwrap_err()));
        assert_eq!(began.elapsed().as_secs(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_in_drops_and_pings_between_fragments_win_no_time() {
    for drop in [frame(MORE, b"x"), frame(PING, b"alive")] {
        let (mut reader, mut client) = pair();
        client.write_all(&frame(TEXT_BEGIN, b"")).await.unwrap();
        let began = Instant::now();
        let dripping = async {
            loop {
                sleep(SECOND).await;
                client.write_all(&drop).await.unwrap();
            }
        };
        let ended = async {
            loop {
                match reader.next().await {
                    Ok(Message::Ping(_)) => {}
                    Ok(other) => panic!("{other:?}"),
                    Err(ended) => return ended,
                }
            }
        };
        let ended = tokio::select! { ended = ended => ended, () = dripping => unreachable!() };
        assert!(is_slow(&ended));
        assert_eq!(began.elapsed().as_secs(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_finished_in_time_is_good_and_the_next_one_has_its_own_time() {
    let (mut reader, mut client) = pair();
    let client = async {
        for _ in 0..3 {
            client.write_all(&frame(TEXT_BEGIN, b"in ")).await.unwrap();
            sleep(9 * SECOND).await;
            client.write_all(&frame(LAST, b"time")).await.unwrap();
        }
        client
    };
    let reader = async {
        for _ in 0..3 {
            assert_eq!(reader.next().await.unwrap(), Message::Text("in time".into()));
        }
    };
    tokio::join!(client, reader);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_socket_owes_nothing() {
    let (mut reader, mut client) = pair();
    let client = async {
        client.write_all(&frame(TEXT, b"one")).await.unwrap();
        sleep(3600 * SECOND).await;
        client.write_all(&frame(TEXT, b"two")).await.unwrap();
        client
    };
    let reader = async {
        assert_eq!(reader.next().await.unwrap(), Message::Text("one".into()));
        assert_eq!(reader.next().await.unwrap(), Message::Text("two".into()));
    };
    tokio::join!(client, reader);
}

#[tokio::test(start_paused = true)]
async fn time_in_which_nobody_listened_is_not_the_clients() {
    let (mut reader, mut client) = pair();
    let second = frame(TEXT, &[b'x'; 20_000]);
    let (begun, rest) = second.split_at(10);
    client.write_all(&[&frame(TEXT, b"first"), begun].concat()).await.unwrap();
    assert_eq!(reader.next().await.unwrap(), Message::Text("first".into()));
    // What is behind the reader holds it up, while the client goes on as it should.
    client.write_all(rest).await.unwrap();
    sleep(60 * SECOND).await;
    assert_eq!(reader.next().await.unwrap(), Message::Text("x".repeat(20_000)));
}
