//! A TCP proxy that does to connections what networks do: it delays, throttles, cuts after a byte of
//! choice, closes one half, or lets one direction vanish without a word.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What one read takes at most.
const CHUNK: usize = 16 << 10;
/// Chunks that may be on their way in one direction.
const IN_FLIGHT: usize = 64;

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Both directions end, by a reset.
    Cut,
    /// The direction ends properly; the other one goes on.
    HalfClose,
    /// What the direction carries from then on is lost, and nobody is told.
    Vanish,
}

/// How it is on one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weather {
    /// How much later everything arrives.
    pub delay: Duration,
    /// Bytes a second from the server to the client.
    pub rate: Option<u64>,
    /// What goes wrong, in which direction, after how many bytes of it.
    pub fault: Option<(Fault, Way, u64)>,
}

/// A running proxy; its connections end with it.
pub struct Chaos {
    address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
    state: Arc<Mutex<State>>,
    over: CancellationToken,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    weather: Weather,
    /// On how many connections it will be so.
    left: usize,
    /// Bytes that the newest connection has carried, up and down.
    passed: [u64; 2],
    accepted: u64,
    /// Cancelled, it cuts the connections that stand.
    standing: CancellationToken,
}

/// What one direction of a connection needs.
struct Lane {
    way: Way,
    weather: Weather,
    number: u64,
    state: Arc<Mutex<State>>,
    cut: CancellationToken,
}

impl Chaos {
    /// Listens on a free port. Connections wait until there is a target.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (target, targets) = watch::channel(None);
        let over = CancellationToken::new();
        let state = State { standing: over.child_token(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let serving = serve(listener, targets, state.clone());
        let serving = TaskTracker::new().spawn(serving);
        Ok(Self { address, target, state, over, serving })
    }

    /// In front of a server.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn before(server: SocketAddr) -> Result<Self> {
        let chaos = Self::start().await?;
        chaos.lead_to(server);
        Ok(chaos)
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections lead there from now on.
    pub fn lead_to(&self, server: SocketAddr) {
        self.target.send_replace(Some(server));
    }

    /// How it is on the connections that come from now on.
    pub fn set(&self, weather: Weather) {
        self.set_for(weather, usize::MAX);
    }

    /// How it is on so many connections that come now; all is well on those after them.
    pub fn set_for(&self, weather: Weather, connections: usize) {
        let mut state = lock(&self.state);
        (state.weather, state.left) = (weather, connections);
    }

    /// Resets the connections that stand.
    pub fn cut(&self) {
        let next = self.over.child_token();
        std::mem::replace(&mut lock(&self.state).standing, next).cancel();
    }

    /// What the newest connection has carried up and down.
    #[must_use]
    pub fn passed(&self) -> [u64; 2] {
        lock(&self.state).passed
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.over.cancel();
        self.serving.abort();
    }
}

async fn serve(
    listener: TcpListener,
    mut targets: watch::Receiver<Option<SocketAddr>>,
    state: Arc<Mutex<State>>,
) {
    let tasks = TaskTracker::new();
    while let Ok((client, _)) = listener.accept().await {
        let Ok(target) = targets.wait_for(Option::is_some).await.map(|target| *target) else {
            return;
        };
        let (weather, number, cut) = {
            let mut state = lock(&state);
            state.accepted += 1;
            state.passed = [0; 2];
            let weather = if state.left == 0 { Weather::default() } else { state.weather };
            state.left = state.left.saturating_sub(1);
            (weather, state.accepted, state.standing.child_token())
        };
        let state = state.clone();
        tasks.spawn(async move {
            let Some(target) = target else { return };
            // A server that is not there is told by the end of the client's connection.
            let Ok(server) = TcpStream::connect(target).await else { return };
            let lane = |way| Lane { way, weather, number, state: state.clone(), cut: cut.clone() };
            join(client, server, lane(Way::Up), lane(Way::Down)).await;
        });
    }
}

async fn join(client: TcpStream, server: TcpStream, up: Lane, down: Lane) {
    for stream in [&client, &server] {
        // Whatever a refused option would change, the bytes stay the same.
        let _ = stream.set_nodelay(true);
    }
    let cut = up.cut.clone();
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let (up, down) = tokio::join!(up.run(from_client, to_server), down.run(from_server, to_client));
    if cut.is_cancelled() {
        for half in [up, down] {
            // Reset, and not closed: what is under way is lost.
            let _ = half.as_ref().set_zero_linger();
            // Dropped, it would end properly first.
            half.forget();
        }
    }
}

impl Lane {
    /// Carries one direction; gives the half that it wrote to back when both are done with.
    async fn run(self, from: OwnedReadHalf, mut to: OwnedWriteHalf) -> OwnedWriteHalf {
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        let cut = self.cut.clone();
        let carrying = async {
            let (read, wrote) =
                tokio::join!(self.read(from, sender), self.write(&mut to, receiver));
            // A peer that is gone ends the other direction by itself.
            let _ = (read, wrote);
        };
        cut.run_until_cancelled(carrying).await;
        to
    }

