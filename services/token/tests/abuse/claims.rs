//! Claims that are missing, mistyped, for somebody else, of another time, or said twice.

use serde_json::{Value, json};
use termfleet_session::code::Code;
use termfleet_token::{LEEWAY_SECONDS, TokenError};

use crate::forge::{NOW, claims, signed, signed_text, verifier, verify, with, without};

#[test]
fn required_claims_are_required() {
    for name in ["iss", "aud", "sub", "exp"] {
        assert_eq!(verify(&signed(&without(name))), Err(TokenError::Claim(name)));
        assert_eq!(verify(&signed(&with(name, Value::Null))), Err(TokenError::Claim(name)));
    }
}

#[test]
fn expiry_must_be_a_whole_number_of_our_age() {
    for exp in [
        json!("1800000060"),
        json!("never"),
        json!(true),
        json!([NOW + 60]),
        json!({"$numberLong": "1800000060"}),
        json!(-1),
        json!(i64::MIN),
        json!(1_800_000_060.0),
        json!(1e20),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(253_402_300_800_i64),
    ] {
        assert_eq!(
            verify(&signed(&with("exp", exp.clone()))),
            Err(TokenError::Claim("exp")),
            "{exp}"
        );
    }
    let text = claims().to_string();
    for number in
        ["1e400", "-1e400", "1800000060e0", "NaN", "Infinity", "0x7fffffff", "01800000060"]
    {
        let payload = text.replace(&(NOW + 60).to_string(), number);
        assert_ne!(payload, text);
        let error = verify(&signed_text(&payload)).unwrap_err();
        assert_eq!(error.code(), Code::Unauthorized, "{number}");
    }
}

#[test]
fn expiry_is_exact() {
    let token = signed(&with("exp", json!(NOW)));
    assert!(verifier().verify(&token, NOW - 1).is_ok());
    for late in [NOW, NOW + 1, NOW + 1_000_000_000, i64::MAX] {
        let error = verifier().verify(&token, late).unwrap_err();
        assert_eq!(error, TokenError::Expired);
        assert_eq!(error.code(), Code::TokenExpired);
    }
    assert_eq!(verify(&signed(&with("exp", json!(0)))), Err(TokenError::Expired));
}

#[test]
fn optional_times_are_checked_when_present() {
    for name in ["nbf", "iat"] {
        let mut absent = claims();
        absent.as_object_mut().unwrap().remove(name);
        assert!(verify(&signed(&absent)).is_ok(), "{name} absent");
        for wrong in [json!("1800000000"), json!(null), json!(-1), json!(0.5), json!([])] {
            let refused = verify(&signed(&with(name, wrong.clone())));
            assert_eq!(refused, Err(TokenError::Claim(name)), "{name} {wrong}");
        }
        for early in [NOW - 1, NOW, NOW + LEEWAY_SECONDS] {
            assert!(verify(&signed(&with(name, json!(early)))).is_ok(), "{name} {early}");
        }
        let refused = verify(&signed(&with(name, json!(NOW + LEEWAY_SECONDS + 1))));
        assert_eq!(refused, Err(TokenError::NotYetValid), "{name}");
    }
}

#[test]
fn tokens_for_somebody_else() {
    for iss in
        [json!("evil"), json!("Termfleet"), json!("termfleet "), json!(["termfleet"]), json!("")]
    {
        assert_eq!(
            verify(&signed(&with("iss", iss.clone()))),
            Err(TokenError::Claim("iss")),
            "{iss}"
        );
    }
    for aud in [
        json!("other"),
        json!("termfleet-worker"),
        json!(""),
        json!([]),
        json!(["other"]),
        json!([["termfleet"]]),
        json!(["termfleet", 1]),
        json!({"termfleet": true}),
        json!(1),
    ] {
        assert_eq!(
            verify(&signed(&with("aud", aud.clone()))),
            Err(TokenError::Claim("aud")),
            "{aud}"
        );
    }
    assert!(verify(&signed(&with("aud", json!(["other", "termfleet"])))).is_ok());
}

