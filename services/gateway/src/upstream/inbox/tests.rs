//! Turns, what waits, what is dropped, and where a seat stands.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use termfleet_proto::ws::v1::Tier;
use termfleet_session::{ids::ChannelId, limits::MIN_FRAME_BYTES};

use super::*;

fn output(offset: u64, data: &[u8]) -> Delivery {
    Delivery::Output { offset: Offset::new(offset), data: Bytes::copy_from_slice(data) }
}

fn snapshot(offset: u64, more: bool, data: &'static [u8]) -> Delivery {
    Delivery::Snapshot(Snapshot {
        epoch: Epoch::new(1),
        offset: Offset::new(offset),
        size: Size { cols: 80, rows: 24 },
        reason: Reason::Lagging,
        more,
        data: Bytes::from_static(data),
    })
}

fn attached(offset: u64, recovered: bool) -> Delivery {
    let attached = Attached {
        channel: ChannelId::new(1),
        replaces: None,
        session_id: "s".to_owned(),
        epoch: Epoch::new(1),
        offset: Offset::new(offset),
        head: Offset::new(offset),
        recovered,
        reason: None,
        driver: true,
        next_input_offset: Offset::new(0),
        cols: 80,
        rows: 24,
        status: "active".to_owned(),
        tier: Tier::Live,
    };
    Delivery::Attached(Box::new(attached), Answers::Attach)
}

fn resized(cols: u16) -> Delivery {
    Delivery::Event(EventKind::Resized { cols, rows: 24, offset: Offset::new(0) })
}

fn inbox(seats: u64) -> Inbox {
    let inbox = Inbox::default();
    for key in 1..=seats {
        inbox.open(key);
    }
    inbox
}

fn all(inbox: &Inbox) -> Vec<(SeatKey, Delivery)> {
    std::iter::from_fn(|| inbox.pop()).collect()
}

#[test]
fn a_flooding_seat_takes_turns_with_a_quiet_one() {
    let inbox = inbox(2);
    inbox.push(1, output(0, &vec![b'y'; 4 * MAX_FRAME_BYTES])).unwrap();
    inbox.push(2, output(0, b"k")).unwrap();
    let order: Vec<_> = all(&inbox).into_iter().map(|(key, _)| key).collect();
    assert_eq!(order, [1, 2, 1, 1, 1], "one frame, and the other's turn comes");
}

#[test]
fn marks_go_first_and_only_the_newest_of_them() {
    let inbox = inbox(1);
    let ack = |offset| Delivery::InputAck { offset: Offset::new(offset), echo: Offset::new(0) };
    inbox.push(1, output(0, b"x")).unwrap();
    for offset in 1..=1_000 {
        inbox.push(1, ack(offset)).unwrap();
    }
    assert_eq!(all(&inbox), [(1, ack(1_000)), (1, output(0, b"x"))]);
}

#[test]
fn single_bytes_that_wait_become_frames() {
    let inbox = inbox(1);
    for at in 0..MAX_WINDOW_BYTES {
        inbox.push(1, output(at, b"x")).unwrap();
    }
    assert_eq!(all(&inbox).len() as u64, MAX_WINDOW_BYTES / MIN_FRAME_BYTES as u64);
}

#[test]
fn a_snapshot_drops_the_bytes_before_it_and_keeps_everything_else() {
    let inbox = inbox(1);
    inbox.push(1, attached(0, true)).unwrap();
    inbox.push(1, output(0, b"old")).unwrap();
    inbox.push(1, resized(90)).unwrap();
    inbox.push(1, snapshot(9, true, b"scr")).unwrap();
    inbox.push(1, snapshot(9, false, b"een")).unwrap();
    inbox.push(1, output(9, b"new")).unwrap();
    let kept: Vec<_> = all(&inbox).into_iter().map(|(_, delivery)| delivery).collect();
    let screen = [snapshot(9, true, b"scr"), snapshot(9, false, b"een")];
    let [first, second] = screen;
    assert_eq!(kept, [attached(0, true), resized(90), first, second, output(9, b"new")]);
}

