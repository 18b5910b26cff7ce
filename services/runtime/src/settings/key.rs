//! The keys of a process: their names, kinds, defaults, and what else they are called.

use super::{
    secret::{MASK, masked_url},
    value::Value,
};

/// All keys, in the order of the reference.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// What variables of the environment begin with, `PRODUCT__`.
    pub prefix: &'static str,
    /// The sections.
    pub sections: &'static [Section],
}

/// Keys that belong together: `[name]` in a file.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its name.
    pub name: &'static str,
    /// What its keys are about.
    pub about: &'static str,
    /// Its keys, each called `name.…`.
    pub keys: &'static [&'static Key],
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.key`, in snake case.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Its value where nobody gives one.
    pub preset: Preset,
    /// What it does, for the reference.
    pub about: &'static str,
    /// Other names of the same key, in every layer.
    pub aliases: &'static [&'static str],
    /// Variables of the environment that mean this key too. The prefixed name wins over them, and
    /// an earlier one over a later one.
    pub variables: &'static [&'static str],
    /// What it is called elsewhere: refused, with a hint.
    pub known_as: &'static [&'static str],
    /// Why another value than the default changes nothing in this version.
    pub pending: Option<&'static str>,
}

/// What a key's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number within these bounds.
    Number(u64, u64),
    /// A time in whole milliseconds within these bounds.
    Milliseconds(u64, u64),
    /// A size in bytes within these bounds.
    Bytes(u64, u64),
    /// A path; relative to the file that names it, else to the current directory.
    Path,
    /// A URL, whose password is masked; may come from a file of its own.
    Url,
    /// Masked wherever it would be shown; may come from a file of its own.
    Secret,
    /// A text that is usually a file's contents, but no secret.
    Contents,
    /// Texts.
    List,
    /// Names, each with a text.
    Table,
    /// Names, each with a number.
    Numbers,
}

/// A key's value where nobody gives one.
#[derive(Debug, Clone, Copy)]
pub enum Preset {
    /// There is none: what that means is in the key's description.
    Unset,
    /// A text.
    Text(&'static str),
    /// `true` or `false`.
    Flag(bool),
    /// A number.
    Number(u64),
    /// Texts.
    List(&'static [&'static str]),
    /// Names with texts.
    Table(&'static [(&'static str, &'static str)]),
}

impl Key {
    /// A key without other names.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, preset: Preset, about: &'static str) -> Self {
        Self {
            name,
            kind,
            preset,
            about,
            aliases: &[],
            variables: &[],
            known_as: &[],
            pending: None,
        }
    }

    /// With other names, in every layer.
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// With variables of the environment that mean it too.
    #[must_use]
    pub const fn variables(mut self, variables: &'static [&'static str]) -> Self {
        self.variables = variables;
        self
    }

    /// With what it is called elsewhere.
    #[must_use]
    pub const fn known_as(mut self, names: &'static [&'static str]) -> Self {
        self.known_as = names;
        self
    }

    /// Without effect in this version, for this reason.
    #[must_use]
    pub const fn pending(mut self, why: &'static str) -> Self {
        self.pending = Some(why);
        self
    }

    /// Its default as a value.
    #[must_use]
    pub fn default_value(&self) -> Option<Value> {
        match self.preset {
            Preset::Unset => None,
            Preset::Text(text) => Some(Value::Text(text.to_owned())),
            Preset::Flag(flag) => Some(Value::Flag(flag)),
            Preset::Number(number) => Some(Value::Number(number)),
            Preset::List(items) => {
                Some(Value::List(items.iter().map(ToString::to_string).collect()))
            }
            Preset::Table(rows) => {
                let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
                Some(Value::Table(rows.iter().map(own).collect()))
            }
        }
    }

    /// May `name_file` be given instead?
    #[must_use]
    pub fn takes_file(&self) -> bool {
        matches!(self.kind, Kind::Url | Kind::Secret | Kind::Contents)
    }

    /// The value as it may be shown to anybody.
    #[must_use]
    pub fn shown(&self, value: &Value) -> String {
        match (self.kind, value) {
            (Kind::Secret, _) => Value::Text(MASK.to_owned()).to_string(),
            (Kind::Url, Value::Text(url)) => Value::Text(masked_url(url)).to_string(),
            // Nobody reads a key's text in a list of settings.
            (Kind::Contents, Value::Text(text)) => {
                Value::Text(format!("({} bytes)", text.len())).to_string()
            }
            (_, value) => value.to_string(),
        }
    }
}

/// What a name in a layer means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meant {
    /// The key's value.
    Value(&'static Key),
    /// The path of a file that holds it.
    File(&'static Key),
}

impl Schema {
    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.sections.iter().flat_map(|section| section.keys.iter().copied())
    }

    /// What a name means.
    pub(super) fn meant(&self, name: &str) -> Option<Meant> {
        let called = |key: &Key, name: &str| key.name == name || key.aliases.contains(&name);
        if let Some(key) = self.keys().find(|key| called(key, name)) {
            return Some(Meant::Value(key));
        }
        let name = name.strip_suffix("_file")?;
        let key = self.keys().find(|key| key.takes_file() && called(key, name))?;
        Some(Meant::File(key))
    }

    /// Do keys stand below this name?
    pub(super) fn is_section(&self, name: &str) -> bool {
        let names = |key: &'static Key| key.aliases.iter().copied().chain([key.name]);
        self.keys()
            .flat_map(names)
            .any(|known| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The variable of the environment that means this key.
    #[must_use]
    pub fn variable(&self, name: &str) -> String {
        format!("{}{}", self.prefix, name.replace('.', "__").to_ascii_uppercase())
    }
}
