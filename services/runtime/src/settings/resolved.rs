//! The highest value of every key, handed out by type.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use super::{
    key::{Key, Schema},
    origin::{Mistake, Mistakes, Origin},
    secret::Secret,
    value::Value,
};

/// A value that was written somewhere.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// All values. Whoever makes types of them asks for each key once and refuses what no type allows;
/// in place of a refused value the default is handed out, so that all mistakes come to light.
#[derive(Debug)]
pub struct Resolved {
    schema: Schema,
    found: BTreeMap<&'static str, Found>,
    mistakes: Vec<Mistake>,
    read: BTreeSet<&'static str>,
}

impl Resolved {
    pub(super) fn new(
        schema: Schema,
        found: BTreeMap<&'static str, Found>,
        mistakes: Vec<Mistake>,
    ) -> Self {
        Self { schema, found, mistakes, read: BTreeSet::new() }
    }

    /// Its keys.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The value of a key, if it has one.
    #[must_use]
    pub fn value(&self, key: &Key) -> Option<Value> {
        match self.found.get(key.name) {
            Some(found) => Some(found.value.clone()),
            None => key.default_value(),
        }
    }

    /// Where the value of a key was written.
    #[must_use]
    pub fn origin(&self, key: &Key) -> Origin {
        self.found.get(key.name).map_or(Origin::Default, |found| found.origin.clone())
    }

    /// A text, a path or a choice.
    pub fn optional(&mut self, key: &Key) -> Option<String> {
        self.asked(key).and_then(|value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        })
    }

    /// A text that has a default.
    pub fn text(&mut self, key: &Key) -> String {
        self.optional(key).unwrap_or_default()
    }

    /// A secret, or a URL or contents, which may hold one.
    pub fn secret(&mut self, key: &Key) -> Option<Secret> {
        self.optional(key).map(Secret::new)
    }

    /// A path.
    pub fn path(&mut self, key: &Key) -> Option<PathBuf> {
        self.optional(key).map(PathBuf::from)
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &Key) -> bool {
        matches!(self.asked(key), Some(Value::Flag(true)))
    }

    /// A number that has a default.
    pub fn number(&mut self, key: &Key) -> u64 {
        match self.asked(key) {
            Some(Value::Number(number)) => number,
            _ => 0,
        }
    }

    /// A number whose kind's bounds fit 32 bits.
    pub fn small(&mut self, key: &Key) -> u32 {
        u32::try_from(self.number(key)).unwrap_or(u32::MAX)
    }

    /// A number whose kind's bounds fit 16 bits.
    pub fn short(&mut self, key: &Key) -> u16 {
        u16::try_from(self.number(key)).unwrap_or(u16::MAX)
    }

    /// A number of things in memory.
    pub fn size(&mut self, key: &Key) -> usize {
        usize::try_from(self.number(key)).unwrap_or(usize::MAX)
    }

    /// A time.
    pub fn duration(&mut self, key: &Key) -> Duration {
        Duration::from_millis(self.number(key))
    }

    /// Texts.
    pub fn list(&mut self, key: &Key) -> Vec<String> {
        match self.asked(key) {
            Some(Value::List(items)) => items,
            _ => Vec::new(),
        }
    }

    /// Names with texts.
    pub fn table(&mut self, key: &Key) -> BTreeMap<String, String> {
        match self.asked(key) {
            Some(Value::Table(rows)) => rows,
            _ => BTreeMap::new(),
        }
    }

    /// Names with numbers.
    pub fn numbers(&mut self, key: &Key) -> BTreeMap<String, f64> {
        match self.asked(key) {
            Some(Value::Numbers(rows)) => rows,
            _ => BTreeMap::new(),
        }
    }

    /// A text of which a type can be made; refused where it cannot.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, key: &Key) -> Option<T> {
        let text = self.optional(key)?;
        self.checked(key, text.parse())
    }

    /// Texts of each of which a type can be made; refused where one cannot.
    pub fn each<T: FromStr<Err: Display>>(&mut self, key: &Key) -> Vec<T> {
        let items = self.list(key);
        items.iter().filter_map(|item| self.checked(key, item.parse())).collect()
    }

    /// What came of making a type of a key's value: refused where nothing came of it.
    pub fn checked<T, E: Display>(&mut self, key: &Key, made: Result<T, E>) -> Option<T> {
        made.map_err(|error| self.refuse(key, error)).ok()
    }

    /// Refuses the value of a key.
    pub fn refuse(&mut self, key: &Key, why: impl Display) {
        let origin = self.origin(key);
        self.mistakes.push(Mistake { origin, why: format!("{}: {why}", key.name) });
    }

    /// Keys without effect in this version that somebody has set to something else than their
    /// default: where, and why nothing comes of it.
    #[must_use]
    pub fn pending(&self) -> Vec<String> {
        let set = |key: &'static Key| {
            let why = key.pending?;
            let found = self.found.get(key.name)?;
            let other = key.default_value().as_ref() != Some(&found.value);
            other.then(|| format!("{}: {} has no effect yet: {why}", found.origin, key.name))
        };
        self.schema.keys().filter_map(set).collect()
    }

    /// Keys that nobody has asked for: a test of the sections finds them.
    #[must_use]
    pub fn unread(&self) -> Vec<&'static str> {
        self.schema.keys().map(|key| key.name).filter(|name| !self.read.contains(name)).collect()
    }

    /// # Errors
    /// All mistakes, in the order of the layers, if there are any.
    pub fn verdict(&self) -> Result<(), Mistakes> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        let mut mistakes = self.mistakes.clone();
        mistakes.sort();
        mistakes.dedup();
        Err(Mistakes(mistakes))
    }

    fn asked(&mut self, key: &Key) -> Option<Value> {
        self.read.insert(key.name);
        self.value(key)
    }
}
