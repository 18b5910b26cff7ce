//! Values as they are written, read by the kind of their key.

use std::{collections::BTreeMap, fmt};

use toml::de::{DeTable, DeValue};

use super::key::Kind;

/// A value that fits its key's kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text, a path, a URL, a choice or a secret.
    Text(String),
    /// `true` or `false`.
    Flag(bool),
    /// A whole number, a time in milliseconds or a size in bytes.
    Number(u64),
    /// Texts.
    List(Vec<String>),
    /// Names with texts.
    Table(BTreeMap<String, String>),
    /// Names with numbers.
    Numbers(BTreeMap<String, f64>),
}

impl Kind {
    /// Reads what stands in a variable or behind a flag.
    pub(super) fn read_text(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Text
            | Self::Choice(_)
            | Self::Path
            | Self::Url
            | Self::Secret
            | Self::Contents => self.text(text),
            Self::Flag => match text {
                "true" | "1" | "yes" | "on" => Ok(Value::Flag(true)),
                "false" | "0" | "no" | "off" => Ok(Value::Flag(false)),
                _ => Err(self.expected(&format!("{text:?}"))),
            },
            Self::Number(..) | Self::Milliseconds(..) | Self::Bytes(..) => {
                let digits = text.trim();
                self.number(digits.parse().map_err(|_| self.expected(&format!("{text:?}")))?)
            }
            Self::List | Self::Table | Self::Numbers
                if text.trim_start().starts_with(['[', '{']) =>
            {
                let value = DeValue::parse(text.trim()).map_err(|error| {
                    format!("{} ({})", self.expected("no TOML"), error.message())
                })?;
                self.read_toml(value.get_ref())
            }
            Self::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(Value::List(items.map(str::to_owned).collect()))
            }
            Self::Table => pairs(text, |value| Some(value.to_owned())).map(Value::Table),
            Self::Numbers => pairs(text, |value| value.parse().ok()).map(Value::Numbers),
        }
        .map_err(|why| if why.is_empty() { self.expected("something else") } else { why })
    }

    /// Reads what stands in a TOML file.
    pub(super) fn read_toml(self, value: &DeValue<'_>) -> Result<Value, String> {
        let wrong = || self.expected(described(value));
        match self {
            Self::Text
            | Self::Choice(_)
            | Self::Path
            | Self::Url
            | Self::Secret
            | Self::Contents => self.text(value.as_str().ok_or_else(wrong)?),
            Self::Flag => value.as_bool().map(Value::Flag).ok_or_else(wrong),
            Self::Number(..) | Self::Milliseconds(..) | Self::Bytes(..) => {
                let number = value.as_integer().ok_or_else(wrong)?;
                let number = i128::from_str_radix(number.as_str(), number.radix());
                self.number(number.map_err(|_| wrong())?)
            }
            Self::List => {
                let items = value.as_array().ok_or_else(wrong)?.iter();
                let texts = items.map(|item| item.get_ref().as_str().map(str::to_owned));
                texts.collect::<Option<_>>().map(Value::List).ok_or_else(wrong)
            }
            Self::Table => {
                let text = |value: &DeValue<'_>| value.as_str().map(str::to_owned);
                rows(value.as_table().ok_or_else(wrong)?, text).map(Value::Table).ok_or_else(wrong)
            }
            Self::Numbers => rows(value.as_table().ok_or_else(wrong)?, decimal)
                .map(Value::Numbers)
                .ok_or_else(wrong),
        }
    }

    fn text(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Choice(words) if !words.contains(&text) => {
                Err(self.expected(&format!("{text:?}")))
            }
            _ => Ok(Value::Text(text.to_owned())),
        }
    }

    fn number(self, number: i128) -> Result<Value, String> {
        let (Self::Number(least, most)
        | Self::Milliseconds(least, most)
        | Self::Bytes(least, most)) = self
        else {
            return Err(self.expected("a number"));
        };
        match u64::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => Ok(Value::Number(number)),
            _ => Err(self.expected(&number.to_string())),
        }
    }

    fn expected(self, found: &str) -> String {
        format!("{self} belongs here, not {found}")
    }
}

/// What a key's values are, for people.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Flag => f.write_str("true or false"),
            Self::Number(least, most) => write!(f, "a whole number from {least} to {most}"),
            Self::Milliseconds(least, most) => {
                write!(f, "a number of milliseconds from {least} to {most}")
            }
            Self::Bytes(least, most) => write!(f, "a number of bytes from {least} to {most}"),
            Self::Path => f.write_str("a path"),
            Self::Url => f.write_str("a URL"),
            Self::Secret => f.write_str("a secret text"),
            Self::Contents => f.write_str("a text, usually from a file"),
            Self::List => f.write_str("a list of texts"),
            Self::Table => f.write_str("a table of texts"),
            Self::Numbers => f.write_str("a table of numbers"),
        }
    }
}

/// `NAME=VALUE,NAME=VALUE`.
fn pairs<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<BTreeMap<String, T>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((name.trim().to_owned(), read(value.trim())?))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| {
            "NAME=VALUE pairs with commas between, or a TOML table, belong here".to_owned()
        })
}

fn rows<T>(
    table: &DeTable<'_>,
    read: impl Fn(&DeValue<'_>) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let row = |(name, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = name.get_ref();
        Some((name.clone().into_owned(), read(value.get_ref())?))
    };
    table.iter().map(row).collect()
}

fn decimal(value: &DeValue<'_>) -> Option<f64> {
    let written = match (value.as_integer(), value.as_float()) {
        (Some(number), _) => number.as_str(),
        (_, Some(number)) => number.as_str(),
        _ => return None,
    };
    written.parse().ok().filter(|number: &f64| number.is_finite())
}

/// What a TOML value is: never its contents, which may be a secret at the wrong key.
fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list with something else in it",
        DeValue::Table(_) => "a table with something else in it",
    }
}

/// As TOML.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => quoted(text, f),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    quoted(item, f)?;
                }
                f.write_str("]")
            }
            Self::Table(rows) => inline(f, rows, |value, f| quoted(value, f)),
            Self::Numbers(rows) => inline(f, rows, |value, f| write!(f, "{value:?}")),
        }
    }
}

fn inline<T>(
    f: &mut fmt::Formatter<'_>,
    rows: &BTreeMap<String, T>,
    write: impl Fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    f.write_str(if rows.is_empty() { "{" } else { "{ " })?;
    for (at, (name, value)) in rows.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { ", " })?;
        quoted(name, f)?;
        f.write_str(" = ")?;
        write(value, f)?;
    }
    f.write_str(if rows.is_empty() { "}" } else { " }" })
}

fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            control if control.is_control() => write!(f, "\\u{:04X}", u32::from(control))?,
            plain => write!(f, "{plain}")?,
        }
    }
    f.write_str("\"")
}
