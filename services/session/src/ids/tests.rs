//! What is and what is not an identifier.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn a_session_id_begins_with_its_projects_tag() {
    let tag = Tag::of(&"acme".parse().unwrap(), &"shop".parse().unwrap());
    let id = SessionId::new(&tag, [0xA5; 16]);
    assert_eq!(id.tag(), tag.to_string());
    assert_eq!(id.as_str().parse::<SessionId>().unwrap(), id);
}

#[test]
fn tags_part_tenants_that_use_the_same_project_name() {
    let project: ProjectId = "test".parse().unwrap();
    let tag = |user: &str| Tag::of(&TenantId::of_user(&user.parse().unwrap()), &project);
    assert_ne!(tag("ann"), tag("bob"));
    // `a` + `bc` and `ab` + `c` must differ: the NUL stands between them.
    let joined = |t: &str, p: &str| Tag::of(&t.parse().unwrap(), &p.parse().unwrap());
    assert_ne!(joined("a", "bc"), joined("ab", "c"));
}

#[test]
fn names_that_could_leave_their_key_are_refused() {
    for bad in ["", "a/b", "a:b", "{a}", "a*", "a\r\n", "ä", "a b", &"x".repeat(65)] {
        assert!(bad.parse::<ProjectId>().is_err(), "{bad:?}");
        assert!(bad.parse::<Alias>().is_err(), "{bad:?}");
    }
    for good in ["a", "A.b_c-9", &"x".repeat(64)] {
        assert!(good.parse::<ProjectId>().is_ok(), "{good:?}");
    }
}

#[test]
fn session_ids_of_another_form_are_refused() {
    let good = format!("{}-{}", "a".repeat(8), "b".repeat(26));
    assert!(good.parse::<SessionId>().is_ok());
    for bad in [
        good.to_uppercase(),
        good.replace('-', "_"),
        good.replace('a', "1"),
        good[1..].to_owned(),
        format!("{good}b"),
    ] {
        assert!(bad.parse::<SessionId>().is_err(), "{bad}");
    }
}

#[test]
fn a_client_id_is_128_bits_of_lower_hex() {
    assert_eq!(ClientId::new([0; 16]).as_str(), "0".repeat(32));
    for bad in ["A".repeat(32), "0".repeat(31), "0".repeat(33), "g".repeat(32)] {
        assert!(bad.parse::<ClientId>().is_err());
    }
}

#[test]
fn subjects_may_be_foreign_but_never_control_characters() {
    assert!("auth0|5f7c8ec7 äö".parse::<UserId>().is_ok());
    assert!("a\nb".parse::<UserId>().is_err());
    assert!("".parse::<UserId>().is_err());
    assert!("x".repeat(255).parse::<UserId>().is_ok());
    assert!("x".repeat(256).parse::<UserId>().is_err());
    assert!("~".parse::<TenantId>().is_err());
    let longest = TenantId::of_user(&"x".repeat(255).parse().unwrap());
    assert!(longest.as_str().parse::<TenantId>().is_ok());
}

#[test]
fn an_epoch_only_grows() {
    assert_eq!(Epoch::new(5).next(0), Epoch::new(6));
    assert_eq!(Epoch::new(5).next(1_000), Epoch::new(1_000));
    assert_eq!(Epoch::new(2_000).next(1_000), Epoch::new(2_001));
}
