//! What a terminal shows, and what is kept of it.

mod browser;
mod floods;
mod proof;
mod streams;

use std::fmt::Write as _;

use alacritty_terminal::{
    Grid,
    grid::Cursor,
    index::{Column, Line},
    term::cell::{Cell, Flags},
};

use super::*;

const HISTORY: usize = 1 << 20;

impl Screen {
    /// It has a mistake in it: the next program that sets a tab stop finds it.
    pub(crate) fn spoil(&mut self) {
        self.fed_emulator().tabs.clear();
    }

    /// It has a mistake in it: whoever looks at it finds it.
    pub(crate) fn spoil_rows(&mut self) {
        self.fed_emulator().size.rows += 1;
    }
}

fn screen(cols: u16, rows: u16) -> Screen {
    Screen::new(Size { cols, rows }, Offset::new(0), HISTORY)
}

fn fed(cols: u16, rows: u16, bytes: &[u8]) -> Screen {
    let mut screen = screen(cols, rows);
    screen.feed(bytes, Instant::now());
    screen
}

fn blank(size: Size) -> Screen {
    fed(size.cols, size.rows, b"\x1b[m")
}

/// A fresh terminal that was given a snapshot.
fn copy(of: &mut Screen, rows: u32) -> Screen {
    let picture = of.snapshot(rows);
    let mut copy = Screen::new(picture.size, Offset::new(0), HISTORY);
    copy.feed(&picture.data, Instant::now());
    copy
}

/// Everything that a terminal knows, as text, but for the mark of a cell that a wide character did
/// not fit into: it has no effect.
fn state(screen: &mut Screen) -> String {
    let Some(fed) = screen.drawn() else {
        return state(&mut blank(screen.size));
    };
    let emulator = &fed.emulator;
    let mut text = String::new();
    let mut grids = vec![emulator.term.grid()];
    if let Some(main) = &emulator.main {
        grids.push(&main.grid);
        let _ = writeln!(text, "main restores {} {:?}", main.restores, main.keyboard);
    }
    for grid in grids {
        draw(grid, &mut text);
    }
    for name in emulator.tabs.iter().map(|tab| if *tab { "T" } else { "." }) {
        text.push_str(name);
    }
    let _ = writeln!(
        text,
        "\n{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        emulator.term.mode(),
        emulator.region,
        emulator.charset,
        emulator.cursor_style,
        emulator.title,
        emulator.titles,
        emulator.keyboard,
        emulator.other_keys,
        emulator.mouse,
        emulator.mouse_encoding,
    );
    for index in 0..alacritty_terminal::term::color::COUNT {
        if let Some(color) = emulator.term.colors()[index] {
            let _ = writeln!(text, "color {index} {color:?}");
        }
    }
    let repeatable = emulator.repeatable().filter(|_| screen.scanner.printed());
    let _ = writeln!(text, "repeatable {repeatable:?}");
    text
}

fn draw(grid: &Grid<Cell>, text: &mut String) {
    use alacritty_terminal::grid::Dimensions as _;
    for line in 0..grid.screen_lines() {
        for cell in &grid[Line(line as i32)][..] {
            describe(cell, text);
        }
        text.push('\n');
    }
    for cursor in [&grid.cursor, &grid.saved_cursor] {
        let Cursor { point, template, charsets, input_needs_wrap } = cursor;
        let _ = write!(text, "cursor {point:?} {input_needs_wrap} {charsets:?} ");
        describe(template, text);
        text.push('\n');
    }
}

fn describe(cell: &Cell, text: &mut String) {
    let flags = cell.flags.difference(Flags::LEADING_WIDE_CHAR_SPACER);
    let plain = Cell { c: cell.c, ..Cell::default() };
    text.push(cell.c);
    text.extend(cell.zerowidth().unwrap_or_default());
    if (cell.fg, cell.bg, flags) != (plain.fg, plain.bg, plain.flags) {
        let _ = write!(text, "<{:?} {:?} {flags:?}>", cell.fg, cell.bg);
    }
    if let Some(color) = cell.underline_color() {
        let _ = write!(text, "<{color:?}>");
    }
    if let Some(link) = cell.hyperlink() {
        let _ = write!(text, "<{} {}>", link.id(), link.uri());
    }
}

