//! Styles in plain output: SGR that sets no background, found out for every word of a coloured flood.

use alacritty_terminal::vte::ansi::{Attr, Color, NamedColor, Rgb};

/// The longest SGR that is looked at.
const STYLE_BYTES: usize = 48;

/// Styles that were found to be plain: in a coloured flood there is one a word, and few different ones.
#[derive(Default)]
pub(super) struct Styles([u128; 8]);

impl Styles {
    /// How long the style is that begins there, if it was looked at before, or is short and plain.
    #[inline]
    pub(super) fn length(&mut self, bytes: &[u8]) -> Option<usize> {
        let (opening, rest) = bytes.split_first_chunk()?;
        if opening != b"\x1b[" {
            return None;
        }
        let word = u128::from_le_bytes(*rest.first_chunk()?);
        let last = first_byte(word ^ (EACH_BYTE * u128::from(b'm')))?;
        // With its end, so that no style is the beginning of another one.
        let key = word & (u128::MAX >> (128 - 8 - 8 * last));
        let place = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 96) as usize % self.0.len();
        if self.0[place] != key {
            length(rest).filter(|length| *length == last)?;
            self.0[place] = key;
        }
        Some(2 + last + 1)
    }
}

const EACH_BYTE: u128 = u128::MAX / 255;

/// Where the first byte of a word is that is 0.
#[inline]
fn first_byte(word: u128) -> Option<usize> {
    let zeros = word.wrapping_sub(EACH_BYTE) & !word & (EACH_BYTE * 0x80);
    (zeros != 0).then(|| zeros.trailing_zeros() as usize / 8)
}

/// How long SGR parameters are, if [`attributes`] knows them all. In coloured floods there is one of
/// these a word, so they are looked at once and not split into numbers.
#[inline]
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    // After 38 comes a kind of color, and then as many components.
    let (mut number, mut components, mut kind) = (0u16, 0, false);
    for (at, byte) in bytes.iter().enumerate().take(STYLE_BYTES + 1) {
        match *byte {
            digit @ b'0'..=b'9' => {
                number = number.saturating_mul(10).saturating_add(u16::from(digit - b'0'));
                continue;
            }
            b';' | b'm' => {}
            _ => return None,
        }
        match number {
            5 if kind => (kind, components) = (false, 1),
            2 if kind => (kind, components) = (false, 3),
            _ if kind => return None,
            0..=255 if components > 0 => components -= 1,
            _ if components > 0 => return None,
            38 => kind = true,
            0..=4 | 7..=9 | 22..=24 | 27..=37 | 39 | 49 | 90..=97 => {}
            _ => return None,
        }
        if *byte == b'm' {
            return (components == 0 && !kind).then_some(at);
        }
        number = 0;
    }
    None
}

/// What SGR parameters set; none, if they may set a background, or something rare.
pub(in crate::screen) fn attributes(parameters: &[u8], mut set: impl FnMut(Attr)) -> Option<()> {
    let mut numbers = parameters.split(|byte| *byte == b';').map(number);
    while let Some(number) = numbers.next() {
        set(match number {
            0 => Attr::Reset,
            1 => Attr::Bold,
            2 => Attr::Dim,
            3 => Attr::Italic,
            4 => Attr::Underline,
            7 => Attr::Reverse,
            8 => Attr::Hidden,
            9 => Attr::Strike,
            22 => Attr::CancelBoldDim,
            23 => Attr::CancelItalic,
            24 => Attr::CancelUnderline,
            27 => Attr::CancelReverse,
            28 => Attr::CancelHidden,
            29 => Attr::CancelStrike,
            30..=37 => Attr::Foreground(Color::Named(COLORS[usize::from(number - 30)])),
            38 => Attr::Foreground(color(&mut numbers)?),
            39 => Attr::Foreground(Color::Named(NamedColor::Foreground)),
            // It is that already.
            49 => Attr::Background(Color::Named(NamedColor::Background)),
            90..=97 => Attr::Foreground(Color::Named(COLORS[usize::from(number - 90 + 8)])),
            _ => return None,
        });
    }
    Some(())
}

const COLORS: [NamedColor; 16] = [
    NamedColor::Black,
    NamedColor::Red,
    NamedColor::Green,
    NamedColor::Yellow,
    NamedColor::Blue,
    NamedColor::Magenta,
    NamedColor::Cyan,
    NamedColor::White,
    NamedColor::BrightBlack,
    NamedColor::BrightRed,
    NamedColor::BrightGreen,
    NamedColor::BrightYellow,
    NamedColor::BrightBlue,
    NamedColor::BrightMagenta,
    NamedColor::BrightCyan,
    NamedColor::BrightWhite,
];

fn color(numbers: &mut impl Iterator<Item = u16>) -> Option<Color> {
    let kind = numbers.next()?;
    let mut component = || numbers.next().and_then(|number| u8::try_from(number).ok());
    match kind {
        5 => component().map(Color::Indexed),
        2 => Some(Color::Spec(Rgb { r: component()?, g: component()?, b: component()? })),
        _ => None,
    }
}

fn number(digits: &[u8]) -> u16 {
    digits.iter().fold(0u16, |number, digit| {
        number.saturating_mul(10).saturating_add(u16::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    //! Which styles are plain.
    use super::*;

    #[test]
    fn a_style_is_plain_if_all_it_sets_is_known() {
        let some = [
            "", "0", "1", "5", "25", "2", "31", "38", "39", "40", "48", "49", "97", "100", "255",
            "256",
        ];
        for first in some {
            for second in some {
                for third in some {
                    for more in [";1;1", ";5;1", ""] {
                        let parameters = format!("{first};{second};{third}{more}");
                        let known = attributes(parameters.as_bytes(), |_| {}).is_some();
                        let found = length(format!("{parameters}mx").as_bytes());
                        assert_eq!(found, known.then_some(parameters.len()), "{parameters}");
                    }
                }
            }
        }
        for bytes in [STYLE_BYTES - 1, STYLE_BYTES, STYLE_BYTES + 1] {
            let parameters = "1;".repeat(50)[..bytes].to_owned();
            let found = length(format!("{parameters}m").as_bytes());
            assert_eq!(found, (bytes <= STYLE_BYTES).then_some(bytes), "{parameters}");
        }
    }

    #[test]
    fn styles_that_come_again_are_known_and_others_are_looked_at() {
        let mut styles = Styles::default();
        let padded = |style: &str| format!("{style}{}", "x".repeat(16)).into_bytes();
        for _ in 0..2 {
            for length in [0, 1, 2, 14, 15, 16] {
                let style = format!("\x1b[{}m", "1;".repeat(8)[..length].to_owned());
                let known = (length <= 15).then_some(length + 3);
                assert_eq!(styles.length(&padded(&style)), known, "{style:?}");
            }
            for other in [
                "",
                "x",
                "\x1b",
                "\x1b[",
                "\x1b]m",
                "\x1b[44m",
                "\x1b[1;Hm",
                "\x1b[K m",
                "\x1b[1xm",
            ] {
                assert_eq!(styles.length(&padded(other)), None, "{other:?}");
            }
        }
        assert_eq!(styles.length(b"\x1b[m"), None, "there is no whole word to look at");
    }
}
