//! How the scripted worker plays: lanes, credit, channels.

use bytes::Bytes;
use termfleet_proto::worker_v1::{self as pb, WorkerFrame, gateway_frame, worker_frame::Frame};
use termfleet_session::{
    code::{Code, Refusal},
    limits::{MAX_FRAME_BYTES, MAX_WINDOW_BYTES},
};

use super::{Shell, State, Viewer};

impl State {
    pub(super) fn shell(&mut self, session: &str) -> &mut Shell {
        let fresh = || Shell { epoch: 1, ..Shell::default() };
        self.shells.entry(session.to_owned()).or_insert_with(fresh)
    }

    pub(super) fn send(&mut self, link: u64, frame: Frame) {
        if let Some(out) = self.links.get(&link) {
            let _ = out.send(Ok(WorkerFrame { frame: Some(frame) }));
        }
    }

    pub(super) fn channels_of(&self, session: &str) -> Vec<(u64, u64)> {
        let of = |viewer: &&Viewer| viewer.session == session;
        self.viewers.iter().filter(of).map(|viewer| (viewer.link, viewer.channel)).collect()
    }

    pub(super) fn viewer(&self, link: u64, channel: u64) -> Option<usize> {
        self.viewers.iter().position(|v| (v.link, v.channel) == (link, channel))
    }

    pub(super) fn handle(&mut self, link: u64, frame: gateway_frame::Frame) {
        use gateway_frame::Frame as In;
        self.heard.push(frame.clone());
        match frame {
            In::Attach(attach) => self.attach(link, attach),
            In::Detach(detach) => {
                self.viewers.retain(|v| (v.link, v.channel) != (link, detach.channel));
                let detached = pb::Detached { channel: detach.channel, ..Default::default() };
                self.send(link, Frame::Detached(detached));
            }
            In::Ack(ack) => {
                if let Some(at) = self.viewer(link, ack.channel) {
                    let viewer = &mut self.viewers[at];
                    assert!(ack.offset <= viewer.sent, "ack beyond what was sent");
                    viewer.acked = viewer.acked.max(ack.offset);
                }
            }
            // Its snapshots are of one part.
            In::Taken(_) => {}
            In::Input(input) => self.input(link, input),
            In::Control(control) => {
                if let Some(at) = self.viewer(link, control.channel)
                    && control.action == pb::Action::Take as i32
                {
                    self.viewers[at].driver = true;
                }
                let pb::Control { request, channel, action } = control;
                self.send(link, Frame::Done(pb::Done { request, channel, action }));
            }
            In::Sync(sync) => {
                let Some(at) = self.viewer(link, sync.channel) else { return };
                let head = self.shells[&self.viewers[at].session].output.len() as u64;
                let offset = sync.offset.unwrap_or(head);
                (self.viewers[at].sent, self.viewers[at].acked) = (offset, offset);
                let reason = match sync.offset {
                    Some(_) => pb::Reason::Unspecified,
                    None => pb::Reason::Asked,
                };
                let frame = self.attached(at, Some(sync.request), None, offset, reason);
                self.send(link, frame);
                if sync.offset.is_none() {
                    self.snapshot(at, head, reason, b"\x1bcasked");
                }
            }
            In::SetTier(pb::SetTier { channel, tier }) => {
                let Some(at) = self.viewer(link, channel) else { return };
                self.viewers[at].tier = tier;
                let kind = Some(pb::event::Kind::Tier(pb::TierChanged { tier }));
                self.send(link, Frame::Event(pb::Event { channel, kind }));
            }
            In::Resize(_) | In::Beat(_) => {}
        }
        self.pump();
    }

    pub(super) fn attach(&mut self, link: u64, attach: pb::Attach) {
        let shell = self.shell(&attach.session);
        let (head, tail) = (shell.output.len() as u64, shell.tail);
        let (offset, reason) = match (attach.epoch, attach.offset) {
            (Some(epoch), _) if epoch != shell.epoch => (tail, pb::Reason::NewEpoch),
            (_, Some(offset)) if offset > head => (tail, pb::Reason::BadOffset),
            (_, Some(offset)) if offset < tail => (tail, pb::Reason::Trimmed),
            (_, Some(offset)) => (offset, pb::Reason::Unspecified),
            (_, None) => (tail, pb::Reason::NewClient),
        };
        self.viewers.retain(|v| v.client != attach.client_id || v.session != attach.session);
        self.last_channel += 1;
        self.viewers.push(Viewer {
            link,
            channel: self.last_channel,
            session: attach.session,
            client: attach.client_id,
            driver: true,
            tier: attach.tier,
            sent: offset,
            acked: offset,
        });
        let at = self.viewers.len() - 1;
        let frame = self.attached(at, Some(attach.request), None, offset, reason);
        self.send(link, frame);
        if reason != pb::Reason::Unspecified {
            self.snapshot(at, offset, reason, b"\x1bc");
        }
    }

