//! Scripts: the atomic steps, one Lua file each in `src/scripts`.
//!
//! A script says its KEYS, ARGV and result on top. In each, `prelude.lua` comes first: it gives
//! `now_ms()`, the store's clock, for which the runner adds one ARGV at the end. All keys of one
//! call have one hash tag, and a script is safe to run twice: after a lost answer the cluster client
//! or the caller runs it again.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use redis::{Cmd, ToRedisArgs};
use sha1::{Digest, Sha1};

/// One script and its digest.
#[derive(Debug)]
pub(crate) struct Script {
    name: &'static str,
    source: &'static str,
    sha: LazyLock<String>,
}

/// Declares scripts by the name of their file.
macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: Script = Script {
                name: $file,
                source: concat!(
                    include_str!("../scripts/prelude.lua"),
                    include_str!(concat!("../scripts/", $file, ".lua")),
                ),
                sha: LazyLock::new(|| $name.digest()),
            };
        )*

        static ALL: &[&Script] = &[$(&$name),*];
    };
}

scripts! {
    /// Puts down the marker of this Redis, unless there is one, and answers which it is.
    MARK = "mark";
    /// Reads what stands under a session's id.
    READ = "read";
    /// Writes a record, if nobody wrote since it was read.
    WRITE = "write";
    /// Writes a focus set, if nobody wrote since it was read.
    FOCUS = "focus";
    /// Reads the store's clock.
    CLOCK = "clock";
    /// Holds a place of a project.
    RESERVE = "reserve";
    /// Gives a reserved place of a project back.
    CANCEL = "cancel";
    /// Holds a place of a user.
    HOLD = "hold";
    /// Makes a place that a user holds one of a session.
    CONFIRM = "confirm";
    /// Frees a place of a user.
    FREE = "free";
    /// Gives an alias to a session.
    NAME = "name";
    /// Takes an alias from a session.
    UNNAME = "unname";
    /// Notes a request that may come again.
    BEGIN = "begin";
    /// Forgets such a request.
    FORGET = "forget";
    /// Registers a worker, or renews its lease.
    REGISTER = "register";
    /// Ends a worker's lease.
    DEREGISTER = "deregister";
    /// Lists whose lease stands.
    LEASES = "leases";
    /// Reads what workers say of themselves.
    SAID = "said";
    /// Takes the sweep lease.
    LEAD = "lead";
    /// Gives it back.
    RESIGN = "resign";
    /// Notes a ticket.
    ISSUE = "issue";
    /// Takes a ticket.
    REDEEM = "redeem";
    /// Notes that a message came.
    HEAR = "hear";
    /// Notes what a message is answered.
    ANSWER = "answer";
    /// Takes of a rate.
    RATE = "rate";
    /// Takes a place for a socket.
    SEAT = "seat";
    /// Holds places of sockets longer.
    SEATED = "seated";
    /// Frees places of sockets.
    UNSEAT = "unseat";
}

/// An argument of a script.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arg<'a> {
    /// Any text.
    Text(&'a str),
    /// A number.
    Number(u64),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Arg<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Arg<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl ToRedisArgs for Arg<'_> {
    fn write_redis_args<W: ?Sized + redis::RedisWrite>(&self, out: &mut W) {
        match self {
            Self::Text(text) => text.write_redis_args(out),
            Self::Number(number) => number.write_redis_args(out),
        }
    }
}

impl Script {
    /// What it is called in logs and metrics.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it if the server knows it.
    pub(super) fn by_digest(&self, keys: &[&str], args: &[Arg<'_>], ahead_ms: u64) -> Cmd {
        call("EVALSHA", &self.sha, keys, args, ahead_ms)
    }

    /// Runs it and teaches it to the server.
    pub(super) fn by_source(&self, keys: &[&str], args: &[Arg<'_>], ahead_ms: u64) -> Cmd {
        call("EVAL", self.source, keys, args, ahead_ms)
    }

    fn digest(&self) -> String {
        HEXLOWER.encode(&Sha1::digest(self.source))
    }
}

/// What all of them are called.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|script| script.name)
}

fn call(how: &str, script: &str, keys: &[&str], args: &[Arg<'_>], ahead_ms: u64) -> Cmd {
    let mut command = redis::cmd(how);
    command.arg(script).arg(keys.len()).arg(keys).arg(args).arg(ahead_ms);
    command
}

#[cfg(test)]
mod tests {
    //! Every script is documented.

    use super::*;

    #[test]
    fn every_script_says_its_keys_arguments_and_result() {
        for script in ALL {
            let prelude = include_str!("../scripts/prelude.lua");
            let own = script.source.strip_prefix(prelude).unwrap();
            let head: Vec<_> = own.lines().take_while(|line| line.starts_with("--")).collect();
            let head = head.join("\n");
            for part in ["KEYS", "ARGV", "Result"] {
                assert!(head.contains(part), "{}.lua does not say its {part}", script.name);
            }
        }
    }
}
