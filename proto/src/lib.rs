//! Everything that leaves a process: gRPC between gateways and workers, and what clients send and
//! are sent (`ws`, `rest`). It owns shapes and bytes; what they mean is decided by `session`, the
//! gateway and the worker.

pub mod ws;

pub mod focus;
pub mod rest;

pub mod convert;
pub mod status;

/// The gRPC service between gateways and workers, version 1.
pub mod worker_v1 {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
    tonic::include_proto!("termfleet.worker.v1");
}
