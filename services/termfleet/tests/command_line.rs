//! What the command line says: its help, its version, and what it answers to a wrong call.
//!
//! That this test exists also makes `cargo test --workspace` build the binary, which the end-to-end
//! and browser tests start.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_termfleet")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn wrong_flags_end_with_a_hint() {
    for arguments in [&["dev", "--nope"][..], &["token", "--role", "king"], &["nope"]] {
        let output = run(arguments);
        assert!(!output.status.success());
        assert!(!said(&output).is_empty());
    }
    for (arguments, hint) in [
        (&["dev", "--listen", "4321"][..], "127.0.0.1:4321"),
        (&["dev", "--admin-listen", "localhost:0"], "127.0.0.1:0"),
        (&["dev", "--log", "a=b=c"], "--log"),
        (&["dev", "--state-dir", "/dev/null/x"], "--state-dir"),
        (&["health", "--admin", "nowhere"], "127.0.0.1:9464"),
        (&["health", "--admin", "127.0.0.1:1"], "termfleet dev"),
        (&["token", "--role", "king"], "viewer"),
    ] {
        let output = run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(said(&output).contains(hint), "{arguments:?}: {}", said(&output));
    }
    let help = run(&["--help"]);
    assert!(
        help.status.success() && String::from_utf8_lossy(&help.stdout).contains("termfleet dev")
    );
    let version = run(&["--version"]);
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("termfleet 0."));
}
