//! Everything that leaves a process: gRPC, client messages, binary frames, REST bodies.
