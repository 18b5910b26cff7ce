//! Input of attached clients on its way to the ptyhost, and its acknowledgements on the way back
//! (`byte-lane.md` §6). Lanes are judged in the ptyhost; here it is asked who may type at all.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use termfleet_runtime::beat;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ClientId, Offset},
    input::Marks,
    limits::INPUT_WINDOW_BYTES,
    state::Status,
};
use tokio::time::Instant;

use super::{Session, attach::Attachment, exit::Phase};
use crate::viewer::Told;

/// Input that was written this long ago has been echoed, if it is going to be (`byte-lane.md` §6).
const ECHO_AFTER: Duration = Duration::from_millis(50);
/// Sessions look together whether that is so: the process wakes for it 40 times a second and not once
/// a key.
const ECHO_BEAT: Duration = Duration::from_millis(25);
/// Writes closer together than this count as one for the echo: it bounds what is remembered.
const ECHO_STEP: Duration = Duration::from_millis(5);
/// Written input of which the client is told without waiting for its echo: a quarter of its window, so
/// that a paste never stands still for an acknowledgement. One of less leaves with the echo's mark, as
/// half as many messages then go back for a keystroke.
const ACK_STEP_BYTES: u64 = INPUT_WINDOW_BYTES / 4;
/// What interrupts, stops or ends a program from the keyboard: ^C, ^Z and ^\ (`byte-lane.md` §4).
const INTERRUPTS: [u8; 3] = [0x03, 0x1A, 0x1C];
/// Input without offsets that may wait for the window: a large paste of a client that cannot be
/// told to wait. Beyond it, it is refused.
const MAX_HELD_BYTES: u64 = 256 << 10;

/// Input without offsets that waits for the window to open.
#[derive(Default)]
pub(super) struct Held {
    waiting: VecDeque<Bytes>,
    bytes: u64,
}

impl Held {
    fn push(&mut self, bytes: Bytes) -> bool {
        let more = self.bytes + bytes.len() as u64;
        if more > MAX_HELD_BYTES {
            return false;
        }
        self.bytes = more;
        self.waiting.push_back(bytes);
        true
    }

