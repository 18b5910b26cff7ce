//! `terminal-direct.v1`: the second seed's dialect.