#[test]
fn half_a_snapshot_is_finished_before_the_next_one() {
    let inbox = inbox(1);
    let parts = [snapshot(9, true, b"o"), snapshot(9, true, b"l"), snapshot(9, false, b"d")];
    for part in parts.clone() {
        inbox.push(1, part).unwrap();
    }
    let [first, second, third] = parts;
    assert_eq!(inbox.pop(), Some((1, first)));
    inbox.push(1, output(9, b"dropped")).unwrap();
    inbox.push(1, snapshot(99, true, b"also dropped")).unwrap();
    inbox.push(1, snapshot(99, false, b"also dropped")).unwrap();
    inbox.push(1, snapshot(100, false, b"new")).unwrap();
    inbox.push(1, output(100, b"after")).unwrap();
    let kept: Vec<_> = all(&inbox).into_iter().map(|(_, delivery)| delivery).collect();
    assert_eq!(kept, [second, third, snapshot(100, false, b"new"), output(100, b"after")]);
    inbox.push(1, output(105, &vec![0; SEAT_BYTES])).unwrap();
}

#[test]
fn one_that_comes_because_of_a_size_drops_others_such_alone() {
    let inbox = inbox(1);
    let resized = |offset, data| match snapshot(offset, false, data) {
        Delivery::Snapshot(part) => {
            Delivery::Snapshot(Snapshot { reason: Reason::Resized, ..part })
        }
        other => other,
    };
    inbox.push(1, snapshot(0, false, b"first")).unwrap();
    inbox.push(1, output(0, b"old")).unwrap();
    inbox.push(1, resized(3, b"dropped")).unwrap();
    inbox.push(1, output(3, b"new")).unwrap();
    inbox.push(1, resized(6, b"drawn")).unwrap();
    let kept: Vec<_> = all(&inbox).into_iter().map(|(_, delivery)| delivery).collect();
    let [old, new] = [output(0, b"old"), output(3, b"new")];
    assert_eq!(kept, [snapshot(0, false, b"first"), old, new, resized(6, b"drawn")]);
    inbox.push(1, output(6, &vec![0; SEAT_BYTES])).unwrap();
}

#[test]
fn an_interrupt_drops_what_has_not_left() {
    let inbox = inbox(2);
    for at in 0..8 {
        inbox.push(1, output(at * 4_096, &[b'y'; 4_096])).unwrap();
        inbox.push(2, output(at * 4_096, &[b'z'; 4_096])).unwrap();
    }
    assert_eq!(inbox.pop(), Some((1, output(0, &[b'y'; 4_096]))));
    inbox.push(1, snapshot(40_000, false, b"screen")).unwrap();
    inbox.push(1, output(40_000, b"$ ")).unwrap();
    let (of_it, of_others): (Vec<_>, Vec<_>) =
        all(&inbox).into_iter().partition(|(key, _)| *key == 1);
    assert_eq!(of_it, [(1, snapshot(40_000, false, b"screen")), (1, output(40_000, b"$ "))]);
    assert_eq!(of_others.len(), 8, "another session's backlog is its own");
}

#[test]
fn of_sizes_that_wait_together_the_last_remains() {
    let inbox = inbox(1);
    for cols in 80..1_000 {
        inbox.push(1, resized(cols)).unwrap();
    }
    assert_eq!(all(&inbox), [(1, resized(999))]);
}

#[test]
fn news_of_a_kind_waits_once_and_in_order() {
    let inbox = inbox(1);
    let finished = |code| Delivery::Event(EventKind::CommandFinished { exit_code: Some(code) });
    for code in 0..2 * SEAT_ITEMS as i32 {
        inbox.push(1, Delivery::Event(EventKind::CommandStarted)).unwrap();
        inbox.push(1, finished(code)).unwrap();
    }
    inbox.push(1, Delivery::Event(EventKind::CommandStarted)).unwrap();
    let last = finished(2 * SEAT_ITEMS as i32 - 1);
    assert_eq!(all(&inbox), [(1, last), (1, Delivery::Event(EventKind::CommandStarted))]);
}

