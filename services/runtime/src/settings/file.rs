//! A TOML file, read into names and values with the lines they stand on.

use std::{path::Path, sync::Arc};

use toml::de::{DeTable, DeValue};

use super::{
    key::{Kind, Meant, Schema},
    layers::Layer,
    origin::{Mistake, Origin},
    suggest::{nearest, nearest_section},
    value::Value,
};

/// Longest configuration file: far beyond any that is meant to be one.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Reads a file into a layer.
pub(super) fn read(schema: &Schema, path: &Path, layer: &mut Layer) {
    let path: Arc<Path> = path.into();
    let text = match contents(&path) {
        Ok(text) => text,
        Err(why) => {
            let origin = Origin::File(path, 1);
            layer.mistakes.push(Mistake { origin, why });
            return;
        }
    };
    let (table, errors) = DeTable::parse_recoverable(&text);
    let mut file = File { schema, path: &path, text: &text, layer };
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        file.mistake(at, format!("no TOML: {}", error.message()));
    }
    file.descend("", table.get_ref());
}

/// The text of a file that is one.
pub(super) fn contents(path: &Path) -> Result<String, String> {
    let facts = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if facts.len() > MAX_FILE_BYTES {
        return Err(format!("is larger than {MAX_FILE_BYTES} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

/// A file that is being read.
struct File<'a> {
    schema: &'a Schema,
    path: &'a Arc<Path>,
    text: &'a str,
    layer: &'a mut Layer,
}

impl File<'_> {
    fn descend(&mut self, above: &str, table: &DeTable<'_>) {
        // In the order of the file, whatever order a table keeps.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let own = key.get_ref();
            let name = if above.is_empty() { own.to_string() } else { format!("{above}.{own}") };
            self.entry(&name, key.span().start, value.get_ref());
        }
    }

    fn entry(&mut self, name: &str, at: usize, value: &DeValue<'_>) {
        match (self.schema.meant(name), value) {
            (Some(meant), value) => self.value(name, at, meant, value),
            (None, DeValue::Table(table)) if self.schema.is_section(name) => {
                self.descend(name, table);
            }
            (None, _) if self.schema.is_section(name) => {
                self.mistake(at, format!("{name}: is a section: keys belong below [{name}]"));
            }
            (None, DeValue::Table(_)) if !name.contains('.') => {
                let hint = nearest_section(self.schema, name);
                let hint = hint.map(|section| format!("; did you mean [{}]?", section.name));
                self.mistake(at, format!("[{name}]: no such section{}", hint.unwrap_or_default()));
            }
            (None, _) => {
                let hint = nearest(self.schema, name);
                let hint = hint.map(|key| format!("; did you mean {}?", key.name));
                self.mistake(at, format!("{name}: no such key{}", hint.unwrap_or_default()));
            }
        }
    }

    fn value(&mut self, name: &str, at: usize, meant: Meant, value: &DeValue<'_>) {
        let beside = self.path.parent().unwrap_or(Path::new("."));
        let read = match meant {
            Meant::File(_) => Kind::Path.read_toml(value),
            Meant::Value(key) => key.kind.read_toml(value),
        };
        let is_path = match meant {
            Meant::File(_) => true,
            Meant::Value(key) => key.kind == Kind::Path,
        };
        // What a file names lies beside it, wherever the process was started.
        let read = read.map(|value| match value {
            Value::Text(path) if is_path && !path.is_empty() => {
                Value::Text(beside.join(path).to_string_lossy().into_owned())
            }
            value => value,
        });
        let origin = self.origin(at);
        self.layer.take(meant, name, origin, read);
    }

    fn origin(&self, at: usize) -> Origin {
        let before = self.text.get(..at).unwrap_or(self.text);
        Origin::File(self.path.clone(), before.matches('\n').count() + 1)
    }

    fn mistake(&mut self, at: usize, why: String) {
        let origin = self.origin(at);
        self.layer.mistakes.push(Mistake { origin, why });
    }
}