    /// The next bytes, as many as there is room for.
    fn pop(&mut self, room: u64) -> Option<Bytes> {
        let front = self.waiting.front_mut()?;
        // It is at most the length of the bytes.
        let taken = front.split_to((front.len() as u64).min(room) as usize);
        if front.is_empty() {
            self.waiting.pop_front();
        }
        self.bytes -= taken.len() as u64;
        Some(taken).filter(|taken| !taken.is_empty())
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What was written when, as far as it has not been long enough ago.
pub(super) struct Echo {
    /// When a group of writes began and ended, and up to where it went.
    recent: VecDeque<(Instant, Instant, Offset)>,
    offset: Offset,
    /// What the client knows to be written.
    told: Offset,
}

impl Echo {
    pub(super) fn new(offset: Offset) -> Self {
        Self { recent: VecDeque::new(), offset, told: offset }
    }

    /// More was written; true if the client must hear of it now.
    fn wrote(&mut self, written: Offset, now: Instant) -> bool {
        match self.recent.back_mut() {
            Some((began, ended, offset)) if now.duration_since(*began) < ECHO_STEP => {
                (*ended, *offset) = (now, written);
            }
            _ => self.recent.push_back((now, now, written)),
        }
        written.since(self.told) >= ACK_STEP_BYTES
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.recent.front().map(|(_, ended, _)| beat::at_or_after(*ended + ECHO_AFTER, ECHO_BEAT))
    }

    /// Moves on to what is old enough; true if it moved.
    fn advance(&mut self, now: Instant) -> bool {
        let before = self.offset;
        while self.deadline().is_some_and(|at| at <= now) {
            if let Some((_, _, offset)) = self.recent.pop_front() {
                self.offset = offset;
            }
        }
        self.offset != before
    }
}

impl Attachment {
    /// Where input ends in its lane, whether its client numbers it or not.
    fn end_of(&self, offset: Option<Offset>, bytes: &Bytes) -> Offset {
        let begins = offset.unwrap_or_else(|| self.next.plus(self.held.bytes));
        begins.plus(bytes.len() as u64)
    }
}

impl Session {
    pub(super) async fn input(&mut self, number: u64, offset: Option<Offset>, bytes: Bytes) {
        if let Err(refusal) = self.may_type(number) {
            return self.refuse_input(number, offset, refusal);
        }
        // Typing may just have taken a free seat.
        self.seat_changed().await;
        self.handle.active();
        let Some(attachment) = self.attachments.get_mut(&number) else { return };
        let interrupts = bytes.iter().any(|byte| INTERRUPTS.contains(byte));
        let end = attachment.end_of(offset, &bytes);
        match offset {
            Some(offset) => {
                if offset <= attachment.next {
                    attachment.refused = false;
                    attachment.next = attachment.next.max(offset.plus(bytes.len() as u64));
                }
                let lane = attachment.lane.clone();
                self.hand_on(&lane, offset, bytes).await;
            }
            None if attachment.held.push(bytes) => self.hand_on_held(number).await,
            None => {
                let text = "more input waits than the session takes";
                let refusal = Refusal::new(Code::InputWindowExceeded, text);
                self.refuse_input(number, None, refusal);
            }
        }
        if interrupts && let Some(attachment) = self.attachments.get_mut(&number) {
            attachment.interrupts_at = Some(end);
        }
    }

    /// The program was interrupted: what it printed before is no longer worth waiting for.
    pub(super) fn skip_backlog(&self, number: u64) {
        if let Some(attachment) = self.attachments.get(&number) {
            attachment.viewer.skip_backlog();
        }
    }

    /// May this client type now? One that may takes a free seat with it.
    pub(super) fn may_type(&mut self, number: u64) -> Result<(), Refusal> {
        let now = self.seat_ms();
        let status = self.status();
        let Some(attachment) = self.attachments.get(&number) else {
            return Err(Code::SessionNotFound.into());
        };
        match self.phase {
            Phase::Running => {}
            Phase::Restarting { .. } => return Err(Code::ServiceUnavailable.into()),
            Phase::Closing { .. } | Phase::Ended { .. } | Phase::Closed => {
                return Err(Code::SessionEnded.into());
            }
        }
        if !attachment.may_type {
            return Err(Code::Forbidden.into());
        }
        if status == Status::Suspended {
            return Err(Code::SessionSuspended.into());
        }
        let who = attachment.who.clone();
        if self.seat.offer(&who, now) { Ok(()) } else { Err(Code::TakenOver.into()) }
    }

    /// Tells a client once that its input is refused, until the offset arrives that it was told.
    fn refuse_input(&mut self, number: u64, offset: Option<Offset>, refusal: Refusal) {
        let Some(attachment) = self.attachments.get_mut(&number) else { return };
        let right = offset.is_none_or(|offset| offset == attachment.next);
        if right || !attachment.refused {
            attachment.refused = true;
            let refusal = refusal.current(attachment.next.get());
            attachment.viewer.tell(Told::Refused((&refusal).into()));
        }
    }

    async fn hand_on(&self, lane: &ClientId, offset: Offset, bytes: Bytes) {
        let id = &self.handle.facts().id;
        // A connection that has ended is told by the pump, to everybody.
        let _ = self.context.client.input(id, self.feed.epoch, lane, offset, bytes).await;
    }

    /// Numbers input that has no offsets, as much as the window allows, and hands it on.
    async fn hand_on_held(&mut self, number: u64) {
        loop {
            let Some(attachment) = self.attachments.get_mut(&number) else { return };
            let offset = attachment.next;
            let room = INPUT_WINDOW_BYTES.saturating_sub(offset.since(attachment.written));
            let Some(bytes) = attachment.held.pop(room) else { return };
            attachment.refused = false;
            attachment.next = offset.plus(bytes.len() as u64);
            let lane = attachment.lane.clone();
            self.hand_on(&lane, offset, bytes).await;
        }
    }

    /// The PTY took input.
    pub(super) async fn input_done(&mut self, lane: &ClientId, marks: Marks) {
        let Some(attachment) = by_lane(&mut self.attachments, lane) else { return };
        let number = attachment.viewer.number;
        let news = marks.written.since(attachment.written);
        attachment.written = attachment.written.max(marks.written);
        attachment.next = attachment.next.max(marks.accepted);
        // Without news it was sent again: its client waits for the answer that it missed.
        if news == 0 || attachment.echo.wrote(attachment.written, Instant::now()) {
            tell_ack(attachment);
        }
        // Only now does the program hear of it: a picture made before would be followed by more of
        // what it printed.
        if attachment.interrupts_at.is_some_and(|at| at <= attachment.written) {
            attachment.interrupts_at = None;
            attachment.viewer.skip_backlog();
        }
        let first_of_lane = !std::mem::replace(&mut attachment.lane_known, true);
        self.handle.typed(news);
        self.context.metrics.input.inc_by(news);
        if first_of_lane {
            // A lane exists from its first input on: now it can be marked as in use.
            let _ = self.lane(lane, true).await;
        }
        self.hand_on_held(number).await;
    }

    /// The ptyhost refused input: it says so once.
    pub(super) fn input_refused(&mut self, lane: &ClientId, code: Code, expected: Offset) {
        let Some(attachment) = by_lane(&mut self.attachments, lane) else { return };
        attachment.next = expected;
        attachment.refused = true;
        attachment.held.clear();
        let refusal = Refusal::from(code).current(expected.get());
        attachment.viewer.tell(Told::Refused((&refusal).into()));
    }

    /// Some input was written long enough ago to have been echoed.
    pub(super) fn echoed(&mut self, now: Instant) {
        for attachment in self.attachments.values_mut() {
            if attachment.echo.advance(now) {
                tell_ack(attachment);
            }
        }
    }
}

fn by_lane<'a>(
    attachments: &'a mut std::collections::BTreeMap<u64, Attachment>,
    lane: &ClientId,
) -> Option<&'a mut Attachment> {
    attachments.values_mut().find(|attachment| attachment.lane == *lane)
}