/// The rows of the screen, without what is blank at their ends.
fn rows(screen: &mut Screen) -> Vec<String> {
    let size = screen.size;
    let Some(fed) = screen.drawn() else { return Vec::new() };
    let grid = fed.emulator.term.grid();
    let row = |line: u16| {
        let cells =
            (0..size.cols).map(|column| &grid[Line(i32::from(line))][Column(usize::from(column))]);
        let shown = cells.filter(|cell| !cell.flags.contains(Flags::WIDE_CHAR_SPACER));
        shown.map(|cell| cell.c).collect::<String>().trim_end().to_owned()
    };
    (0..size.rows).map(row).collect()
}

fn history(screen: &mut Screen) -> Vec<(String, bool)> {
    let Some(fed) = screen.drawn() else { return Vec::new() };
    let (_, lines) = fed.emulator.lines.before(u64::MAX, usize::MAX);
    lines
        .iter()
        .map(|line| (String::from_utf8_lossy(&line.text).into_owned(), line.wrapped.is_some()))
        .collect()
}

#[test]
fn a_snapshot_begins_with_a_reset_and_shows_what_the_screen_shows() {
    let mut blank = screen(20, 4);
    assert_eq!(blank.snapshot(500).data, &b"\x1bc"[..]);
    let mut screen = fed(20, 4, b"one\r\n\x1b[1;31mtwo\x1b[m three");
    let picture = screen.snapshot(500);
    assert!(picture.data.starts_with(b"\x1bc\x1b[?2026h"));
    assert_eq!((picture.offset, picture.size), (screen.fed(), Size { cols: 20, rows: 4 }));
    assert_eq!(rows(&mut copy(&mut screen, 500)), ["one", "two three", "", ""]);
}

#[test]
fn rows_that_leave_the_main_screen_are_kept_and_others_are_not() {
    let mut screen = fed(20, 2, b"1\r\n\x1b[32m2\x1b[m\r\n3\r\n4");
    assert_eq!(rows(&mut screen), ["3", "4"]);
    let kept = [("1".to_owned(), false), ("\x1b[32m2\x1b[39m".to_owned(), false)];
    assert_eq!(history(&mut screen), kept);
    for (lines, count) in [(0, 0), (1, 1), (2, 2), (3, 2)] {
        assert_eq!(history(&mut copy(&mut screen, lines)).len(), count);
    }
    for other in [
        &b"\x1b[?1049h1\r\n2\r\n3\r\n4"[..],
        b"\x1b[2;4r1\r\n2\r\n3\r\n4\r\n5\r\n6",
        b"1\r\n2\x1b[2S",
        b"1\r\n2\x1b[2J",
    ] {
        assert_eq!(history(&mut fed(20, 4, other)), []);
    }
    assert_eq!(history(&mut fed(20, 2, b"1\r\n2\r\n3\r\n4\x1b[3J")), []);
}

#[test]
fn an_ordinary_snapshot_fits_into_64_kib() {
    let mut output = Vec::new();
    for line in 0..600 {
        let text = format!("\x1b[38;5;{}m{line:>6}\x1b[0m {}\r\n", line % 256, "word ".repeat(14));
        output.extend_from_slice(text.as_bytes());
    }
    let size = fed(80, 24, &output).snapshot(500).data.len();
    assert!(size < 64 << 10, "{size} bytes");
}

#[test]
fn history_stops_where_a_snapshot_would_become_too_large() {
    for (length, kept) in [(64, 750), (768, 64), (769, 63)] {
        let line = format!("{}\r\n", "x".repeat(length));
        let mut screen = fed(1000, 2, line.repeat(751).as_bytes());
        assert_eq!(history(&mut copy(&mut screen, 1000)).len(), kept, "{length}");
    }
}

#[test]
fn output_is_held_back_until_it_is_at_rest() {
    for (whole, half) in [
        (&b"a"[..], &b"\x1b"[..]),
        (b"a", b"\x1b[3"),
        (b"a", b"\x1b]0;title"),
        (b"a", b"\x1b]0;title\x1b"),
        (b"a", b"\x1bPq"),
        (b"a", b"\xF0\x9F\xA6"),
        (b"a", b"\x1b[?2026hb\x1b[1mc"),
        (b"a\x1b[?2026hb\x1b[?2026lc", b"\x1b[?2026h"),
    ] {
        let mut screen = fed(20, 4, &[whole, half].concat());
        assert_eq!(screen.snapshot(0).offset.get(), whole.len() as u64, "{half:?}");
        assert_eq!(screen.fed().get(), (whole.len() + half.len()) as u64);
    }
}

