//! Messages as a client would write them.
#![allow(clippy::unwrap_used)]

use termfleet_session::code::Code;

use super::*;

#[test]
fn unknown_fields_are_ignored_and_unknown_types_refused() {
    let text = r#"{"type":"detach","channel":3,"id":"7","later":{"x":1}}"#;
    let request: Request = serde_json::from_str(text).unwrap();
    assert_eq!(request.id.as_deref(), Some("7"));
    assert_eq!(request.message, ClientMessage::Detach { channel: ChannelId::new(3) });
    assert!(serde_json::from_str::<Request>(r#"{"type":"dance"}"#).is_err());
}

#[test]
fn a_missing_or_mistyped_field_is_refused() {
    for bad in [
        r#"{"type":"detach"}"#,
        r#"{"type":"detach","channel":"3"}"#,
        r#"{"type":"resize","channel":1,"cols":-1,"rows":2}"#,
        r#"{"type":"resize","channel":1,"cols":1e400,"rows":2}"#,
        r#"{"type":"attach","sessionId":"x","clientId":"nope","attempt":1}"#,
        r#"{"channel":1}"#,
        r#"[]"#,
    ] {
        assert!(serde_json::from_str::<Request>(bad).is_err(), "{bad}");
    }
}

#[test]
fn create_takes_what_rest_takes() {
    let text = r#"{"type":"create","projectId":"p","config":{"tabName":"t"},"cols":100,"rows":30}"#;
    let request: Request = serde_json::from_str(text).unwrap();
    let ClientMessage::Create { session, cols, .. } = request.message else { panic!() };
    assert_eq!((session.project_id.as_str(), cols), ("p", Some(100)));
    assert_eq!(session.config.unwrap().tab_name.as_deref(), Some("t"));
}

#[test]
fn names_are_camel_case_on_the_wire() {
    let error =
        ErrorMessage::of(&termfleet_session::code::Refusal::from(Code::InputGap).current(12));
    let reply = Reply { id: None, message: ServerMessage::Error(error) };
    let json = serde_json::to_value(reply).unwrap();
    assert_eq!(json["type"], "error");
    assert_eq!(json["code"], 2006);
    assert_eq!(json["nextInputOffset"], 12);
    assert!(json.get("id").is_none() && json.get("offset").is_none());
}

#[test]
fn a_heartbeats_clock_comes_back_as_it_was_sent() {
    for clock in ["1795237774512", "0.25", "-1"] {
        let text = format!(r#"{{"type":"heartbeat","timestamp":{clock}}}"#);
        let request: Request = serde_json::from_str(&text).unwrap();
        let ClientMessage::Heartbeat { timestamp } = request.message else { panic!() };
        let reply = ServerMessage::Heartbeat { timestamp, server_time: 1, resume_ticket: None };
        assert!(serde_json::to_string(&reply).unwrap().contains(clock), "{clock}");
    }
}
