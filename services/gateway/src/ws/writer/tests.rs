//! Frames as bytes, batches, what a stalled client gets, and that nothing is lost when cancelled.
#![allow(clippy::unwrap_used)]

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use super::*;

const STALL: Duration = Duration::from_secs(30);

fn pair(buffer: usize) -> (Writer<DuplexStream>, DuplexStream, Pongs) {
    let (ours, theirs) = duplex(buffer);
    let pongs = Pongs::default();
    (Writer::new(ours, pongs.clone(), STALL), theirs, pongs)
}

async fn sent(writer: Writer<DuplexStream>, mut theirs: DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (finished, read) = tokio::join!(writer.finish(), theirs.read_to_end(&mut bytes));
    finished.unwrap();
    read.unwrap();
    bytes
}

#[tokio::test]
async fn lengths_stand_in_their_shortest_form() {
    for (length, header) in [
        (0, vec![0x82, 0]),
        (125, vec![0x82, 125]),
        (126, vec![0x82, 126, 0, 126]),
        (65_535, vec![0x82, 126, 0xff, 0xff]),
        (65_536, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let (mut writer, theirs, _) = pair(1 << 20);
        writer.queue_binary(&[], vec![7; length].into());
        assert_eq!(writer.queued(), header.len() + length);
        let bytes = sent(writer, theirs).await;
        assert_eq!(bytes, [header, vec![7; length]].concat(), "{length}");
    }
}

#[tokio::test]
async fn large_and_small_messages_keep_their_order() {
    let (mut writer, theirs, _) = pair(100);
    let mut wanted = Vec::new();
    for at in 0..100u8 {
        writer.queue_text("ab");
        writer.queue_binary(&[at], vec![at; 5000].into());
        writer.queue_shared_text(Bytes::from_static(b"shared"));
        wanted
            .extend([&[0x81, 2, b'a', b'b', 0x82, 126, 0x13, 0x89, at][..], &[at; 5000]].concat());
        wanted.extend(b"\x81\x06shared");
    }
    assert_eq!(writer.queued(), wanted.len());
    assert!(sent(writer, theirs).await == wanted);
}

#[tokio::test]
async fn nothing_follows_a_close_frame_and_its_reason_fits() {
    let (mut writer, theirs, pongs) = pair(1 << 20);
    let reason = "€".repeat(50);
    writer.queue_close(Some(CloseCode::NORMAL), &reason);
    writer.queue_text("late");
    pongs.push(Bytes::from_static(b"late"));
    let bytes = sent(writer, theirs).await;
    assert_eq!(bytes, [b"\x88\x7d\x03\xe8", "€".repeat(41).as_bytes()].concat());
}

#[tokio::test]
async fn an_empty_close_is_answered_by_an_empty_close() {
    let (mut writer, theirs, _) = pair(100);
    writer.queue_close(None, "ignored");
    assert_eq!(sent(writer, theirs).await, b"\x88\x00");
}

#[tokio::test]
async fn pongs_go_out_with_the_next_flush() {
    let (mut writer, theirs, pongs) = pair(100);
    assert!(writer.ping_heard().now_or_never().is_none());
    pongs.push(Bytes::from_static(b"p"));
    writer.ping_heard().await;
    writer.flush().await.unwrap();
    assert!(writer.ping_heard().now_or_never().is_none());
    assert_eq!(sent(writer, theirs).await, b"\x8a\x01p");
}

#[tokio::test]
async fn a_cancelled_flush_goes_on_where_it_was() {
    let (mut writer, mut theirs, _) = pair(10);
    writer.queue_binary(&[], (0..200).collect::<Vec<u8>>().into());
    let mut bytes = Vec::new();
    while writer.queued() > 0 {
        assert!(writer.flush().now_or_never().is_none_or(|flushed| flushed.is_ok()));
        let mut piece = [0; 7];
        let length = theirs.read(&mut piece).await.unwrap();
        bytes.extend(&piece[..length]);
    }
    bytes.extend(sent(writer, theirs).await);
    assert_eq!(bytes, [vec![0x82, 126, 0, 200], (0..200).collect()].concat());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_for_the_limit_is_stalled() {
    let (mut writer, _theirs, _) = pair(10);
    writer.queue_text("more than the pipe holds");
    let began = Instant::now();
    let error = writer.flush().await.unwrap_err();
    assert!(matches!(error, WriteError::Stalled));
    assert_eq!((error.close_code(), began.elapsed().as_secs()), (CloseCode::SLOW, 30));
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_that_takes_a_little_each_time_is_not_stalled() {
    let (mut writer, mut theirs, _) = pair(1);
    writer.queue_text("slow");
    let slow = async {
        let mut bytes = [0; 6];
        for byte in &mut bytes {
            tokio::time::sleep(STALL - Duration::from_secs(1)).await;
            *byte = theirs.read_u8().await.unwrap();
        }
        bytes
    };
    let (flushed, bytes) = tokio::join!(writer.flush(), slow);
    flushed.unwrap();
    assert_eq!(&bytes, b"\x81\x04slow");
}

#[tokio::test]
async fn a_client_that_left_is_lost() {
    let (mut writer, theirs, _) = pair(10);
    drop(theirs);
    writer.queue_text("anybody?");
    assert!(matches!(writer.flush().await, Err(WriteError::Lost(_))));
}
