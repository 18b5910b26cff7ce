//! What a ticket looks like to whoever asks for one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A ticket: it signs one socket in, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// What `?ticket=` says.
    pub ticket: String,
    /// From then on it is worth nothing.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: jiff::Timestamp,
}