#[test]
fn a_synchronized_update_ends_when_it_lasts_too_long() {
    let start = Instant::now();
    let mut screen = screen(20, 4);
    screen.feed(b"\x1b[?2026hshown", start);
    assert_eq!(screen.deadline(), Some(start + scan::SYNC_TIME));
    screen.tick(start + scan::SYNC_TIME - Duration::from_millis(1));
    assert_eq!(screen.snapshot(0).offset.get(), 0);
    screen.tick(start + scan::SYNC_TIME);
    assert_eq!((screen.snapshot(0).offset, screen.deadline()), (screen.fed(), None));
    assert_eq!(rows(&mut screen)[0], "shown");
}

#[test]
fn a_synchronized_update_ends_when_it_is_too_large() {
    let begin = b"\x1b[?2026h";
    for (length, shown) in
        [(scan::SYNC_BYTES - 1, false), (scan::SYNC_BYTES, false), (scan::SYNC_BYTES + 1, true)]
    {
        let update = [&begin[..], &vec![b'x'; length - begin.len()]].concat();
        let mut screen = fed(20, 4, &update);
        assert_eq!(screen.snapshot(0).offset == screen.fed(), shown, "{length}");
    }
}

#[test]
fn a_string_that_is_too_long_says_nothing_and_holds_nothing_back() {
    for (length, title) in [
        (scan::STRING_BYTES - 1, true),
        (scan::STRING_BYTES, true),
        (scan::STRING_BYTES + 1, false),
    ] {
        let string = [b"\x1b]2;", &vec![b't'; length - 4][..]].concat();
        let mut screen = fed(20, 4, &string);
        assert_eq!(screen.snapshot(0).offset == screen.fed(), !title, "{length}");
        let mut copy = copy(&mut screen, 0);
        let rest = if title { &string[..] } else { b"ttt" };
        copy.feed(&[rest, b"\x1b\\shown"].concat(), Instant::now());
        screen.feed(b"\x1b\\shown", Instant::now());
        assert_eq!(rows(&mut screen)[0], "shown");
        assert_eq!(state(&mut screen), state(&mut copy));
        assert_eq!(screen.take_events().is_empty(), !title, "{length}");
    }
}

#[test]
fn questions_are_answered_from_a_fixed_set() {
    for (question, answer) in [
        ("\x1b[c", "\x1b[?1;2c"),
        ("\x1b[>c", "\x1b[>0;276;0c"),
        ("\x1b[5n", "\x1b[0n"),
        ("ab\x1b[6n", "\x1b[1;3R"),
        ("\x1b[2;3r\x1b[?6h\x1b[6n", "\x1b[1;1R"),
        ("\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;1$y"),
        ("\x1b[?1002$p", "\x1b[?1002;2$y"),
        ("\x1b[?4242$p", "\x1b[?4242;0$y"),
        ("\x1b[4$p", "\x1b[4;2$y"),
        ("\x1b[>q", "\x1bP>|termfleet\x1b\\"),
        ("\x1b[18t", "\x1b[8;4;20t"),
        ("\x1b]10;?\x07", "\x1b]10;rgb:e5e5/e5e5/e5e5\x07"),
        ("\x1b]11;#123456\x07\x1b]11;?\x1b\\", "\x1b]11;rgb:0000/0000/0000\x1b\\"),
        ("\x1b]4;196;?\x07", "\x1b]4;196;rgb:ffff/0000/0000\x07"),
        // These would bring back what was printed, or promise what a browser does not do.
        ("\x1b]2;rm -rf\x07\x1b[21t", ""),
        ("\x1bP$qm\x1b\\", ""),
        ("\x1b]52;c;?\x07", ""),
        ("\x1b[?u", ""),
    ] {
        let mut screen = fed(20, 4, question.as_bytes());
        assert_eq!(String::from_utf8_lossy(&screen.take_replies()), answer, "{question:?}");
    }
}

