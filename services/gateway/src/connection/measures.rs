//! The measures of focused sessions on a socket whose dialect has a word for them.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt, stream};
use termfleet_proto::{rest::measures::SessionMeasures, ws::text::Tell};
use tokio_stream::StreamMap;

use super::{Connection, close::Closing, voice::Voice};
use crate::{measuring::Measured, upstream::SeatKey};

type Each = Pin<Box<dyn Stream<Item = Arc<SessionMeasures>> + Send>>;

/// The sessions of a socket that are measured, by their seats.
#[derive(Default)]
pub(super) struct Measures(StreamMap<SeatKey, Each>);

impl Measures {
    fn add(&mut self, key: SeatKey, measured: Measured) {
        let each = stream::unfold(measured, |mut measured| async move {
            let newest = measured.next().await?;
            Some((newest, measured))
        });
        self.0.insert(key, Box::pin(each));
    }

    pub(super) fn remove(&mut self, key: SeatKey) {
        self.0.remove(&key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next measures of any seat; `None` if there will be no more. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(SeatKey, Arc<SessionMeasures>)> {
        self.0.next().await
    }
}

impl Connection {
    /// From now on the session of a seat is measured while it is focused.
    pub(super) fn measure(&mut self, key: SeatKey) -> Result<(), Closing> {
        if !matches!(self.voice, Voice::Envelope(_)) || self.measures.0.contains_key(&key) {
            return Ok(());
        }
        let seat = self.seats.look(key);
        let found = seat.and_then(|seat| seat.session.as_ref().zip(seat.place.as_ref()));
        if let Some((session, place)) = found {
            let measured = self.edge.measuring.of(self.actor()?, session, place);
            self.measures.add(key, measured);
        }
        Ok(())
    }

    /// The session of a seat was measured.
    pub(super) fn measured(
        &mut self,
        key: SeatKey,
        measures: &SessionMeasures,
    ) -> Result<(), Closing> {
        let Some(seat) = self.seats.look(key) else { return Ok(()) };
        match self.voice.text(seat.named(), Tell::Measures(measures)) {
            Some(message) => self.outgoing.say(message),
            None => Ok(()),
        }
    }
}
