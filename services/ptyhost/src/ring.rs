//! A ring's memory: written by the ptyhost alone, mapped read-only by a worker, locked by nobody.
//!
//! Which offsets a ring holds and in what order its marks move is `termfleet_session::replay`'s
//! business; this file owns the memory behind it and is the only one here with unsafe code. The
//! memory is a sealed memfd: a header page (layout, capacity, head, tail), then the bytes.
//!
//! Writer and readers are different processes, so every access is an atomic one, by whole words:
//! a word is stored with the bytes that it already held, thus a byte once published never changes.
#![allow(unsafe_code)]

use std::{
    io,
    ops::Range,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering, fence},
    },
};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use termfleet_session::{
    ids::Offset,
    replay::{self, Span},
};

pub use termfleet_session::replay::Trimmed;

/// The number of the layout below and of the socket protocol that carries it.
pub const LAYOUT: u64 = 1;
/// "TFRING" and two zeros: a file that is no ring is not mistaken for one.
const MAGIC: u64 = u64::from_le_bytes(*b"TFRING\0\0");
/// The header's size: a page, so that the bytes begin at one.
const HEADER_BYTES: usize = 4096;
/// The unit of every access.
const WORD: usize = size_of::<u64>();

// Positions in the header, in words. Head and tail lie in cache lines of their own: readers poll
// the head while the writer moves the tail.
const AT_MAGIC: usize = 0;
const AT_LAYOUT: usize = 1;
const AT_CAPACITY: usize = 2;
const AT_HEAD: usize = 8;
const AT_TAIL: usize = 16;

struct Memory {
    map: MmapRaw,
    capacity: usize,
}

impl Memory {
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: the map is page-aligned, `map.len()` bytes long and lives as long as `self`; the
        // file is sealed against shrinking, so that no page of it can vanish. Every process
        // accesses it by atomic words only, and one that maps it read-only only loads, relaxed.
        unsafe {
            std::slice::from_raw_parts(self.map.as_ptr().cast::<AtomicU64>(), self.map.len() / WORD)
        }
    }

    fn bytes(&self) -> &[AtomicU64] {
        &self.words()[HEADER_BYTES / WORD..]
    }

    fn mark(&self, at: usize) -> Offset {
        Offset::new(self.words()[at].load(Ordering::Relaxed))
    }
}

/// Puts bytes into a range of the memory, word by word.
fn store(words: &[AtomicU64], range: Range<usize>, bytes: &[u8]) {
    let splice = |at: usize, part: &[u8]| {
        let mut word = words[at / WORD].load(Ordering::Relaxed).to_ne_bytes();
        word[at % WORD..][..part.len()].copy_from_slice(part);
        words[at / WORD].store(u64::from_ne_bytes(word), Ordering::Relaxed);
    };
    let lead = (range.start.next_multiple_of(WORD) - range.start).min(bytes.len());
    let (front, rest) = bytes.split_at(lead);
    if !front.is_empty() {
        splice(range.start, front);
    }
    let (whole, back) = rest.as_chunks::<WORD>();
    let first = (range.start + lead) / WORD;
    for (word, chunk) in words[first..].iter().zip(whole) {
        word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed);
    }
    if !back.is_empty() {
        splice(range.end - back.len(), back);
    }
}

/// Copies a range of the memory out, word by word.
fn load(words: &[AtomicU64], range: Range<usize>, bytes: &mut [u8]) {
    let word = |at: usize| words[at / WORD].load(Ordering::Relaxed).to_ne_bytes();
    let lead = (range.start.next_multiple_of(WORD) - range.start).min(bytes.len());
    let (front, rest) = bytes.split_at_mut(lead);
    if !front.is_empty() {
        front.copy_from_slice(&word(range.start)[range.start % WORD..][..lead]);
    }
    let first = (range.start + lead) / WORD;
    let (whole, back) = rest.as_chunks_mut::<WORD>();
    for (chunk, word) in whole.iter_mut().zip(&words[first..]) {
        *chunk = word.load(Ordering::Relaxed).to_ne_bytes();
    }
    if !back.is_empty() {
        back.copy_from_slice(&word(range.end - back.len())[..back.len()]);
    }
}

/// The writing end: one to a ring, in the ptyhost.
pub struct RingWriter {
    memory: Memory,
    span: Span,
    readable: Arc<OwnedFd>,
}

