//! When a figure is good enough.

use super::{Goal, Row, Side};

fn row(goal: Goal, hop: &[f64], dev: &[f64]) -> Row {
    let mut row = Row::new("key", "name", "µs").goal(goal);
    for (hop, dev) in hop.iter().zip(dev) {
        row.add(Side::Hop, *hop);
        row.add(Side::Dev, *dev);
    }
    row
}

#[test]
fn a_ratio_is_the_middle_of_the_rounds_own() {
    // The machine was disturbed in the second round, for both.
    let row = row(Goal::HopAtMost(2.0), &[10.0, 100.0, 10.0], &[20.0, 150.0, 30.0]);
    assert_eq!(row.ratios[&Side::Dev], 2.0);
    assert_eq!(row.median(Side::Dev), Some(30.0));
}

#[test]
fn at_most_holds_at_the_limit_and_not_above_it() {
    let met = |value| row(Goal::HopAtMost(1.25), &[100.0], &[value]).met[&Side::Dev];
    assert_eq!([met(124.0), met(125.0), met(126.0)], [true, true, false]);
    let met = |value| row(Goal::AtMost(12.0), &[1.0], &[value]).met[&Side::Dev];
    assert_eq!([met(11.9), met(12.0), met(12.1)], [true, true, false]);
}

#[test]
fn at_least_holds_at_the_limit_and_not_below_it() {
    let met = |value| row(Goal::HopAtLeast(1.5), &[100.0], &[value]).met[&Side::Dev];
    assert_eq!([met(149.0), met(150.0), met(151.0)], [false, true, true]);
}

#[test]
fn what_only_the_product_has_is_not_compared() {
    let mut row = Row::new("key", "name", "KiB").goal(Goal::AtMost(64.0));
    row.add(Side::Cluster, 60.0);
    assert!(row.ratios.is_empty());
    assert!(row.met[&Side::Cluster]);
}
