//! A ticket is good once, for its time, and for its own user.

use termfleet_session::role::Role;

use super::{
    Stage,
    script::{Plan, race},
};
use crate::tickets::{Bearer, TICKET_MS, Ticket, Tickets};

fn ticket(user: &str, digest: u8) -> Ticket {
    let (tenant, user) = ("acme".parse().unwrap(), user.parse().unwrap());
    Ticket { tenant, user, digest: [digest; 32] }
}

fn bearer() -> Bearer {
    let token_id = Some("a \"token\"\n".to_owned());
    Bearer { role: Role::User, expires_at: Some(1_800_000_000), token_id }
}

pub(super) async fn of_a_hundred_who_show_a_ticket_one_is_let_in<S: Stage>(stage: &S) {
    stage.store().issue(&ticket("ann", 1), &bearer()).await.unwrap();
    let answers = race(stage, vec![Plan::new(); 100], async |store, _| {
        store.redeem(&ticket("ann", 1)).await.unwrap()
    })
    .await;
    let let_in: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(let_in, [bearer()]);
}

pub(super) async fn a_ticket_is_its_users_alone<S: Stage>(stage: &S) {
    let store = stage.store();
    let nobody = Bearer { role: Role::Viewer, expires_at: None, token_id: None };
    store.issue(&ticket("ann", 1), &bearer()).await.unwrap();
    store.issue(&ticket("bob", 1), &nobody).await.unwrap();
    let elsewhere = Ticket { tenant: "other".parse().unwrap(), ..ticket("ann", 1) };
    for stranger in [elsewhere, ticket("eve", 1), ticket("ann", 2)] {
        assert_eq!(store.redeem(&stranger).await, Ok(None), "{stranger:?}");
    }
    assert_eq!(store.redeem(&ticket("bob", 1)).await, Ok(Some(nobody)));
    assert_eq!(store.redeem(&ticket("ann", 1)).await, Ok(Some(bearer())));
}

pub(super) async fn a_late_ticket_is_worth_nothing<S: Stage>(stage: &S) {
    let store = stage.store();
    store.issue(&ticket("ann", 1), &bearer()).await.unwrap();
    stage.pass(TICKET_MS).await;
    assert_eq!(store.redeem(&ticket("ann", 1)).await, Ok(None));
}
