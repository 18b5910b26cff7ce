//! The edge: HTTP, WebSockets, sign-in, limits, routing to workers.
