//! How many cells a character takes is told to browsers as the worker's emulator has it: the client
//! package's table is made from the crate that the emulator asks, and a stale one fails here.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::{env, fmt::Write, fs};

use unicode_width::UnicodeWidthChar;

const TABLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../web/packages/client/src/width-table.ts");
const REGENERATE: &str = "TERMFLEET_WRITE_DOCS=1 cargo test -p termfleet-worker --test widths";
/// Texts are broken before this, as everything in that package is.
const LINE: usize = 96;

/// What stands above the tables.
const HEAD: &str = "\
/**
 * How many cells a character takes, as the server's emulator has it: made from its width table by
 * `services/worker/tests/widths.rs`; do not edit. Each pair is a gap and a length, base 36: so many
 * code points are as usual, then so many are not.
 */
";

#[test]
fn the_client_package_has_the_emulators_widths() {
    let made = format!(
        "{HEAD}\n{}\n{}",
        constant("Code points that take no cell: they join what is before them.", "ZERO", 0),
        constant("Code points that take two cells.", "WIDE", 2),
    );
    if env::var_os("TERMFLEET_WRITE_DOCS").is_some() {
        fs::write(TABLE, &made).unwrap();
    }
    let kept = fs::read_to_string(TABLE).unwrap_or_default();
    assert!(kept == made, "width-table.ts is stale; write it again with\n{REGENERATE}");
}

/// How many cells the emulator gives a character: two to the few that are wider, none to controls.
fn cells(character: char) -> usize {
    character.width().unwrap_or(0).min(2)
}

/// A constant that lists the code points of a width.
fn constant(text: &str, name: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    let mut end = 0;
    for (start, length) in runs(width) {
        let pair = format!("{} {}", base36(start - end), base36(length));
        end = start + length;
        if lines.last().unwrap().len() + pair.len() + 6 > LINE {
            lines.push(String::new());
        }
        write!(lines.last_mut().unwrap(), "{pair},").unwrap();
    }
    let lines: Vec<_> = lines.iter().map(|line| format!("  \"{line}\"")).collect();
    format!("/** {text} */\nexport const {name} =\n{};\n", lines.join(" +\n"))
}

/// The runs of code points that take so many cells: where each begins, and how long it is.
fn runs(width: usize) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for character in ('\0'..=char::MAX).filter(|character| cells(*character) == width) {
        let at = u32::from(character);
        match runs.last_mut() {
            Some((start, length)) if *start + *length == at => *length += 1,
            _ => runs.push((at, 1)),
        }
    }
    runs
}

fn base36(mut number: u32) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.is_empty() {
        digits.push(char::from_digit(number % 36, 36).unwrap());
        number /= 36;
    }
    digits.iter().rev().collect()
}
