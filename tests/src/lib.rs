//! What the end-to-end tests share: real processes, an independent WebSocket client, a small HTTP
//! client. It links no service; the binary is started as a user would start it.
//!
//! Every wait has a deadline of at least three times what is promised, so that a slow machine does
//! not fail a test and a hang does not stop the run.

pub mod chaos;
pub mod client;
pub mod cluster;
pub mod collector;
pub mod dev;
pub mod home;
pub mod http;
pub mod kubernetes;
pub mod nginx;
pub mod openssl;
pub mod ports;
pub mod process;
pub mod tls;
pub mod tmux;
pub mod wait;
