//! Where credentials may stand, and what they are worth.

use http::HeaderValue;
use termfleet_token::{Grant, Key, Minter, SigningKey, VerifierConfig};

use super::*;

fn auth(key: &SigningKey) -> Auth {
    let config = VerifierConfig::new(vec![Key::hs256(None, key).unwrap()]);
    Auth::new(Some(Verifier::new(config).unwrap()))
}

fn token(key: &SigningKey, lifetime: i64) -> String {
    let grant = Grant { user: "ann".parse().unwrap(), tenant: None, role: Role::User };
    let past = clock::now_unix() - 1_000;
    Minter::new(key.clone()).mint(&grant, past, lifetime).unwrap()
}

fn headers(authorization: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in authorization {
        headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn code(refused: Result<SignedIn, Refused>) -> Code {
    refused.unwrap_err().refusal().code
}

#[test]
fn a_bearer_header_signs_in() {
    let key = SigningKey::generate().unwrap();
    let good = token(&key, 5_000);
    for scheme in ["Bearer", "bearer"] {
        let caller = auth(&key).caller(&headers(&[&format!("{scheme} {good}")])).unwrap();
        assert_eq!((caller.actor.user.as_str(), caller.actor.tenant.as_str()), ("ann", "~ann"));
        assert!(caller.expires_at.is_some());
    }
}

#[test]
fn anything_else_does_not() {
    let key = SigningKey::generate().unwrap();
    let (auth, good) = (auth(&key), format!("Bearer {}", token(&key, 5_000)));
    assert_eq!(code(auth.caller(&headers(&[]))), Code::Unauthorized);
    assert_eq!(code(auth.caller(&headers(&["Basic eA=="]))), Code::Unauthorized);
    assert_eq!(code(auth.caller(&headers(&["Bearer"]))), Code::Unauthorized);
    assert_eq!(code(auth.caller(&headers(&[&good, &good]))), Code::BadMessage);
    let expired = format!("Bearer {}", token(&key, 10));
    assert_eq!(code(auth.caller(&headers(&[&expired]))), Code::TokenExpired);
    let foreign = format!("Bearer {}", token(&SigningKey::generate().unwrap(), 5_000));
    assert_eq!(code(auth.caller(&headers(&[&foreign]))), Code::Unauthorized);
}

#[test]
fn without_auth_everybody_is_dev_and_an_admin_of_their_own_tenant() {
    let auth = Auth::new(None);
    for headers in [headers(&[]), headers(&["Bearer nonsense"])] {
        let caller = auth.caller(&headers).unwrap();
        assert_eq!((caller.actor.user.as_str(), caller.actor.tenant.as_str()), ("dev", "~dev"));
        assert_eq!((caller.actor.role, caller.expires_at), (Role::Admin, None));
    }
}

#[test]
fn a_bearer_subprotocol_needs_a_dialect_beside_it() {
    let offered = |entries: &[&str]| entries.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>();
    let both = offered(&["bearer.abc", "termfleet.v1"]);
    let protocols = Protocols::of(&both).unwrap();
    assert_eq!((protocols.token, &*protocols.dialects), (Some("abc"), &["termfleet.v1"][..]));
    assert!(Protocols::of(&offered(&["bearer.abc"])).is_err());
    assert!(Protocols::of(&offered(&["bearer.a", "bearer.b", "termfleet.v1"])).is_err());
    assert_eq!(Protocols::of(&[]).unwrap(), Protocols { dialects: vec![], token: None });
}

#[test]
fn a_token_in_the_address_is_known_by_its_name_or_its_looks() {
    let query = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
    for (name, value) in [
        ("token", "x"),
        ("Access_Token", ""),
        ("q", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"),
        ("bearer.eyJhbGciOiJIUzI1NiJ9.e30.c2ln", ""),
    ] {
        assert!(no_token_in_query(&query(name, value)).is_err(), "{name}={value}");
    }
    for (name, value) in [("projectId", "my.eye.J"), ("cursor", "17.ab-cd"), ("dialect", "x.v1")] {
        assert!(no_token_in_query(&query(name, value)).is_ok(), "{name}={value}");
    }
}
