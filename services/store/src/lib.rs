//! What the processes of a cluster share, behind traits: sessions with their places and names, which
//! of them are focused, and hints about both. Services name the traits only; the binary picks the implementation.
//!
//! The memory store serves a cluster of one process, the Redis store one of many. Every
//! implementation passes `conformance` (feature of that name) as it is.

pub mod directory;

pub mod focus;

pub mod bus;
pub mod change;
pub mod error;
pub mod messages;
pub mod page;
pub mod rates;
pub mod repeat;
pub mod sockets;
pub mod sweep;
pub mod tickets;
pub mod workers;

pub mod clock;
pub mod memory;

pub mod keys;
pub mod redis;

mod rule;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use self::redis::{ConnectError, RedisStore};
pub use bus::{Bus, Hint, Subscription, What};
pub use change::Change;
pub use clock::{Clock, ManualClock, SystemClock};
pub use directory::{Directory, Fence, Limits, Reservation, Timings, Touch, Untouched};
pub use error::StoreError;
pub use focus::Focus;
pub use memory::MemoryStore;
pub use messages::{Heard, Message, Messages};
pub use page::{Cursor, Listing, Page};
pub use rates::{Rate, Rates, Scope, Taken};
pub use repeat::IdempotencyKey;
pub use sockets::{SocketUser, Sockets};
pub use sweep::{Lease, Sweeps};
pub use tickets::{Bearer, Ticket, Tickets};
pub use workers::{Registration, Storage, Workers};
