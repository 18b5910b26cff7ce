//! What the worker said on one link, and what each client has seen of it. Checked here is what every
//! client may rely on: output has no gap, nothing comes twice, and nothing after the end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use termfleet_proto::worker_v1::{
    self as pb, gateway_frame::Frame as Up, worker_frame::Frame as Down,
};
use termfleet_session::code::Refusal;
use tokio::sync::{mpsc, watch};
use tonic::Streaming;

/// Everything that the worker said on this link.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) channels: HashMap<u64, Seen>,
    pub(crate) attached: HashMap<u64, pb::Attached>,
    pub(crate) refused: HashMap<u64, Refusal>,
    pub(crate) done: HashMap<u64, pb::Done>,
    pub(crate) beats: u64,
    pub(crate) over: bool,
}

/// What one client has seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The last snapshot's bytes.
    shown: Vec<u8>,
    /// Output since the last snapshot, or since it attached.
    pub(crate) output: Vec<u8>,
    /// The offset of its first byte.
    pub(crate) start: u64,
    pub(crate) snapshots: Vec<pb::Snapshot>,
    pub(crate) acks: Vec<pb::InputAck>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) events: Vec<pb::event::Kind>,
    /// Columns, the offset at which they began, and the output's end when they were told.
    told_sizes: Vec<(u32, u64, u64)>,
    pub(crate) detached: Option<pb::Detached>,
    pub(crate) replaced_by: Option<pb::Attached>,
    pub(crate) longest_frame: usize,
    /// How it was fed, from its attachment on.
    pub(crate) told_tiers: Vec<pb::Tier>,
    /// It parses nothing.
    pub(crate) stopped: bool,
}

impl Seen {
    /// What its terminal was given: the last snapshot and the output after it.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&[&self.shown[..], &self.output].concat()).into_owned()
    }

    /// The newest of it: looking through all of it again and again would take long.
    pub(crate) fn tail(&self) -> String {
        let newest = |bytes: &'_ [u8]| bytes[bytes.len().saturating_sub(2_000)..].to_vec();
        let bytes = [newest(&self.shown), newest(&self.output)].concat();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its last snapshot has ended.
    pub(crate) fn is_whole(&self) -> bool {
        self.snapshots.last().is_none_or(|part| !part.more)
    }

    pub(crate) fn end(&self) -> u64 {
        self.start + self.output.len() as u64
    }

    pub(crate) fn exited(&self) -> Option<pb::Exited> {
        self.events.iter().find_map(|event| match event {
            pb::event::Kind::Exited(exited) => Some(*exited),
            _ => None,
        })
    }

    pub(crate) fn drives(&self) -> Option<bool> {
        self.events.iter().rev().find_map(|event| match event {
            pb::event::Kind::Driver(driver) => Some(driver.driver),
            _ => None,
        })
    }

    /// Where a number of columns began, and after how much output the client was told so.
    pub(crate) fn resized(&self, cols: u32) -> Option<(u64, u64)> {
        self.told_sizes.iter().find(|told| told.0 == cols).map(|told| (told.1, told.2))
    }

    pub(crate) fn sizes(&self) -> Vec<(u32, u32)> {
        let sizes = self.events.iter().filter_map(|event| match event {
            pb::event::Kind::Resized(resized) => resized.size.map(|size| (size.cols, size.rows)),
            _ => None,
        });
        sizes.collect()
    }
}

/// Notes what comes, and acknowledges it for clients that parse.
pub(crate) async fn listen(
    mut down: Streaming<pb::WorkerFrame>,
    heard: Arc<Mutex<Heard>>,
    tell: watch::Sender<u64>,
    up: mpsc::WeakSender<pb::GatewayFrame>,
) {
    while let Ok(Some(frame)) = down.message().await {
        let ack = heard.lock().unwrap().take(frame.frame.unwrap());
        tell.send_modify(|count| *count += 1);
        if let (Some((channel, offset)), Some(up)) = (ack, up.upgrade()) {
            let frame = Some(Up::Ack(pb::Ack { channel, offset }));
            let _ = up.send(pb::GatewayFrame { frame }).await;
        }
    }
    heard.lock().unwrap().over = true;
    tell.send_modify(|count| *count += 1);
}