#[test]
fn subjects_are_names() {
    for sub in [
        json!(""),
        json!(1),
        json!(["ann"]),
        json!("ann\u{0}"),
        json!("ann\r\nx"),
        json!("x".repeat(256)),
    ] {
        assert_eq!(
            verify(&signed(&with("sub", sub.clone()))),
            Err(TokenError::Claim("sub")),
            "{sub}"
        );
    }
    assert!(verify(&signed(&with("sub", json!("x".repeat(255))))).is_ok());
}

#[test]
fn nobody_claims_another_users_own_tenant() {
    let tenant = |name: &str| verify(&signed(&with("tenant", json!(name))));
    assert_eq!(tenant("acme").unwrap().actor.tenant.as_str(), "acme");
    assert_eq!(tenant("~ann").unwrap().actor.tenant.as_str(), "~ann");
    for name in ["~bob", "~", "~~ann", "", "a\nb"] {
        assert_eq!(tenant(name), Err(TokenError::Claim("tenant")), "{name:?}");
    }
    for wrong in [json!(1), json!(["acme"]), json!(null)] {
        assert_eq!(verify(&signed(&with("tenant", wrong))), Err(TokenError::Claim("tenant")));
    }
}

#[test]
fn an_unknown_role_is_forbidden() {
    for role in
        [json!("root"), json!("Admin"), json!("admin "), json!(""), json!(["admin"]), json!(1)]
    {
        let error = verify(&signed(&with("role", role.clone()))).unwrap_err();
        assert_eq!(error, TokenError::UnknownRole, "{role}");
        assert_eq!(error.code(), Code::Forbidden);
    }
    assert_eq!(verify(&signed(&without("role"))), Err(TokenError::UnknownRole));
    // Whoever is not to be believed at all is not told about roles.
    let mut expired = with("role", json!("root"));
    expired["exp"] = json!(NOW);
    assert_eq!(verify(&signed(&expired)), Err(TokenError::Expired));
}

#[test]
fn claims_that_come_twice() {
    let text = claims().to_string();
    for again in [
        r#""role":"admin""#,
        r#""sub":"bob""#,
        r#""exp":1900000000"#,
        r#""\u0072ole":"admin""#,
        r#""other":{"a":1,"a":1}"#,
        r#""other":[{"a":1,"a":1}]"#,
    ] {
        let first = text.replacen('{', &format!("{{{again},"), 1);
        let last = format!("{},{again}}}", text.strip_suffix('}').unwrap());
        for payload in [first, last] {
            let refused = verify(&signed_text(&payload));
            assert_eq!(refused, Err(TokenError::Malformed("payload")), "{payload}");
        }
    }
}

#[test]
fn payloads_that_are_no_claims() {
    for payload in ["", "null", "[]", "\"ann\"", "{", "{} {}", "\u{feff}{}"] {
        let refused = verify(&signed_text(payload));
        assert_eq!(refused, Err(TokenError::Malformed("payload")), "{payload}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(4_000), "]".repeat(4_000));
    assert_eq!(verify(&signed_text(&deep)), Err(TokenError::Malformed("payload")));
}

#[test]
fn every_token_can_be_named_for_revocation() {
    let named = signed(&with("jti", json!("abc-1")));
    assert_eq!(verify(&named).unwrap().token_id, "abc-1");
    let unnamed = verify(&signed(&claims())).unwrap().token_id;
    assert_eq!(unnamed.len(), "sha256:".len() + 64);
    assert_eq!(verify(&signed(&claims())).unwrap().token_id, unnamed);
    for wrong in [json!(1), json!(""), json!(null), json!("a\nb"), json!("x".repeat(257))] {
        assert_eq!(verify(&signed(&with("jti", wrong))), Err(TokenError::Claim("jti")));
    }
}
