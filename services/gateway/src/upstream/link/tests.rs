//! A link's seats through their lives, frame by frame.
#![allow(clippy::unwrap_used)]

use std::{task::Waker, time::Duration};

use termfleet_proto::ws::v1::Tier;
use termfleet_session::{
    ids::{Attempt, ClientId, Epoch},
    role::{Actor, Role},
};

use super::{
    state::{ANSWER_TIME, AWAY_TIME},
    *,
};
use crate::upstream::{Answers, Delivery, inbox::SEAT_BYTES};

struct Bench {
    link: Link,
    inbox: Inbox,
    stream: u64,
}

impl Bench {
    fn new() -> Self {
        let link = Link::new(CapabilityKey::generate().unwrap());
        let stream = link.begin();
        link.stands();
        Self { link, inbox: Inbox::default(), stream }
    }

    fn attach(&self, key: SeatKey) -> Attachment {
        let attach = Attach {
            session: "abcdefgh-abcdefghijklmnopqrstuvwxyz".parse().unwrap(),
            actor: Actor {
                user: "ann".parse().unwrap(),
                tenant: "~ann".parse().unwrap(),
                role: Role::User,
            },
            client: ClientId::new([1; 16]),
            attempt: Attempt::new(3),
            resume: Some((Epoch::new(1), Offset::new(40))),
            tier: Tier::Live,
            size: None,
            traceparent: None,
            snapshot_rows: 0,
            redraw_rows: None,
        };
        self.link.attach(attach, &self.inbox, key)
    }

    fn frame(&self) -> Option<Frame> {
        let mut cx = Context::from_waker(Waker::noop());
        match self.link.poll_frame(self.stream, &mut cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => None,
        }
    }

    fn asked(&self) -> pb::Attach {
        match self.frame() {
            Some(Frame::Attach(attach)) => attach,
            other => panic!("{other:?}"),
        }
    }

    fn tell(&self, frame: pb::worker_frame::Frame) {
        self.link.dispatch(pb::WorkerFrame { frame: Some(frame) }).unwrap();
    }

    fn attached(&self, request: Option<u64>, replaces: Option<u64>, channel: u64, offset: u64) {
        self.tell(pb::worker_frame::Frame::Attached(pb::Attached {
            request,
            replaces,
            channel,
            session: "s".to_owned(),
            epoch: 1,
            offset,
            head: offset,
            recovered: true,
            size: Some(pb::Size { cols: 80, rows: 24 }),
            ..Default::default()
        }));
    }

    fn output(&self, channel: u64, offset: u64, data: &'static [u8]) {
        let data = Bytes::from_static(data);
        self.tell(pb::worker_frame::Frame::Output(pb::Output { channel, offset, data }));
    }

    /// The next delivery; a socket that hears of its channel says so.
    fn taken(&self, attachment: &mut Attachment) -> Option<Delivery> {
        let (_, delivery) = self.inbox.pop()?;
        if let Delivery::Attached(attached, Answers::Attach) = &delivery {
            attachment.stands_on(attached.channel);
        }
        Some(delivery)
    }

