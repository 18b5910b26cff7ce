//! Waiting with a deadline, never by sleeping for a fixed time.

use std::{future::Future, time::Duration};

use anyhow::{Context, Result};

/// The deadline for anything that should be done in a moment.
pub const SOON: Duration = Duration::from_secs(20);
/// How often a condition that cannot announce itself is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Waits for a future, and says what was awaited when it takes too long.
///
/// # Errors
/// If it takes longer than [`SOON`], or the future's own.
pub async fn within<T>(what: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(SOON, future).await.with_context(|| format!("too slow: {what}"))?
}

/// Asks again and again until there is an answer.
///
/// # Errors
/// If there is none within [`SOON`].
pub async fn until<T, F>(what: &str, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Option<T>>,
{
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return Ok(answer);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    within(what, asking).await
}
