//! News of the ptyhost on their way to the sessions that they are about.

use std::{sync::Arc, time::Duration};

use termfleet_ptyhost::client::{Event, Events};
use termfleet_session::ids::{Epoch, SessionId};
use tokio::time::{Instant, sleep};

use crate::{
    session::{Command, News, Outcome},
    worker::{Context, Ended},
};

/// How long sessions may take to tell the store that they are gone with their ptyhost.
const LAST_RECORDS: Duration = Duration::from_secs(5);
/// How often to look whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Hands news on until the ptyhost is another worker's, or gone, or the worker stops.
pub(crate) async fn run(context: &Arc<Context>, mut events: Events) -> Option<Ended> {
    loop {
        let event = tokio::select! {
            biased;
            () = context.stop.cancelled() => return None,
            event = events.recv() => event,
        };
        match event {
            Some(Event::Superseded) => {
                tracing::warn!("another worker has taken over the ptyhost");
                return Some(Ended::Superseded);
            }
            Some(Event::Gone) | None => {
                tracing::error!("the ptyhost is gone, and all its shells with it");
                end_all(context).await;
                return Some(Ended::PtyHostGone);
            }
            Some(event) => hand_on(context, event).await,
        }
    }
}

async fn hand_on(context: &Context, event: Event) {
    match event {
        Event::Heads(heads) => {
            for (session, epoch, _) in heads {
                moved(context, &session, epoch);
            }
        }
        Event::InputDone { session, epoch, client, marks } => {
            tell(context, &session, News::InputDone { epoch, lane: client, marks }).await;
        }
        Event::InputRefused { session, epoch, client, code, expected } => {
            let news = News::InputRefused { epoch, lane: client, code, expected };
            tell(context, &session, news).await;
        }
        Event::Exited { session, epoch, ended } => {
            context.registry.ended_early(&session, epoch, ended);
            tell(context, &session, News::Exited { epoch, ended }).await;
        }
        // They end the pump.
        Event::Superseded | Event::Gone => {}
    }
}

/// Wakes the viewers; how far the output has come they read from the ring itself.
fn moved(context: &Context, session: &SessionId, epoch: Epoch) {
    if let Some(session) = context.registry.get(session) {
        let feed = session.feed();
        if feed.epoch == epoch {
            context.metrics.printed.inc_by(feed.grown());
            feed.moved();
        }
    }
}

async fn tell(context: &Context, session: &SessionId, news: News) {
    if let Some(session) = context.registry.get(session) {
        session.send(Command::PtyHost(news)).await;
    }
}

async fn end_all(context: &Context) {
    for session in context.registry.all() {
        session.send(Command::Outcome(Outcome::Lost)).await;
    }
    let until = Instant::now() + LAST_RECORDS;
    while !context.registry.all().is_empty() && Instant::now() < until {
        sleep(LOOK_EVERY).await;
    }
}
