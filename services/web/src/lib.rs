//! The built-in web terminal, embedded.
