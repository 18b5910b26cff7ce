//! A schema of every kind: which layer wins, what is refused at, below and above each bound, and how
//! it is told.
#![allow(clippy::unwrap_used)]

use std::{ffi::OsString, path::PathBuf};

use proptest::{option, prelude::*};

use super::*;

const PORT: Key =
    Key::new("server.port", Kind::Number(1, 65_535), Preset::Number(4001), "The port")
        .variables(&["PORT", "OLD_PORT"]);
const HOSTS: Key = Key::new("server.hosts", Kind::List, Preset::List(&[]), "Names");
const ORIGINS: Key = Key::new("server.cors.origins", Kind::List, Preset::Unset, "Origins")
    .known_as(&["cors.allowed"]);
const TIMEOUT: Key =
    Key::new("session.timeout_ms", Kind::Milliseconds(10, 1000), Preset::Number(100), "Time")
        .aliases(&["limits.timeout_ms"]);
const BUFFER: Key =
    Key::new("session.buffer_bytes", Kind::Bytes(0, 64), Preset::Number(64), "Size");
const FOCUS: Key = Key::new("session.focus", Kind::Flag, Preset::Flag(false), "Focus");
const STORAGE: Key =
    Key::new("session.storage", Kind::Choice(&["a", "b"]), Preset::Text("a"), "Where")
        .pending("there is one place");
const ENV: Key = Key::new("session.env", Kind::Table, Preset::Table(&[("A", "1")]), "Variables");
const ALERTS: Key = Key::new("session.alerts", Kind::Numbers, Preset::Unset, "Alerts");
const DIRECTORY: Key = Key::new("session.directory", Kind::Path, Preset::Unset, "Where");
const SECRET: Key = Key::new("auth.secret", Kind::Secret, Preset::Unset, "The key");
const URL: Key = Key::new("auth.url", Kind::Url, Preset::Unset, "The store");
const PEM: Key = Key::new("auth.pem", Kind::Contents, Preset::Unset, "A public key");

const SCHEMA: Schema = Schema {
    prefix: "TF__",
    sections: &[
        Section { name: "server", about: "Ports.", keys: &[&PORT, &HOSTS, &ORIGINS] },
        Section {
            name: "session",
            about: "Sessions.",
            keys: &[&TIMEOUT, &BUFFER, &FOCUS, &STORAGE, &ENV, &ALERTS, &DIRECTORY],
        },
        Section { name: "auth", about: "Keys.", keys: &[&SECRET, &URL, &PEM] },
    ],
};

/// Layers of a test, with the file that one of them may be.
#[derive(Default)]
struct Written {
    file: Option<tempfile::TempDir>,
    variables: Vec<(OsString, OsString)>,
    flags: Vec<FlagValue>,
}

impl Written {
    fn file(mut self, text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("c.toml"), text).unwrap();
        self.file = Some(directory);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        let (flag, key, text) = (format!("--{key}"), key.to_owned(), value.to_owned());
        self.flags.push(FlagValue { flag, key, text });
        self
    }

    fn path(&self) -> Option<PathBuf> {
        self.file.as_ref().map(|directory| directory.path().join("c.toml"))
    }

    fn resolve(&self) -> Resolved {
        Layers::of(SCHEMA)
            .file(self.path())
            .variables(self.variables.clone())
            .flags(self.flags.clone())
            .resolve()
    }

    /// What is wrong, without the directory's name.
    fn mistakes(&self) -> Vec<String> {
        let place = self.path().map(|path| path.display().to_string()).unwrap_or("-".into());
        let mistakes = self.resolve().verdict().err().map_or(Vec::new(), |mistakes| mistakes.0);
        mistakes.iter().map(|mistake| mistake.to_string().replace(&place, "c.toml")).collect()
    }
}

