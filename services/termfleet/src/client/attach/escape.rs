//! The escape of `attach`: `~` at the start of a line, as in ssh. A state machine over typed bytes.

/// What typing asks for, beside input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// `~.`: leave the session.
    Detach,
    /// `~?`: say what there is.
    Help,
}

/// Where typing stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// At the start of a line.
    #[default]
    LineStart,
    /// Within a line.
    Within,
    /// Behind a tilde at the start of a line, which has not been sent.
    Tilde,
}

impl Escape {
    /// Takes typed bytes: what of them is input, and the first wish among them. What follows a
    /// detach is nobody's.
    pub(super) fn typed(&mut self, bytes: &[u8]) -> (Vec<u8>, Option<Wish>) {
        let (mut input, mut wish) = (Vec::with_capacity(bytes.len()), None);
        for byte in bytes {
            match (*self, byte) {
                (Self::LineStart, b'~') => {
                    *self = Self::Tilde;
                    continue;
                }
                (Self::Tilde, b'.') => return (input, Some(Wish::Detach)),
                (Self::Tilde, b'?') => {
                    *self = Self::LineStart;
                    wish = Some(Wish::Help);
                    continue;
                }
                // The second tilde is the one that is typed.
                (Self::Tilde, b'~') | (Self::LineStart | Self::Within, _) => {}
                (Self::Tilde, _) => input.push(b'~'),
            }
            input.push(*byte);
            *self = if matches!(byte, b'\r' | b'\n') { Self::LineStart } else { Self::Within };
        }
        (input, wish)
    }
}

#[cfg(test)]
mod tests {
    //! What is typed, and what comes of it.
    use super::*;

    #[test]
    fn a_tilde_means_something_at_the_start_of_a_line_alone() {
        for (typed, input, wish) in [
            ("ls\r", "ls\r", None),
            ("~.", "", Some(Wish::Detach)),
            ("ls\r~.rest", "ls\r", Some(Wish::Detach)),
            ("a~.\r", "a~.\r", None),
            ("~~\r", "~\r", None),
            ("~?x", "x", Some(Wish::Help)),
            ("~x", "~x", None),
            ("~\r~.", "~\r", Some(Wish::Detach)),
        ] {
            let found = Escape::default().typed(typed.as_bytes());
            assert_eq!(found, (input.as_bytes().to_vec(), wish), "{typed:?}");
            // Keys come one by one, too.
            let (mut escape, mut all, mut last) = (Escape::default(), Vec::new(), None);
            for byte in typed.bytes() {
                let (input, wish) = escape.typed(&[byte]);
                all.extend(input);
                last = last.or(wish);
                if last == Some(Wish::Detach) {
                    break;
                }
            }
            assert_eq!((all, last), (input.as_bytes().to_vec(), wish), "{typed:?}, key by key");
        }
    }
}
