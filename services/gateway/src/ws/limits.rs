//! What one socket may cost: the limits on messages and the options of its TCP stream.

use std::{io, time::Duration};

use socket2::SockRef;
use termfleet_session::limits::MAX_MESSAGE_BYTES;
use tokio::net::TcpStream;

/// Frames of one message, the control frames between them included. Browsers send one; 1,024
/// leaves a 64 KiB message in pieces of 64 bytes, and bounds what empty fragments cost.
const MESSAGE_FRAMES: u32 = 1024;
/// How long a client may keep us waiting within one message (`security.md` §7).
const MESSAGE_TIME: Duration = Duration::from_secs(10);
/// How long a socket may accept nothing (`byte-lane.md` §4).
const WRITE_STALL: Duration = Duration::from_secs(30);

/// Unsent bytes that the kernel holds per socket (`byte-lane.md` §4): what waits there can neither
/// be dropped by an interrupt nor be overtaken.
const NOTSENT_LOWAT: u32 = 128 << 10;
/// After this the kernel itself gives up on a peer that acknowledges nothing. It is longer than
/// [`WRITE_STALL`], whose error is the better one, and frees the buffers of sockets that were
/// dropped with bytes unsent.
const USER_TIMEOUT: Duration = Duration::from_secs(40);

/// The limits of one socket.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest message, over all its fragments: beyond it 1009.
    pub message_bytes: usize,
    /// Most frames of one message: beyond it 1008.
    pub message_frames: u32,
    /// Longest time that the client may keep us waiting within one message: then 4008.
    pub message_time: Duration,
    /// Longest time that the client may take nothing of what we send: then 4008.
    pub write_stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: MAX_MESSAGE_BYTES,
            message_frames: MESSAGE_FRAMES,
            message_time: MESSAGE_TIME,
            write_stall: WRITE_STALL,
        }
    }
}

/// Sets the options of an accepted stream: no Nagle delay, small send buffers, and an end for
/// peers that are gone.
///
/// # Errors
/// The kernel's, when the stream is dead already.
pub fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_notsent_lowat(NOTSENT_LOWAT)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
}