    pub(super) fn attached(
        &self,
        at: usize,
        request: Option<u64>,
        replaces: Option<u64>,
        offset: u64,
        reason: pb::Reason,
    ) -> Frame {
        let viewer = &self.viewers[at];
        let shell = &self.shells[&viewer.session];
        Frame::Attached(pb::Attached {
            request,
            replaces,
            channel: viewer.channel,
            session: viewer.session.clone(),
            epoch: shell.epoch,
            offset,
            head: shell.output.len() as u64,
            recovered: reason == pb::Reason::Unspecified,
            reason: reason.into(),
            driver: viewer.driver,
            next_input_offset: shell.lanes.get(&viewer.client).copied().unwrap_or_default(),
            size: Some(pb::Size { cols: 80, rows: 24 }),
            status: "active".to_owned(),
            tier: viewer.tier,
        })
    }

    pub(super) fn snapshot(
        &mut self,
        at: usize,
        offset: u64,
        reason: pb::Reason,
        data: &'static [u8],
    ) {
        let viewer = &mut self.viewers[at];
        (viewer.sent, viewer.acked) = (offset, offset);
        let (link, channel) = (viewer.link, viewer.channel);
        let epoch = self.shells[&viewer.session].epoch;
        let snapshot = pb::Snapshot {
            channel,
            epoch,
            offset,
            size: Some(pb::Size { cols: 80, rows: 24 }),
            reason: reason.into(),
            more: false,
            data: Bytes::from_static(data),
        };
        self.send(link, Frame::Snapshot(snapshot));
    }

    pub(super) fn input(&mut self, link: u64, input: pb::Input) {
        let Some(at) = self.viewer(link, input.channel) else { return };
        let viewer = &self.viewers[at];
        let (session, client) = (viewer.session.clone(), viewer.client.clone());
        let refused_driver = (!viewer.driver).then(|| Refusal::from(Code::TakenOver));
        let shell = self.shell(&session);
        let next = shell.lanes.get(&client).copied().unwrap_or_default();
        let start = input.offset.unwrap_or(next);
        let gap = (start > next).then(|| Refusal::from(Code::InputGap));
        if let Some(refusal) = shell.refuses.clone().or(refused_driver).or(gap) {
            let refusal = Some((&refusal.current(next)).into());
            let (request, channel) = (None, Some(input.channel));
            return self.send(link, Frame::Refused(pb::Refused { request, channel, refusal }));
        }
        if shell.stuck {
            return;
        }
        let known = usize::try_from(next - start).unwrap().min(input.data.len());
        let fresh = &input.data[known..];
        shell.output.extend_from_slice(fresh);
        let offset = next + fresh.len() as u64;
        shell.lanes.insert(client, offset);
        let ack = pb::InputAck { channel: input.channel, offset, echo_offset: next };
        self.send(link, Frame::InputAck(ack));
    }

    pub(super) fn detach_all(&mut self, session: &str, code: Code, reason: &str) {
        for (link, channel) in self.channels_of(session) {
            let detached = pb::Detached {
                channel,
                code: Some(code.number().into()),
                reason: reason.to_owned(),
                ..Default::default()
            };
            self.send(link, Frame::Detached(detached));
        }
        self.viewers.retain(|viewer| viewer.session != session);
    }

    /// Sends what credit allows, one frame of each viewer in turn.
    pub(super) fn pump(&mut self) {
        loop {
            let mut sent = false;
            for at in 0..self.viewers.len() {
                let viewer = &self.viewers[at];
                let output = &self.shells[&viewer.session].output;
                if viewer.tier == pb::Tier::Events as i32 {
                    continue;
                }
                let room = (viewer.acked + MAX_WINDOW_BYTES).saturating_sub(viewer.sent);
                let most = room.min(MAX_FRAME_BYTES as u64) as usize;
                let rest = &output[viewer.sent as usize..];
                let data = Bytes::copy_from_slice(&rest[..rest.len().min(most)]);
                if data.is_empty() {
                    continue;
                }
                let (link, channel, offset) = (viewer.link, viewer.channel, viewer.sent);
                self.viewers[at].sent += data.len() as u64;
                self.send(link, Frame::Output(pb::Output { channel, offset, data }));
                sent = true;
            }
            if !sent {
                return;
            }
        }
    }
}
