//! Mints and checks user tokens and worker capabilities.
