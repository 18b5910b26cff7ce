//! The layers, gathered: each value that was written anywhere, and the highest of them.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    file,
    key::{Key, Kind, Meant, Schema},
    origin::{Mistake, Origin},
    resolved::{Found, Resolved},
    suggest::nearest,
    value::Value,
};

/// What a flag of the command line says of a key.
#[derive(Debug, Clone)]
pub struct FlagValue {
    /// The flag, as it was written.
    pub flag: String,
    /// The key's name.
    pub key: String,
    /// Its value as text.
    pub text: String,
}

/// Where values are taken from.
#[derive(Debug, Clone)]
pub struct Layers {
    schema: Schema,
    file: Option<PathBuf>,
    variables: Vec<(OsString, OsString)>,
    flags: Vec<FlagValue>,
}

impl Layers {
    /// The defaults alone.
    #[must_use]
    pub fn of(schema: Schema) -> Self {
        Self { schema, file: None, variables: Vec::new(), flags: Vec::new() }
    }

    /// With a TOML file.
    #[must_use]
    pub fn file(mut self, path: Option<impl Into<PathBuf>>) -> Self {
        self.file = path.map(Into::into);
        self
    }

    /// With an environment, of which only what the schema knows and what has its prefix is looked at.
    #[must_use]
    pub fn variables(mut self, all: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        self.variables = all.into_iter().collect();
        self
    }

    /// With flags; of two for one key the later counts.
    #[must_use]
    pub fn flags(mut self, flags: impl IntoIterator<Item = FlagValue>) -> Self {
        self.flags = flags.into_iter().collect();
        self
    }

    /// The highest value of each key, and all mistakes of all layers.
    #[must_use]
    pub fn resolve(self) -> Resolved {
        let schema = self.schema;
        let mut from_file = Layer::default();
        if let Some(path) = &self.file {
            file::read(&schema, path, &mut from_file);
        }
        let layers =
            [from_file, from_variables(&schema, self.variables), from_flags(&schema, self.flags)];
        let (mut found, mut mistakes) = (BTreeMap::new(), Vec::new());
        for layer in layers {
            found.extend(layer.found);
            mistakes.extend(layer.mistakes);
        }
        Resolved::new(schema, found, mistakes)
    }
}

/// What one layer says.
#[derive(Debug, Default)]
pub(super) struct Layer {
    found: BTreeMap<&'static str, Found>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Layer {
    /// Takes a value, or what is wrong with it.
    pub(super) fn take(
        &mut self,
        meant: Meant,
        name: &str,
        origin: Origin,
        read: Result<Value, String>,
    ) {
        let (key, read) = match meant {
            Meant::Value(key) => (key, read),
            Meant::File(key) => (key, read.and_then(|path| opened(key, &path))),
        };
        if let Some(other) = self.found.get(key.name) {
            let why = format!("{name}: is said twice, also at {}", other.origin);
            self.mistakes.push(Mistake { origin, why });
            return;
        }
        match read {
            Ok(value) => {
                self.found.insert(key.name, Found { value, origin });
            }
            Err(why) => self.mistakes.push(Mistake { origin, why: format!("{name}: {why}") }),
        }
    }

    /// As [`Layer::take`], where a later word counts.
    fn replace(&mut self, meant: Meant, name: &str, origin: Origin, text: &str) {
        let (Meant::Value(key) | Meant::File(key)) = meant;
        self.found.remove(key.name);
        self.take(meant, name, origin, text_of(meant, text));
    }
}

fn text_of(meant: Meant, text: &str) -> Result<Value, String> {
    match meant {
        Meant::Value(key) => key.kind.read_text(text),
        Meant::File(_) => Kind::Path.read_text(text),
    }
}

/// What the file holds, without the line end that editors put behind it.
fn opened(key: &Key, path: &Value) -> Result<Value, String> {
    let Value::Text(path) = path else { return Err("a path belongs here".to_owned()) };
    let text = file::contents(Path::new(path)).map_err(|why| format!("{path} {why}"))?;
    key.kind.read_text(text.trim_end_matches(['\n', '\r']))
}

fn from_variables(schema: &Schema, variables: Vec<(OsString, OsString)>) -> Layer {
    let mut layer = Layer::default();
    // An empty variable is one that a shell script or a compose file could not leave out.
    let given: BTreeMap<_, _> =
        variables.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    for key in schema.keys() {
        let older = key.variables.iter().rev();
        for name in older.filter(|name| given.contains_key(&OsString::from(**name))) {
            let text = given[&OsString::from(*name)].to_string_lossy();
            layer.replace(Meant::Value(key), name, Origin::Variable((*name).to_owned()), &text);
        }
    }
    let older: BTreeMap<_, _> = std::mem::take(&mut layer.found);
    for (variable, text) in &given {
        let Some(variable) = variable.to_str().filter(|name| name.starts_with(schema.prefix))
        else {
            continue;
        };
        let name = variable[schema.prefix.len()..].to_ascii_lowercase().replace("__", ".");
        let origin = Origin::Variable(variable.to_owned());
        match (schema.meant(&name), text.to_str()) {
            (Some(meant), Some(text)) => layer.take(meant, &name, origin, text_of(meant, text)),
            (Some(_), None) => {
                layer.mistakes.push(Mistake { origin, why: format!("{name}: is not UTF-8") });
            }
            (None, _) => {
                let hint = nearest(schema, &name);
                let hint = hint.map(|key| format!("; did you mean {}?", schema.variable(key.name)));
                let why = format!("no such setting{}", hint.unwrap_or_default());
                layer.mistakes.push(Mistake { origin, why });
            }
        }
    }
    for (name, found) in older {
        layer.found.entry(name).or_insert(found);
    }
    layer
}

fn from_flags(schema: &Schema, flags: Vec<FlagValue>) -> Layer {
    let mut layer = Layer::default();
    for FlagValue { flag, key, text } in flags {
        let origin = Origin::Flag(flag);
        match schema.meant(&key) {
            Some(meant) => layer.replace(meant, &key, origin, &text),
            None => {
                let hint = nearest(schema, &key);
                let hint = hint.map(|key| format!("; did you mean {}?", key.name));
                let why = format!("{key}: no such key{}", hint.unwrap_or_default());
                layer.mistakes.push(Mistake { origin, why });
            }
        }
    }
    layer
}
