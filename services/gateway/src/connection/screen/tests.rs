//! One message for the screen, then live text.
#![allow(clippy::unwrap_used)]

use termfleet_proto::ws::{frame::Reason, v1::Tier};
use termfleet_session::{
    ids::{ChannelId, Epoch},
    limits::Size,
};

use super::*;

fn attached(offset: u64, head: u64, recovered: bool) -> Attached {
    Attached {
        channel: ChannelId::new(1),
        replaces: None,
        session_id: "s".to_owned(),
        epoch: Epoch::new(1),
        offset: Offset::new(offset),
        head: Offset::new(head),
        recovered,
        reason: None,
        driver: true,
        next_input_offset: Offset::new(0),
        cols: 80,
        rows: 24,
        status: "active".to_owned(),
        tier: Tier::Live,
    }
}

fn snapshot(offset: u64, data: &'static [u8], more: bool) -> Snapshot {
    Snapshot {
        epoch: Epoch::new(1),
        offset: Offset::new(offset),
        size: Size { cols: 80, rows: 24 },
        reason: Reason::NewClient,
        more,
        data: Bytes::from_static(data),
    }
}

fn output(screen: &mut Screen, offset: u64, data: &'static [u8]) -> Option<String> {
    screen.output(Offset::new(offset), &Bytes::from_static(data), true)
}

#[test]
fn a_new_client_gets_the_tail_as_one_message_without_its_questions() {
    let mut screen = Screen::default();
    screen.attached(&attached(10, 21, false));
    assert_eq!(screen.snapshot(&snapshot(10, b"\x1bc", false)), None);
    assert_eq!(output(&mut screen, 10, b"one\x1b[6n"), None);
    let screen_text = output(&mut screen, 17, b"\xE2\x82\xAC\r");
    assert_eq!(screen_text.as_deref(), Some("\x1bcone\u{20AC}\r"));
    assert_eq!(output(&mut screen, 21, b"live\x1b[6n").as_deref(), Some("live\x1b[6n"));
}

#[test]
fn an_empty_session_gets_its_cleared_screen_at_once() {
    let mut screen = Screen::default();
    screen.attached(&attached(0, 0, false));
    assert_eq!(screen.snapshot(&snapshot(0, b"\x1bc", false)).as_deref(), Some("\x1bc"));
    assert_eq!(output(&mut screen, 0, b"$ ").as_deref(), Some("$ "));
}

#[test]
fn a_snapshot_in_parts_is_one_message_that_starts_with_a_reset() {
    let mut screen = Screen::default();
    screen.attached(&attached(5, 5, false));
    assert_eq!(screen.snapshot(&snapshot(5, b"ab", true)), None);
    assert_eq!(screen.snapshot(&snapshot(5, b"cd", false)).as_deref(), Some("\x1bcabcd"));
}

#[test]
fn a_recovered_channel_goes_on_amid_a_character() {
    let mut screen = Screen::default();
    screen.attached(&attached(0, 0, false));
    screen.snapshot(&snapshot(0, b"\x1bc", false));
    assert_eq!(output(&mut screen, 0, b"a\xE2\x82").as_deref(), Some("a"));
    screen.attached(&attached(3, 3, true));
    assert_eq!(output(&mut screen, 3, b"\xAC").as_deref(), Some("\u{20AC}"));
}

#[test]
fn who_does_not_drive_is_never_asked() {
    let mut screen = Screen::default();
    screen.attached(&attached(0, 0, true));
    let data = Bytes::from_static(b"\x1b[c$ ");
    assert_eq!(screen.output(Offset::new(0), &data, false).as_deref(), Some("$ "));
}
