//! The one place that spawns: every task has a name, is counted, and is heard when it panics.
//!
//! Tasks see drain through what they are given (`Drain`); here they are only waited for.

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{task::JoinHandle, time};
use tokio_util::task::TaskTracker;

/// The tasks of a process, or of one part of it. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    running: Arc<Running>,
}

/// Tasks that had not ended at the deadline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tasks still running: {}", Names(.names))]
pub struct Unfinished {
    /// How many of each name.
    pub names: BTreeMap<&'static str, usize>,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns and tracks a task. A panic in it is logged with the name, then handed to whoever
    /// awaits the handle. Dropping the handle leaves the task running.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let counted = self.running.enter(name);
        // On the heap of its own: an async block would keep the room for its argument beside the
        // task that it becomes, which doubles what an idle socket costs.
        self.tracker.spawn(Heard { name, task: Box::pin(task), _counted: counted })
    }

    /// How many tasks are running.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Is no task running?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Waits until all tasks, also those spawned meanwhile, have ended.
    ///
    /// # Errors
    /// [`Unfinished`], with their names, when some have not within `deadline`; they run on.
    pub async fn wait(&self, deadline: Duration) -> Result<(), Unfinished> {
        self.tracker.close();
        let ended = time::timeout(deadline, self.tracker.wait()).await;
        ended.map_err(|_| Unfinished { names: self.running.names().clone() })
    }
}

/// A task; its panic is logged and goes on.
struct Heard<F> {
    name: &'static str,
    task: Pin<Box<F>>,
    _counted: Counted,
}

impl<F: Future> Future for Heard<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { name, task, .. } = self.get_mut();
        // Unwind safety: after a panic the task is never polled again, only dropped.
        panic::catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))).unwrap_or_else(|panic| {
            tracing::error!(task = name, panic = text(&*panic), "task panicked");
            panic::resume_unwind(panic)
        })
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// How many tasks of each name run. The lock is held for one map access, never across an await.
#[derive(Debug, Default)]
struct Running(Mutex<BTreeMap<&'static str, usize>>);

impl Running {
    fn enter(self: &Arc<Self>, name: &'static str) -> Counted {
        *self.names().entry(name).or_default() += 1;
        Counted { running: Arc::clone(self), name }
    }

    fn names(&self) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
        // The map is whole between any two statements that hold the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one task down when it ends, however it ends.
struct Counted {
    running: Arc<Running>,
    name: &'static str,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut names = self.running.names();
        if let Some(count) = names.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                names.remove(self.name);
            }
        }
    }
}

struct Names<'a>(&'a BTreeMap<&'static str, usize>);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, count)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name} ({count})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
