//! One message for the screen, then live text.
#![allow(clippy::unwrap_used)]

use termfleet_proto::ws::frame::Reason;
use termfleet_session::{
    ids::{Epoch, Offset},
    limits::Size,
};

use super::*;

fn snapshot(data: &'static [u8], more: bool) -> Snapshot {
    Snapshot {
        epoch: Epoch::new(1),
        offset: Offset::new(5),
        size: Size { cols: 80, rows: 24 },
        reason: Reason::NewClient,
        more,
        data: Bytes::from_static(data),
    }
}

fn output(screen: &mut Screen, data: &'static [u8]) -> String {
    screen.output(&Bytes::from_static(data))
}

#[test]
fn a_screen_is_one_message_and_output_follows() {
    let mut screen = Screen::default();
    let text = screen.snapshot(&snapshot(b"\x1bcone\xE2\x82\xAC\r", false));
    assert_eq!(text.as_deref(), Some("\x1bcone\u{20AC}\r"));
    assert_eq!(output(&mut screen, b"live\x1b[6n"), "live");
}

#[test]
fn a_snapshot_in_parts_is_one_message_that_starts_with_a_reset() {
    let mut screen = Screen::default();
    assert_eq!(screen.snapshot(&snapshot(b"ab", true)), None);
    assert!(screen.is_gathering());
    assert_eq!(screen.snapshot(&snapshot(b"cd", false)).as_deref(), Some("\x1bcabcd"));
    assert!(!screen.is_gathering());
}

#[test]
fn output_goes_on_amid_a_character() {
    let mut screen = Screen::default();
    screen.snapshot(&snapshot(b"\x1bc", false));
    assert_eq!(output(&mut screen, b"a\xE2\x82"), "a");
    assert_eq!(output(&mut screen, b"\xAC"), "\u{20AC}");
}

#[test]
fn what_was_cut_off_before_a_screen_does_not_come_after_it() {
    let mut screen = Screen::default();
    output(&mut screen, b"a\xE2\x82");
    output(&mut screen, b"\x1b[");
    assert_eq!(screen.snapshot(&snapshot(b"\x1bcb", false)).as_deref(), Some("\x1bcb"));
    assert_eq!(screen.finish(), None);
}
