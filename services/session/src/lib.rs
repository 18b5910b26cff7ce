//! The rules of Termfleet, pure: no tokio, no I/O, no clock (time arrives in an event).
//!
//! Every other crate may import this one; it imports none of them. It owns the domain's words
//! (ids, codes, limits), the session record and its states, the lanes of input, the arithmetic of
//! the replay ring and of credit, who drives, and which sessions are focused. It leaves bytes on a
//! wire to `proto` and keys to `store`.

pub mod ids;

pub mod code;
pub mod limits;

pub mod record;
pub mod role;
pub mod state;

pub mod credit;
pub mod focus;
pub mod idle;
pub mod input;
pub mod replay;
pub mod seat;
pub mod window;
