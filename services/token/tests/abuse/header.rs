//! Headers that ask for what is never done, and texts that are no token.

use serde_json::json;
use termfleet_session::code::Code;
use termfleet_token::TokenError;

use crate::forge::{SECRET, b64, claims, hmac_signed, signed, signed_text, under, verify};

#[test]
fn a_good_token_is_good() {
    assert!(verify(&signed(&claims())).is_ok());
    for header in [
        json!({"alg": "HS256"}),
        json!({"alg": "HS256", "typ": "jwt"}),
        json!({"alg": "HS256", "typ": "at+jwt"}),
        json!({"alg": "HS256", "x5t": "a thumbprint only names a key"}),
    ] {
        assert!(verify(&under(header.clone())).is_ok(), "{header}");
    }
}

#[test]
fn alg_none_in_any_case() {
    for alg in ["none", "None", "NONE", "nOnE", "", "none ", "HS256\0"] {
        let header = json!({"alg": alg, "typ": "JWT"});
        assert_eq!(verify(&under(header.clone())), Err(TokenError::Algorithm), "{alg}");
        let message = format!("{}.{}", b64(header.to_string()), b64(claims().to_string()));
        for unsigned in [format!("{message}."), format!("{message}.AAAA"), message.clone()] {
            let error = verify(&unsigned).unwrap_err();
            assert_eq!(error.code(), Code::Unauthorized, "{unsigned}");
        }
    }
}

#[test]
fn other_algorithms_under_our_key() {
    for alg in ["HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "hs256", "dir", "A128KW"] {
        assert_eq!(verify(&under(json!({"alg": alg}))), Err(TokenError::Algorithm), "{alg}");
    }
    for header in [json!({}), json!({"typ": "JWT"})] {
        assert_eq!(verify(&under(header)), Err(TokenError::Algorithm));
    }
    for alg in [json!(null), json!(["HS256"]), json!(256), json!({"HS256": true})] {
        assert_eq!(verify(&under(json!({"alg": alg}))), Err(TokenError::Header("alg")));
    }
}

#[test]
fn embedded_and_remote_keys() {
    let jwk = json!({"kty": "oct", "k": b64(SECRET)});
    for (field, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("jwk", json!(null)),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        let mut header = json!({"alg": "HS256"});
        header[field] = value;
        assert_eq!(verify(&under(header)), Err(TokenError::Header(field)));
    }
}

#[test]
fn a_wrong_type() {
    for typ in [
        json!("JWE"),
        json!("JOSE"),
        json!(""),
        json!("secevent+jwt"),
        json!("termfleet-capability+jwt"),
        json!(1),
        json!(null),
    ] {
        let header = json!({"alg": "HS256", "typ": typ});
        assert_eq!(verify(&under(header)), Err(TokenError::Header("typ")), "{typ}");
    }
}

#[test]
fn header_fields_that_come_twice() {
    let payload = claims().to_string();
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","x":{"a":1,"a":2}}"#,
    ] {
        let token = hmac_signed(&SECRET, header, &payload);
        assert_eq!(verify(&token), Err(TokenError::Malformed("header")), "{header}");
    }
}

#[test]
fn texts_that_are_no_token() {
    let good = signed(&claims());
    for broken in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b".into(),
        "Bearer".into(),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}="),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{good}"),
        good.replace('.', ".."),
        good.replacen('.', "", 1),
        "\u{0}".repeat(100),
        "é.é.é".into(),
    ] {
        let error = verify(&broken).unwrap_err();
        assert_eq!(error.code(), Code::Unauthorized, "{broken}");
    }
    for header in ["", "null", "[]", "1", "{", "\"HS256\"", "{\"alg\":\"HS256\"} {}"] {
        let token = hmac_signed(&SECRET, header, &claims().to_string());
        assert_eq!(verify(&token), Err(TokenError::Malformed("header")), "{header}");
    }
}

#[test]
fn a_wrong_signature() {
    let (good, other) = (signed(&claims()), signed_text(&format!("{} ", claims())));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (_, foreign) = other.rsplit_once('.').unwrap();
    for wrong in [
        "",
        "AAAA",
        foreign,
        &signature[..signature.len() - 2],
        &format!("{signature}AA"),
        &format!("{signature}="),
        &b64([0; 32]),
        "%%%",
    ] {
        assert_eq!(verify(&format!("{message}.{wrong}")), Err(TokenError::Signature), "{wrong}");
    }
}

#[test]
fn sizes_are_bounded() {
    let payload_of = |size: usize| {
        let mut claims = claims();
        claims["pad"] = json!("");
        let fixed = claims.to_string().len();
        claims["pad"] = json!("x".repeat(size - fixed));
        claims.to_string()
    };
    const MOST: usize = 16 << 10;
    assert!(verify(&signed_text(&payload_of(MOST))).is_ok());
    let over = verify(&signed_text(&payload_of(MOST + 1)));
    assert_eq!(over, Err(TokenError::Malformed("payload")));
    let huge = verify(&signed_text(&payload_of(64 << 10)));
    assert_eq!(huge, Err(TokenError::Malformed("too long")));
    let pad = "x".repeat(1 << 10);
    let header = verify(&under(json!({"alg": "HS256", "pad": pad})));
    assert_eq!(header, Err(TokenError::Malformed("header")));
}