#[test]
fn so_many_questions_are_answered_in_a_second() {
    let start = Instant::now();
    for (asked, answered) in [(99, 99), (100, 100), (101, 100)] {
        let mut screen = screen(20, 4);
        screen.feed("\x1b[5n".repeat(asked).as_bytes(), start);
        assert_eq!(screen.take_replies().len(), 4 * answered, "{asked}");
        screen.feed(b"\x1b[5n", start + Duration::from_millis(999));
        let more = screen.take_replies().len() / 4;
        assert_eq!(more, usize::from(answered < 100));
        screen.feed(b"\x1b[5n", start + Duration::from_secs(1));
        assert_eq!(screen.take_replies(), b"\x1b[0n");
    }
}

#[test]
fn what_happened_is_told_once() {
    let mut screen = fed(20, 4, b"\x07\x1b]0;a\x01b\x07\x1b]133;D;1\x1b\\\x1b]9;done\x07");
    let told = [
        Happening::Bell,
        Happening::Title("ab".to_owned()),
        Happening::CommandFinished { exit_code: Some(1) },
        Happening::Notification { title: String::new(), body: "done".to_owned() },
    ];
    assert_eq!(screen.take_events(), told);
    assert_eq!(screen.take_events(), []);
}

#[test]
fn an_escape_before_what_is_left_out_takes_nothing_with_it() {
    for left_out in ["\x1b[5b", "\x1b[!p", "\x1bPq\x1b\\", "\x1b[>q"] {
        for before in ["", "\x1b", "\x1b\x7f", "\x1b]2;title", "\x1b[3"] {
            let output = format!("{before}{left_out} shown");
            assert_eq!(rows(&mut fed(20, 2, output.as_bytes()))[0], " shown", "{output:?}");
        }
    }
}

#[test]
fn wide_characters_lose_both_halves() {
    for (output, row) in [
        ("界\x1b[1;2Hx", " x"),
        ("界\x1b[1;1Hx", "x"),
        ("界\x1b[1;2H\x1b[K", ""),
        ("a界b\x1b[1;3H\x1b[1Xc", "a cb"),
        ("界b\x1b[1;2H\x1b[P", " b"),
        ("界b\x1b[1;2H\x1b[@", "   b"),
        ("a界\x1b[1;2H\x1b[1K", ""),
    ] {
        assert_eq!(rows(&mut fed(20, 2, output.as_bytes()))[0], row, "{output:?}");
    }
}

#[test]
fn a_character_that_has_no_room_is_not_repeated() {
    let before = b"\x1b[?7la\x1b[2Gb\x1b[2G";
    let mut screen = fed(2, 1, before);
    let mut copied = copy(&mut screen, 0);
    for screen in [&mut screen, &mut copied] {
        screen.feed("界\x1b[b".as_bytes(), Instant::now());
    }
    assert_eq!(rows(&mut screen), ["ab"]);
    assert_eq!(state(&mut screen), state(&mut copied));
}

#[test]
fn a_cell_takes_so_many_marks() {
    for (marks, kept) in [(7, 7), (8, 8), (9, 8)] {
        let screen = fed(20, 2, format!("e{}", "\u{301}".repeat(marks)).as_bytes());
        let grid = screen.emulator.as_ref().unwrap().emulator.term.grid();
        assert_eq!(grid[Line(0)][Column(0)].zerowidth().unwrap().len(), kept);
    }
}

#[test]
fn a_taller_screen_takes_rows_back_and_a_lower_one_gives_them_again() {
    let mut text = String::new();
    for n in 0..40 {
        let _ = write!(text, "\x1b[1;3{}mline {n}\x1b[m ✅ \x1b[44m \x1b[m\r\n", n % 8);
    }
    text.push_str("one that is too long for a screen of twenty columns\r\ne\u{301}\r\n\r\n$ ");
    let mut screen = fed(20, 4, text.as_bytes());
    let before = state(&mut screen);
    assert_eq!(rows(&mut screen)[1..], ["e", "", "$"]);
    for taller in [5, 6, 9, 30, 45, 46, 47] {
        screen.resize(Size { cols: 20, rows: taller });
        let shown = rows(&mut screen);
        let blank = shown.iter().rev().take_while(|row| row.is_empty()).count();
        // There are 46 rows in all.
        assert_eq!(blank, usize::from(taller).saturating_sub(46), "{shown:#?}");
        assert_eq!(shown[shown.len() - 1 - blank], "$");
        let mut copied = copy(&mut screen, 500);
        assert_eq!(state(&mut copied), state(&mut screen));
        screen.resize(Size { cols: 20, rows: 4 });
        assert_eq!(state(&mut screen), before, "{taller} rows and back");
    }
}

