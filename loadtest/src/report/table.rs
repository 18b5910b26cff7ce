//! The table on the terminal.

use super::{Row, Side, digits};

/// Prints it.
pub(crate) fn print(rows: &[Row]) {
    println!(
        "{:<46} {:>9} {:>9} {:>9} {:>9} {:>7} {:>9}  {:<11} met",
        "measured (median)", "floor a", "floor b", "dev", "cluster", "dev/b", "cluster/b", "target"
    );
    for row in rows {
        let side = |side| row.median(side).map(digits).unwrap_or_default();
        let ratio = |side| row.ratios.get(&side).copied().map(digits).unwrap_or_default();
        let mark = if row.deciding { "*" } else { "" };
        println!(
            "{:<46} {:>9} {:>9} {:>9} {:>9} {:>7} {:>9}  {:<11} {}",
            format!("{}{mark}, {}", row.name, row.unit),
            side(Side::Direct),
            side(Side::Hop),
            side(Side::Dev),
            side(Side::Cluster),
            ratio(Side::Dev),
            ratio(Side::Cluster),
            row.goal.map(|goal| goal.text()).unwrap_or_default(),
            met(row),
        );
    }
    println!(
        "* decides. Targets against floor b (b) are judged by the median of the rounds' ratios."
    );
}

/// Whether the goal is met: by both, by one, or by none.
pub(super) fn met(row: &Row) -> String {
    let word = |met: bool| if met { "yes" } else { "no" };
    let all: Vec<_> = row.met.values().copied().collect();
    match all[..] {
        [] => String::new(),
        [one] => word(one).to_owned(),
        [dev, cluster] if dev == cluster => word(dev).to_owned(),
        _ => {
            let each = row.met.iter().map(|(side, met)| format!("{} {}", side.name(), word(*met)));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}