#[test]
fn more_than_the_credit_allows_is_an_error_and_an_end_always_fits() {
    let inbox = inbox(1);
    inbox.push(1, output(0, &vec![0; SEAT_BYTES])).unwrap();
    assert_eq!(inbox.push(1, output(SEAT_BYTES as u64, b"x")), Err(Overfull));
    for at in 0..2 * SEAT_ITEMS as u64 {
        let status = EventKind::Status {
            status: at.to_string(),
            previous: String::new(),
            reason: String::new(),
        };
        let _ = inbox.push(1, Delivery::Event(status));
    }
    let ending = Ending { code: None, reason: "end".to_owned(), exit_code: None, signal: None };
    inbox.push(1, Delivery::Detached(ending.clone())).unwrap();
    let kept = all(&inbox);
    assert!(kept.len() <= SEAT_ITEMS + SEAT_BYTES / MAX_FRAME_BYTES + 1, "{}", kept.len());
    assert_eq!(kept.last(), Some(&(1, Delivery::Detached(ending))));
}

#[test]
fn a_closed_seat_takes_nothing() {
    let inbox = inbox(1);
    inbox.push(1, output(0, b"x")).unwrap();
    inbox.close(1);
    inbox.push(1, output(1, b"y")).unwrap();
    assert_eq!(inbox.pop(), None);
}

#[test]
fn a_broken_link_goes_on_where_the_socket_has_taken_bytes() {
    let inbox = inbox(1);
    assert_eq!(inbox.rewind(1), Some(Position::Start));
    inbox.push(1, attached(5, true)).unwrap();
    assert_eq!(inbox.rewind(1), Some(Position::Start), "nobody has heard of it");
    assert_eq!(inbox.pop(), None);

    inbox.push(1, attached(5, true)).unwrap();
    inbox.push(1, output(5, b"abc")).unwrap();
    inbox.push(1, resized(90)).unwrap();
    inbox.push(1, output(8, b"def")).unwrap();
    (0..2).for_each(|_| drop(inbox.pop()));
    let at = |offset| Some(Position::At(Epoch::new(1), Offset::new(offset)));
    assert_eq!(inbox.rewind(1), at(8));
    assert_eq!(all(&inbox), [(1, resized(90))], "bytes will be sent again, events will not");

    inbox.push(1, snapshot(20, true, b"half")).unwrap();
    inbox.push(1, snapshot(20, false, b"rest")).unwrap();
    inbox.pop();
    assert_eq!(inbox.rewind(1), Some(Position::NoScreen), "half a screen is none");
    inbox.push(1, snapshot(20, false, b"whole")).unwrap();
    inbox.pop();
    assert_eq!(inbox.rewind(1), at(20));
}

proptest! {
    /// However output is cut, merged and taken, every seat gets its bytes in order.
    #[test]
    fn no_byte_is_lost_or_doubled(
        pieces in prop::collection::vec((1..4u64, 1..5_000usize, any::<bool>()), 1..60),
    ) {
        let inbox = inbox(3);
        let mut pushed: HashMap<SeatKey, Vec<u8>> = HashMap::new();
        let mut popped: HashMap<SeatKey, Vec<u8>> = HashMap::new();
        let mut take = |inbox: &Inbox, most: usize| {
            for _ in 0..most {
                let Some((key, delivery)) = inbox.pop() else { break };
                let Delivery::Output { offset, data } = delivery else { panic!() };
                let bytes = popped.entry(key).or_default();
                assert_eq!(offset.get(), bytes.len() as u64);
                bytes.extend_from_slice(&data);
            }
            popped.clone()
        };
        for (at, (key, len, takes)) in pieces.into_iter().enumerate() {
            let bytes = pushed.entry(key).or_default();
            let data = vec![at as u8; len];
            inbox.push(key, output(bytes.len() as u64, &data)).unwrap();
            bytes.extend_from_slice(&data);
            if takes {
                take(&inbox, 2);
            }
        }
        prop_assert_eq!(take(&inbox, usize::MAX), pushed);
    }
}