proptest! {
    /// Whatever combination of layers names a value: the highest counts, and says so.
    #[test]
    fn the_highest_layer_wins(
        file in option::of(1u16..), older in option::of(1u16..), variable in option::of(1u16..),
        flag in option::of(1u16..), empty in any::<bool>(),
    ) {
        let mut written = Written::default();
        if let Some(port) = file {
            written = written.file(&format!("[server]\nport = {port}\n"));
        }
        if let Some(port) = older {
            written = written.variable("OLD_PORT", &port.to_string());
        }
        if let Some(port) = variable {
            written = written.variable("TF__SERVER__PORT", &port.to_string());
        }
        if empty {
            written = written.variable("PORT", "");
        }
        if let Some(port) = flag {
            written = written.flag("server.port", &port.to_string());
        }
        let mut resolved = written.resolve();
        let highest = flag.or(variable).or(older).or(file).unwrap_or(4001);
        prop_assert_eq!(resolved.short(&PORT), highest);
        let origin = resolved.origin(&PORT);
        let told = match (flag, variable, older, file) {
            (Some(_), ..) => origin == Origin::Flag("--server.port".into()),
            (_, Some(_), ..) => origin == Origin::Variable("TF__SERVER__PORT".into()),
            (_, _, Some(_), _) => origin == Origin::Variable("OLD_PORT".into()),
            (_, _, _, Some(_)) => matches!(&origin, Origin::File(_, 2)),
            _ => origin == Origin::Default,
        };
        prop_assert!(told, "{}", origin);
        prop_assert!(resolved.verdict().is_ok());
    }

    /// No text makes reading panic, in a file or in a variable.
    #[test]
    fn no_text_is_too_wild(text in ".{0,80}") {
        let written = Written::default().file(&text).variable("TF__SESSION__ENV", &text);
        let _ = written.resolve().effective();
    }
}

#[test]
fn every_kind_is_read_from_a_file_and_from_a_variable() {
    let mut read = Written::default()
        .file(
            "[server]\nhosts = [\"a\", \"b,c\"]\ncors.origins = [\"https://x\"]\n[session]\n\
             timeout_ms = 1_000\nfocus = true\nstorage = \"b\"\ndirectory = \"sub\"\n\
             [session.env]\nA = \"2\"\n[session.alerts]\ncpu = 1\nmemory = 0.5\n",
        )
        .resolve();
    assert_eq!(read.verdict(), Ok(()));
    assert_eq!(read.list(&HOSTS), ["a", "b,c"]);
    assert_eq!(read.list(&ORIGINS), ["https://x"]);
    assert_eq!(read.duration(&TIMEOUT).as_millis(), 1000);
    assert!(read.flag(&FOCUS));
    assert_eq!(read.text(&STORAGE), "b");
    assert_eq!(read.table(&ENV)["A"], "2");
    assert_eq!(read.numbers(&ALERTS)["memory"], 0.5);
    assert!(read.path(&DIRECTORY).unwrap().is_absolute(), "beside the file that names it");

    let mut read = Written::default()
        .variable("TF__SERVER__HOSTS", "a, b ,")
        .variable("TF__SERVER__CORS__ORIGINS", "[\"https://x,y\"]")
        .variable("TF__LIMITS__TIMEOUT_MS", "1000")
        .variable("TF__SESSION__FOCUS", "yes")
        .variable("TF__SESSION__ENV", "A=2,B=x=y")
        .variable("TF__SESSION__ALERTS", "{ cpu = 1, memory = 0.5 }")
        .variable("TF__SESSION__DIRECTORY", "sub")
        .resolve();
    assert_eq!(read.verdict(), Ok(()));
    assert_eq!(read.list(&HOSTS), ["a", "b"]);
    assert_eq!(read.list(&ORIGINS), ["https://x,y"]);
    assert_eq!(read.duration(&TIMEOUT).as_millis(), 1000);
    assert!(read.flag(&FOCUS));
    assert_eq!(read.table(&ENV)["B"], "x=y");
    assert_eq!(read.numbers(&ALERTS)["cpu"], 1.0);
    assert_eq!(read.path(&DIRECTORY).unwrap(), PathBuf::from("sub"));
}

