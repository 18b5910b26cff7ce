//! What WebSocket clients send and are sent: the canonical dialect `termfleet.v1` and the seeds'
//! dialects, which map to and from it, one file each.

pub mod deflate;
pub mod frame;
pub mod v1;
mod varint;

pub mod focus_sync_v1;
pub mod terminal_direct_v1;
pub mod terminal_v1;
pub mod text;
pub mod voice_v1;
