//! What a session shows and has shown, as its worker says: the screen, and rows that have left it.

use termfleet_proto::worker_v1 as pb;
use termfleet_session::{
    code::{Code, Refusal},
    role::{Actor, Operation},
};

use super::Sessions;
use crate::upstream::Rows;

/// Rows of one answer, at most: some hundred KiB of a coloured log.
const MOST_ROWS: u64 = 1_000;

/// A page of rows, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsPage {
    /// The rows.
    pub lines: Vec<String>,
    /// There are older ones: ask again with this.
    pub before: Option<u64>,
}

impl Sessions {
    /// The screen, shown as asked for.
    ///
    /// # Errors
    /// As [`Sessions::find`], or what the worker says.
    pub async fn screen(
        &self,
        actor: &Actor,
        name: &str,
        format: pb::ScreenFormat,
    ) -> Result<pb::ScreenResponse, Refusal> {
        let record = self.find(actor, Operation::Read, name).await?;
        self.upstream.meet(&record).await;
        self.upstream.screen(&record, actor, format).await
    }

    /// Rows that have left the screen.
    ///
    /// # Errors
    /// `BAD_MESSAGE` unless they are 1 to 1,000; as [`Sessions::find`], or what the worker
    /// says.
    pub async fn history(
        &self,
        actor: &Actor,
        name: &str,
        before: Option<u64>,
        lines: u64,
        plain: bool,
    ) -> Result<RowsPage, Refusal> {
        let lines = u32::try_from(lines).ok().filter(|_| (1..=MOST_ROWS).contains(&lines));
        let lines = lines.ok_or_else(|| {
            Refusal::new(Code::BadMessage, format!("lines must be 1 to {MOST_ROWS}"))
        })?;
        let record = self.find(actor, Operation::Read, name).await?;
        self.upstream.meet(&record).await;
        let rows = Rows { before, lines, plain };
        let pb::HistoryResponse { lines, before } =
            self.upstream.history(&record, actor, rows).await?;
        let text = |line: Vec<u8>| String::from_utf8_lossy(&line).into_owned();
        Ok(RowsPage { lines: lines.into_iter().map(|line| text(line.into())).collect(), before })
    }
}