fn tell_ack(attachment: &mut Attachment) {
    attachment.echo.told = attachment.written;
    let (written, echo) = (attachment.written.get(), attachment.echo.offset.get());
    attachment.viewer.tell(Told::Ack { written, echo });
}

#[cfg(test)]
mod tests {
    //! What waits, and what counts as echoed.
    use super::*;

    #[test]
    fn held_input_leaves_in_order_and_within_the_room() {
        let mut held = Held::default();
        assert!(held.push(Bytes::from_static(b"abc")) && held.push(Bytes::from_static(b"def")));
        assert_eq!(held.pop(2).unwrap(), "ab");
        assert_eq!(held.pop(0), None);
        assert_eq!(held.pop(9).unwrap(), "c");
        assert_eq!(held.pop(9).unwrap(), "def");
        assert_eq!((held.pop(9), held.bytes), (None, 0));
    }

    #[test]
    fn held_input_is_bounded() {
        let mut held = Held::default();
        let chunk = Bytes::from(vec![b'x'; 32 << 10]);
        let taken = (0..100).take_while(|_| held.push(chunk.clone())).count();
        assert_eq!(taken as u64, MAX_HELD_BYTES / (32 << 10));
    }

    #[test]
    fn an_echo_comes_50_ms_after_its_write() {
        let now = Instant::now();
        let mut echo = Echo::new(Offset::new(0));
        echo.wrote(Offset::new(1), now);
        assert!(!echo.advance(now + ECHO_AFTER - Duration::from_nanos(1)));
        assert!(echo.advance(now + ECHO_AFTER + ECHO_BEAT));
        assert_eq!((echo.offset, echo.deadline()), (Offset::new(1), None));
    }

    #[test]
    fn a_paste_is_acknowledged_before_its_echo_and_a_key_is_not() {
        let (now, mut echo) = (Instant::now(), Echo::new(Offset::new(7)));
        let told_at = |echo: &mut Echo, bytes| echo.wrote(Offset::new(7 + bytes), now);
        assert!(!told_at(&mut echo, 1));
        assert!(!told_at(&mut echo, ACK_STEP_BYTES - 1));
        assert!(told_at(&mut echo, ACK_STEP_BYTES));
        assert!(told_at(&mut echo, ACK_STEP_BYTES + 1));
    }

    #[test]
    fn a_thousand_writes_a_second_are_remembered_in_groups() {
        let (start, ms) = (Instant::now(), Duration::from_millis(1));
        let mut echo = Echo::new(Offset::new(0));
        for n in 0..1_000 {
            let now = start + ms * n;
            echo.wrote(Offset::new(n.into()), now);
            echo.advance(now);
            assert!(echo.recent.len() <= 17);
        }
        let behind = Offset::new(999).since(echo.offset);
        assert!((50..=81).contains(&behind), "{behind} ms behind");
    }
}
