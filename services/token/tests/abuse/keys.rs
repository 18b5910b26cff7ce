//! Key ids that look like paths or floods, other people's secrets, and settings that let all in.

use serde_json::json;
use termfleet_session::code::Code;
use termfleet_token::{Key, KeyError, SigningKey, TokenError, Verifier, VerifierConfig};

use crate::forge::{NOW, SECRET, claims, hmac_signed, under, verify};

fn two_keys() -> Verifier {
    let (one, two) = (SigningKey::from_bytes(&SECRET).unwrap(), SigningKey::generate().unwrap());
    let keys = vec![Key::hs256(Some("one"), &one).unwrap(), Key::hs256(Some("two"), &two).unwrap()];
    Verifier::new(VerifierConfig::new(keys)).unwrap()
}

#[test]
fn only_configured_key_ids_are_looked_up() {
    let verifier = two_keys();
    assert!(verifier.verify(&under(json!({"alg": "HS256", "kid": "one"})), NOW).is_ok());
    let other = verifier.verify(&under(json!({"alg": "HS256", "kid": "two"})), NOW);
    assert_eq!(other, Err(TokenError::Signature));
    for kid in [
        "three",
        "",
        "ONE",
        "one ",
        "one\u{0}",
        "../../dev/null",
        "/etc/passwd",
        "file:///dev/null",
        "' OR 1=1 --",
        "https://evil.example/key",
        &"k".repeat(257),
        &"k".repeat(900),
    ] {
        let refused = verifier.verify(&under(json!({"alg": "HS256", "kid": kid})), NOW);
        assert_eq!(refused, Err(TokenError::UnknownKey), "{kid}");
    }
    let unnamed = verifier.verify(&under(json!({"alg": "HS256"})), NOW);
    assert_eq!(unnamed, Err(TokenError::UnknownKey));
    for kid in [json!(null), json!(1), json!(["one"])] {
        let refused = verifier.verify(&under(json!({"alg": "HS256", "kid": kid})), NOW);
        assert_eq!(refused, Err(TokenError::Header("kid")));
    }
}

#[test]
fn a_key_id_of_a_megabyte_is_not_even_read() {
    let token = under(json!({"alg": "HS256", "kid": "k".repeat(1 << 20)}));
    let error = two_keys().verify(&token, NOW).unwrap_err();
    assert_eq!(error, TokenError::Malformed("too long"));
    assert_eq!(error.code(), Code::Unauthorized);
}

#[test]
fn a_single_key_without_an_id_is_not_found_by_one() {
    let refused = verify(&under(json!({"alg": "HS256", "kid": "x"})));
    assert_eq!(refused, Err(TokenError::UnknownKey));
}

#[test]
fn empty_and_foreign_secrets() {
    let (header, payload) = (r#"{"alg":"HS256"}"#, claims().to_string());
    for secret in [&b""[..], b"secret", &[0; 32], &SECRET[..31]] {
        let token = hmac_signed(secret, header, &payload);
        assert_eq!(verify(&token), Err(TokenError::Signature));
    }
    assert!(matches!(SigningKey::from_bytes(b""), Err(KeyError::TooShort(0))));
}

#[test]
fn a_verifier_that_would_accept_anything_cannot_be_made() {
    let keys = || vec![Key::hs256(None, &SigningKey::from_bytes(&SECRET).unwrap()).unwrap()];
    let without_keys = Verifier::new(VerifierConfig::new(vec![]));
    assert!(matches!(without_keys, Err(KeyError::NoKeys)));
    for (issuer, audience) in [("", "a"), ("a", "")] {
        let mut config = VerifierConfig::new(keys());
        (config.issuer, config.audience) = (issuer.to_owned(), audience.to_owned());
        assert!(matches!(Verifier::new(config), Err(KeyError::NoAddress)));
    }
}

#[test]
fn role_and_tenant_may_stand_elsewhere() {
    let mut config = VerifierConfig::new(vec![
        Key::hs256(None, &SigningKey::from_bytes(&SECRET).unwrap()).unwrap(),
    ]);
    config.role = "app.role".into();
    config.tenant = "/https:~1~1example.com~1org".into();
    let verifier = Verifier::new(config).unwrap();
    let mut claims = claims();
    // The usual places no longer count.
    claims["role"] = json!("admin");
    claims["tenant"] = json!("evil");
    claims["app"] = json!({"role": "viewer"});
    claims["https://example.com/org"] = json!("acme");
    let token = hmac_signed(&SECRET, r#"{"alg":"HS256"}"#, &claims.to_string());
    let actor = verifier.verify(&token, NOW).unwrap().actor;
    assert_eq!((actor.role.name(), actor.tenant.as_str()), ("viewer", "acme"));
}
