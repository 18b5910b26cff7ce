//! Where somebody's sessions live, and which half of a record wins.

use std::collections::BTreeMap;

use jiff::Timestamp;
use termfleet_session::{
    ids::{Epoch, TenantId, UserId},
    limits::DEFAULT_SIZE,
    record::{Counters, Mode},
    role::Role,
    state::Status,
};

use super::{live::newest, *};

fn actor(tenant: &str) -> Actor {
    let user: UserId = "ann".parse().unwrap();
    Actor { user, tenant: tenant.parse().unwrap(), role: Role::Admin }
}

fn record(epoch: u64, tab_name: &str, current_path: &str) -> Session {
    let (tenant, project): (TenantId, ProjectId) = ("t".parse().unwrap(), "p".parse().unwrap());
    let at = Timestamp::UNIX_EPOCH;
    Session {
        id: SessionId::new(&Tag::of(&tenant, &project), [1; 16]),
        tenant,
        project,
        user: "ann".parse().unwrap(),
        alias: None,
        owner: None,
        epoch: Epoch::new(epoch),
        status: Status::Active,
        mode: Mode::Normal,
        tab_name: tab_name.to_owned(),
        layout: None,
        theme: None,
        labels: BTreeMap::new(),
        shell: "/bin/sh".to_owned(),
        current_path: current_path.to_owned(),
        environment: BTreeMap::new(),
        size: DEFAULT_SIZE,
        process_id: None,
        created_at: at,
        updated_at: at,
        last_activity_at: at,
        suspended_at: None,
        counters: Counters::default(),
        exit: None,
        ended_by: None,
    }
}

#[test]
fn an_administrator_of_every_tenant_lives_in_one_of_their_own() {
    assert_eq!(Sessions::home(&actor("acme")).as_str(), "acme");
    assert_eq!(Sessions::home(&actor(EVERY_TENANT)).as_str(), "~ann");
}

#[test]
fn the_worker_knows_the_directory_and_the_store_the_tab() {
    let seen = newest(record(2, "renamed", "/old"), record(2, "stale", "/new"));
    assert_eq!((&*seen.tab_name, &*seen.current_path), ("renamed", "/new"));
}

#[test]
fn a_worker_at_another_epoch_describes_another_shell() {
    let seen = newest(record(2, "tab", "/old"), record(1, "tab", "/new"));
    assert_eq!(seen.current_path, "/old");
}
