//! What somebody may have meant by a name that means nothing.

use super::key::{Key, Schema, Section};

/// How alike two names must be to be taken for each other (Jaro-Winkler, from 0 to 1).
const ALIKE: f64 = 0.85;

/// The key that somebody who wrote `name` may have meant.
pub(super) fn nearest(schema: &Schema, name: &str) -> Option<&'static Key> {
    let plain = plain(name);
    let elsewhere = |key: &Key| key.known_as.iter().any(|known| self::plain(known) == plain);
    if let Some(known) = schema.keys().find(|key| elsewhere(key)) {
        return Some(known);
    }
    // Somebody may have forgotten the section, or taken another: the last word counts too.
    let alike = |key: &'static Key| {
        let own = key.name.rsplit('.').next().unwrap_or(key.name);
        let last = name.rsplit('.').next().unwrap_or(name);
        let whole = strsim::jaro_winkler(&self::plain(key.name), &plain);
        let word = strsim::jaro_winkler(&self::plain(own), &self::plain(last));
        (whole.max(word * 0.97), key)
    };
    let best = schema.keys().map(alike).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= ALIKE).then_some(best.1)
}

/// The section that somebody may have meant.
pub(super) fn nearest_section(schema: &Schema, name: &str) -> Option<&'static Section> {
    let alike = |section: &'static Section| (strsim::jaro_winkler(section.name, name), section);
    let best = schema.sections.iter().map(alike).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= ALIKE).then_some(best.1)
}

/// Without case, dots and underscores: `maxPerProject` and `max_per_project` are one.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|character| character.is_alphanumeric());
    letters.collect::<String>().to_ascii_lowercase()
}