    fn again(&mut self) {
        self.link.broken();
        self.stream = self.link.begin();
        self.link.stands();
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_link_asks_again_from_the_last_byte_taken() {
    let mut bench = Bench::new();
    let mut seat = bench.attach(1);
    let asked = bench.asked();
    assert_eq!((asked.epoch, asked.offset, asked.attempt), (Some(1), Some(40), 3));
    bench.attached(Some(asked.request), None, 9, 40);
    bench.output(9, 40, b"taken");
    bench.taken(&mut seat).unwrap();
    bench.taken(&mut seat).unwrap();
    bench.output(9, 45, b"lost");
    bench.again();
    assert_eq!(seat.input(None, "x".into()), Typed::Away);
    let asked = bench.asked();
    assert_eq!((asked.epoch, asked.offset, asked.attempt), (Some(1), Some(45), 3));
    // What the old stream still brings belongs to nobody.
    bench.output(9, 45, b"late");
    bench.attached(Some(asked.request), None, 1, 45);
    bench.output(1, 45, b"again");
    assert_eq!(bench.taken(&mut seat), Some(Delivery::Away { attempts: 0 }));
    assert!(matches!(bench.taken(&mut seat), Some(Delivery::Attached(..))));
    let output = Delivery::Output { offset: Offset::new(45), data: "again".into() };
    assert_eq!(bench.taken(&mut seat), Some(output));
}

#[tokio::test(start_paused = true)]
async fn a_socket_speaks_only_to_the_shell_that_it_knows_of() {
    let bench = Bench::new();
    let mut seat = bench.attach(1);
    bench.attached(Some(bench.asked().request), None, 9, 0);
    assert_eq!(seat.input(None, "early".into()), Typed::Away);
    bench.taken(&mut seat).unwrap();
    assert_eq!(seat.input(None, "ls".into()), Typed::Sent);
    assert!(matches!(bench.frame(), Some(Frame::Input(input)) if input.channel == 9));
    // The worker has a new shell, and the socket has not heard of it.
    bench.attached(None, Some(9), 10, 0);
    assert_eq!(seat.input(None, "rm".into()), Typed::Away);
    seat.ack(Offset::new(5));
    assert!(seat.control(1, Action::Kill).is_err());
    assert_eq!(bench.frame(), None);
    bench.taken(&mut seat).unwrap();
    assert_eq!(seat.input(None, "ls".into()), Typed::Sent);
    assert!(matches!(bench.frame(), Some(Frame::Input(input)) if input.channel == 10));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_waits_for_any_more_is_sent_away() {
    let bench = Bench::new();
    let seat = bench.attach(1);
    let asked = bench.asked();
    seat.leave();
    bench.attached(Some(asked.request), None, 9, 0);
    let detach = pb::Detach { channel: 9, lost: false };
    assert_eq!(bench.frame(), Some(Frame::Detach(detach)));
    assert_eq!(bench.inbox.pop(), None);
    assert!(bench.link.is_idle());
}

#[tokio::test(start_paused = true)]
async fn who_gets_no_answer_in_time_is_told_so() {
    let bench = Bench::new();
    let mut silent = bench.attach(1);
    bench.asked();
    bench.link.sweep(Instant::now() + ANSWER_TIME - Duration::from_millis(1));
    assert_eq!(bench.taken(&mut silent), None);
    bench.link.sweep(Instant::now() + ANSWER_TIME);
    let refused = Delivery::AttachRefused(Code::ConnectionTimeout.into());
    assert_eq!(bench.taken(&mut silent), Some(refused));

    let mut lost = bench.attach(2);
    bench.attached(Some(bench.asked().request), None, 9, 0);
    bench.taken(&mut lost);
    for attempts in 0..2 {
        bench.link.broken();
        assert_eq!(bench.taken(&mut lost), Some(Delivery::Away { attempts }));
    }
    bench.link.sweep(Instant::now() + AWAY_TIME);
    let Some(Delivery::Detached(ending)) = bench.taken(&mut lost) else { panic!() };
    assert_eq!(ending.code, Some(Code::ConnectionFailed));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_also_by_a_broken_link() {
    let bench = Bench::new();
    let mut seat = bench.attach(1);
    bench.attached(Some(bench.asked().request), None, 9, 0);
    bench.taken(&mut seat);
    seat.control(7, Action::Clear).unwrap();
    bench.link.broken();
    let refused = Delivery::Refused(7, Code::ConnectionFailed.into());
    assert_eq!(bench.taken(&mut seat), Some(refused));
}

#[tokio::test(start_paused = true)]
async fn unanswered_requests_are_bounded() {
    let bench = Bench::new();
    let mut seat = bench.attach(1);
    bench.attached(Some(bench.asked().request), None, 9, 0);
    bench.taken(&mut seat);
    let asked = (0..100).take_while(|token| seat.sync(*token, None).is_ok()).count();
    assert_eq!(asked, SEAT_REQUESTS);
    assert_eq!(seat.sync(200, None).unwrap_err().code, Code::RateLimited);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_overfills_a_seat_loses_it() {
    let bench = Bench::new();
    let mut seat = bench.attach(1);
    bench.attached(Some(bench.asked().request), None, 9, 0);
    let piece = Bytes::from(vec![b'x'; 32 << 10]);
    for at in 0..=SEAT_BYTES as u64 / (32 << 10) {
        let output = pb::Output { channel: 9, offset: at * (32 << 10), data: piece.clone() };
        bench.tell(pb::worker_frame::Frame::Output(output));
    }
    let mut last = None;
    while let Some(delivery) = bench.taken(&mut seat) {
        last = Some(delivery);
    }
    let Some(Delivery::Detached(ending)) = last else { panic!("{last:?}") };
    assert_eq!(ending.code, Some(Code::SlowConsumer));
    let detach = pb::Detach { channel: 9, lost: true };
    assert_eq!(bench.frame(), Some(Frame::Detach(detach)));
}

#[tokio::test(start_paused = true)]
async fn an_older_stream_gets_nothing_more() {
    let mut bench = Bench::new();
    let _seat = bench.attach(1);
    let old = bench.stream;
    bench.again();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(bench.link.poll_frame(old, &mut cx), Poll::Ready(None));
    bench.asked();
}
