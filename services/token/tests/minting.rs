//! What is minted verifies, and says what was granted: users' tokens and capabilities.
#![allow(clippy::unwrap_used)]

use termfleet_session::{
    code::Code,
    ids::{SessionId, WorkerId},
    role::{Actor, Role},
};
use termfleet_token::{
    CapabilityCheck, CapabilityKey, DEV_TOKEN_SECONDS, Grant, Key, Minter, PrivateKey, PublicKey,
    SigningKey, TokenError, Verifier, VerifierConfig, capability::CAPABILITY_SECONDS,
};

const NOW: i64 = 1_800_000_000;

fn grant(user: &str, tenant: Option<&str>, role: Role) -> Grant {
    Grant { user: user.parse().unwrap(), tenant: tenant.map(|name| name.parse().unwrap()), role }
}

fn pair() -> (Minter, Verifier) {
    let key = SigningKey::generate().unwrap();
    let keys = vec![Key::hs256(None, &key).unwrap()];
    (Minter::new(key), Verifier::new(VerifierConfig::new(keys)).unwrap())
}

#[test]
fn a_minted_token_says_what_was_granted() {
    let (minter, verifier) = pair();
    for role in [Role::Admin, Role::User, Role::Viewer] {
        let token = minter.mint(&grant("ann", Some("acme"), role), NOW, 60).unwrap();
        let identity = verifier.verify(&token, NOW).unwrap();
        assert_eq!(identity.actor.user.as_str(), "ann");
        assert_eq!(identity.actor.tenant.as_str(), "acme");
        assert_eq!(identity.actor.role, role);
        assert_eq!(identity.expires_at, NOW + 60);
    }
}

#[test]
fn without_a_tenant_a_user_is_alone() {
    let (minter, verifier) = pair();
    let token = minter.mint(&grant("ann@example.com", None, Role::User), NOW, 60).unwrap();
    let identity = verifier.verify(&token, NOW).unwrap();
    assert_eq!(identity.actor.tenant.as_str(), "~ann@example.com");
}

#[test]
fn every_token_has_an_id_of_its_own() {
    let (minter, verifier) = pair();
    let id = || {
        let token = minter.mint(&grant("ann", None, Role::User), NOW, 60).unwrap();
        verifier.verify(&token, NOW).unwrap().token_id
    };
    let (one, two) = (id(), id());
    assert_ne!(one, two);
    assert_eq!(one.len(), 32);
}

#[test]
fn a_development_token_lasts_thirty_days_to_the_second() {
    let (minter, verifier) = pair();
    let token = minter.mint(&grant("dev", None, Role::Admin), NOW, DEV_TOKEN_SECONDS).unwrap();
    let last = NOW + 30 * 86_400 - 1;
    assert!(verifier.verify(&token, last).is_ok());
    assert_eq!(verifier.verify(&token, last + 1), Err(TokenError::Expired));
    assert_eq!(TokenError::Expired.code(), Code::TokenExpired);
}

#[test]
fn key_id_issuer_and_audience_can_be_set() {
    let key = SigningKey::generate().unwrap();
    let minter =
        Minter::new(key.clone()).with_kid("k1").with_issuer("https://idp").with_audience("shells");
    let token = minter.mint(&grant("ann", None, Role::User), NOW, 60).unwrap();
    let mut config = VerifierConfig::new(vec![Key::hs256(Some("k1"), &key).unwrap()]);
    assert_eq!(
        Verifier::new(config.clone()).unwrap().verify(&token, NOW),
        Err(TokenError::Claim("iss"))
    );
    config.issuer = "https://idp".to_owned();
    config.audience = "shells".to_owned();
    assert!(Verifier::new(config.clone()).unwrap().verify(&token, NOW).is_ok());
    config.keys = vec![Key::hs256(Some("k2"), &key).unwrap()];
    assert_eq!(Verifier::new(config).unwrap().verify(&token, NOW), Err(TokenError::UnknownKey));
}

fn actor() -> Actor {
    Actor { user: "ann".parse().unwrap(), tenant: "~ann".parse().unwrap(), role: Role::User }
}

fn session(last: char) -> SessionId {
    format!("abcdefgh-{}{last}", "a".repeat(25)).parse().unwrap()
}

