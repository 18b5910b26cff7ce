//! What was measured, against what, and whether it is enough: rows of figures. How they are shown is
//! below: a table for people, JSON for programs, a page and a plot for the documentation.

mod page;
mod plot;
mod table;

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

pub(crate) use self::{page::write as write_page, table::print};

/// Whose figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    /// Floor a: one bare process.
    Direct,
    /// Floor b: two, with one gRPC hop.
    Hop,
    /// `termfleet dev`.
    Dev,
    /// Gateways, workers, Redis.
    Cluster,
}

impl Side {
    pub(crate) const ALL: [Self; 4] = [Self::Direct, Self::Hop, Self::Dev, Self::Cluster];
    const PRODUCT: [Self; 2] = [Self::Dev, Self::Cluster];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "floor a",
            Self::Hop => "floor b",
            Self::Dev => "dev",
            Self::Cluster => "cluster",
        }
    }
}

/// What is aimed at.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// At most so many times floor b.
    HopAtMost(f64),
    /// At least so many times floor b.
    HopAtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Goal {
    fn against_hop(self) -> bool {
        matches!(self, Self::HopAtMost(_) | Self::HopAtLeast(_))
    }

    fn met(self, value: f64) -> bool {
        match self {
            Self::HopAtMost(most) | Self::AtMost(most) => value <= most,
            Self::HopAtLeast(least) => value >= least,
        }
    }

    fn text(self) -> String {
        match self {
            Self::HopAtMost(most) => format!("≤ {most}× b"),
            Self::HopAtLeast(least) => format!("≥ {least}× b"),
            Self::AtMost(most) => format!("≤ {most}"),
        }
    }
}

/// Several rounds of one figure.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Series {
    median: f64,
    least: f64,
    most: f64,
    rounds: Vec<f64>,
}

impl Series {
    fn add(&mut self, value: f64) {
        self.rounds.push(value);
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        (self.median, self.least) = (at(sorted.len() / 2), at(0));
        self.most = at(sorted.len() - 1);
    }
}

/// One figure of all sides that have it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// For programs, and for the rows that are made of others.
    pub(crate) key: &'static str,
    name: String,
    unit: &'static str,
    sides: BTreeMap<Side, Series>,
    goal: Option<Goal>,
    /// Its goal decides whether the product is fast enough.
    deciding: bool,
    /// Against floor b: the middle of the rounds' own ratios.
    ratios: BTreeMap<Side, f64>,
    met: BTreeMap<Side, bool>,
}

impl Row {
    pub(crate) fn new(key: &'static str, name: impl Into<String>, unit: &'static str) -> Self {
        Self {
            key,
            name: name.into(),
            unit,
            sides: BTreeMap::new(),
            goal: None,
            deciding: false,
            ratios: BTreeMap::new(),
            met: BTreeMap::new(),
        }
    }

    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    pub(crate) fn deciding(mut self, goal: Goal) -> Self {
        self.deciding = true;
        self.goal(goal)
    }

    /// A round's figure.
    pub(crate) fn add(&mut self, side: Side, value: f64) {
        self.sides.entry(side).or_default().add(value);
        self.judge();
    }

    fn judge(&mut self) {
        for side in Side::PRODUCT {
            let Some(series) = self.sides.get(&side) else { continue };
            if let Some(hop) = self.sides.get(&Side::Hop) {
                // Rounds are interleaved: what disturbs one disturbs both.
                let mut ratios = Series::default();
                for (ours, theirs) in series.rounds.iter().zip(&hop.rounds) {
                    ratios.add(ours / theirs);
                }
                self.ratios.insert(side, ratios.median);
            }
            let Some(goal) = self.goal else { continue };
            let judged = if goal.against_hop() { self.ratios.get(&side) } else { None };
            let judged = judged.copied().unwrap_or(series.median);
            self.met.insert(side, goal.met(judged));
        }
    }

    fn median(&self, side: Side) -> Option<f64> {
        self.sides.get(&side).map(|series| series.median)
    }
}

/// Writes the JSON.
pub(crate) fn write(rows: &[Row], output: &Path) -> Result<()> {
    if let Some(directory) = output.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let json = serde_json::to_vec_pretty(rows)?;
    std::fs::write(output, json).with_context(|| format!("cannot write {}", output.display()))?;
    println!("\nwritten to {}", output.display());
    Ok(())
}

/// A figure with as many digits as it deserves.
fn digits(value: f64) -> String {
    match value.abs() {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests;
