//! Streams such as programs and their enemies print: text, control sequences, and anything.

use proptest::{collection::vec, prelude::*, sample::select};

/// Sequences without parameters of their own.
const FIXED: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\t",
    "\x08",
    "\x07",
    "\x0e",
    "\x0f",
    "\x0b",
    "\x1b7",
    "\x1b8",
    "\x1bD",
    "\x1bM",
    "\x1bE",
    "\x1bH",
    "\x1b=",
    "\x1b>",
    "\x1b(0",
    "\x1b(B",
    "\x1b)0",
    "\x1b)B",
    "\x1b#8",
    "\x1bc",
    "\x1b[!p",
    "\x1b[?1049h",
    "\x1b[?1049l",
    "\x1b[?47h",
    "\x1b[?47l",
    "\x1b[?1048h",
    "\x1b[?1048l",
    "\x1b[?6h",
    "\x1b[?6l",
    "\x1b[?7h",
    "\x1b[?7l",
    "\x1b[4h",
    "\x1b[4l",
    "\x1b[20h",
    "\x1b[20l",
    "\x1b[?25h",
    "\x1b[?25l",
    "\x1b[?1h",
    "\x1b[?1l",
    "\x1b[?12h",
    "\x1b[?1000h",
    "\x1b[?1002h",
    "\x1b[?1003h",
    "\x1b[?9h",
    "\x1b[?1003l",
    "\x1b[?1006h",
    "\x1b[?1015h",
    "\x1b[?1006l",
    "\x1b[?1004h",
    "\x1b[?1004l",
    "\x1b[?2004h",
    "\x1b[?2004l",
    "\x1b[?66h",
    "\x1b[?2026h",
    "\x1b[?2026l",
    "\x1b[>4;2m",
    "\x1b[>1u",
    "\x1b[<u",
    "\x1b[=5;1u",
    "\x1b[>7u",
    "\x1b]2;title\x07",
    "\x1b]0;other\x1b\\",
    "\x1b[22t",
    "\x1b[23t",
    "\x1b]8;;http://a/\x1b\\",
    "\x1b]8;id=x;http://b/\x1b\\",
    "\x1b]8;;\x1b\\",
    "\x1b]4;1;rgb:ff/00/10\x1b\\",
    "\x1b]104\x1b\\",
    "\x1b]11;#123456\x07",
    "\x1b]111\x07",
    "\x1b]133;C\x07",
    "\x1bPsixel\x1b\\",
    "\x1b_apc\x1b\\",
    "\x1b[3g",
    "\x1b[m",
    "\x1b[1;31m",
    "\x1b[7;44m",
    "\x1b[4:3;58;5;9m",
    "\x1b[21m",
    "\x1b[38;2;1;2;3;48;5;200m",
    "\x1b[2;3;8;9m",
    "\x1b[48;5;17m",
    "\x1b[39;49m",
    "\x1b[97;100m",
];
/// Finals of control sequences that take numbers.
const FINALS: &[&str] = &[
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "P", "S", "T", "X", "Z", "@",
    "a", "b", "d", "e", "f", "g", "m", "n", "r", "s", "u", " q", "`", "$p",
];
const TEXTS: &[&str] = &[
    "a",
    "hello",
    " ",
    "      ",
    "界",
    "界界界",
    "e\u{301}",
    "\u{301}",
    "✅",
    "👩\u{200d}👩",
    "lqk",
    "x~",
    "long text that wraps",
    "\u{a0}",
    "é",
    "\u{200b}",
];

fn sequence() -> impl Strategy<Value = Vec<u8>> {
    let numbers = vec(prop_oneof![4 => 0u16..8, 1 => 0u16..2000], 0..3);
    (numbers, select(FINALS)).prop_map(|(numbers, last)| {
        let numbers: Vec<String> = numbers.iter().map(u16::to_string).collect();
        format!("\x1b[{}{last}", numbers.join(";")).into_bytes()
    })
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => select(TEXTS).prop_map(|text| text.as_bytes().to_vec()),
        5 => select(FIXED).prop_map(|fixed| fixed.as_bytes().to_vec()),
        5 => sequence(),
        1 => vec(any::<u8>(), 0..6),
    ]
}

/// Some output.
pub(super) fn stream() -> impl Strategy<Value = Vec<u8>> {
    vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

/// What lines of a flood consist of, and now and then anything.
fn flood_piece() -> impl Strategy<Value = Vec<u8>> {
    const PLAIN: &[&str] = &[
        "a",
        "word",
        " ",
        "     ",
        "long text that wraps",
        "\t",
        "é",
        "界",
        "✅界",
        "\x1b[K",
        "\x1b[m",
        "\x1b[1;31m",
        "\x1b[39m",
        "\x1b[4;7m",
        "\x1b[38;5;44m",
        "\n",
    ];
    prop_oneof![
        400 => select(PLAIN).prop_map(|text| text.as_bytes().to_vec()),
        1 => piece(),
    ]
}

/// Many lines, most of them plain.
pub(super) fn flood() -> impl Strategy<Value = Vec<u8>> {
    let line = vec(flood_piece(), 0..8).prop_map(|pieces| pieces.concat());
    vec((line, select(&["\r\n", "\r\n", "\r\n", "\n", "\r\r\n"][..])), 100..300).prop_map(|lines| {
        lines.iter().flat_map(|(line, end)| [&line[..], end.as_bytes()].concat()).collect()
    })
}