#[test]
fn a_capability_is_for_one_session_and_one_minute() {
    let signing = CapabilityKey::generate().unwrap();
    let token = signing.mint(&session('a'), &actor(), NOW).unwrap();
    let key = signing.check();
    let capability = key.verify(&token, &session('a'), NOW).unwrap();
    assert_eq!(capability.session, session('a'));
    assert_eq!(capability.actor, actor());
    assert_eq!(capability.expires_at, NOW + CAPABILITY_SECONDS);
    assert_eq!(CAPABILITY_SECONDS, 60);

    assert_eq!(key.verify(&token, &session('b'), NOW), Err(TokenError::OtherSession));
    assert!(key.verify(&token, &session('a'), NOW + 59).is_ok());
    assert_eq!(key.verify(&token, &session('a'), NOW + 60), Err(TokenError::Expired));
    // A worker's clock may run a little behind its gateway's, not much.
    assert!(key.verify(&token, &session('a'), NOW - 5).is_ok());
    assert_eq!(key.verify(&token, &session('a'), NOW - 6), Err(TokenError::NotYetValid));
}

#[test]
fn a_capability_is_for_one_worker_or_for_one_session_and_never_for_both() {
    let (one, other): (WorkerId, WorkerId) = ("w1".parse().unwrap(), "w2".parse().unwrap());
    let signing = CapabilityKey::generate().unwrap();
    let token = signing.mint_for_worker(&one, &actor(), NOW).unwrap();
    let key = signing.check();
    assert_eq!(key.verify_for_worker(&token, &one, NOW), Ok(actor()));
    assert_eq!(key.verify_for_worker(&token, &other, NOW), Err(TokenError::OtherWorker));
    assert!(key.verify_for_worker(&token, &one, NOW + 59).is_ok());
    assert_eq!(key.verify_for_worker(&token, &one, NOW + 60), Err(TokenError::Expired));
    assert_eq!(key.verify(&token, &session('a'), NOW), Err(TokenError::Claim("sid")));
    let token = signing.mint(&session('a'), &actor(), NOW).unwrap();
    assert_eq!(key.verify_for_worker(&token, &one, NOW), Err(TokenError::Claim("wid")));
}

#[test]
fn a_capability_of_another_key_is_worth_nothing() {
    let (ours, theirs) = (CapabilityKey::generate().unwrap(), CapabilityKey::generate().unwrap());
    let token = theirs.mint(&session('a'), &actor(), NOW).unwrap();
    let refused = ours.check().verify(&token, &session('a'), NOW);
    assert_eq!(refused, Err(TokenError::UnknownKey));
    // Nor when it goes under the name of our key.
    let (_, claims_and_signature) = token.split_once('.').unwrap();
    let own = ours.mint(&session('a'), &actor(), NOW).unwrap();
    let (header, _) = own.split_once('.').unwrap();
    let renamed = format!("{header}.{claims_and_signature}");
    let refused = ours.check().verify(&renamed, &session('a'), NOW);
    assert_eq!(refused, Err(TokenError::Signature));
}

#[test]
fn tokens_and_capabilities_never_stand_for_each_other() {
    // Even where somebody configured the gateways' public key, and one audience, for both.
    let pair = PrivateKey::generate().unwrap();
    let capabilities = CapabilityKey::new(pair.clone());
    let public = Key::from_pem(None, &pair.public().to_pem()).unwrap();
    let minted = SigningKey::generate().unwrap();
    let minter = Minter::new(minted.clone())
        .with_issuer("termfleet-gateway")
        .with_audience("termfleet-worker");
    let keys = vec![public, Key::hs256(Some("users"), &minted).unwrap()];
    let mut config = VerifierConfig::new(keys);
    config.issuer = "termfleet-gateway".to_owned();
    config.audience = "termfleet-worker".to_owned();
    let verifier = Verifier::new(config).unwrap();

    let token = minter.mint(&grant("ann", None, Role::User), NOW, 60).unwrap();
    let refused = capabilities.check().verify(&token, &session('a'), NOW);
    assert_eq!(refused, Err(TokenError::Header("typ")));

    let capability = capabilities.mint(&session('a'), &actor(), NOW).unwrap();
    assert_eq!(verifier.verify(&capability, NOW), Err(TokenError::Header("typ")));
}

#[test]
fn while_a_key_is_replaced_capabilities_of_both_are_good() {
    let (old, new) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let files = old.public().to_pem() + &new.public().to_pem();
    let both = CapabilityCheck::new(&PublicKey::all_from_pem(&files).unwrap()).unwrap();
    let after = CapabilityCheck::new(&[new.public().clone()]).unwrap();
    for (pair, survives) in [(old, false), (new, true)] {
        let token = CapabilityKey::new(pair).mint(&session('a'), &actor(), NOW).unwrap();
        assert!(both.verify(&token, &session('a'), NOW).is_ok());
        assert_eq!(after.verify(&token, &session('a'), NOW).is_ok(), survives);
    }
}
