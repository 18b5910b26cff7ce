//! `terminal.v1`: the first seed's dialect.
