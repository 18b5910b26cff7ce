//! `[streaming]`: how output is kept and sent.

use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Section};
use termfleet_session::limits::REPLAY_BYTES;

/// Smallest ring: a page of memory.
const LEAST_RING: u64 = 4 << 10;
/// Largest ring: with 1,000 sessions, 64 GiB.
const MOST_RING: u64 = 64 << 20;

pub(super) const SECTION: Section = Section {
    name: "streaming",
    about: "How output is kept and sent.",
    keys: &[&BUFFER_SIZE, &THROTTLE, &COMPRESSION],
};

const BUFFER_SIZE: Key = Key::new(
    "streaming.buffer_size_bytes",
    Kind::Bytes(LEAST_RING, MOST_RING),
    Preset::Number(REPLAY_BYTES as u64),
    "Output of each session that is kept for a resume: a power of two. A ptyhost that runs already \
     keeps its own",
)
.known_as(&["streaming.buffer_size"]);
const THROTTLE: Key = Key::new(
    "streaming.throttle_ms",
    Kind::Milliseconds(0, 10_000),
    Preset::Number(0),
    "How long output of sessions that are not focused may be gathered",
)
.pending("every viewer gets every byte at once");
const COMPRESSION: Key = Key::new(
    "streaming.compression",
    Kind::Flag,
    Preset::Flag(false),
    "Whether large frames are compressed for clients that offer it",
)
.pending("frames are sent as they are");

/// How output is kept.
#[derive(Debug, Clone)]
pub(crate) struct Streaming {
    /// Output of each session that is kept, a power of two.
    pub(crate) ring_bytes: usize,
}

pub(super) fn parse(values: &mut Resolved) -> Streaming {
    values.number(&THROTTLE);
    values.flag(&COMPRESSION);
    let ring_bytes = values.size(&BUFFER_SIZE);
    if !ring_bytes.is_power_of_two() {
        let near = ring_bytes.next_power_of_two();
        values.refuse(&BUFFER_SIZE, format!("{ring_bytes} is not a power of two; {near} is"));
    }
    Streaming { ring_bytes }
}
