//! Notices that a program waits for its user: its output rests, and it reads the terminal.
//!
//! The ptyhost is asked once output has been at rest for a while, and again, ever more seldom, as long
//! as the program is busy. Told is the same question once: not again while its line is typed on.

use std::time::Duration;

use termfleet_proto::worker_v1::{self as pb, event::Kind};
use termfleet_ptyhost::client::Reading;
use termfleet_runtime::beat;
use tokio::{sync::oneshot, time::Instant};

/// How long output rests before anybody asks what the program waits for.
const REST: Duration = Duration::from_millis(500);
/// Many sessions come to rest at about the same time.
const BEAT: Duration = Duration::from_millis(25);
/// A program that is busy is asked after twice as long again, up to this.
const MOST_PAUSE: Duration = Duration::from_secs(32);

/// Whether one session waits for its user.
#[derive(Default)]
pub(super) struct Waits {
    due: Option<Instant>,
    /// How long it was until it was due, once that was so.
    pause: Duration,
    asked: Option<oneshot::Receiver<Option<Reading>>>,
    /// The line in which the question stood that was told last.
    told: Option<u64>,
}

impl Waits {
    /// Something was printed: what was asked before is out of date.
    pub(super) fn printed(&mut self, now: Instant) {
        (self.asked, self.pause) = (None, REST);
        self.due = Some(beat::at_or_after(now + REST, BEAT));
    }

    /// When to ask.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// It is due: true once.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    /// The way of an answer to what the program in the foreground does.
    pub(super) fn ask(&mut self) -> oneshot::Sender<Option<Reading>> {
        let (answer, asked) = oneshot::channel();
        self.asked = Some(asked);
        answer
    }

    /// Ready when the ptyhost has answered. Cancel-safe.
    pub(super) async fn answered(&mut self) -> Option<Reading> {
        let Some(asked) = &mut self.asked else { return std::future::pending().await };
        let reading = asked.await.ok().flatten();
        self.asked = None;
        reading
    }

    /// What to tell of an answer, with the cursor in this line of all that were printed.
    pub(super) fn heard(
        &mut self,
        reading: Option<Reading>,
        line: u64,
        now: Instant,
    ) -> Option<Kind> {
        match reading {
            Some(Reading::Waiting { hidden }) => {
                let told = self.told.replace(line);
                (told != Some(line)).then_some(Kind::Waiting(pb::Waiting { hidden }))
            }
            Some(Reading::Busy) => {
                self.pause = (self.pause * 2).min(MOST_PAUSE);
                self.due = Some(now + self.pause);
                None
            }
            Some(Reading::Shell) | None => {
                self.told = None;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! When the ptyhost is asked, and what is told.
    use super::*;

    const WAITING: Option<Reading> = Some(Reading::Waiting { hidden: true });

    #[test]
    fn a_busy_program_is_asked_after_ever_more_seldom() {
        let (mut waits, now) = (Waits::default(), Instant::now());
        assert_eq!(waits.due(), None);
        waits.printed(now);
        let due = waits.due().unwrap();
        assert!((REST..=REST + BEAT).contains(&(due - now)));
        assert!(!waits.is_due(due - Duration::from_millis(1)));
        assert!(waits.is_due(due) && !waits.is_due(due), "once");
        for pause in [1, 2, 4, 8, 16, 32, 32] {
            assert_eq!(waits.heard(Some(Reading::Busy), 7, now), None);
            assert_eq!(waits.due(), Some(now + Duration::from_secs(pause)));
        }
        waits.printed(now);
        waits.heard(Some(Reading::Busy), 7, now);
        assert_eq!(waits.due(), Some(now + 2 * REST), "from the start after new output");
    }

    #[test]
    fn a_question_is_told_once() {
        let (mut waits, now) = (Waits::default(), Instant::now());
        let told = Some(Kind::Waiting(pb::Waiting { hidden: true }));
        assert_eq!(waits.heard(WAITING, 7, now), told);
        assert_eq!(waits.heard(WAITING, 7, now), None, "its line is typed on");
        assert_eq!(waits.heard(Some(Reading::Busy), 7, now), None);
        assert_eq!(waits.heard(WAITING, 8, now), told, "the next one");
        assert_eq!(waits.heard(Some(Reading::Shell), 8, now), None);
        assert_eq!(waits.heard(WAITING, 8, now), told, "another program's");
        assert_eq!(waits.heard(None, 9, now), None);
        assert_eq!(waits.heard(WAITING, 9, now), told);
    }

    #[tokio::test]
    async fn an_answer_to_what_was_asked_before_new_output_is_not_heard() {
        let mut waits = Waits::default();
        let answer = waits.ask();
        waits.printed(Instant::now());
        assert!(answer.send(WAITING).is_err());
        let answer = waits.ask();
        answer.send(WAITING).unwrap();
        assert_eq!(waits.answered().await, WAITING);
        drop(waits.ask());
        assert_eq!(waits.answered().await, None, "a session that has ended");
    }
}
