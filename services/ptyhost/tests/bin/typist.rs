//! A worker that can be killed at any moment: it takes a ptyhost over, types a known stream into the
//! session it finds, from somewhat before where its lane stands, and lets the output of every
//! session run on. `typist-for-tests SOCKET`.

use std::{error::Error, path::Path, time::Duration};

use bytes::Bytes;
use termfleet_ptyhost::client::{self, Event, HeldSession};
use termfleet_session::{
    ids::{ClientId, Offset},
    input::Marks,
    limits::INPUT_WINDOW_BYTES,
};
use tokio_util::task::TaskTracker;

/// How much is typed at once: like a paste, and no divisor of any buffer's size.
const PIECE: u64 = 1_777;
/// How much of what was applied is typed again, as by a client whose acknowledgements were lost.
const AGAIN: u64 = 5_003;
/// How long the typist works if nobody kills it.
const WORKS_FOR: Duration = Duration::from_secs(60);

/// The stream's byte at an offset: printable, and nowhere periodic within a ring.
fn byte(offset: u64) -> u8 {
    b'!' + ((offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 90) as u8
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let socket = std::env::args().nth(1).ok_or("which socket?")?;
    let connected = client::connect(Path::new(&socket), &TaskTracker::new()).await?;
    let work = tokio::time::timeout(WORKS_FOR, work(connected));
    work.await.map_err(|_| "nobody killed the typist")?
}

async fn work(connected: client::Connected) -> Result<(), Box<dyn Error>> {
    let client::Connected { client, welcome, mut events } = connected;
    let held = welcome.sessions.iter().find(|held| &held.record[..] == b"typed into");
    let HeldSession { session, epoch, lanes, .. } = held.ok_or("no session to type into")?;
    let typist = ClientId::new([1; 16]);
    let mut marks = lanes.first().map_or(Marks::default(), |lane| lane.marks);
    let mut typed = Offset::new(marks.accepted.get().saturating_sub(AGAIN));
    loop {
        while typed.since(marks.written) + PIECE <= INPUT_WINDOW_BYTES {
            let piece: Bytes = (typed.get()..typed.get() + PIECE).map(byte).collect();
            client.input(session, *epoch, &typist, typed, piece).await?;
            typed = typed.plus(PIECE);
        }
        match events.recv().await.ok_or("the events have ended")? {
            Event::InputDone { marks: newer, .. } => marks = newer,
            Event::Heads(heads) => {
                for (session, epoch, _) in heads {
                    client.limit(&session, epoch, Offset::new(u64::MAX)).await?;
                }
            }
            // The other session's program may come to its end.
            Event::Exited { .. } => {}
            other => return Err(format!("unexpected: {other:?}").into()),
        }
    }
}
