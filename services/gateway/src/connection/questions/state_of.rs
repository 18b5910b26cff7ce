//! How a session is, in the words of the fourth seed's `SessionState`. Pure.

use std::time::Duration;

use jiff::Timestamp;
use termfleet_proto::ws::voice_v1::SessionState;
use termfleet_session::record::Session;

/// Who used a session, or heard from it, this long ago calls it active (`protocol.md` §3).
const ACTIVE_FOR: Duration = Duration::from_secs(30);

/// The state of a session with so many clients; `printed`: how long ago it printed something, as
/// far as the asking client was told.
pub(super) fn state_of(session: &Session, viewers: u32, printed: Option<Duration>) -> SessionState {
    let used = Timestamp::now().duration_since(session.last_activity_at);
    let used = Duration::try_from(used).unwrap_or_default();
    let quiet = printed.map_or(used, |printed| printed.min(used));
    let status = match viewers {
        _ if !session.status.is_alive() => "disconnected",
        0 => "disconnected",
        _ if quiet <= ACTIVE_FOR => "active",
        _ => "idle",
    };
    SessionState {
        session_id: session.id.to_string(),
        user_id: session.user.to_string(),
        backend_id: session.owner.as_ref().map_or_else(String::new, |o| o.worker.to_string()),
        status: status.to_owned(),
        last_activity: session.last_activity_at,
        connection_count: viewers,
        working_directory: session.current_path.clone(),
        environment: session.environment.clone(),
    }
}
