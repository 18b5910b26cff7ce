//! The task that keeps the connection for commands: it looks every second whether the server is
//! still there, still takes writes and is still the one that was written to, and makes a new
//! connection when not. What that means for others it counts as a loss.

use std::{sync::Arc, time::Duration};

use redis::{PushInfo, PushKind, RedisResult};
use termfleet_runtime::Backoff;
use tokio::time;

use super::{
    address::{Host, Topology},
    check,
    client::{Shared, Wire},
    dial::{Dialer, RESPONSE_TIMEOUT},
    script::MARK,
};

/// How often the server is looked at: losses are to be heard of, and mended, within 2 s.
const LOOK: Duration = Duration::from_secs(1);
/// Waits between attempts to connect. A restarted server is found soon, a dead one costs nothing.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Looks in a row that fail before the cluster client, which reconnects by itself, is made anew.
const STUCK: u32 = 5;

/// Keeps one client's connection.
pub(super) struct Keeper {
    dialer: Arc<Dialer>,
    shared: Arc<Shared>,
    marker_key: String,
    /// The marker that stood when we last looked.
    marker: String,
    /// The servers that there were.
    lives: Vec<String>,
}

/// What a look at the server showed.
enum Look {
    /// All as before.
    Same,
    /// It is another than before, or has lost what it knew.
    Another,
}

impl Keeper {
    /// Takes over a connection that was checked, and writes the marker if there is none.
    pub(super) async fn begin(
        dialer: Arc<Dialer>,
        shared: Arc<Shared>,
        marker_key: String,
        wire: &mut Wire,
    ) -> RedisResult<Self> {
        let (marker, lives) = (String::new(), Vec::new());
        let mut keeper = Self { dialer, shared, marker_key, marker, lives };
        keeper.look(wire).await?;
        keeper.shared.connected(Some(wire.clone()));
        Ok(keeper)
    }

    /// Keeps the connection until nobody wants it any more (the task is aborted).
    pub(super) async fn keep(mut self) {
        loop {
            let current = self.shared.wire.borrow().clone();
            match current {
                Some(wire) => self.watch(wire).await,
                None => self.reconnect().await,
            }
        }
    }

    /// Returns when the connection is gone.
    async fn watch(&mut self, mut wire: Wire) {
        let mut failed = 0;
        loop {
            tokio::select! {
                () = self.shared.suspect.notified() => {}
                () = time::sleep(LOOK) => {}
            }
            // The library's own timeouts hold for one command each.
            let look = time::timeout(RESPONSE_TIMEOUT, self.look(&mut wire)).await;
            match (look, &wire) {
                (Ok(Ok(Look::Same)), _) if failed == 0 => {}
                (Ok(Ok(Look::Same | Look::Another)), _) => {
                    tracing::warn!("redis may have lost its last writes");
                    self.shared.losses.add();
                    failed = 0;
                }
                (Ok(Err(_)) | Err(_), Wire::Many(_)) if failed + 1 < STUCK => failed += 1,
                (look, _) => {
                    let reason = look.map_or("no answer in time".into(), told);
                    tracing::warn!(reason, "lost the connection to redis");
                    self.shared.connected(None);
                    return;
                }
            }
        }
    }

    async fn reconnect(&mut self) {
        let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        loop {
            match self.attempt().await {
                Ok(wire) => {
                    tracing::info!(attempts = backoff.attempts() + 1, "connected to redis again");
                    // Before anybody can ask for what may be lost.
                    self.shared.losses.add();
                    self.shared.connected(Some(wire));
                    return;
                }
                Err(error) => tracing::debug!(%error, "no connection to redis yet"),
            }
            time::sleep(backoff.next_delay()).await;
        }
    }

    async fn attempt(&mut self) -> RedisResult<Wire> {
        let (mut wire, _) = open(&self.dialer, &self.shared).await?;
        self.look(&mut wire).await?;
        Ok(wire)
    }

    async fn look(&mut self, wire: &mut Wire) -> RedisResult<Look> {
        if let Wire::One(_) = wire
            && !check::is_master(wire).await?
        {
            let kind = redis::ErrorKind::Server(redis::ServerErrorKind::ReadOnly);
            return Err((kind, "it is a replica now").into());
        }
        let lives = check::lives(wire).await?;
        let ours = random_name();
        let args = [(&ours).into()];
        let marker: String = wire.run(&MARK, &[&self.marker_key], &args, 0).await?;
        let same = self.marker == marker && self.lives == lives;
        (self.marker, self.lives) = (marker, lives);
        Ok(if same { Look::Same } else { Look::Another })
    }
}

/// Opens the connection for commands. When it ends, its keeper is woken.
pub(super) async fn open(
    dialer: &Dialer,
    shared: &Arc<Shared>,
) -> RedisResult<(Wire, Option<Host>)> {
    if let Topology::Cluster(hosts) = &dialer.address().topology {
        return Ok((Wire::Many(dialer.cluster(hosts).await?), None));
    }
    let keeper = Arc::downgrade(shared);
    let push = move |info: PushInfo| {
        if info.kind == PushKind::Disconnection
            && let Some(shared) = keeper.upgrade()
        {
            shared.suspect.notify_one();
        }
        Ok(())
    };
    let (host, connection) = dialer.master(push).await?;
    Ok((Wire::One(connection), Some(host)))
}

/// 128 random bits as text: a name that nobody else has.
pub(super) fn random_name() -> String {
    let mut bytes = [0; 16];
    // Without the system's randomness the name is the same each time, which costs only that a loss
    // may go unseen; it cannot fail on a system that started this process.
    let _ = getrandom::fill(&mut bytes);
    data_encoding::HEXLOWER.encode(&bytes)
}

fn told<T>(look: RedisResult<T>) -> String {
    look.err().map(|error| error.to_string()).unwrap_or_default()
}
