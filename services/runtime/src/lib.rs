//! What every process needs: tracing, metrics, admin port, readiness, drain, tracked spawn.
