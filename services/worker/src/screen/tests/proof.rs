//! The snapshot's contract, for any stream: fed to a fresh terminal it gives an equal state, and
//! what comes after it has the same effect there.

use proptest::prelude::*;

use super::{
    streams::{flood, stream},
    *,
};

fn sizes() -> impl Strategy<Value = Size> {
    (2u16..14, 1u16..7).prop_map(|(cols, rows)| Size { cols, rows })
}

/// Feeds a stream in pieces that end at these places.
fn feed_in_pieces(screen: &mut Screen, stream: &[u8], cuts: &[prop::sample::Index], now: Instant) {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    let mut from = 0;
    for end in ends {
        screen.feed(&stream[from..end], now);
        from = end;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn how_output_is_cut_makes_no_difference(
        size in sizes(), stream in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let now = Instant::now();
        let (mut whole, mut pieces) =
            (screen(size.cols, size.rows), screen(size.cols, size.rows));
        whole.feed(&stream, now);
        feed_in_pieces(&mut pieces, &stream, &cuts, now);
        prop_assert_eq!(links(&state(&mut whole)), links(&state(&mut pieces)));
        prop_assert_eq!(whole.snapshot(0).offset, pieces.snapshot(0).offset);
        prop_assert_eq!(whole.take_replies(), pieces.take_replies());
        prop_assert_eq!(whole.take_events(), pieces.take_events());
    }

    #[test]
    fn a_snapshot_gives_an_equal_state_and_so_does_what_follows(
        size in sizes(), stream in stream(), cut in any::<prop::sample::Index>(),
    ) {
        let now = Instant::now();
        let (first, rest) = stream.split_at(cut.index(stream.len() + 1));
        let mut screen = fed(size.cols, size.rows, first);
        let mut copy = copy(&mut screen, u32::MAX);
        prop_assert_eq!(state(&mut screen), state(&mut copy), "{:?}", screen.snapshot(u32::MAX).data);
        prop_assert_eq!(history(&mut screen), history(&mut copy));
        let held = (screen.fed().get() - screen.snapshot(0).offset.get()) as usize;
        copy.feed(&[&first[first.len() - held..], rest].concat(), now);
        screen.feed(rest, now);
        prop_assert_eq!(links(&state(&mut screen)), links(&state(&mut copy)));
    }

    #[test]
    fn so_it_does_after_any_change_of_size(
        sizes in prop::collection::vec((sizes(), stream()), 1..5),
    ) {
        let now = Instant::now();
        let mut screen = screen(10, 4);
        for (size, stream) in &sizes {
            screen.feed(stream, now);
            screen.resize(*size);
            prop_assert_eq!(state(&mut screen), state(&mut copy(&mut screen, 0)), "{:?}", screen.snapshot(0).data);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_lost_or_doubled_by_any_change_of_size(
        first in sizes(), lines in prop::collection::vec("[a-z]{0,40}", 0..30),
        sizes in prop::collection::vec(sizes(), 1..6),
    ) {
        let text = format!("{}\r\n$", lines.join("\r\n"));
        let mut screen = fed(first.cols, first.rows, text.as_bytes());
        let before = lines_of(&mut screen);
        prop_assert_eq!(before.join("\r\n"), text);
        for size in sizes {
            screen.resize(size);
            prop_assert_eq!(&lines_of(&mut screen), &before, "{:?}", size);
        }
    }
}

/// What was printed, above the screen and on it, with lines whole however they are wrapped.
fn lines_of(screen: &mut Screen) -> Vec<String> {
    let mut rows = history(screen);
    let wraps: Vec<bool> = {
        let size = screen.size;
        let grid = screen.drawn().unwrap().emulator.term.grid();
        let last = Column(usize::from(size.cols) - 1);
        let wraps = |line: u16| grid[Line(i32::from(line))][last].flags.contains(Flags::WRAPLINE);
        (0..size.rows).map(wraps).collect()
    };
    rows.extend(super::rows(screen).into_iter().zip(wraps));
    let mut lines = vec![String::new()];
    for (text, wraps) in rows {
        lines.last_mut().unwrap().push_str(&text);
        if !wraps {
            lines.push(String::new());
        }
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_that_pass_unseen_leave_what_they_would_have_left(
        size in sizes(), before in stream(), flood in flood(), after in stream(),
    ) {
        let now = Instant::now();
        let (mut whole, mut pieces) =
            (screen(size.cols, size.rows), screen(size.cols, size.rows));
        let all = [before, flood, after].concat();
        whole.feed(&all, now);
        for piece in all.chunks(pass::LEAST_BYTES - 1) {
            // Too little for any line to pass.
            pieces.feed(piece, now);
        }
        prop_assert_eq!(links(&state(&mut whole)), links(&state(&mut pieces)));
        let kept = |screen: &mut Screen| links(&format!("{:?}", history(screen)));
        prop_assert_eq!(kept(&mut whole), kept(&mut pieces));
        prop_assert_eq!(whole.take_replies(), pieces.take_replies());
        prop_assert_eq!(whole.take_events(), pieces.take_events());
    }
}

/// A link without an identifier gets one that counts up.
fn links(state: &str) -> String {
    let mut parts = state.split("_alacritty");
    let mut text =
        parts.next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    for part in parts {
        text.push_str("_alacritty");
        text.push_str(part.trim_end_matches(|c: char| c.is_ascii_digit()));
    }
    text
}
