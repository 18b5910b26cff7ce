//! How figures are shown: a table for people, JSON for programs.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// One thing that was measured, over several rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
    /// In what unit.
    pub(crate) unit: &'static str,
    /// The middle of all rounds.
    pub(crate) median: f64,
    /// The least of all rounds.
    pub(crate) least: f64,
    /// The most of all rounds.
    pub(crate) most: f64,
    /// Every round.
    pub(crate) rounds: Vec<f64>,
}

impl Figure {
    /// A figure from its rounds; there is at least one.
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, rounds: Vec<f64>) -> Self {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        Self {
            name: name.into(),
            unit,
            median: at(sorted.len() / 2),
            least: at(0),
            most: at(sorted.len().saturating_sub(1)),
            rounds,
        }
    }
}

/// Prints the table and writes the JSON.
pub(crate) fn write(figures: &[Figure], output: &Path) -> Result<()> {
    println!("{:<44} {:>10} {:>10} {:>10}  unit", "measured", "median", "least", "most");
    for figure in figures {
        let Figure { name, unit, median, least, most, .. } = figure;
        println!("{name:<44} {median:>10.2} {least:>10.2} {most:>10.2}  {unit}");
    }
    if let Some(directory) = output.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let json = serde_json::to_vec_pretty(figures)?;
    std::fs::write(output, json).with_context(|| format!("cannot write {}", output.display()))?;
    println!("\nwritten to {}", output.display());
    Ok(())
}
