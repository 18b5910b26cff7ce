//! The rule, case by case, and what holds after any number of changes.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// What clients may have focused by default.
const MAX: usize = 4;

fn id(n: u8) -> SessionId {
    let letter = char::from(b'a' + n);
    format!("{}-{}", "a".repeat(8), letter.to_string().repeat(26)).parse().unwrap()
}

/// Changes the set at a time, as the store does.
fn change(set: &mut FocusSet, wanted: &[Step], now_ms: u64) -> Change {
    let change = set.change(wanted, None, MAX, now_ms).unwrap();
    for step in &change.steps {
        assert!(set.take(step, now_ms), "{step:?} changes something");
    }
    for session in &change.touched {
        set.touch(session, now_ms);
    }
    change
}

fn focused(ids: impl IntoIterator<Item = u8>) -> FocusSet {
    let mut set = FocusSet::default();
    for (at, n) in ids.into_iter().enumerate() {
        change(&mut set, &[Step::focus(id(n))], 100 + at as u64);
    }
    set
}

#[test]
fn the_fifth_focus_evicts_the_least_active_in_a_step_before_its_own() {
    let mut set = focused(0..4);
    let before = set.version;
    // The longest focused was typed into since.
    set.touch(&id(0), 500);
    let change = change(&mut set, &[Step::focus(id(4))], 600);
    assert_eq!(change.steps, [Step::unfocus(id(1)), Step::focus(id(4))]);
    assert_eq!(set.sessions().cloned().collect::<Vec<_>>(), [id(0), id(2), id(3), id(4)]);
    assert!(set.version.get() >= before.get() + 2, "each step has its own version");
}

#[test]
fn at_and_below_the_limit_nobody_is_evicted() {
    for count in 1..=4 {
        let mut set = focused(0..count - 1);
        let change = change(&mut set, &[Step::focus(id(count))], 600);
        assert_eq!(change.steps, [Step::focus(id(count))]);
        assert_eq!(set.members.len(), usize::from(count));
    }
}

#[test]
fn of_equally_active_sessions_the_longest_focused_goes() {
    let mut set = FocusSet::default();
    let four: Vec<_> = (0..4).map(|n| Step::focus(id(n))).collect();
    change(&mut set, &four, 100);
    let change = change(&mut set, &[Step::focus(id(4))], 100);
    assert_eq!(change.steps[0], Step::unfocus(id(0)));
}

#[test]
fn focusing_the_focused_is_activity_and_no_step() {
    let mut set = focused([0, 1]);
    let version = set.version;
    let change = change(&mut set, &[Step::focus(id(0))], 900);
    assert_eq!(change, Change { steps: vec![], touched: vec![id(0)] });
    assert_eq!((set.version, set.members[0].active_ms), (version, 900));
    assert_eq!(set.members[0].focused_at_ms, 100, "since when it is focused stays");
}

#[test]
fn unfocusing_the_unfocused_is_nothing() {
    let mut set = focused([0]);
    let version = set.version;
    assert_eq!(change(&mut set, &[Step::unfocus(id(1))], 900), Change::default());
    assert_eq!(set.version, version);
}

#[test]
fn a_wrong_expectation_changes_nothing_and_tells_the_version() {
    let set = focused([0]);
    for wrong in [0, set.version.get() - 1, set.version.get() + 1] {
        let conflict = set.change(&[Step::focus(id(1))], Some(FocusVersion::new(wrong)), MAX, 900);
        assert_eq!(conflict, Err(Conflict { current: set.version }));
    }
    let right = set.change(&[Step::focus(id(1))], Some(set.version), MAX, 900).unwrap();
    assert_eq!(right.steps, [Step::focus(id(1))]);
}

#[test]
fn a_grid_that_asks_for_more_than_fits_keeps_its_last() {
    let mut set = focused([9]);
    let six: Vec<_> = (0..6).map(|n| Step::focus(id(n))).collect();
    let steps = change(&mut set, &six, 900).steps;
    assert_eq!(set.sessions().cloned().collect::<Vec<_>>(), [id(2), id(3), id(4), id(5)]);
    let at = |step: Step| steps.iter().position(|taken| *taken == step).unwrap();
    assert!(at(Step::unfocus(id(9))) < at(Step::focus(id(3))));
    assert!(at(Step::unfocus(id(0))) < at(Step::focus(id(4))));
}

#[test]
fn a_lowered_limit_is_reached_with_the_next_focus() {
    let set = focused(0..4);
    let change = set.change(&[Step::focus(id(4))], None, 2, 900).unwrap();
    let evicted = [Step::unfocus(id(0)), Step::unfocus(id(1)), Step::unfocus(id(2))];
    assert_eq!(change.steps, [&evicted[..], &[Step::focus(id(4))]].concat());
}

#[test]
fn whoever_missed_steps_is_told_the_difference() {
    let (old, new) = (focused([0, 1, 2]), focused([1, 3]));
    assert_eq!(
        old.steps_to(&new),
        [Step::unfocus(id(0)), Step::unfocus(id(2)), Step::focus(id(3))]
    );
    assert_eq!(new.steps_to(&new), []);
}

/// Changes of a few sessions, and how the store's clock moves meanwhile: it may also go back.
fn plays() -> impl Strategy<Value = Vec<(Vec<Step>, u64)>> {
    let step = (0..8u8, any::<bool>()).prop_map(|(n, focused)| Step { session: id(n), focused });
    prop::collection::vec((prop::collection::vec(step, 0..6), 0..50u64), 0..30)
}

proptest! {
    #[test]
    fn never_more_than_the_limit_and_versions_only_grow(plays in plays(), max in 1..6usize) {
        let mut set = FocusSet::default();
        for (wanted, now_ms) in plays {
            let change = set.change(&wanted, None, max, now_ms).unwrap();
            for step in &change.steps {
                let before = set.version;
                prop_assert!(set.take(step, now_ms));
                prop_assert!(set.version > before && set.version.get() >= now_ms);
                prop_assert!(set.members.len() <= max);
            }
            // What was asked last of each session holds, unless a later focus evicted it.
            if let Some(last) = wanted.last() {
                prop_assert_eq!(set.contains(&last.session), last.focused);
            }
        }
    }

    #[test]
    fn the_same_change_of_the_same_set_is_the_same(plays in plays()) {
        let (mut one, mut two) = (FocusSet::default(), FocusSet::default());
        for (wanted, now_ms) in plays {
            prop_assert_eq!(change(&mut one, &wanted, now_ms), change(&mut two, &wanted, now_ms));
            prop_assert_eq!(&one, &two);
        }
    }

    #[test]
    fn the_difference_leads_from_any_set_to_any_other(plays in plays()) {
        let (mut known, mut set) = (FocusSet::default(), FocusSet::default());
        for (at, (wanted, now_ms)) in plays.into_iter().enumerate() {
            let before = set.clone();
            let steps = change(&mut set, &wanted, now_ms).steps;
            if steps.len() == 1 {
                prop_assert_eq!(before.steps_to(&set), steps);
            }
            if at % 3 == 0 {
                for step in known.clone().steps_to(&set) {
                    prop_assert!(known.take(&step, now_ms));
                }
                let same = |set: &FocusSet| {
                    let mut ids: Vec<_> = set.sessions().cloned().collect();
                    ids.sort();
                    ids
                };
                prop_assert_eq!(same(&known), same(&set));
            }
        }
    }
}
