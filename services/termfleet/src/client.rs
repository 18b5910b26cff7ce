//! The commands that talk to a server: `ls`, `new`, `kill` over REST, `attach` over a WebSocket.

mod attach;
mod list;
mod rest;
mod target;

pub(crate) use attach::run as attach;
pub(crate) use list::{kill, ls, new};