#[test]
fn numbers_stand_at_their_bounds_and_fall_beyond_them() {
    for (key, least, most) in [
        ("server.port", 1, 65_535),
        ("session.timeout_ms", 10, 1000),
        ("session.buffer_bytes", 0, 64),
    ] {
        for number in [least - 1, least, most, most + 1] {
            let good = (least..=most).contains(&number);
            let told = Written::default().flag(key, &number.to_string()).mistakes();
            assert_eq!(told.is_empty(), good, "{key} = {number}: {told:?}");
            let (section, own) = key.split_once('.').unwrap();
            let told =
                Written::default().file(&format!("[{section}]\n{own} = {number}\n")).mistakes();
            assert_eq!(told.is_empty(), good, "{key} = {number}: {told:?}");
            assert!(good || told[0].contains(&most.to_string()), "{told:?}");
        }
    }
    for huge in
        ["18446744073709551616", "340282366920938463463374607431768211456", "1e3", "0x10", ""]
    {
        assert_eq!(Written::default().flag("server.port", huge).mistakes().len(), 1, "{huge}");
    }
}

#[test]
fn every_kind_refuses_every_other() {
    let values = ["true", "1.5", "-1", "1979-05-27", "[1]", "{ a = [] }"];
    for key in SCHEMA.keys() {
        for value in values {
            let (section, own) = key.name.split_once('.').unwrap();
            let told =
                Written::default().file(&format!("[{section}]\n{own} = {value}\n")).mistakes();
            let good = value == "true" && key.kind == Kind::Flag;
            assert_eq!(told.is_empty(), good, "{} = {value}: {told:?}", key.name);
            assert!(good || told[0].starts_with("c.toml:2: "), "{told:?}");
        }
    }
    for (key, text) in [
        ("session.focus", "maybe"),
        ("session.storage", "c"),
        ("session.env", "A"),
        ("session.env", "{ A = 1 }"),
        ("session.alerts", "A=b"),
        ("session.alerts", "{ A = inf }"),
        ("server.hosts", "[1]"),
        ("server.hosts", "[\"a\""),
    ] {
        assert_eq!(Written::default().flag(key, text).mistakes().len(), 1, "{key} = {text}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let told = Written::default()
        .file(
            "[server]\nport = 0\nprot = 1\ncors = 3\n\n[sesion]\ntimeout_ms = 5\n[session]\n\
             timeout_ms = 20\n[limits]\ntimeout_ms = 20\n[auth]\nsecret_file = \"nowhere\"\n\
             pem = 3\npem_file = \"x",
        )
        .variable("TF__SERVER__PROT", "1")
        .variable("TF__SESSION__TIMEOUT_MS", "soon")
        .variable("PORT", "http")
        .flag("cors.allowed", "x")
        .mistakes();
    let places = [
        ("c.toml:2: server.port: ", "from 1 to 65535 belongs here, not 0"),
        ("c.toml:3: server.prot: ", "did you mean server.port?"),
        ("c.toml:4: server.cors: ", "section"),
        ("c.toml:6: [sesion]: ", "did you mean [session]?"),
        ("c.toml:11: limits.timeout_ms: ", "said twice"),
        ("c.toml:13: auth.secret_file: ", "nowhere cannot be read"),
        ("c.toml:14: auth.pem: ", "a whole number"),
        ("c.toml:15: ", "no TOML"),
        ("$PORT: PORT: ", "\"http\""),
        ("$TF__SERVER__PROT: ", "did you mean TF__SERVER__PORT?"),
        ("$TF__SESSION__TIMEOUT_MS: session.timeout_ms: ", "\"soon\""),
        ("--cors.allowed: ", "did you mean server.cors.origins?"),
    ];
    for (place, why) in places {
        let found = told.iter().any(|line| line.starts_with(place) && line.contains(why));
        assert!(found, "{place}{why} in {told:#?}");
    }
}

#[test]
fn a_file_that_is_none_is_one_mistake() {
    let absent = Layers::of(SCHEMA).file(Some("/nowhere/c.toml")).resolve().verdict().unwrap_err();
    assert!(absent.to_string().contains("/nowhere/c.toml:1: cannot be read"), "{absent}");
    assert!(absent.to_string().starts_with("1 mistake in"), "{absent}");
    let large = Written::default().file(&"#".repeat((1 << 20) + 1));
    assert!(large.mistakes()[0].contains("larger"), "{:?}", large.mistakes());
    assert_eq!(Written::default().file(&"#".repeat(1 << 20)).mistakes(), [""; 0]);
}

#[test]
fn secrets_come_from_files_and_are_shown_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    std::fs::write(&file, "hunter2\n").unwrap();
    let file = file.to_str().unwrap();
    let written = Written::default()
        .file("[auth]\nsecret = \"hunter1\"\nurl = \"redis://ann:hunter2@h/0\"\n")
        .variable("TF__AUTH__SECRET_FILE", file)
        .variable("TF__AUTH__PEM_FILE", file);
    let mut resolved = written.resolve();
    assert_eq!(resolved.secret(&SECRET).unwrap().reveal(), "hunter2");
    let shown = resolved.effective();
    assert!(!shown.contains("hunter"), "{shown}");
    assert!(shown.contains("secret = \"********\"  # $TF__AUTH__SECRET_FILE"), "{shown}");
    assert!(shown.contains("url = \"redis://ann:********@h/0\"  # "), "{shown}");

    let wrong = Written::default()
        .file("[auth]\nsecret = [\"hunter2\"]\nurl = { a = \"hunter2\" }\n")
        .variable("TF__AUTH__SECRET", "hunter2")
        .variable("TF__AUTH__SECRET_FILE", file);
    let told = wrong.mistakes().join("\n");
    assert!(told.contains("said twice") && !told.contains("hunter"), "{told}");
}

#[test]
fn what_is_set_in_vain_is_told() {
    assert_eq!(Written::default().flag("session.storage", "a").resolve().pending(), [""; 0]);
    let told = Written::default().flag("session.storage", "b").resolve().pending();
    assert_eq!(told, ["--session.storage: session.storage has no effect yet: there is one place"]);
}

#[test]
fn what_is_printed_can_be_read_again() {
    let written = Written::default()
        .flag("session.env", "{ A = \"x \\\" \\\\ \\n é\" }")
        .flag("server.hosts", "a,b")
        .flag("session.alerts", "cpu=1.5");
    let mut printed = written.resolve();
    let mut again = Written::default().file(&printed.effective()).resolve();
    assert_eq!(again.verdict(), Ok(()));
    assert_eq!(again.table(&ENV), printed.table(&ENV));
    assert_eq!(again.list(&HOSTS), printed.list(&HOSTS));
    assert_eq!(again.numbers(&ALERTS), printed.numbers(&ALERTS));
}

#[test]
fn the_reference_names_every_key_and_what_else_it_is_called() {
    let reference = SCHEMA.reference();
    for key in SCHEMA.keys() {
        assert!(reference.contains(&format!("| `{}` | {} | ", key.name, key.kind)), "{reference}");
    }
    for part in ["`PORT`", "`limits.timeout_ms`", "`auth.secret_file`", "there is one place"] {
        assert!(reference.contains(part), "{part}: {reference}");
    }
}

#[test]
fn sections_are_held_to_ask_for_every_key() {
    let mut resolved = Written::default().resolve();
    resolved.refuse(&PORT, "is taken");
    assert!(resolved.unread().contains(&"server.port"));
    resolved.number(&PORT);
    assert!(!resolved.unread().contains(&"server.port"));
    let told = resolved.verdict().unwrap_err().to_string();
    assert!(told.contains("default: server.port: is taken"), "{told}");
}