    async fn read(
        &self,
        mut from: OwnedReadHalf,
        sender: mpsc::Sender<(Instant, Bytes)>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = from.read(&mut buffer).await?;
            let due = Instant::now() + self.weather.delay;
            if read == 0
                || sender.send((due, Bytes::copy_from_slice(&buffer[..read]))).await.is_err()
            {
                return Ok(());
            }
        }
    }

    async fn write(
        &self,
        to: &mut OwnedWriteHalf,
        mut receiver: mpsc::Receiver<(Instant, Bytes)>,
    ) -> io::Result<()> {
        let mut passed = 0;
        let fault = self.weather.fault.filter(|(_, way, _)| *way == self.way);
        while let Some((due, mut bytes)) = receiver.recv().await {
            sleep_until(due).await;
            let broken = fault.filter(|(_, _, after)| passed + bytes.len() as u64 >= *after);
            if let Some((_, _, after)) = broken {
                // It is less than what was read.
                bytes.truncate((after - passed) as usize);
            }
            to.write_all(&bytes).await?;
            passed += bytes.len() as u64;
            self.note(passed);
            if let Some((fault, ..)) = broken {
                return self.break_with(fault, to, receiver).await;
            }
            if let (Some(rate), Way::Down) = (self.weather.rate, self.way) {
                sleep(Duration::from_secs_f64(bytes.len() as f64 / rate as f64)).await;
            }
        }
        to.shutdown().await
    }

    async fn break_with(
        &self,
        fault: Fault,
        to: &mut OwnedWriteHalf,
        mut receiver: mpsc::Receiver<(Instant, Bytes)>,
    ) -> io::Result<()> {
        match fault {
            Fault::Cut => self.cut.cancel(),
            Fault::HalfClose => to.shutdown().await?,
            Fault::Vanish => while receiver.recv().await.is_some() {},
        }
        Ok(())
    }

    fn note(&self, passed: u64) {
        let mut state = lock(&self.state);
        if state.accepted == self.number {
            state.passed[usize::from(self.way == Way::Down)] = passed;
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Every change leaves it whole.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    //! The proxy does what it says.
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What arrives of ten bytes, and how it ended.
    async fn arrives(weather: Weather) -> (Vec<u8>, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let chaos = Chaos::before(listener.local_addr().unwrap()).await.unwrap();
        chaos.set(weather);
        let mut client = TcpStream::connect(chaos.address()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.write_all(b"0123456789").await.unwrap();
        client.shutdown().await.unwrap();
        let mut read = Vec::new();
        let reading = tokio::time::timeout(Duration::from_secs(1), server.read_to_end(&mut read));
        let ended = matches!(reading.await, Ok(Ok(_)));
        (read, ended)
    }

    fn after(fault: Fault, bytes: u64) -> Weather {
        Weather { fault: Some((fault, Way::Up, bytes)), ..Weather::default() }
    }

    #[tokio::test]
    async fn faults_come_after_exactly_so_many_bytes() {
        assert_eq!(arrives(Weather::default()).await, (b"0123456789".to_vec(), true));
        for bytes in [0, 1, 9] {
            let (read, ended) = arrives(after(Fault::HalfClose, bytes)).await;
            assert_eq!((read.len() as u64, ended), (bytes, true));
            let (read, ended) = arrives(after(Fault::Vanish, bytes)).await;
            assert_eq!((read.len() as u64, ended), (bytes, false));
            // A reset may overtake what was sent before it.
            let (read, ended) = arrives(after(Fault::Cut, bytes)).await;
            assert!(read.len() as u64 <= bytes && !ended);
        }
        assert_eq!(arrives(after(Fault::Cut, 11)).await, (b"0123456789".to_vec(), true));
    }

    #[tokio::test]
    async fn everything_is_late_by_the_delay() {
        let began = Instant::now();
        let late = Weather { delay: Duration::from_millis(80), ..Weather::default() };
        assert_eq!(arrives(late).await.0.len(), 10);
        assert!(began.elapsed() >= Duration::from_millis(80));
    }
}
