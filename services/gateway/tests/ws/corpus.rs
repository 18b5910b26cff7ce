//! The frame part of the abuse corpus (`security.md` §7): each hostile stream gets its close
//! frame, and what was good before it is answered first.

use termfleet_gateway::ws::Limits;
use tokio::io::AsyncWriteExt;

use crate::raw::{
    BINARY, BINARY_BEGIN, CLOSE, LAST, MORE, PING, PONG, Raw, TEXT, TEXT_BEGIN, announce, frame,
};

/// The code that a stream gets. Before it a good message was answered.
async fn code(bytes: &[u8]) -> u16 {
    let mut raw = Raw::connect(Limits::default()).await;
    raw.send(&[&frame(TEXT, b"good"), bytes].concat()).await;
    assert_eq!(raw.frame().await, (TEXT, b"good".to_vec()));
    raw.closed().await
}

#[tokio::test]
async fn an_unmasked_frame_is_1002() {
    assert_eq!(code(b"\x81\x01x").await, 1002);
    assert_eq!(code(b"\x89\x00").await, 1002);
    assert_eq!(code(b"\x88\x02\x03\xe8").await, 1002);
}

#[tokio::test]
async fn reserved_bits_are_1002() {
    for bit in [0x40, 0x20, 0x10] {
        for first in [TEXT, BINARY, PING, CLOSE] {
            assert_eq!(code(&frame(first | bit, b"")).await, 1002, "{first:x} {bit:x}");
        }
    }
}

#[tokio::test]
async fn reserved_opcodes_are_1002() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(code(&frame(0x80 | opcode, b"")).await, 1002, "{opcode}");
    }
}

#[tokio::test]
async fn long_or_fragmented_control_frames_are_1002() {
    for first in [PING, PONG, CLOSE] {
        assert_eq!(code(&frame(first, &[b'x'; 126])).await, 1002, "{first:x}");
        assert_eq!(code(&frame(first & 0x7f, b"")).await, 1002, "{first:x}");
    }
}

#[tokio::test]
async fn a_stray_continuation_is_1002() {
    assert_eq!(code(&frame(LAST, b"x")).await, 1002);
    assert_eq!(code(&frame(MORE, b"x")).await, 1002);
}

#[tokio::test]
async fn a_message_inside_a_message_is_1002() {
    for begin in [TEXT_BEGIN, BINARY_BEGIN] {
        for inside in [TEXT, TEXT_BEGIN, BINARY, BINARY_BEGIN] {
            let bytes = [frame(begin, b"a"), frame(inside, b"b")].concat();
            assert_eq!(code(&bytes).await, 1002, "{inside:x} in {begin:x}");
        }
    }
}

#[tokio::test]
async fn a_million_empty_fragments_are_1008() {
    let raw = Raw::connect(Limits::default()).await;
    let (mut read, mut write) = raw.stream.into_split();
    let flood = tokio::spawn(async move {
        let fragments = frame(MORE, b"").repeat(1000);
        write.write_all(&frame(TEXT_BEGIN, b"")).await?;
        for _ in 0..1000 {
            write.write_all(&fragments).await?;
        }
        std::io::Result::Ok(write)
    });
    let mut answer = Vec::new();
    crate::raw::within(tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer)).await.unwrap();
    assert_eq!(answer[..4], [CLOSE, answer[1], 0x03, 0xf0], "{answer:x?}");
    assert_eq!(answer.len(), 2 + usize::from(answer[1]), "one close frame and nothing else");
    // The flood was read to its end, or the server's reset would have overtaken its close frame.
    flood.await.unwrap().unwrap();
}

#[tokio::test]
async fn sixty_announced_mebibytes_are_1009_at_the_header() {
    assert_eq!(code(&announce(BINARY, 60 << 20)).await, 1009);
    assert_eq!(code(&announce(TEXT, i64::MAX as u64)).await, 1009);
    // The mask has not even come.
    assert_eq!(code(&announce(TEXT, 60 << 20)[..10]).await, 1009);
}

#[tokio::test]
async fn an_announced_length_with_its_top_bit_or_in_a_longer_form_is_1002() {
    assert_eq!(code(&announce(BINARY, 1 << 63)).await, 1002);
    assert_eq!(code(b"\x82\xfe\x00\x7d").await, 1002);
}

#[tokio::test]
async fn bad_utf8_is_1007() {
    for text in [&b"\xff"[..], b"\xc0\xaf", b"ok\xed\xa0\x80", b"\xf4\x90\x80\x80", b"cut\xe2\x82"]
    {
        assert_eq!(code(&frame(TEXT, text)).await, 1007, "{text:x?}");
        let begun = frame(TEXT_BEGIN, b"");
        assert_eq!(code(&[begun, frame(LAST, text)].concat()).await, 1007, "{text:x?} last");
    }
}

#[tokio::test]
async fn bad_utf8_in_a_fragment_falls_before_the_message_ends() {
    assert_eq!(code(&frame(TEXT_BEGIN, b"\xff")).await, 1007);
    // A character cut by a fragment, then one that cannot go on.
    assert_eq!(code(&[frame(TEXT_BEGIN, b"\xf4"), frame(MORE, b"\x90")].concat()).await, 1007);
}

#[tokio::test]
async fn what_follows_bad_utf8_is_not_answered() {
    let bytes = [frame(TEXT, b"\xff"), frame(TEXT, b"later"), frame(PING, b"later")].concat();
    assert_eq!(code(&bytes).await, 1007);
}

#[tokio::test]
async fn bad_close_bodies_are_1002_and_bad_reasons_1007() {
    for bad in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        assert_eq!(code(&frame(CLOSE, &bad.to_be_bytes())).await, 1002, "{bad}");
    }
    assert_eq!(code(&frame(CLOSE, b"\x03")).await, 1002);
    assert_eq!(code(&frame(CLOSE, b"\x03\xe8\xff")).await, 1007);
}

#[tokio::test]
async fn a_close_is_answered_by_its_own_code_and_nothing_after_it() {
    for good in [1000u16, 1001, 1003, 1011, 1013, 3000, 4000, 4999] {
        let mut raw = Raw::connect(Limits::default()).await;
        let body = [&good.to_be_bytes()[..], b"bye"].concat();
        let after = [frame(PING, b"late"), frame(TEXT, b"late")].concat();
        raw.send(&[frame(CLOSE, &body), after].concat()).await;
        assert_eq!(raw.closed().await, good);
    }
    let mut raw = Raw::connect(Limits::default()).await;
    raw.send(&frame(CLOSE, b"")).await;
    assert_eq!(raw.frame().await, (CLOSE, vec![]));
}

#[tokio::test]
async fn a_refused_client_that_goes_on_sending_still_reads_why() {
    let raw = Raw::connect(Limits::default()).await;
    let (mut read, mut write) = raw.stream.into_split();
    let sender = tokio::spawn(async move {
        write.write_all(&announce(BINARY, 60 << 20)).await?;
        for _ in 0..60 {
            write.write_all(&vec![0; 1 << 20]).await?;
        }
        std::io::Result::Ok(write)
    });
    // The client looks only when it has sent everything.
    let write = crate::raw::within(sender).await.unwrap().unwrap();
    let mut answer = Vec::new();
    crate::raw::within(tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer)).await.unwrap();
    assert_eq!((answer[0], &answer[2..4]), (CLOSE, &[0x03, 0xf1][..]));
    drop(write);
}
