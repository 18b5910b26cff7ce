//! What happened in a session, on its way to all viewers: merged by kind, and at most 20 times a
//! second, however fast a program says it.

use std::{mem::discriminant, time::Duration};

use termfleet_proto::worker_v1::{self as pb, event::Kind};
use tokio::time::Instant;

use crate::screen::Happening;

/// How far apart they are told.
const EVERY: Duration = Duration::from_millis(50);

/// What has happened and was not told yet; at most one of each kind.
#[derive(Default)]
pub(super) struct News {
    waiting: Vec<Kind>,
    told: Option<Instant>,
}

impl News {
    pub(super) fn add(&mut self, happened: Vec<Happening>) {
        for happening in happened {
            merge(&mut self.waiting, kind(happening));
        }
    }

    /// When there is something to tell.
    pub(super) fn due(&self) -> Option<Instant> {
        let next = self.told.map_or_else(Instant::now, |at| at + EVERY);
        (!self.waiting.is_empty()).then_some(next)
    }

    /// What is to be told now, in the order in which it happened.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Kind> {
        if self.waiting.is_empty() || self.told.is_some_and(|at| now < at + EVERY) {
            return Vec::new();
        }
        self.told = Some(now);
        std::mem::take(&mut self.waiting)
    }
}

/// Adds an event; one of the same kind that nobody has heard of is out of date.
pub(crate) fn merge(waiting: &mut Vec<Kind>, kind: Kind) {
    waiting.retain(|other| discriminant(other) != discriminant(&kind));
    waiting.push(kind);
}

fn kind(happening: Happening) -> Kind {
    match happening {
        Happening::Bell => Kind::Bell(pb::Bell {}),
        Happening::Title(title) => Kind::Title(pb::Title { title }),
        Happening::Cwd(path) => Kind::Cwd(pb::Cwd { path }),
        Happening::Progress { state, percent } => Kind::Progress(progress(state, percent)),
        Happening::Notification { title, body } => {
            Kind::Notification(pb::Notification { title, body })
        }
        Happening::CommandStarted => Kind::CommandStarted(pb::CommandStarted {}),
        Happening::CommandFinished { exit_code } => {
            Kind::CommandFinished(pb::CommandFinished { exit_code })
        }
    }
}

/// What the numbers of OSC 9;4 mean.
fn progress(state: u8, percent: u8) -> pb::Progress {
    let (state, percent) = match state {
        1 => ("normal", Some(percent)),
        2 => ("error", Some(percent)),
        3 => ("indeterminate", None),
        4 => ("paused", Some(percent)),
        _ => return pb::Progress::default(),
    };
    pb::Progress { state: Some(state.to_owned()), percent: percent.map(u32::from) }
}

#[cfg(test)]
mod tests {
    //! Merged by kind, and 20 times a second.
    use super::*;

    #[test]
    fn the_newest_of_each_kind_is_told_in_order() {
        let mut news = News::default();
        let title = |text: &str| Happening::Title(text.to_owned());
        let finished = Happening::CommandFinished { exit_code: Some(1) };
        news.add(vec![title("one"), Happening::CommandStarted, finished, title("two")]);
        news.add(vec![Happening::CommandStarted]);
        let told = news.take(Instant::now());
        assert!(matches!(
            &told[..],
            [Kind::CommandFinished(_), Kind::Title(two), Kind::CommandStarted(_)]
                if two.title == "two"
        ));
    }

    #[test]
    fn they_are_told_50_ms_apart() {
        let (mut news, now) = (News::default(), Instant::now());
        news.add(vec![Happening::Bell]);
        assert_eq!(news.take(now).len(), 1);
        news.add(vec![Happening::Bell]);
        assert_eq!(news.due(), Some(now + EVERY));
        assert_eq!(news.take(now + EVERY - Duration::from_millis(1)).len(), 0);
        assert_eq!(news.take(now + EVERY).len(), 1);
        assert_eq!(news.due(), None);
    }

    #[test]
    fn progress_has_a_name_and_its_end_has_none() {
        let states = [0, 1, 2, 3, 4, 5].map(|state| progress(state, 7));
        let names = states.clone().map(|progress| progress.state.unwrap_or_default());
        assert_eq!(names, ["", "normal", "error", "indeterminate", "paused", ""]);
        assert_eq!(
            states.map(|progress| progress.percent.is_some()),
            [false, true, true, false, true, false]
        );
    }
}
