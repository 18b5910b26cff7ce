//! A screen as an SVG picture: one rectangle a run of background, one text a run of style, each run as
//! wide as its cells, whatever font the viewer has.

use std::fmt::Write as _;

use alacritty_terminal::{
    term::cell::{Cell, Flags},
    vte::ansi::{Color, NamedColor},
};
use termfleet_session::limits::Size;

use super::palette;

/// A cell's size, and where its text stands, in the picture's units.
const CELL: (usize, usize) = (9, 18);
const BASELINE: usize = 14;

/// Spaces are cells: browsers want to be told twice.
const STYLE: &str = "<style>text{white-space:pre}</style>";

/// Cells that look alike, in one row.
struct Run {
    column: usize,
    cells: usize,
    text: String,
    look: Look,
}

/// How they look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    ink: [u8; 3],
    ground: [u8; 3],
    bold: bool,
    italic: bool,
    underlined: bool,
    struck: bool,
    hidden: bool,
}

/// Draws the rows.
pub(super) fn draw<'a>(size: Size, rows: impl Iterator<Item = &'a [Cell]>) -> String {
    let (width, height) = (usize::from(size.cols) * CELL.0, usize::from(size.rows) * CELL.1);
    let mut svg = String::new();
    let ground = hex(palette::BACKGROUND);
    put(
        &mut svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"ui-monospace, monospace\" font-size=\"15\" \
         xml:space=\"preserve\">{STYLE}<rect width=\"100%\" height=\"100%\" fill=\"{ground}\"/>\n"
        ),
    );
    for (row, cells) in rows.enumerate() {
        for run in runs(cells) {
            run.draw(row, &mut svg);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn runs(cells: &[Cell]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (column, cell) in cells.iter().enumerate() {
        if cell.flags.contains(Flags::WIDE_CHAR_SPACER) {
            if let Some(last) = runs.last_mut() {
                last.cells += 1;
            }
            continue;
        }
        let look = Look::of(cell);
        let text =
            std::iter::once(cell.c).chain(cell.zerowidth().unwrap_or_default().iter().copied());
        match runs.last_mut() {
            Some(last) if last.look == look => {
                last.cells += 1;
                last.text.extend(text);
            }
            _ => runs.push(Run { column, cells: 1, text: text.collect(), look }),
        }
    }
    runs
}

impl Run {
    fn draw(&self, row: usize, svg: &mut String) {
        let (x, y) = (self.column * CELL.0, row * CELL.1);
        let (width, look) = (self.cells * CELL.0, self.look);
        if look.ground != palette::BACKGROUND {
            let (height, fill) = (CELL.1, hex(look.ground));
            put(
                svg,
                format_args!(
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>\n"
                ),
            );
        }
        let blank = self.text.trim_matches(' ').is_empty() && !look.underlined && !look.struck;
        if blank || look.hidden {
            return;
        }
        put(
            svg,
            format_args!(
                "<text x=\"{x}\" y=\"{}\" textLength=\"{width}\" fill=\"{}\"",
                y + BASELINE,
                hex(look.ink)
            ),
        );
        if look.bold {
            svg.push_str(" font-weight=\"bold\"");
        }
        if look.italic {
            svg.push_str(" font-style=\"italic\"");
        }
        let lines = [(look.underlined, "underline"), (look.struck, "line-through")];
        let lines: Vec<_> = lines.iter().filter(|(so, _)| *so).map(|(_, name)| *name).collect();
        if !lines.is_empty() {
            put(svg, format_args!(" text-decoration=\"{}\"", lines.join(" ")));
        }
        svg.push('>');
        escape(&self.text, svg);
        svg.push_str("</text>\n");
    }
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let has = |flags| cell.flags.intersects(flags);
        let (mut ink, mut ground) =
            (rgb(cell.fg, palette::FOREGROUND), rgb(cell.bg, palette::BACKGROUND));
        if has(Flags::INVERSE) {
            (ink, ground) = (ground, ink);
        }
        if has(Flags::DIM) {
            ink = ink.map(|part| part / 3 * 2);
        }
        Self {
            ink,
            ground,
            bold: has(Flags::BOLD),
            italic: has(Flags::ITALIC),
            underlined: has(Flags::ALL_UNDERLINES),
            struck: has(Flags::STRIKEOUT),
            hidden: has(Flags::HIDDEN),
        }
    }
}

fn rgb(color: Color, default: [u8; 3]) -> [u8; 3] {
    match color {
        Color::Spec(rgb) => [rgb.r, rgb.g, rgb.b],
        Color::Indexed(index) => palette::indexed(index),
        // It is one of the sixteen.
        Color::Named(name) if (name as usize) < NamedColor::Foreground as usize => {
            palette::indexed(name as u8)
        }
        Color::Named(_) => default,
    }
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Text as XML takes it: what has no place in XML at all is left out.
fn escape(text: &str, svg: &mut String) {
    for c in text.chars() {
        match c {
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            '&' => svg.push_str("&amp;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => svg.push(c),
        }
    }
}

fn put(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = svg.write_fmt(text);
}

#[cfg(test)]
mod tests {
    //! What is drawn where.
    use termfleet_session::ids::Offset;
    use tokio::time::Instant;

    use crate::screen::{Format, Screen};

    fn draw(output: &str) -> String {
        let size = termfleet_session::limits::Size { cols: 20, rows: 2 };
        let mut screen = Screen::new(size, Offset::new(0), 0);
        screen.feed(output.as_bytes(), Instant::now());
        String::from_utf8(screen.show(Format::Svg).data.to_vec()).unwrap()
    }

    #[test]
    fn runs_stand_in_their_cells() {
        let svg = draw("ab\x1b[1;31m✅c\x1b[m\r\n\x1b[44m<&>\x1b[m");
        assert!(svg.starts_with("<svg ") && svg.contains("viewBox=\"0 0 180 36\""), "{svg}");
        for part in [
            "<style>text{white-space:pre}</style>",
            "<text x=\"0\" y=\"14\" textLength=\"18\" fill=\"#e5e5e5\">ab</text>",
            "<text x=\"18\" y=\"14\" textLength=\"27\" fill=\"#cd0000\" font-weight=\"bold\">✅c</text>",
            "<rect x=\"0\" y=\"18\" width=\"27\" height=\"18\" fill=\"#0000ee\"/>",
            ">&lt;&amp;&gt;</text>",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }

    #[test]
    fn what_is_hidden_is_not_in_the_picture() {
        assert!(!draw("\x1b[8msecret").contains("secret"));
        assert_eq!(draw("").matches("<text").count(), 0);
    }
}
