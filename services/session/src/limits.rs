//! Every size, count and interval that more than one crate keeps, with its reason. Limits that
//! belong to one crate stand there.

/// Sessions of one project (`cluster.md` §3; the first seed's `maxPerProject`).
pub const SESSIONS_PER_PROJECT: usize = 10;
/// Sessions of one user over all projects.
pub const SESSIONS_PER_USER: usize = 20;
/// Sessions of one worker, unless configured: 4096 PTYs are the kernel's own bound.
pub const SESSIONS_PER_WORKER: usize = 1_000;
/// Focused sessions of one project (`cluster.md` §2; the first seed's `maxFocusedPerProject`).
pub const FOCUSED_PER_PROJECT: usize = 4;
/// How long a reservation holds a place while its shell is being started.
pub const RESERVATION_MS: u64 = 10_000;
/// How long a record, its ring and its exit status stay readable after the process ended.
pub const LINGER_MS: u64 = 600_000;

/// How long a worker counts as there that has not said so again.
pub const LEASE_MS: u64 = 3_000;

/// Smallest and largest columns of a terminal.
pub const COLS: std::ops::RangeInclusive<u16> = 2..=1000;
/// Smallest and largest rows of a terminal.
pub const ROWS: std::ops::RangeInclusive<u16> = 1..=500;
/// The size of a terminal for which nobody gave one: what every program expects.
pub const DEFAULT_SIZE: Size = Size { cols: 80, rows: 24 };

/// Output kept for replay per session (`byte-lane.md` §1).
pub const REPLAY_BYTES: usize = 1 << 20;
/// Scrollback kept per session beside its screen, as styled text (`byte-lane.md` §3).
pub const HISTORY_BYTES: usize = 2 << 20;
/// Rows of scrollback that a snapshot brings at most, and unless fewer are asked for.
pub const SNAPSHOT_ROWS: u32 = 500;
/// What may be unacknowledged towards one viewer, at least: less would keep a viewer that is only far
/// away waiting (`byte-lane.md` §4) …
pub const MIN_WINDOW_BYTES: u64 = 64 << 10;
/// … and at most: 25 MB/s over a round trip of 20 ms.
pub const MAX_WINDOW_BYTES: u64 = 512 << 10;
/// What may be unacknowledged of one client's input (`byte-lane.md` §6).
pub const INPUT_WINDOW_BYTES: u64 = 64 << 10;
/// Longest input of one message.
pub const MAX_INPUT_BYTES: usize = 32 << 10;
/// Longest client message.
pub const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// What an output frame may hold however small the window is: less would be mostly headers …
pub const MIN_FRAME_BYTES: usize = 4 << 10;
/// … and at most: a sixteenth of the largest window (`byte-lane.md` §4).
pub const MAX_FRAME_BYTES: usize = 32 << 10;
/// Channels of one socket.
pub const CHANNELS_PER_SOCKET: usize = 64;
/// Input lanes of one session; the next replaces the longest idle one without a viewer.
pub const LANES_PER_SESSION: usize = 64;

/// Variables that a session may be given of its own.
pub const MAX_ENVIRONMENT: usize = 64;
/// Longest variable name or value.
pub const MAX_ENVIRONMENT_VALUE: usize = 4 << 10;
/// Longest tab name, shell path or label value, in bytes.
pub const MAX_TEXT: usize = 256;
/// Labels of one session.
pub const MAX_LABELS: usize = 32;
/// Largest layout or theme value, as JSON text.
pub const MAX_UI_JSON: usize = 4 << 10;
/// Longest project path: the kernel's PATH_MAX.
pub const MAX_PATH: usize = 4096;

/// A terminal's size in character cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Columns, 2–1000.
    pub cols: u16,
    /// Rows, 1–500.
    pub rows: u16,
}

impl Size {
    /// The size, if both numbers are within their limits.
    #[must_use]
    pub fn new(cols: u64, rows: u64) -> Option<Self> {
        let size = Self { cols: cols.try_into().ok()?, rows: rows.try_into().ok()? };
        (COLS.contains(&size.cols) && ROWS.contains(&size.rows)).then_some(size)
    }
}

#[cfg(test)]
mod tests {
    //! At, below and above each bound of a terminal's size.
    use super::Size;

    #[test]
    fn sizes_at_their_limits_stand_and_beyond_them_fall() {
        for (cols, rows) in [(2, 1), (1000, 500), (80, 24)] {
            assert!(Size::new(cols, rows).is_some(), "{cols}x{rows}");
        }
        for (cols, rows) in [(1, 1), (2, 0), (0, 0), (1001, 24), (80, 501), (65_538, 24)] {
            assert!(Size::new(cols, rows).is_none(), "{cols}x{rows}");
        }
    }
}
