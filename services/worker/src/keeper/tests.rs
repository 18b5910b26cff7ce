//! A screen that breaks is its own session's alone, and is there again at once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use termfleet_ptyhost::{
    client::SizeAt,
    ring::{RingReader, RingWriter},
};
use termfleet_session::{
    ids::{Epoch, SessionId},
    limits::{DEFAULT_SIZE, Size},
    record::{self, Counters, Mode},
    state::Status,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::*;
use crate::screen::Format;

const RING_BYTES: usize = 1 << 20;
/// Sets a tab stop.
const BREAKS: &[u8] = b"\x1bH";

fn record(id: &SessionId) -> record::Session {
    let now = Timestamp::now();
    record::Session {
        id: id.clone(),
        tenant: "acme".parse().unwrap(),
        project: "web".parse().unwrap(),
        user: "ann".parse().unwrap(),
        alias: None,
        owner: None,
        epoch: Epoch::new(1),
        status: Status::Active,
        mode: Mode::default(),
        tab_name: String::new(),
        layout: None,
        theme: None,
        labels: BTreeMap::new(),
        shell: "/bin/sh".to_owned(),
        current_path: "/".to_owned(),
        environment: BTreeMap::new(),
        size: DEFAULT_SIZE,
        process_id: None,
        created_at: now,
        updated_at: now,
        last_activity_at: now,
        suspended_at: None,
        counters: Counters::default(),
        exit: None,
        ended_by: None,
    }
}

/// A screen, who prints to it, and what it says to its session.
struct Stage {
    writer: RingWriter,
    feed: Arc<Feed>,
    keeper: Option<Keeper>,
    said: mpsc::Receiver<Command>,
}

impl Stage {
    fn new(id: &str, sizes: Vec<SizeAt>) -> Self {
        let writer = RingWriter::create(RING_BYTES).unwrap();
        let ring = RingReader::open(writer.readable().as_ref()).unwrap();
        let pace = Arc::new(Notify::new());
        let feed = Arc::new(Feed::new(Epoch::new(1), ring, sizes, Offset::new(0), pace.clone()));
        let (mailbox, said) = mpsc::channel(64);
        let record = record(&id.parse().unwrap());
        let session = SessionHandle::new(&record, mailbox, pace, feed.clone());
        let size = feed.size_at(Offset::new(0), DEFAULT_SIZE);
        let keeper = Some(Keeper {
            screen: Screen::new(size.at.size, Offset::new(0), HISTORY_BYTES),
            sized: size.number,
            batch: *BATCH_BYTES.start(),
            heard_until: Offset::new(0),
            news: News::default(),
            waits: Waits::default(),
            session,
            feed: feed.clone(),
            stop: CancellationToken::new(),
        });
        Self { writer, feed, keeper, said }
    }

    /// The screen reads what is printed.
    async fn print(&mut self, bytes: &[u8]) {
        self.writer.append(bytes);
        self.keeper.as_mut().unwrap().catch_up().await;
    }

    fn spoil(&mut self) {
        self.keeper.as_mut().unwrap().screen.spoil();
    }

    fn shows(&mut self) -> String {
        let Picture { data, offset, .. } = self.keeper.as_mut().unwrap().screen.show(Format::Text);
        assert_eq!(offset, self.feed.ring.head(), "it goes on where the output does");
        let text = String::from_utf8(data.to_vec()).unwrap();
        text.lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("|")
    }
}

fn id(last: char) -> String {
    format!("aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaa{last}")
}

#[tokio::test]
async fn a_screen_that_breaks_is_made_again_without_what_broke_it() {
    let small = Size { cols: 10, rows: 3 };
    let sizes = [(0, DEFAULT_SIZE), (5, small)];
    let sizes = sizes.map(|(offset, size)| SizeAt { offset: Offset::new(offset), size });
    let mut stage = Stage::new(&id('a'), sizes.to_vec());
    stage.print(b"one\r\ntwo\r\n\x1b[31mthree four five\x1b[5n").await;
    stage.spoil();
    stage.print(BREAKS).await;
    let keeper = stage.keeper.as_mut().unwrap();
    assert_eq!(keeper.screen.take_replies(), b"", "no query is answered twice");
    assert_eq!(keeper.screen.snapshot(0).size, small);
    assert_eq!(stage.shows(), "two|three four| five");
    stage.print(b"\r\n\x1b[msix").await;
    assert_eq!(stage.shows(), "three four| five|six");
    // It has no mistake in it any more.
    stage.print(BREAKS).await;
    stage.print(b"\r\nseven").await;
    assert_eq!(stage.shows(), " five|six|seven");
}

#[tokio::test]
async fn what_the_ring_has_lost_is_lost_to_a_screen_that_breaks() {
    let mut stage = Stage::new(&id('a'), Vec::new());
    stage.print(b"long ago\r\n").await;
    for n in 0..40 {
        stage.print(&[b'a' + n % 26; 32 << 10]).await;
        stage.print(b"\r\n").await;
    }
    stage.print(b"\x1b[2J\x1b[Hnow").await;
    stage.spoil();
    stage.print(BREAKS).await;
    assert_eq!(stage.shows(), "now");
}

#[tokio::test]
async fn a_screen_that_cannot_be_drawn_is_begun_anew() {
    let mut stage = Stage::new(&id('a'), Vec::new());
    stage.print(b"before ").await;
    let keeper = stage.keeper.as_mut().unwrap();
    keeper.screen.spoil_rows();
    let picture = keeper.picture(10);
    assert_eq!((picture.offset.get(), &picture.data[..]), (7, &b"\x1bc"[..]));
    stage.print(b"after").await;
    assert_eq!(stage.shows(), "after");
}

#[tokio::test]
async fn other_sessions_do_not_notice() {
    let mut stages = [Stage::new(&id('a'), Vec::new()), Stage::new(&id('b'), Vec::new())];
    for stage in &mut stages {
        stage.print(b"before ").await;
    }
    stages[0].spoil();
    let running = TaskTracker::new();
    for stage in &mut stages {
        running.spawn(stage.keeper.take().unwrap().run());
        stage.writer.append(BREAKS);
        stage.writer.append(b"\x1b[6n");
        stage.feed.moved();
    }
    for (stage, broke) in stages.iter_mut().zip([true, false]) {
        let shown = async |feed: &Feed| {
            let (answer, shown) = oneshot::channel();
            assert!(feed.desk.look(Reader { what: Read::Screen(Format::Text), answer }));
            let Ok(Shown::Screen(picture, _)) = shown.await else { panic!("no screen") };
            String::from_utf8(picture.data.to_vec()).unwrap().trim().to_owned()
        };
        assert_eq!(shown(&stage.feed).await, "before");
        stage.writer.append(b"after");
        stage.feed.moved();
        assert_eq!(shown(&stage.feed).await, "before after");
        // What was asked in the bytes that were left out has no answer.
        let answered = matches!(
            stage.said.try_recv(),
            Ok(Command::Outcome(Outcome::Queried(_, answer))) if answer == b"\x1b[1;8R"[..]
        );
        assert_eq!(answered, !broke);
        stage.feed.desk.close();
    }
    running.close();
    running.wait().await;
}

#[tokio::test]
async fn batches_grow_while_they_take_little_time() {
    let mut stage = Stage::new(&id('a'), Vec::new());
    let keeper = stage.keeper.as_mut().unwrap();
    let (least, most) = BATCH_BYTES.into_inner();
    keeper.size_batch(least - 1, BATCH_TIME);
    assert_eq!(keeper.batch, least, "there was no more to read");
    for batch in [2 * least, most, most] {
        keeper.size_batch(keeper.batch, BATCH_TIME);
        assert_eq!(keeper.batch, batch);
    }
    keeper.size_batch(most, BATCH_TIME + Duration::from_nanos(1));
    assert_eq!(keeper.batch, least);
}
