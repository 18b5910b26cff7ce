//! What the store is told of a question: that it came, what it was answered, or that nothing was
//! done about it. Each in a task of its own, because a socket may end at any time.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use termfleet_proto::ws::voice_v1::Question;
use termfleet_session::{
    code::{Code, Refusal},
    record::Session,
};
use termfleet_store::{Heard, IdempotencyKey, Message, StoreError};
use tokio::task::JoinHandle;

use super::{Progress, bad};
use crate::{
    connection::{
        Connection,
        close::Closing,
        errand::{self, Outcome},
    },
    edge::Edge,
};

/// A question that the store knows of.
#[derive(Debug)]
pub(in crate::connection) struct Noted {
    pub(super) session: Session,
    pub(super) heard: Heard,
    pub(super) first: First,
}

/// A message that somebody has to answer; dropped before it was begun, it is forgotten.
#[derive(Debug)]
pub(super) struct First {
    edge: Arc<Edge>,
    message: Message,
    begun: bool,
}

impl First {
    /// It is begun.
    pub(super) fn taken(mut self) -> Message {
        self.begun = true;
        self.message.clone()
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if !self.begun {
            forget(&self.edge, self.message.clone());
        }
    }
}

impl Connection {
    /// Finds the session of a question, and asks whether it came before.
    pub(super) fn note(&mut self, question: &Question, name: String) -> Result<(), Closing> {
        let (edge, actor) = (Arc::clone(&self.edge), self.actor()?.clone());
        let (patient, id) = (self.path.is_some(), question.message_id.clone());
        // Of strings and numbers JSON always has words.
        let body = serde_json::to_vec(&question.asked).unwrap_or_default();
        let body: [u8; 32] = Sha256::digest(&body).into();
        // A task of its own: asked half and dropped, the store might know of a message that nobody
        // ever answers.
        let noting = self.edge.tasks.spawn("question", async move {
            let id: IdempotencyKey = id
                .parse()
                .map_err(|_| bad("messageId must be 1 to 128 visible ASCII characters"))?;
            let session = match patient {
                true => errand::find_patiently(Arc::clone(&edge), actor, name).await?,
                false => errand::find(Arc::clone(&edge), actor, name).await?,
            };
            let message = Message { session: session.id.clone(), id, body };
            let heard = edge.messages.hear(&message).await.map_err(|error| match error {
                StoreError::KeyReused => Refusal::new(
                    Code::SessionAlreadyExists,
                    "this messageId was used for another message: choose a new one",
                ),
                error => error.into(),
            })?;
            let begun = heard != Heard::First;
            Ok(Box::new(Noted { session, heard, first: First { edge, message, begun } }))
        });
        self.errands.run(async move {
            let noted = noting.await.unwrap_or_else(|_| Err(Code::InternalError.into()));
            Outcome::Question(Progress::Noted(noted))
        });
        Ok(())
    }
}

/// Keeps an answer for whoever asks again.
pub(super) fn keep(edge: &Arc<Edge>, message: Message, answer: String) -> JoinHandle<()> {
    let messages = Arc::clone(&edge.messages);
    edge.tasks.spawn("answer", async move {
        if let Err(error) = messages.answer(&message, &answer).await {
            tracing::warn!(%error, "an answer could not be kept for who asks again");
        }
    })
}

/// Lets a message about which nothing was done be asked again.
pub(super) fn forget(edge: &Arc<Edge>, message: Message) {
    let messages = Arc::clone(&edge.messages);
    edge.tasks.spawn("question", async move {
        if let Err(error) = messages.unhear(&message).await {
            tracing::warn!(%error, "a question that was not done could not be forgotten");
        }
    });
}