impl Heard {
    /// Notes a frame; answers what is to be acknowledged.
    fn take(&mut self, frame: Down) -> Option<(u64, u64)> {
        match frame {
            Down::Attached(attached) => self.attached(attached),
            Down::Refused(refused) => self.refused(refused),
            Down::Output(output) => return self.output(&output),
            Down::Snapshot(snapshot) => {
                assert!(snapshot.data.len() <= 32 << 10, "a part of {}", snapshot.data.len());
                let seen = self.channel(snapshot.channel);
                if seen.is_whole() {
                    let skips = snapshot.offset > seen.end();
                    assert!(!skips || snapshot.reason() != pb::Reason::Resized, "output is missed");
                    seen.shown.clear();
                } else {
                    assert_eq!(snapshot.offset, seen.start, "a snapshot within a snapshot");
                }
                (seen.start, seen.output) = (snapshot.offset, Vec::new());
                seen.shown.extend_from_slice(&snapshot.data);
                seen.snapshots.push(snapshot);
            }
            Down::InputAck(ack) => self.channel(ack.channel).acks.push(ack),
            Down::Event(event) => {
                let seen = self.channel(event.channel);
                if let Some(pb::event::Kind::Exited(exited)) = &event.kind {
                    let last = seen.told_tiers.last();
                    assert!(
                        exited.offset == seen.end() || last == Some(&pb::Tier::Events),
                        "exited comes after the last byte"
                    );
                }
                if let Some(pb::event::Kind::Resized(pb::Resized { size: Some(size), offset })) =
                    &event.kind
                {
                    seen.told_sizes.push((size.cols, *offset, seen.end()));
                }
                if let Some(pb::event::Kind::Tier(tier)) = &event.kind {
                    seen.told_tiers.push(tier.tier());
                }
                seen.events.push(event.kind.unwrap());
            }
            Down::Detached(detached) => {
                let seen = self.channel(detached.channel);
                seen.detached = Some(detached);
            }
            Down::Beat(_) => self.beats += 1,
            Down::Done(done) => {
                self.done.insert(done.request, done);
            }
        }
        None
    }

    fn channel(&mut self, channel: u64) -> &mut Seen {
        let seen = self.channels.entry(channel).or_default();
        assert!(seen.detached.is_none(), "something came on a channel that had ended");
        seen
    }

    fn attached(&mut self, attached: pb::Attached) {
        let seen = self.channel(attached.channel);
        seen.told_tiers.push(attached.tier());
        if attached.recovered {
            (seen.start, seen.output) = (attached.offset, Vec::new());
            seen.shown.clear();
        }
        if let Some(replaced) = attached.replaces {
            self.channel(replaced).replaced_by = Some(attached.clone());
        }
        if let Some(request) = attached.request {
            self.attached.insert(request, attached);
        }
    }

    fn refused(&mut self, refused: pb::Refused) {
        let refusal = Refusal::from(refused.refusal.unwrap());
        match refused.request {
            Some(request) => {
                self.refused.insert(request, refusal);
            }
            None => self.channel(refused.channel.unwrap()).refusals.push(refusal),
        }
    }

    fn output(&mut self, output: &pb::Output) -> Option<(u64, u64)> {
        let seen = self.channel(output.channel);
        assert!(seen.is_whole(), "output within a snapshot");
        assert_eq!(output.offset, seen.end(), "a gap, or something twice");
        seen.output.extend_from_slice(&output.data);
        seen.longest_frame = seen.longest_frame.max(output.data.len());
        (!seen.stopped).then(|| (output.channel, seen.end()))
    }
}
