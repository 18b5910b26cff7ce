//! Settings of a process: which keys there are, where their values come from, and what is wrong with
//! them.
//!
//! It owns the mechanism and knows no key by name: a [`Schema`] lists them. A value is taken from the
//! highest of four layers that has one: flags, the environment, a TOML file, the key's default. Every
//! value remembers where it was written ([`Origin`]), so that a refusal and `print` can name the line,
//! the variable or the flag. All mistakes are collected before anything is refused.
//!
//! | layer | how a key `section.key` is written |
//! | --- | --- |
//! | file | `[section]` and `key = …` |
//! | environment | `PREFIX` `SECTION__KEY`, or one of the key's own older names; an empty one counts as unset |
//! | flags | what the command line maps to the key |
//!
//! A key whose value is a secret or a file's contents may instead be given as `key_file`, in every
//! layer: the path of a file that holds it.
//!
//! The binary's sections turn the resolved values into finished types, and refuse what no type alone
//! can refuse ([`Resolved::refuse`]).

pub mod key;
pub mod value;

pub mod layers;
pub mod resolved;

pub mod origin;
pub mod secret;

mod file;
mod show;
mod suggest;

pub use key::{Key, Kind, Preset, Schema, Section};
pub use layers::{FlagValue, Layers};
pub use origin::{Mistake, Mistakes, Origin};
pub use resolved::Resolved;
pub use secret::Secret;
pub use value::Value;

#[cfg(test)]
mod tests;
