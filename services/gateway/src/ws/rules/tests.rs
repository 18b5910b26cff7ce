//! The rules at, below and above each limit, and the same verdict however the bytes are cut.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use super::{Rules, Seen};
use crate::ws::{CloseCode, Limits, Violation};

const LIMITS: Limits = Limits {
    message_bytes: 1000,
    message_frames: 4,
    message_time: Duration::from_secs(1),
    write_stall: Duration::from_secs(1),
};

/// A masked frame with a payload of zeros, or only its header.
fn frame(first: u8, length: usize) -> Vec<u8> {
    let mut bytes = header(first, length as u64);
    bytes.resize(bytes.len() + length, 0);
    bytes
}

fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend([1, 2, 3, 4]);
    bytes
}

fn verdict(frames: &[Vec<u8>]) -> Seen {
    whole(&mut Rules::new(&LIMITS), &frames.concat())
}

/// Inspects to the end of the bytes, or of what stands.
fn whole(rules: &mut Rules, bytes: &[u8]) -> Seen {
    let mut all = Seen { passed: 0, ended: false, violation: None };
    while all.passed < bytes.len() && all.violation.is_none() {
        let seen = rules.inspect(&bytes[all.passed..]);
        all = Seen { passed: all.passed + seen.passed, ..seen };
    }
    all
}

fn code(frames: &[Vec<u8>]) -> Option<u16> {
    verdict(frames).violation.map(|violation| violation.code.get())
}

#[test]
fn good_frames_pass_whole() {
    let good = [
        frame(0x81, 0),
        frame(0x82, 1000),
        frame(0x89, 125),
        frame(0x01, 126),
        frame(0x8a, 0),
        frame(0x80, 874),
        frame(0x88, 2),
    ];
    let length = good.concat().len();
    assert_eq!(verdict(&good), Seen { passed: length, ended: true, violation: None });
}

#[test]
fn each_broken_rule_has_its_code() {
    let unmasked = vec![0x81, 0x01, b'x'];
    let cases: [(&str, Vec<Vec<u8>>, CloseCode); 14] = [
        ("unmasked", vec![unmasked], CloseCode::PROTOCOL),
        ("first reserved bit", vec![frame(0xc1, 1)], CloseCode::PROTOCOL),
        ("second reserved bit", vec![frame(0xa1, 1)], CloseCode::PROTOCOL),
        ("third reserved bit", vec![frame(0x91, 1)], CloseCode::PROTOCOL),
        ("long ping", vec![frame(0x89, 126)], CloseCode::PROTOCOL),
        ("long pong", vec![frame(0x8a, 126)], CloseCode::PROTOCOL),
        ("long close", vec![frame(0x88, 126)], CloseCode::PROTOCOL),
        ("fragmented ping", vec![frame(0x09, 1)], CloseCode::PROTOCOL),
        ("stray continuation", vec![frame(0x80, 1)], CloseCode::PROTOCOL),
        ("text inside text", vec![frame(0x01, 1), frame(0x81, 1)], CloseCode::PROTOCOL),
        ("binary inside text", vec![frame(0x01, 1), frame(0x02, 1)], CloseCode::PROTOCOL),
        ("one byte too many", vec![header(0x82, 1001)], CloseCode::TOO_BIG),
        ("too many over fragments", vec![frame(0x02, 500), header(0x80, 501)], CloseCode::TOO_BIG),
        ("too many frames", vec![frame(0x02, 0); 1], CloseCode::POLICY),
    ];
    for (name, mut frames, wanted) in cases {
        if wanted == CloseCode::POLICY {
            frames.extend(vec![frame(0x00, 0); 4]);
        }
        assert_eq!(code(&frames), Some(wanted.get()), "{name}");
    }
}

#[test]
fn every_reserved_opcode_falls_at_its_first_byte() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let seen = verdict(&[frame(0x81, 3), vec![0x80 | opcode]]);
        assert_eq!(seen.passed, frame(0x81, 3).len(), "{opcode}");
        assert_eq!(seen.violation.unwrap().code, CloseCode::PROTOCOL, "{opcode}");
    }
}

#[test]
fn lengths_stand_only_in_their_shortest_form() {
    for bytes in [
        vec![0x82, 0xfe, 0, 125],
        vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
    ] {
        assert_eq!(verdict(&[bytes]).violation.unwrap().code, CloseCode::PROTOCOL);
    }
}

#[test]
fn a_length_is_refused_before_its_mask_has_come() {
    let announced = [0x82, 0xff, 0, 0, 0, 0, 0x03, 0xc0, 0, 0];
    let seen = Rules::new(&LIMITS).inspect(&announced);
    assert_eq!(seen.violation, Some(Violation::TOO_BIG));
    let endless = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(Rules::new(&LIMITS).inspect(&endless).violation, Some(Violation::TOO_BIG));
}

#[test]
fn frames_are_counted_for_each_message_with_the_pings_between_them() {
    let at_the_limit =
        [frame(0x01, 0), frame(0x89, 0), frame(0x00, 0), frame(0x80, 0), frame(0x81, 0)];
    assert_eq!(code(&at_the_limit), None);
    let above = [frame(0x01, 0), frame(0x89, 0), frame(0x00, 0), frame(0x00, 0), frame(0x80, 0)];
    assert_eq!(code(&above), Some(1008));
    // Pings between messages are no part of one.
    assert_eq!(code(&vec![frame(0x89, 3); 50]), None);
}

#[test]
fn something_is_unfinished_from_the_first_byte_to_the_last() {
    let mut rules = Rules::new(&LIMITS);
    assert!(!rules.unfinished());
    let bytes = [frame(0x01, 2), frame(0x89, 1), frame(0x80, 0)].concat();
    for (at, byte) in bytes.iter().enumerate() {
        let seen = rules.inspect(&[*byte]);
        let last = at == bytes.len() - 1;
        assert_eq!((seen.ended, rules.unfinished()), (last, !last), "{at}");
    }
}

#[test]
fn an_inspection_stops_at_the_end_of_a_frame() {
    let (first, second) = (frame(0x81, 5), frame(0x01, 3));
    let mut rules = Rules::new(&LIMITS);
    let bytes = [&first[..], &second].concat();
    let seen = rules.inspect(&bytes);
    assert_eq!(seen, Seen { passed: first.len(), ended: true, violation: None });
    let seen = rules.inspect(&bytes[seen.passed..]);
    assert_eq!(seen, Seen { passed: second.len(), ended: false, violation: None });
}

proptest! {
    /// Bytes of any kind, cut anywhere, give the verdict and the place of the whole.
    #[test]
    fn cuts_change_nothing(
        bytes in vec(prop_oneof![3 => any::<u8>(), 1 => Just(0x81), 1 => Just(0x80)], 0..200),
        cuts in vec(1usize..20, 1..50),
    ) {
        let uncut = whole(&mut Rules::new(&LIMITS), &bytes);
        let mut rules = Rules::new(&LIMITS);
        let (mut rest, mut passed, mut violation) = (&bytes[..], 0, None);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() || violation.is_some() {
                break;
            }
            let (piece, after) = rest.split_at(rest.len().min(*cut));
            let seen = whole(&mut rules, piece);
            passed += seen.passed;
            violation = seen.violation;
            rest = after;
        }
        prop_assert_eq!((passed, violation), (uncut.passed, uncut.violation));
    }
}
