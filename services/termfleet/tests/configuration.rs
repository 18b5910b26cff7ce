//! `termfleet config`, as an operator meets it; the shipped files; and the page that lists all keys.
#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    process::{Command, Output},
};

/// Runs `termfleet` in the root of the house, with this environment alone.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_termfleet"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(root())
        .output()
        .unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_page_holds_the_reference() {
    let reference = printed(&run(&["config", "reference"], &[]));
    let page = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let (_, rest) = page.split_once("<!-- reference -->\n").unwrap();
    let (held, _) = rest.split_once("<!-- /reference -->\n").unwrap();
    assert!(
        held.trim() == reference.trim(),
        "docs/configuration.md is stale: `make docs` writes it anew"
    );
}

#[test]
fn the_shipped_files_are_good() {
    for file in ["deploy/config/termfleet.toml", "loadtest/limits.toml"] {
        let output = run(&["config", "check", "--config", file], &[]);
        assert!(output.status.success(), "{file}: {}", said(&output));
        assert_eq!(said(&output), "", "{file}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("c.toml");
    std::fs::write(&file, "[session]\nmax_per_projct = 3\nmax_per_user = 0\n").unwrap();
    let file = file.to_str().unwrap();
    let variables = [("TERMFLEET__SERVER__PORT", "http"), ("TERMFLEET_CONFIG", file)];
    for action in ["check", "print"] {
        let output = run(&["config", action, "--set", "worker.capacity=0"], &variables);
        assert_eq!(output.status.code(), Some(64));
        let said = said(&output);
        for part in [
            "4 mistakes",
            "c.toml:2: session.max_per_projct: no such key; did you mean session.max_per_project?",
            "c.toml:3: session.max_per_user: a whole number from 1",
            "$TERMFLEET__SERVER__PORT: server.port: ",
            "--set worker.capacity: worker.capacity: ",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
    let output = run(&["dev", "--config", file], &[]);
    assert_eq!(output.status.code(), Some(64), "{}", said(&output));
    assert!(said(&output).contains("2 mistakes"), "{}", said(&output));
}

#[test]
fn what_counts_is_printed_with_where_it_comes_from_and_without_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, "c2VjcmV0IG9mIHRoZSB0ZXN0IHRoYXQgaXMgbG9uZyBlbm91Z2g=\n").unwrap();
    let output = run(
        &["config", "print", "--set", "session.max_per_user=7"],
        &[
            ("PORT", "8000"),
            ("REDIS_URL", "redis://:hunter2@redis:6379"),
            ("TERMFLEET__AUTH__SECRET_FILE", key.to_str().unwrap()),
        ],
    );
    assert!(output.status.success(), "{}", said(&output));
    let printed = printed(&output);
    for line in [
        "port = 8000  # $PORT",
        "max_per_user = 7  # --set session.max_per_user",
        "max_per_project = 10  # default",
        "url = \"redis://:********@redis:6379\"  # $REDIS_URL",
        "secret = \"********\"  # $TERMFLEET__AUTH__SECRET_FILE",
        "# advertise is not set",
    ] {
        assert!(printed.lines().any(|found| found == line), "{line} in {printed}");
    }
    assert!(!printed.contains("hunter2") && !printed.contains("c2Vj"));
}

#[test]
fn a_key_without_effect_is_told_at_check() {
    let output = run(&["config", "check", "--set", "streaming.compression=true"], &[]);
    assert!(output.status.success());
    assert!(said(&output).contains("streaming.compression has no effect yet"), "{}", said(&output));
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell], &[]);
        assert!(output.status.success(), "{shell}: {}", said(&output));
        let script = printed(&output);
        for word in ["dev", "config", "admin-listen"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert!(!run(&["completions", "cmd"], &[]).status.success());
}
