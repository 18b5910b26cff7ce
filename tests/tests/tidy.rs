//! The house rules that a compiler does not keep: every Rust file says what it owns, none is called
//! like a drawer or grows past one reason to exist, and no crate imports what it must not.
//!
//! The arrows are the house plan's (`docs/architecture.md`); `.deny.toml` holds the same for the
//! whole graph. Here they are checked in milliseconds, from `cargo metadata`.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Longest Rust file: beyond it there is a second reason in the file.
const MAX_LINES: usize = 500;
/// Directories that hold nothing of ours; hidden ones hold nothing either.
const FOREIGN: [&str; 3] = ["target", "node_modules", "dist"];
/// Names that say nothing about what is inside.
const DRAWERS: [&str; 8] =
    ["mod.rs", "utils.rs", "util.rs", "common.rs", "helpers.rs", "misc.rs", "utils", "common"];

/// What each crate of the house may import of the house, at any time (also in its tests).
const ARROWS: [(&str, &[&str]); 12] = [
    ("session", &[]),
    ("proto", &["session"]),
    ("store", &["session", "runtime"]),
    ("token", &["session"]),
    ("runtime", &[]),
    ("gateway", &["session", "proto", "store", "runtime", "token"]),
    ("worker", &["session", "proto", "store", "runtime", "token", "ptyhost"]),
    ("ptyhost", &["session"]),
    ("web", &[]),
    ("tests", &["proto", "token"]),
    // The load generator starts the product and talks to it as the tests do.
    ("load", &["proto", "token", "tests"]),
    // The one binary puts everything together.
    (
        "termfleet",
        &["session", "proto", "store", "token", "runtime", "gateway", "worker", "ptyhost", "web"],
    ),
];

/// Crates from outside that only some of ours may name.
const KEPT: [(&str, &[&str]); 8] = [
    ("redis", &["store"]),
    ("deadpool-redis", &["store"]),
    // The load generator measures the libraries alone, as the floor below our own numbers.
    ("fastwebsockets", &["gateway", "load"]),
    ("pty-process", &["ptyhost", "load"]),
    ("portable-pty", &["ptyhost"]),
    ("governor", &["gateway"]),
    ("jsonwebtoken", &["token"]),
    ("alacritty_terminal", &["worker"]),
];

#[test]
fn every_file_opens_by_saying_what_it_owns() {
    complain(rust_files().iter().filter_map(|path| {
        let silent = !fs::read_to_string(path).unwrap().starts_with("//!");
        let advice = "must open with `//!`: what it owns and what it leaves to others";
        silent.then(|| format!("{} {advice}", shown(path)))
    }));
}

#[test]
fn no_file_is_a_drawer() {
    complain(rust_files().iter().filter_map(|path| {
        let relative = path.strip_prefix(root()).unwrap();
        let drawer = relative.iter().find(|part| DRAWERS.iter().any(|name| part == name))?;
        let advice = "says nothing: name it after what it owns (`foo.rs` beside `foo/`)";
        Some(format!("{}: the name {} {advice}", shown(path), drawer.display()))
    }));
}

#[test]
fn no_file_outgrows_one_reason() {
    complain(rust_files().iter().filter_map(|path| {
        let lines = fs::read_to_string(path).unwrap().lines().count();
        let advice = format!("more than {MAX_LINES}: part it where its second reason begins");
        (lines > MAX_LINES).then(|| format!("{} has {lines} lines, {advice}", shown(path)))
    }));
}

#[test]
fn every_crate_has_a_row_and_imports_only_what_its_row_allows() {
    let rows = BTreeMap::from(ARROWS);
    complain(dependencies().iter().flat_map(|(from, imports)| {
        let Some(row) = rows.get(from.as_str()) else {
            return vec![format!("{from} has no row in ARROWS: say there what it may import")];
        };
        let ours = imports.iter().filter_map(|import| import.house());
        // A crate may name itself for its tests, to switch on a feature.
        ours.filter(|to| to != from && !row.contains(to))
            .map(|to| format!("{from} imports {to}: turn the arrow, or move what they share"))
            .collect()
    }));
}

#[test]
fn the_worker_takes_only_the_client_half_of_the_ptyhost() {
    let dependencies = dependencies();
    let half = dependencies["worker"].iter().find(|import| import.house() == Some("ptyhost"));
    let features = half.map(|import| import.features.as_slice());
    assert_eq!(features, Some(&["client".to_owned()][..]), "services/worker/Cargo.toml");
}

#[test]
fn kept_crates_are_named_only_by_their_keepers() {
    complain(dependencies().iter().flat_map(|(from, imports)| {
        KEPT.iter().filter_map(move |(kept, keepers)| {
            let named = imports.iter().any(|import| import.shipped && import.name == *kept);
            let advice = format!("ask {} for what it needs", keepers.join(" or "));
            (named && !keepers.contains(&from.as_str()))
                .then(|| format!("{from} depends on {kept} directly: {advice}"))
        })
    }));
}

#[test]
fn the_walk_finds_the_house() {
    // Else a wrong root would make every rule above hold.
    let files = rust_files();
    for known in ["services/session/src/lib.rs", "tests/tests/tidy.rs", "proto/build.rs"] {
        assert!(files.contains(&root().join(known)), "{known} of {}", files.len());
    }
    assert_eq!(dependencies().len(), ARROWS.len());
}

/// One dependency of one of our crates.
struct Import {
    name: String,
    features: Vec<String>,
    /// Not for tests alone.
    shipped: bool,
}

impl Import {
    /// The crate's short name, if it is ours.
    fn house(&self) -> Option<&str> {
        short(&self.name)
    }
}

/// `session` for `termfleet-session`; the binary is called like the house.
fn short(name: &str) -> Option<&str> {
    if name == "termfleet" { Some(name) } else { name.strip_prefix("termfleet-") }
}

/// What each of our crates depends on, by its short name.
fn dependencies() -> BTreeMap<String, Vec<Import>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.map(|package| (short_name_of(package), imports_of(package))).collect()
}

fn short_name_of(package: &Value) -> String {
    let name = package["name"].as_str().unwrap();
    short(name).unwrap_or_else(|| panic!("{name} is not called termfleet-…")).to_owned()
}

fn imports_of(package: &Value) -> Vec<Import> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let import = |dependency: &Value| Import {
        name: text(&dependency["name"]),
        features: dependency["features"].as_array().unwrap().iter().map(text).collect(),
        shipped: dependency["kind"] != "dev",
    };
    package["dependencies"].as_array().unwrap().iter().map(import).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Every Rust file of the house.
fn rust_files() -> Vec<PathBuf> {
    let (mut files, mut directories) = (Vec::new(), vec![root()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().unwrap();
            let ours = !name.starts_with('.') && !FOREIGN.contains(&name.as_str());
            if kind.is_dir() && ours {
                directories.push(entry.path());
            } else if kind.is_file() && name.ends_with(".rs") {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

/// Fails with everything that is wrong, not only the first.
fn complain(wrongs: impl Iterator<Item = String>) {
    let wrongs: Vec<_> = wrongs.collect();
    assert!(wrongs.is_empty(), "\n{}\n", wrongs.join("\n"));
}
