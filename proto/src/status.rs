//! Refusals across gRPC: a status whose details are an encoded `Refusal`.

use prost::Message;
use termfleet_session::code::{Code, Refusal};
use tonic::Status;

use crate::worker_v1;

/// The status of a refusal.
#[must_use]
pub fn to_status(refusal: &Refusal) -> Status {
    let code = tonic::Code::from_i32(refusal.code.entry().grpc);
    let details = worker_v1::Refusal::from(refusal).encode_to_vec();
    Status::with_details(code, refusal.text.clone(), details.into())
}

/// The refusal that a status carries; without one, what the transport's own failure means.
#[must_use]
pub fn from_status(status: &Status) -> Refusal {
    let carried = worker_v1::Refusal::decode(status.details()).ok();
    if let Some(refusal) = carried.filter(|refusal| refusal.code != 0) {
        return Refusal::from(refusal);
    }
    match status.code() {
        tonic::Code::Unavailable => Code::ConnectionFailed.into(),
        tonic::Code::DeadlineExceeded => Code::ConnectionTimeout.into(),
        _ => Code::InternalError.into(),
    }
}

impl From<&Refusal> for worker_v1::Refusal {
    fn from(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code.number().into(),
            text: refusal.text.clone(),
            retry_after_ms: refusal.retry_after_ms,
            current: refusal.current,
        }
    }
}

impl From<worker_v1::Refusal> for Refusal {
    /// A number that this build does not know is an internal error with the sender's text: a newer
    /// peer may have codes that we lack.
    fn from(refusal: worker_v1::Refusal) -> Self {
        let worker_v1::Refusal { code, text, retry_after_ms, current } = refusal;
        let number = u16::try_from(code).unwrap_or_default();
        let code = Code::from_number(number).unwrap_or(Code::InternalError);
        Self { code, text, retry_after_ms, current }
    }
}

#[cfg(test)]
mod tests {
    //! A refusal crosses the wire whole.

    use super::*;

    #[test]
    fn a_refusal_survives_its_status() {
        let refusal = Refusal::new(Code::InputGap, "a gap").current(7).retry_after(20);
        assert_eq!(from_status(&to_status(&refusal)), refusal);
    }

    #[test]
    fn a_broken_connection_is_told_as_such() {
        assert_eq!(from_status(&Status::unavailable("gone")).code, Code::ConnectionFailed);
        assert_eq!(from_status(&Status::deadline_exceeded("")).code, Code::ConnectionTimeout);
        assert_eq!(from_status(&Status::unknown("secret")).code, Code::InternalError);
        assert!(!from_status(&Status::unknown("secret")).text.contains("secret"));
    }
}
