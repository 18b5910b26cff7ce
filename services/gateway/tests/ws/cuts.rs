//! However a message is cut, into frames and the frames into reads, it is the same message.

use std::io;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use termfleet_gateway::ws::{self, Ended, Limits, Message};
use tokio_util::io::StreamReader;

use crate::raw::{BINARY, Raw, TEXT, frame};

/// Pieces of the given lengths, over and over, until nothing is left.
fn cut<'a>(mut rest: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        let (piece, after) = rest.split_at(rest.len().min(*length));
        pieces.push(piece);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    pieces
}

/// The frames of one message, cut there; with `pings`, a ping stands before each but the first.
fn fragments(first: u8, payload: &[u8], lengths: &[usize], pings: bool) -> Vec<u8> {
    let pieces = cut(payload, lengths);
    let last = pieces.len() - 1;
    let mut bytes = Vec::new();
    for (at, piece) in pieces.into_iter().enumerate() {
        if pings && at > 0 {
            bytes.extend(frame(0x89, b"between"));
        }
        let fin = if at == last { 0x80 } else { 0 };
        bytes.extend(frame(fin | if at == 0 { first & 0x0f } else { 0 }, piece));
    }
    bytes
}

/// What a reader makes of a stream that comes in these pieces; the rest of it is the upgrade's.
async fn read(leftover: &[u8], pieces: &[&[u8]]) -> Vec<Message> {
    let pieces: Vec<_> =
        pieces.iter().map(|piece| io::Result::Ok(Bytes::copy_from_slice(piece))).collect();
    let source = StreamReader::new(tokio_stream::iter(pieces));
    let leftover = Bytes::copy_from_slice(leftover);
    let (mut reader, _writer) = ws::split(source, tokio::io::sink(), leftover, Limits::default());
    let mut messages = Vec::new();
    loop {
        match reader.next().await {
            Ok(message) => messages.push(message),
            Err(Ended::Lost(_)) => return messages,
            Err(Ended::Violation(violation)) => panic!("{violation}"),
        }
    }
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_messages(
        text in "\\PC{0,300}",
        binary in vec(any::<u8>(), 0..5000),
        frames in vec(6usize..400, 1..20),
        reads in vec(1usize..3000, 1..20),
        leftover in 0usize..40,
        pings: bool,
    ) {
        let stream = [
            fragments(TEXT, text.as_bytes(), &frames, pings),
            fragments(BINARY, &binary, &frames, pings),
            frame(TEXT, text.as_bytes()),
        ].concat();
        let (first, rest) = stream.split_at(leftover.min(stream.len()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut messages = runtime.block_on(read(first, &cut(rest, &reads)));
        let count = |messages: &[Message]| messages.len();
        let all = count(&messages);
        messages.retain(|message| !matches!(message, Message::Ping(_)));
        let wanted_pings = if pings {
            cut(text.as_bytes(), &frames).len() + cut(&binary, &frames).len() - 2
        } else { 0 };
        prop_assert_eq!(all - messages.len(), wanted_pings);
        prop_assert_eq!(messages, vec![
            Message::Text(text.clone()),
            Message::Binary(binary.into()),
            Message::Text(text),
        ]);
    }
}

#[tokio::test]
async fn one_byte_a_segment_over_tcp_gives_the_same_message() {
    let text = "aé€😀".repeat(20);
    let bytes = fragments(TEXT, text.as_bytes(), &[1, 2, 3], false);
    let mut raw = Raw::connect(Limits::default()).await;
    for byte in bytes {
        // Without Nagle's delay each write is a segment of its own.
        raw.send(&[byte]).await;
    }
    assert_eq!(raw.frame().await, (TEXT, text.into_bytes()));
}

#[tokio::test]
async fn many_messages_in_one_segment_come_back_in_order() {
    let mut raw = Raw::connect(Limits::default()).await;
    let numbers: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let bytes: Vec<u8> = numbers.iter().flat_map(|text| frame(TEXT, text.as_bytes())).collect();
    raw.send(&bytes).await;
    for number in numbers {
        assert_eq!(raw.frame().await, (TEXT, number.into_bytes()));
    }
}