#[test]
fn rows_come_back_only_to_who_asks_in_the_last_row() {
    let lines: String = (0..10).map(|n| format!("line {n}\r\n")).collect();
    let mut screen = fed(20, 4, format!("{lines}$\x1b[A").as_bytes());
    screen.resize(Size { cols: 20, rows: 6 });
    assert_eq!(rows(&mut screen), ["line 7", "line 8", "line 9", "$", "", ""]);
    let mut screen = fed(20, 4, format!("123456789\r\n{lines}$").as_bytes());
    screen.resize(Size { cols: 8, rows: 11 });
    assert_eq!(rows(&mut screen)[..2], ["line 0", "line 1"]);
    screen.resize(Size { cols: 8, rows: 13 });
    let shown = rows(&mut screen);
    assert_eq!([&shown[0], &shown[1], &shown[12]], ["12345678", "9", "$"], "as wide as it is now");
}

#[test]
fn a_wider_screen_is_filled_from_above() {
    // Every line takes two rows, and the screen begins in the middle of one.
    let lines: String = (0..30).map(|n| format!("<{n:02}>567890abc\r\n")).collect();
    let mut screen = fed(10, 6, format!("{lines}$ ").as_bytes());
    let narrow = ["90abc", "<28>567890", "abc", "<29>567890", "abc", "$"].map(str::to_owned);
    assert_eq!(rows(&mut screen)[1..], narrow[1..]);
    screen.resize(Size { cols: 20, rows: 9 });
    let wide = (22..30).map(|n| format!("<{n}>567890abc")).chain(["$".to_owned()]);
    assert_eq!(rows(&mut screen), wide.collect::<Vec<_>>());
    let above = history(&mut screen);
    let newest = above.last().map(|(text, wraps)| (&**text, *wraps));
    // What is far above stays as it was wrapped.
    assert_eq!((above.len(), newest), (36 + 4, Some(("<21>567890abc", false))));
    screen.resize(Size { cols: 10, rows: 6 });
    assert_eq!(rows(&mut screen)[1..], narrow[1..]);
}

#[test]
fn of_a_long_line_as_many_rows_come_back_as_there_is_room_for() {
    let long: String = (0..200).map(|n| format!("{n:04}.")).collect();
    let mut screen = fed(20, 6, format!("{long}\r\na\r\nb\r\nc\r\n$ ").as_bytes());
    for rows_now in [7, 12, 30] {
        screen.resize(Size { cols: 20, rows: rows_now });
        let shown = rows(&mut screen);
        let first = 50 - (usize::from(rows_now) - 4);
        assert_eq!(shown[0], long[first * 20..][..20], "{rows_now} rows");
        assert_eq!(&shown[usize::from(rows_now) - 4..], ["a", "b", "c", "$"]);
    }
    screen.resize(Size { cols: 20, rows: 6 });
    assert_eq!(rows(&mut screen)[0], long[48 * 20..][..20]);
}

#[test]
fn a_screen_of_one_row_keeps_its_cursor_when_it_becomes_wider() {
    let mut screen = fed(10, 1, b"above\r\n123456789012$ ");
    screen.resize(Size { cols: 30, rows: 1 });
    screen.feed(b"Z", Instant::now());
    assert_eq!(rows(&mut screen), ["12$ Z"]);
}

#[test]
fn a_change_between_extreme_sizes_takes_no_second() {
    let words: String = (0..5_000).map(|n| format!("{n:>990}\r\n")).collect();
    let letters: String = (0..50_000).map(|n| format!("\x1b[3{}mx\x1b[m\r\n", n % 8)).collect();
    for (text, size, to) in [(words, (1000, 400), (1000, 500)), (letters, (2, 500), (1000, 500))] {
        let mut screen = fed(size.0, size.1, text.as_bytes());
        let begun = Instant::now();
        screen.resize(Size { cols: to.0, rows: to.1 });
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_resized_screen_wraps_anew() {
    let mut screen = fed(8, 3, b"12345678abc\r\n$ ");
    screen.resize(Size { cols: 20, rows: 3 });
    assert_eq!(rows(&mut screen), ["12345678abc", "$", ""]);
    screen.resize(Size { cols: 4, rows: 5 });
    assert_eq!(rows(&mut screen), ["1234", "5678", "abc", "$", ""]);
}