impl RingWriter {
    /// A new ring of `capacity` bytes, a power of two of at least a page.
    ///
    /// # Errors
    /// Whatever the kernel says to a new memfd of that size.
    pub fn create(capacity: usize) -> io::Result<Self> {
        if !capacity.is_power_of_two() || capacity < HEADER_BYTES {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("termfleet-ring", flags)?;
        rustix::fs::ftruncate(&file, (HEADER_BYTES + capacity) as u64)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        // The descriptor that is passed on cannot be mapped for writing.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let readable = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let memory = Memory { map: MmapOptions::new().map_raw(&file)?, capacity };
        memory.words()[AT_MAGIC].store(MAGIC, Ordering::Relaxed);
        memory.words()[AT_LAYOUT].store(LAYOUT, Ordering::Relaxed);
        memory.words()[AT_CAPACITY].store(capacity as u64, Ordering::Relaxed);
        let span = Span { tail: Offset::new(0), head: Offset::new(0) };
        Ok(Self { memory, span, readable: Arc::new(readable) })
    }

    /// Appends bytes, at most the capacity.
    pub fn append(&mut self, bytes: &[u8]) {
        let after = self.span.after(bytes.len() as u64, self.memory.capacity as u64);
        let words = self.memory.words();
        words[AT_TAIL].store(after.tail.get(), Ordering::Relaxed);
        // Whoever sees one of the bytes stored below also sees that tail.
        fence(Ordering::Release);
        let [first, second] = replay::places(self.span.head, bytes.len(), self.memory.capacity);
        let (front, back) = bytes.split_at(first.len());
        store(self.memory.bytes(), first, front);
        store(self.memory.bytes(), second, back);
        words[AT_HEAD].store(after.head.get(), Ordering::Release);
        self.span = after;
    }

    /// What the ring holds.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// How many bytes the ring holds at most.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.memory.capacity as u64
    }

    /// The descriptor to pass to a worker: it can be mapped read-only.
    #[must_use]
    pub fn readable(&self) -> Arc<OwnedFd> {
        self.readable.clone()
    }
}

/// The reading end: cheap to clone, never waits, may be used from any thread.
#[derive(Clone)]
pub struct RingReader(Arc<Memory>);

impl RingReader {
    /// Maps a ring that a ptyhost passed on.
    ///
    /// # Errors
    /// `InvalidData` if the file is no ring of this layout, else whatever the kernel says.
    pub fn open(fd: impl AsFd) -> io::Result<Self> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
        let fd = fd.as_fd();
        // A ring that could still shrink could end this process with SIGBUS.
        if !rustix::fs::fcntl_get_seals(fd)?.contains(SealFlags::SHRINK) {
            return Err(invalid("the ring is not sealed"));
        }
        let map = MmapOptions::new().map_raw_read_only(fd.as_raw_fd())?;
        let capacity = map.len().checked_sub(HEADER_BYTES).ok_or(invalid("no header"))?;
        let memory = Memory { map, capacity };
        let header = [AT_MAGIC, AT_LAYOUT, AT_CAPACITY].map(|at| memory.mark(at).get());
        if header != [MAGIC, LAYOUT, capacity as u64] || !capacity.is_power_of_two() {
            return Err(invalid("not a ring of this layout"));
        }
        Ok(Self(Arc::new(memory)))
    }

    /// The offset that the next byte will have.
    #[must_use]
    pub fn head(&self) -> Offset {
        let head = self.0.mark(AT_HEAD);
        fence(Ordering::Acquire);
        head
    }

    /// The oldest offset still held.
    #[must_use]
    pub fn tail(&self) -> Offset {
        self.0.mark(AT_TAIL)
    }

    /// How many bytes the ring holds at most.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.0.capacity as u64
    }

    /// Copies bytes from `offset` on and says how many: 0 at the head or beyond it.
    ///
    /// # Errors
    /// [`Trimmed`] if bytes at `offset` are gone, also if they went while being copied.
    pub fn read_at(&self, offset: Offset, buf: &mut [u8]) -> Result<usize, Trimmed> {
        let span = Span { tail: self.tail(), head: self.head() };
        let len = span.readable(offset, buf.len().min(self.0.capacity))?;
        let [first, second] = replay::places(offset, len, self.0.capacity);
        let (front, back) = buf[..len].split_at_mut(first.len());
        load(self.0.bytes(), first, front);
        load(self.0.bytes(), second, back);
        // With the writer's fence: a byte that was stored too early brings its tail with it.
        fence(Ordering::Acquire);
        Span::survived(offset, self.tail())?;
        Ok(len)
    }
}

impl std::fmt::Debug for RingReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RingReader({}..{})", self.tail(), self.head())
    }
}

#[cfg(test)]
mod tests;
