//! A worker's health as it tells it itself (`grpc.health.v1`, watched): it takes no new sessions
//! from here while it says that it does not serve, or cannot be reached at all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use termfleet_proto::worker_v1::worker_server;
use termfleet_runtime::{Backoff, Drain};
use tokio::{sync::watch, time};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::member::Course;

/// The waits before it is asked again: as for its links.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long it may take to answer at first.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// What is known; nothing, at first, and then it gets the benefit of the doubt.
#[derive(Debug, Default)]
pub(super) struct Health {
    bad: AtomicBool,
}

impl Health {
    pub(super) fn is_bad(&self) -> bool {
        self.bad.load(Ordering::Acquire)
    }

    /// What was known is about another process.
    pub(super) fn forget(&self) {
        self.bad.store(false, Ordering::Release);
    }

    fn learn(&self, serves: bool) {
        let was_bad = self.bad.swap(!serves, Ordering::AcqRel);
        if was_bad == serves {
            tracing::debug!(serves, "a worker's health changed");
        }
    }
}

/// Watches while the worker is awake, until it is let go or the process drains.
pub(super) async fn watch(mut course: watch::Receiver<Course>, health: Arc<Health>, drain: Drain) {
    let going = drain.child_token();
    let watching = async {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            let channel = match course.wait_for(|course| course.awake).await {
                Ok(course) => course.channel.clone(),
                Err(_) => return,
            };
            let followed = async {
                let error = follow(channel, &health, &mut backoff).await;
                tracing::debug!(%error, "a worker's health cannot be watched");
                // One that does not tell its health was reached all the same.
                health.learn(error.code() == Code::Unimplemented);
                time::sleep(backoff.next_delay()).await;
            };
            tokio::select! {
                () = followed => {}
                // Another process, or asleep.
                _ = course.changed() => {}
            }
        }
    };
    going.run_until_cancelled(watching).await;
}

/// Follows what it says until that ends.
async fn follow(channel: Channel, health: &Health, backoff: &mut Backoff) -> Status {
    let service = worker_server::SERVICE_NAME.to_owned();
    let mut client = HealthClient::new(channel);
    let asked = time::timeout(ANSWER_TIME, client.watch(HealthCheckRequest { service })).await;
    let mut answers = match asked {
        Ok(Ok(answers)) => answers.into_inner(),
        Ok(Err(status)) => return status,
        Err(_) => return Status::deadline_exceeded("no answer"),
    };
    loop {
        match answers.message().await {
            Ok(Some(answer)) => {
                backoff.reset();
                health.learn(answer.status() == ServingStatus::Serving);
            }
            Ok(None) => return Status::new(Code::Unavailable, "it ended the watch"),
            Err(status) => return status,
        }
    }
}
