//! Which workers of a pool come, stay and go. No process is touched here.
//!
//! Those that go are the highest-numbered; a gap is filled from below. Who was let go and is still
//! there comes back before anybody new is started: its sessions need not end for it, and there are
//! never more than the most that were ever wanted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use termfleet_session::ids::WorkerId;

/// The place of a worker in its pool, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub(super) u32);

impl Number {
    /// What the worker in that place is called.
    pub(super) fn id(self) -> Option<WorkerId> {
        self.to_string().parse().ok()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pool-{}", self.0)
    }
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// These shall take sessions again.
    pub(super) undrain: Vec<Number>,
    /// These are new.
    pub(super) start: Vec<Number>,
    /// These shall take no new sessions, and end once they have none.
    pub(super) drain: Vec<Number>,
}

/// What makes so many of this pool, which tells of each whether it drains.
pub(super) fn plan(pool: &BTreeMap<Number, bool>, wanted: u32) -> Plan {
    let wanted = wanted as usize;
    let those = |draining| pool.iter().filter(move |(_, is)| **is == draining).map(|(one, _)| *one);
    let active = those(false).count();
    let missing = wanted.saturating_sub(active);
    let undrain: Vec<_> = those(true).take(missing).collect();
    let taken: BTreeSet<_> = pool.keys().copied().collect();
    let free = (1..).map(Number).filter(|number| !taken.contains(number));
    Plan {
        start: free.take(missing - undrain.len()).collect(),
        undrain,
        drain: those(false).skip(wanted).collect(),
    }
}

#[cfg(test)]
mod tests {
    //! Who comes and who goes.

    use super::*;

    /// Numbers that stay, and numbers that drain.
    fn planned(active: &[u32], draining: &[u32], wanted: u32) -> [Vec<u32>; 3] {
        let those = |numbers: &[u32], is| -> Vec<_> {
            numbers.iter().map(|number| (Number(*number), is)).collect()
        };
        let pool = those(active, false).into_iter().chain(those(draining, true)).collect();
        let Plan { undrain, start, drain } = plan(&pool, wanted);
        [undrain, start, drain].map(|all| all.into_iter().map(|number| number.0).collect())
    }

    #[test]
    fn a_new_pool_counts_from_one() {
        assert_eq!(planned(&[], &[], 3), [vec![], vec![1, 2, 3], vec![]]);
        assert_eq!(Number(3).id().unwrap().as_str(), "pool-3");
    }

    #[test]
    fn as_many_as_there_are_is_nothing_to_do() {
        assert_eq!(planned(&[1, 2], &[3], 2), [const { Vec::<u32>::new() }; 3]);
    }

    #[test]
    fn the_highest_go_first() {
        assert_eq!(planned(&[1, 2, 3], &[], 1), [vec![], vec![], vec![2, 3]]);
        assert_eq!(planned(&[1, 3, 7], &[2], 2), [vec![], vec![], vec![7]]);
    }

    #[test]
    fn who_is_still_there_comes_back_before_anybody_new() {
        assert_eq!(planned(&[1], &[2, 4], 2), [vec![2], vec![], vec![]]);
        assert_eq!(planned(&[1], &[2, 4], 4), [vec![2, 4], vec![3], vec![]]);
    }

    #[test]
    fn gaps_are_filled_from_below() {
        assert_eq!(planned(&[1, 4], &[], 5), [vec![], vec![2, 3, 5], vec![]]);
    }

    #[test]
    fn there_are_never_more_than_the_most_that_were_wanted() {
        let mut pool = BTreeMap::new();
        for wanted in [64, 1, 64, 30, 2, 63, 64] {
            let Plan { undrain, start, drain } = plan(&pool, wanted);
            pool.extend(start.into_iter().chain(undrain).map(|number| (number, false)));
            pool.extend(drain.into_iter().map(|number| (number, true)));
            let active = pool.values().filter(|draining| !**draining).count();
            assert_eq!((active, pool.len()), (wanted as usize, 64));
        }
    }
}
