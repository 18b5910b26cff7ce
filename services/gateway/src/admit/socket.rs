//! What one socket may send. Input is delayed, never refused: refusing it would lose keystrokes.
//! Everything else beyond its rate is refused with a hint.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use termfleet_session::code::Refusal;

use super::{at_least_one, clock::SinceStart, limited};
use crate::config::Limits;

/// An acknowledgement that moves this much is free (`security.md` §4) …
const FREE_ACK_BYTES: u64 = 16 << 10;
/// … and so is one that comes this long after the last of its channel.
const FREE_ACK_AFTER: Duration = Duration::from_millis(20);

type Limiter = RateLimiter<NotKeyed, InMemoryState, SinceStart, NoOpMiddleware<Duration>>;

/// The counts of one socket; its connection owns them.
#[derive(Debug)]
pub struct ConnectionLimits {
    clock: SinceStart,
    input_bytes: Quota,
    input_messages: Quota,
    messages: Limiter,
    channels: HashMap<u64, Channel>,
}

/// The counts of one attachment.
#[derive(Debug)]
struct Channel {
    bytes: Debt,
    messages: Debt,
    acked: Option<Duration>,
}

impl ConnectionLimits {
    pub(super) fn new(limits: &Limits, clock: SinceStart) -> Self {
        let other = Quota::per_second(at_least_one(limits.messages_per_second))
            .allow_burst(at_least_one(limits.messages_burst));
        Self {
            input_bytes: Quota::per_second(at_least_one(limits.input_bytes_per_second)),
            input_messages: Quota::per_second(at_least_one(limits.input_messages_per_second)),
            messages: RateLimiter::direct_with_clock(other, clock.clone()),
            clock,
            channels: HashMap::new(),
        }
    }

    /// Counts a message that is neither input nor a free acknowledgement.
    ///
    /// # Errors
    /// `RATE_LIMITED` with the time until the next is taken.
    pub fn message(&mut self) -> Result<(), Refusal> {
        self.messages
            .check()
            .map_err(|until| limited("too many messages", until.wait_time_from(self.clock.read())))
    }

    /// Counts an input message and answers how long it has to be held back: zero is now. It is
    /// charged already, so it must not be asked about again.
    pub fn input(&mut self, channel: u64, bytes: usize) -> Duration {
        let counts = self.channel(channel);
        let messages = counts.messages.charge(1);
        messages.max(counts.bytes.charge(u32::try_from(bytes).unwrap_or(u32::MAX)))
    }

    /// Counts an acknowledgement that moved this many bytes on; most are free.
    ///
    /// # Errors
    /// As [`ConnectionLimits::message`].
    pub fn ack(&mut self, channel: u64, moved: u64) -> Result<(), Refusal> {
        let now = self.clock.read();
        let counts = self.channel(channel);
        let last = counts.acked.replace(now);
        let rested = last.is_none_or(|last| now.saturating_sub(last) >= FREE_ACK_AFTER);
        if rested || moved >= FREE_ACK_BYTES { Ok(()) } else { self.message() }
    }

    /// The attachment is over; its number never comes back.
    pub fn forget(&mut self, channel: u64) {
        self.channels.remove(&channel);
    }

    fn channel(&mut self, channel: u64) -> &mut Channel {
        self.channels.entry(channel).or_insert_with(|| Channel {
            bytes: Debt::new(self.input_bytes, &self.clock),
            messages: Debt::new(self.input_messages, &self.clock),
            acked: None,
        })
    }
}

/// A rate that may be overdrawn: what does not fit now is owed, and says when it will fit.
#[derive(Debug)]
struct Debt {
    limiter: Limiter,
    clock: SinceStart,
    most: u32,
    owed: u32,
}

impl Debt {
    fn new(quota: Quota, clock: &SinceStart) -> Self {
        let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
        Self { limiter, clock: clock.clone(), most: quota.burst_size().get(), owed: 0 }
    }

    /// Takes this much, at once or as a debt, and answers when it is paid. A debt ends at one
    /// burst: who is told to wait and does not cannot be made to wait for ever.
    fn charge(&mut self, amount: u32) -> Duration {
        self.owed = self.owed.saturating_add(amount).min(self.most);
        let Some(owed) = NonZeroU32::new(self.owed) else { return Duration::ZERO };
        match self.limiter.check_n(owed) {
            Ok(Err(until)) => until.wait_time_from(self.clock.read()),
            // The debt never exceeds a burst, so it can always be paid some time.
            Ok(Ok(())) | Err(_) => {
                self.owed = 0;
                Duration::ZERO
            }
        }
    }
}
