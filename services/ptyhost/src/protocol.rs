//! What ptyhost and worker say to each other (`byte-lane.md` §1).
//!
//! A message is a small JSON head, which a later version can extend, and a raw body for bytes that
//! nobody here looks into (input, records, checkpoints). How messages become frames, and how the
//! descriptors of rings travel with them, is `wire`'s business.

use serde::{Deserialize, Serialize};
use termfleet_session::{
    code::Code,
    ids::{ClientId, Epoch, Generation, Incarnation, Offset, SessionId},
    input::Marks,
    limits::Size,
    record::Exit,
};

/// The longest record: the worker's own notes on a session, opaque here.
pub const MAX_RECORD_BYTES: usize = 16 << 10;
/// The longest checkpoint: a screen with its modes (64 KiB) and a full line store (2 MiB), with room.
pub const MAX_CHECKPOINT_BYTES: usize = 3 << 20;
/// Checkpoints kept: the newest, and the one before it in case the newest was cut short.
pub const CHECKPOINT_SLOTS: usize = 2;
/// The variable that every process of a session inherits, by which its orphans are found.
pub const SESSION_VARIABLE: &str = "TERMFLEET_SESSION_ID";

/// One shell: a session and the epoch in which it runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The session.
    pub session: SessionId,
    /// Its epoch: a request that names another one is refused.
    pub epoch: Epoch,
}

/// What a worker asks. Input and limits are answered by notices or not at all, the rest by one
/// response each (`Hello` by one more for each session).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Take over from whatever worker was there before.
    Hello { layout: u64 },
    /// Start a shell; the body is its record.
    Spawn { key: Key, argv: Vec<String>, env: Vec<(String, String)>, cwd: String, size: Size },
    /// Replace the record by the body.
    Record { key: Key },
    /// Type the body.
    Input { key: Key, client: ClientId, offset: Offset },
    /// Say whether a lane has a viewer, and ask how far it has come.
    Lane { key: Key, client: ClientId, viewed: bool },
    /// Change the terminal's size.
    Resize { key: Key, size: Size },
    /// Send a signal.
    Signal { key: Key, target: SignalTarget, signal: i32 },
    /// Let output be read up to here.
    Limit { key: Key, limit: Offset },
    /// Keep the body as the newest checkpoint.
    Checkpoint { key: Key, offset: Offset },
    /// Give the checkpoints back.
    Checkpoints { key: Key },
    /// End every process of the session.
    Kill { key: Key },
    /// Drop what is left of a session whose shell has ended.
    Forget { key: Key },
    /// Tell about the session's processes; `reading`: only what the one in the foreground reads, `place`:
    /// only where the shell is, both of which are told without looking at all of them. (A ptyhost that
    /// does not know these words tells the rest.)
    Stat {
        key: Key,
        #[serde(default)]
        reading: bool,
        #[serde(default)]
        place: bool,
    },
    /// Kill and forget everything and take a new incarnation.
    Reset,
    /// Kill everything and end.
    End,
}

/// What the ptyhost answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Response {
    /// To `Hello`; so many `Held` follow it.
    Welcome {
        incarnation: Incarnation,
        generation: Generation,
        pid: u32,
        ring_bytes: u64,
        held: u32,
    },
    /// To `Hello`, in place of `Welcome`.
    UnknownLayout { known: u64 },
    /// One session, with its ring; the body is its record.
    Held(Held),
    /// To `Spawn`, with the ring.
    Spawned { pid: u32 },
    /// To `Spawn`.
    SpawnFailed { step: SpawnStep, errno: i32 },
    /// To `Lane`.
    Lane(Marks),
    /// To `Resize`: from where in the output on it holds.
    Resized(Offset),
    /// To `Checkpoints`: offsets and lengths, newest first; the body is one behind the other.
    Checkpoints(Vec<(Offset, usize)>),
    /// To `Stat`.
    Stat(Stat),
    /// To `Reset`.
    Reset { incarnation: Incarnation },
    /// To everything that has nothing to say.
    Done,
    /// To anything.
    Refused { code: Code, text: String, current: Option<u64> },
}

/// What the ptyhost says by itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    /// New output, of many sessions at once.
    Heads(Vec<(Key, Offset)>),
    /// Input was written, or was known already.
    InputDone { key: Key, client: ClientId, marks: Marks },
    /// Input moved nothing.
    InputRefused { key: Key, client: ClientId, code: Code, expected: Offset },
    /// The shell has ended and its last byte is in the ring.
    Exited { key: Key, ended: Ended },
    /// A newer worker has said hello; this connection ends.
    Superseded,
}

/// What a new worker is told about a session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) key: Key,
    pub(crate) pid: u32,
    pub(crate) limit: Offset,
    pub(crate) lanes: Vec<LaneMarks>,
    pub(crate) sizes: Vec<SizeAt>,
    pub(crate) ended: Option<Ended>,
}

/// One lane of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneMarks {
    /// Whose it is.
    pub client: ClientId,
    /// How far it has come.
    pub marks: Marks,
}

/// The size of a session's terminal from an offset of its output on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeAt {
    /// From this byte on.
    pub offset: Offset,
    /// The size.
    pub size: Size,
}

/// How a shell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit code, or the signal that ended it.
    pub exit: Exit,
    /// The end of its output: no byte follows.
    pub offset: Offset,
}

/// Whom a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalTarget {
    /// The process group in the terminal's foreground: what ^C would reach.
    Foreground,
    /// Every process of the session, also those that left its process session.
    Session,
}

/// At what a spawn failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpawnStep {
    /// The working directory.
    Cwd,
    /// The program: its path, its rights, or the kernel's room for another process.
    Program,
    /// The terminal or the ring: this machine has no more of them.
    Pty,
}

/// What `/proc` tells of a session's processes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// The shell's working directory.
    pub cwd: Option<String>,
    /// The process group in the foreground.
    pub foreground: Option<u32>,
    /// The name of that group's leader.
    pub command: Option<String>,
    /// Processor time of all its processes, children that they waited for included.
    pub cpu_ms: u64,
    /// Resident memory of all its processes; pages that they share count for each.
    pub rss_bytes: u64,
    /// How many processes there are.
    pub processes: u32,
    /// What the program in the foreground waits for, if only that was asked for.
    #[serde(default)]
    pub reading: Option<Reading>,
}

/// Whether a session waits for its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// The shell is in the foreground: it waits for the next command, or works on one of its own.
    Shell,
    /// A program is, and does not wait for its terminal.
    Busy,
    /// Something reads the terminal.
    Waiting {
        /// What is typed is not shown.
        hidden: bool,
    },
}
