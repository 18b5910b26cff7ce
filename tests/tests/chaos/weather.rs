//! Chance that can be repeated: a seed tells everything that happens in a run.

use std::{
    hash::{BuildHasher, Hasher},
    time::Duration,
};

use termfleet_tests::chaos::{Fault, Way, Weather};

/// Says where a run begins; set it to a printed seed to repeat that run alone.
const SEED: &str = "TERMFLEET_CHAOS_SEED";
/// Says how many runs each test makes, when it shall not be the usual number.
const RUNS: &str = "TERMFLEET_CHAOS_RUNS";

/// The seeds of so many runs: one that was asked for, or new ones.
pub(crate) fn seeds(count: u64) -> Vec<u64> {
    let asked = |name| std::env::var(name).ok().and_then(|number| number.parse().ok());
    if let Some(seed) = asked(SEED) {
        return vec![seed];
    }
    let count = asked(RUNS).unwrap_or(count);
    let base = std::hash::RandomState::new().build_hasher().finish() >> 16;
    eprintln!("seeds {base} to {}; {SEED}=… repeats one", base + count - 1);
    (base..base + count).collect()
}

/// A small generator (xorshift64*): tests need repeatable chance, not good chance.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    /// Bytes that mean nothing to a terminal in raw mode, UTF-8 and not.
    pub(crate) fn bytes(&mut self, most: u64) -> Vec<u8> {
        let count = 1 + self.below(most);
        // Neither escape sequences nor ^C, ^Z and ^\, which would interrupt.
        let byte = |chance: &mut Self| match chance.below(4) {
            0 => 0x80 + chance.below(0x80) as u8,
            _ => 0x20 + chance.below(0x5f) as u8,
        };
        (0..count).map(|_| byte(self)).collect()
    }

    /// A connection on which something goes wrong within so many bytes.
    pub(crate) fn weather(&mut self, within: u64) -> Weather {
        let delay = match self.below(3) {
            0 => Duration::from_millis(self.below(8)),
            _ => Duration::ZERO,
        };
        let rate = (self.below(4) == 0).then(|| 50_000 + self.below(500_000));
        let fault = match self.below(5) {
            0..=2 => Fault::Cut,
            3 => Fault::HalfClose,
            _ => Fault::Vanish,
        };
        let way = if self.below(2) == 0 { Way::Up } else { Way::Down };
        Weather { delay, rate, fault: Some((fault, way, self.below(within))) }
    }
}
