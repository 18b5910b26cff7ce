//! Settings shown to people: what counts and why, and the table of all keys.

use std::fmt::Write;

use super::{
    key::{Key, Schema},
    resolved::Resolved,
};

impl Resolved {
    /// Every effective value as TOML, secrets masked, with where it comes from behind it.
    #[must_use]
    pub fn effective(&self) -> String {
        let mut out = String::new();
        for section in self.schema().sections {
            let start = if out.is_empty() { "" } else { "\n" };
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{start}[{}]", section.name);
            for key in section.keys {
                let own = &key.name[section.name.len() + 1..];
                let origin = self.origin(key);
                let _ = match self.value(key) {
                    Some(value) => writeln!(out, "{own} = {}  # {origin}", key.shown(&value)),
                    None => writeln!(out, "# {own} is not set"),
                };
            }
        }
        out
    }
}

impl Schema {
    /// The reference of all keys in Markdown, a table for each section.
    #[must_use]
    pub fn reference(&self) -> String {
        let mut out = String::new();
        for section in self.sections {
            let start = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{start}### {}\n\n{}\n", section.name, section.about);
            out.push_str("| key | value | default | |\n| --- | --- | --- | --- |\n");
            for key in section.keys {
                let default =
                    key.default_value().map_or("–".to_owned(), |value| format!("`{value}`"));
                let row = [format!("`{}`", key.name), key.kind.to_string(), default, about(key)];
                let _ =
                    writeln!(out, "| {} |", row.map(|cell| cell.replace('|', "\\|")).join(" | "));
            }
        }
        out
    }
}

fn about(key: &Key) -> String {
    let mut text = key.about.to_owned();
    let mut also = |word: &str, names: &[&str]| {
        if !names.is_empty() {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            let _ = write!(text, ". {word} {}", names.join(", "));
        }
    };
    also("Also called", key.aliases);
    also("Also read from", key.variables);
    if key.takes_file() {
        let _ = write!(text, ". From a file: `{}_file`", key.name);
    }
    if let Some(why) = key.pending {
        let _ = write!(text, ". **No effect in this version**: {why}");
    }
    text
}
