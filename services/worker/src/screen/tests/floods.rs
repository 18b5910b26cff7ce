//! Lines that pass unseen, and when the last of them are drawn.

use super::*;

#[test]
fn a_flood_passes_unseen() {
    let line = |n| format!("\x1b[3{}m{n:>40}\x1b[m\r\n", n % 8);
    let flood: String = (0..3000).map(line).collect();
    for (before, passes) in
        [("", true), ("\x1b[?1049h", true), ("\x1b[2;4r", false), ("\x1b[4h", false)]
    {
        let before = format!("{before}\r\n\n\n\n\n");
        for end in ["", "\x1b[1", "\x1b[1mab\x1b[", "\u{e9}"] {
            let all = [&before, &flood, end].concat();
            // Half of a character is not whole either.
            let all = &all.as_bytes()[..all.len() - usize::from(end == "\u{e9}")];
            let mut screen = fed(60, 4, all);
            assert_eq!(
                !screen.emulator.as_ref().unwrap().undrawn.is_empty(),
                passes,
                "{before:?} {end:?}"
            );
            let mut slow = fed(60, 4, b"");
            all.chunks(pass::LEAST_BYTES - 1).for_each(|piece| slow.feed(piece, Instant::now()));
            assert_eq!((screen.fed(), screen.rest), (slow.fed(), slow.rest));
            assert_eq!(state(&mut screen), state(&mut slow));
            assert_eq!(history(&mut screen), history(&mut slow));
        }
    }
}

#[test]
fn a_screenful_is_drawn_when_it_is_long() {
    for (length, drawn) in [(500, false), (4000, false), (5500, true)] {
        let line = format!("{}\r\n", "x".repeat(length));
        let screen = fed(900, 4, line.repeat(40).as_bytes());
        assert_eq!(screen.emulator.unwrap().undrawn.is_empty(), drawn, "{length}");
    }
}
