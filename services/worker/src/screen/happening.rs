//! What a program tells about itself: bell, title, directory, progress, notifications, and the
//! begin and end of commands.

use std::borrow::Cow;

/// How many wait for being taken; further ones are dropped, except that a new title, directory or
/// progress replaces the one that waits.
pub(super) const WAITING: usize = 64;
/// The longest text, in bytes.
pub(super) const TEXT_BYTES: usize = 1024;

/// Something that happened in a session, told by its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    Bell,
    Title(String),
    /// The shell's directory.
    Cwd(String),
    /// 0 none, 1 so many percent, 2 failed, 3 busy, 4 paused (OSC 9;4).
    Progress {
        state: u8,
        percent: u8,
    },
    Notification {
        title: String,
        body: String,
    },
    CommandStarted,
    CommandFinished {
        exit_code: Option<i32>,
    },
}

#[derive(Debug, Default)]
pub(super) struct Happenings(Vec<Happening>);

impl Happenings {
    pub(super) fn take(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.0)
    }

    pub(super) fn add(&mut self, happening: Happening) {
        let kind = std::mem::discriminant(&happening);
        let replaces = matches!(
            happening,
            Happening::Bell | Happening::Title(_) | Happening::Cwd(_) | Happening::Progress { .. }
        );
        if replaces {
            self.0.retain(|waiting| std::mem::discriminant(waiting) != kind);
        }
        if self.0.len() < WAITING {
            self.0.push(happening);
        }
    }

    /// An operating system command, from its escape to its end.
    pub(super) fn command(&mut self, sequence: &[u8]) {
        let body = &sequence[2..];
        let body = body.strip_suffix(b"\x07").unwrap_or(body);
        let Ok(body) = std::str::from_utf8(body) else { return };
        if let Some(happening) = read(body) {
            self.add(happening);
        }
    }
}

fn read(body: &str) -> Option<Happening> {
    let (number, rest) = body.split_once(';')?;
    match number {
        "7" => directory(rest).map(Happening::Cwd),
        "9" => Some(match rest.strip_prefix("4;") {
            Some(rest) => progress(rest)?,
            None => Happening::Notification { title: String::new(), body: text(rest) },
        }),
        "777" => {
            let (title, body) = rest.strip_prefix("notify;")?.split_once(';')?;
            Some(Happening::Notification { title: text(title), body: text(body) })
        }
        "133" => command(rest),
        _ => None,
    }
}

/// The directory in `file://host/path`.
fn directory(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("file://")?;
    let path = &rest[rest.find('/')?..];
    let bytes = unescape(path.as_bytes());
    let path = std::str::from_utf8(&bytes).ok()?;
    // A path that does not fit is not a path.
    (path.len() <= TEXT_BYTES && !path.chars().any(char::is_control)).then(|| path.to_owned())
}

fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    Cow::Owned(out)
}

fn progress(rest: &str) -> Option<Happening> {
    let mut fields = rest.split(';');
    let state = fields.next()?.parse().ok().filter(|state| *state <= 4)?;
    let percent = fields.next().and_then(|field| field.parse::<u8>().ok()).unwrap_or_default();
    Some(Happening::Progress { state, percent: percent.min(100) })
}

fn command(rest: &str) -> Option<Happening> {
    let mut fields = rest.split(';');
    match fields.next()? {
        "C" => Some(Happening::CommandStarted),
        "D" => {
            let exit_code = fields.next().and_then(|field| field.parse().ok());
            Some(Happening::CommandFinished { exit_code })
        }
        _ => None,
    }
}

/// A text to show: without control characters, and not too long.
pub(super) fn text(text: &str) -> String {
    let mut kept: String = text.chars().filter(|character| !character.is_control()).collect();
    if kept.len() > TEXT_BYTES {
        kept.truncate(kept.floor_char_boundary(TEXT_BYTES));
    }
    kept
}

#[cfg(test)]
mod tests {
    //! What is understood, and how much of it is kept.
    use super::*;

    fn heard(sequences: &[&str]) -> Vec<Happening> {
        let mut happenings = Happenings::default();
        for sequence in sequences {
            happenings.command(sequence.as_bytes());
        }
        happenings.take()
    }

    #[test]
    fn commands_are_understood() {
        let note = |title: &str, body: &str| Happening::Notification {
            title: title.to_owned(),
            body: body.to_owned(),
        };
        for (sequence, happening) in [
            ("\x1b]7;file://host/tmp/a%20b\x07", Happening::Cwd("/tmp/a b".to_owned())),
            ("\x1b]7;file:///tmp/100%", Happening::Cwd("/tmp/100%".to_owned())),
            ("\x1b]9;4;1;50", Happening::Progress { state: 1, percent: 50 }),
            ("\x1b]9;4;0", Happening::Progress { state: 0, percent: 0 }),
            ("\x1b]9;4;1;255", Happening::Progress { state: 1, percent: 100 }),
            ("\x1b]9;built\x01", note("", "built")),
            ("\x1b]777;notify;cargo;done; really", note("cargo", "done; really")),
            ("\x1b]133;C", Happening::CommandStarted),
            ("\x1b]133;D", Happening::CommandFinished { exit_code: None }),
            ("\x1b]133;D;130;aid=1", Happening::CommandFinished { exit_code: Some(130) }),
        ] {
            assert_eq!(heard(&[sequence]), [happening], "{sequence:?}");
        }
        for nothing in ["\x1b]", "\x1b]9;4;7", "\x1b]133;A", "\x1b]7;/tmp", "\x1b]7;file://host"] {
            assert_eq!(heard(&[nothing]), [], "{nothing:?}");
        }
        assert_eq!(heard(&["\x1b]7;file:///tmp/%0a"]), [], "a line feed in a path");
    }

    #[test]
    fn what_was_told_again_is_told_once() {
        let all = heard(&["\x1b]9;4;1;1", "\x1b]133;C", "\x1b]9;4;1;2", "\x1b]133;C"]);
        let started = Happening::CommandStarted;
        let progress = Happening::Progress { state: 1, percent: 2 };
        assert_eq!(all, [started.clone(), progress, started]);
    }

    #[test]
    fn texts_and_their_number_are_bounded() {
        for (length, kept) in [
            (TEXT_BYTES - 1, TEXT_BYTES - 1),
            (TEXT_BYTES, TEXT_BYTES),
            (TEXT_BYTES + 1, TEXT_BYTES),
        ] {
            assert_eq!(text(&"x".repeat(length)).len(), kept);
        }
        assert_eq!(text(&"é".repeat(TEXT_BYTES)).len(), TEXT_BYTES);
        for (count, kept) in
            [(WAITING - 1, WAITING - 1), (WAITING, WAITING), (WAITING + 1, WAITING)]
        {
            assert_eq!(heard(&vec!["\x1b]133;C"; count]).len(), kept);
        }
    }
}
