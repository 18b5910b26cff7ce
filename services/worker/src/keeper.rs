//! Keeps the screen of one epoch up to date and makes its pictures, as a task of its own: off the
//! latency path, so that an echo is never behind it (`byte-lane.md` §1).
//!
//! It reads the ring by a cursor like a viewer's, a batch at a time, and gives way after each. Whoever
//! wants a picture asks at the feed's [`Desk`]; it is made when the screen has read what had been
//! printed when it was asked for. Answers to
//! programs' queries go to the session, which types them; what happened goes to every viewer.
mod desk;
mod news;
mod start;
mod waits;

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use termfleet_proto::worker_v1::event::Kind;
use termfleet_ptyhost::client::Reading;
use termfleet_runtime::beat;
use termfleet_session::{ids::Offset, limits::HISTORY_BYTES};
use tokio::{
    select, task,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::desk::{Ask, Desk, Read, Reader, Shown};
pub(crate) use self::news::merge;
use self::{desk::For, news::News, waits::Waits};
use crate::{
    feed::Feed,
    screen::{Picture, Screen},
    session::{Command, Outcome, SessionHandle},
    viewer::Told,
    worker::Context,
};

/// So much unread output waits for nothing more. Of a flood most is not drawn, and the more there is at
/// once; it is less than half of what the screen may be behind.
const PILE_BYTES: u64 = 192 << 10;
/// Bytes that the screen reads before it gives way to whoever else is on this core: from the least on,
/// twice as many as long as they take no longer than this.
const BATCH_BYTES: RangeInclusive<usize> = 64 << 10..=256 << 10;
const BATCH_TIME: Duration = Duration::from_micros(250);
/// How long output after quiet waits for the screen at least, and twice that at most: viewers are sent
/// it first, and screens of many sessions read on the same beat.
const REST: Duration = Duration::from_millis(4);
/// A picture beyond this is made again with less scrollback: more would not fit beside a full window
/// into what a gateway holds for a client.
const MAX_PICTURE_BYTES: usize = 256 << 10;

/// The task's own.
struct Keeper {
    session: SessionHandle,
    feed: Arc<Feed>,
    screen: Screen,
    /// The newest size that the screen has.
    sized: u64,
    /// How much it reads at once.
    batch: usize,
    /// Queries and events before this were an earlier process' to answer and to tell.
    heard_until: Offset,
    news: News,
    waits: Waits,
    stop: CancellationToken,
}

/// Keeps the screen of an epoch until its desk closes; `adopted` if an earlier process did before.
pub(crate) fn start(context: &Context, session: SessionHandle, feed: Arc<Feed>, adopted: bool) {
    let heard_until = if adopted { feed.ring.head() } else { Offset::new(0) };
    let at = start::start(&feed.ring);
    let size = feed.size_at(at, session.size());
    feed.desk.has_read(at);
    let keeper = Keeper {
        screen: Screen::new(size.at.size, at, HISTORY_BYTES),
        sized: size.number,
        batch: *BATCH_BYTES.start(),
        heard_until,
        news: News::default(),
        waits: Waits::default(),
        session,
        feed,
        stop: context.stop.clone(),
    };
    context.tasks.spawn("screen", keeper.run());
}

/// The screen of a shell that has printed nothing yet.
pub(crate) fn blank(feed: &Feed, session: &SessionHandle) -> Picture {
    let size = feed.size_at(Offset::new(0), session.size()).at.size;
    Screen::new(size, Offset::new(0), 0).snapshot(0)
}

impl Keeper {
    async fn run(mut self) {
        while self.wait().await {
            let asked = self.feed.desk.take(Instant::now());
            let readers = self.feed.desk.take_readers();
            self.catch_up().await;
            self.tell().await;
            self.answer(asked).await;
            self.show(readers);
            self.ask_what_it_waits_for().await;
        }
    }

    /// Waits until there is something to do; false when it is over.
    async fn wait(&mut self) -> bool {
        if self.unread() >= PILE_BYTES {
            task::yield_now().await;
            return !self.is_over();
        }
        let feed = self.feed.clone();
        let due = [self.screen.deadline(), self.news.due(), feed.desk.due(), self.waits.due()];
        let due = due.into_iter().flatten().min();
        select! {
            biased;
            () = self.stop.cancelled() => {}
            () = feed.desk.asked() => {}
            () = feed.desk.printed() => self.rest().await,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            reading = self.waits.answered() => self.waits_for(reading),
        }
        self.guard(|screen| screen.tick(Instant::now()));
        !self.is_over()
    }

    /// Lets viewers be served first, unless somebody waits for a picture or much is unread.
    async fn rest(&self) {
        if self.unread() < PILE_BYTES {
            select! {
                () = self.stop.cancelled() => {}
                () = self.feed.desk.asked() => {}
                () = self.feed.desk.piled_up() => {}
                () = sleep_until(beat::at_or_after(Instant::now() + REST, REST)) => {}
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stop.is_cancelled() || self.feed.desk.is_closed()
    }

    fn unread(&self) -> u64 {
        self.readable().since(self.screen.fed())
    }

    /// Up to where the output can be read whose size is known.
    fn readable(&self) -> Offset {
        self.feed.ring.head().min(self.feed.desk.hold())
    }

    /// Reads what has been printed by now.
    async fn catch_up(&mut self) {
        let goal = self.readable();
        let mut buffer = Vec::new();
        loop {
            self.resize();
            if self.screen.fed() >= goal || self.is_over() {
                return;
            }
            let begun = Instant::now();
            self.read(goal, &mut buffer);
            self.waits.printed(begun);
            self.size_batch(buffer.len(), begun.elapsed());
            self.feed.screen_has_read(self.screen.fed());
            if self.screen.fed() < goal {
                task::yield_now().await;
            }
        }
    }

    /// How much to read next time, if reading so much took so long.
    fn size_batch(&mut self, bytes: usize, took: Duration) {
        let (least, most) = BATCH_BYTES.into_inner();
        if took > BATCH_TIME {
            self.batch = least;
        } else if bytes == self.batch {
            self.batch = (bytes * 2).min(most);
        }
    }

    /// The sizes that hold from here on.
    fn resize(&mut self) {
        while let Some(next) = self.feed.size_after(self.sized)
            && next.at.offset <= self.screen.fed()
        {
            self.sized = next.number;
            self.guard(|screen| screen.resize(next.at.size));
        }
    }

    /// Reads one batch: not past the goal, nor past a change of the size.
    fn read(&mut self, goal: Offset, buffer: &mut Vec<u8>) {
        let from = self.screen.fed();
        let next_size = self.feed.size_after(self.sized).map(|next| next.at.offset);
        let heard = Some(self.heard_until).filter(|until| *until > from);
        let until = [Some(goal), next_size, heard].into_iter().flatten().min().unwrap_or(goal);
        // It is at most a batch.
        buffer.resize(until.since(from).min(self.batch as u64) as usize, 0);
        match self.feed.ring.read_at(from, buffer) {
            Ok(copied) => self.feed_screen(&buffer[..copied]),
            Err(trimmed) => {
                tracing::error!(?trimmed, session = %self.session.facts().id, "the screen fell behind");
                self.begin_at(start::start(&self.feed.ring));
            }
        }
        if self.screen.fed() <= self.heard_until {
            self.screen.take_replies();
            self.screen.take_events();
        }
    }

    /// A program's output must never end its session: a screen that breaks is made again from what the
    /// ring holds, without the bytes that broke it.
    fn feed_screen(&mut self, bytes: &[u8]) {
        let from = self.screen.fed();
        if !self.try_feed(bytes) {
            let bytes = bytes.len() as u64;
            tracing::error!(session = %self.session.facts().id, %from, bytes, "the screen broke");
            self.make_again(from);
            self.screen.skip_to(from.plus(bytes));
        }
    }

    /// False: the screen is not to be used any more.
    fn try_feed(&mut self, bytes: &[u8]) -> bool {
        let now = Instant::now();
        catch_unwind(AssertUnwindSafe(|| self.screen.feed(bytes, now))).is_ok()
    }

    /// Reads once more what was read before; if that cannot be, the screen is blank.
    fn make_again(&mut self, until: Offset) {
        self.begin_at(start::start(&self.feed.ring).min(until));
        let mut buffer = vec![0; *BATCH_BYTES.start()];
        loop {
            self.resize();
            let from = self.screen.fed();
            if from >= until {
                break;
            }
            let size = self.feed.size_after(self.sized).map(|next| next.at.offset);
            // It is at most a batch.
            let most = size.map_or(until, |at| at.min(until)).since(from).min(buffer.len() as u64);
            let read = self.feed.ring.read_at(from, &mut buffer[..most as usize]);
            if !read.is_ok_and(|copied| self.try_feed(&buffer[..copied])) {
                self.begin_at(until);
            }
        }
        // It was answered and told then.
        self.screen.take_replies();
        self.screen.take_events();
    }

    /// Does something with the screen; one that breaks is begun anew, blank, before that is done.
    fn guard<T>(&mut self, what: impl Fn(&mut Screen) -> T) -> T {
        catch_unwind(AssertUnwindSafe(|| what(&mut self.screen))).unwrap_or_else(|_| {
            let at = self.screen.fed();
            tracing::error!(session = %self.session.facts().id, %at, "the screen broke");
            self.begin_at(at);
            what(&mut self.screen)
        })
    }

    fn begin_at(&mut self, at: Offset) {
        let size = self.feed.size_at(at, self.session.size());
        self.sized = size.number;
        self.screen = Screen::new(size.at.size, at, HISTORY_BYTES);
    }

    /// Hands on what the screen has to say.
    async fn tell(&mut self) {
        let replies = self.screen.take_replies();
        if !replies.is_empty() {
            let answered = Outcome::Queried(self.feed.epoch, Bytes::from(replies));
            self.session.send(Command::Outcome(answered)).await;
        }
        self.news.add(self.screen.take_events());
        for kind in self.news.take(Instant::now()) {
            self.feed.tell_all(|| Told::Happened(kind.clone()));
            if matches!(kind, Kind::Cwd(_)) {
                self.session.send(Command::Outcome(Outcome::Walked(self.feed.epoch))).await;
            }
        }
    }

    /// Has the session look at the program, if its output has been at rest for a while and somebody
    /// wants to know. A full-screen program always waits, and whoever looks at it sees that.
    async fn ask_what_it_waits_for(&mut self) {
        let due = self.waits.is_due(Instant::now());
        if due && self.feed.has_viewers() && !self.guard(|screen| screen.is_alternate()) {
            let rested = Outcome::Rested(self.feed.epoch, self.waits.ask());
            self.session.send(Command::Outcome(rested)).await;
        }
    }

    /// The program in the foreground does that.
    fn waits_for(&mut self, reading: Option<Reading>) {
        let line = self.guard(|screen| screen.line());
        if let Some(kind) = self.waits.heard(reading, line, Instant::now()) {
            self.feed.tell_all(|| Told::Happened(kind.clone()));
        }
    }

    /// Makes the pictures that were asked for: one for all who want the same.
    async fn answer(&mut self, asked: Vec<Ask>) {
        let mut pictures = BTreeMap::new();
        for Ask { of, rows, .. } in asked {
            let picture = pictures.entry(rows).or_insert_with(|| self.picture(rows)).clone();
            match of {
                For::Viewer(viewer, reason) => viewer.show(picture, reason),
                For::Session(number) => {
                    let pictured = Outcome::Pictured(self.feed.epoch, number, picture);
                    self.session.send(Command::Outcome(pictured)).await;
                }
            }
        }
    }

    /// Shows the screen to those who are not attached.
    fn show(&mut self, readers: Vec<Reader>) {
        for Reader { what, answer } in readers {
            let shown = match what {
                Read::Screen(format) => {
                    self.guard(|screen| Shown::Screen(screen.show(format), screen.hash()))
                }
                Read::Rows { before, count, plain } => {
                    self.guard(|screen| Shown::Rows(screen.history(before, count, plain)))
                }
            };
            // Whoever asked may have gone.
            let _ = answer.send(shown);
        }
    }

    fn picture(&mut self, rows: u32) -> Picture {
        let mut rows = rows;
        loop {
            let picture = self.guard(|screen| screen.snapshot(rows));
            if picture.data.len() <= MAX_PICTURE_BYTES || rows == 0 {
                return picture;
            }
            rows /= 4;
        }
    }
}

#[cfg(test)]
mod tests;
