//! Limits at their edges, on a paused clock; those of users over the cluster are in `users`.

mod users;

use std::sync::atomic::{AtomicU8, Ordering};

use termfleet_session::ids::{TenantId, UserId};
use termfleet_store::MemoryStore;
use tokio::time::advance;

use super::*;
use crate::config::Limits;

fn admission(limits: Limits) -> Admission {
    let shared = shared(Arc::new(MemoryStore::new()));
    Admission::new(limits, vec!["10.0.0.0/8".parse().unwrap()], false, shared)
}

fn shared(store: Arc<impl Rates + Sockets + 'static>) -> Shared {
    Shared {
        rates: store.clone(),
        sockets: store,
        resume: ResumeKey::generate().unwrap(),
        stood_in: StoodIn::default(),
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn user(name: &str) -> Actor {
    let user: UserId = name.parse().unwrap();
    Actor { tenant: TenantId::of_user(&user), user, role: termfleet_session::role::Role::User }
}

#[tokio::test(start_paused = true)]
async fn an_address_has_its_upgrades_a_minute_and_gets_them_back() {
    let admission = admission(Limits { handshakes_per_minute: 3, ..Limits::default() });
    for _ in 0..3 {
        admission.handshake(ip("192.0.2.1"), None).unwrap();
    }
    let refusal = admission.handshake(ip("192.0.2.1"), None).unwrap_err();
    assert_eq!((refusal.code, refusal.retry_after_ms), (Code::RateLimited, Some(20_000)));
    admission.handshake(ip("192.0.2.2"), None).unwrap();
    advance(Duration::from_secs(20)).await;
    admission.handshake(ip("192.0.2.1"), None).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_resume_ticket_passes_and_is_worth_something_to_its_own_user_alone() {
    let admission = admission(Limits { handshakes_per_minute: 1, ..Limits::default() });
    let here = ip("192.0.2.1");
    let ticket = admission.ticket(&user("ann"), "c2", "c1").unwrap();
    admission.handshake(here, None).unwrap();
    assert!(admission.handshake(here, None).is_err());

    let returning = admission.handshake(here, Some(&ticket)).unwrap();
    let of_ann = admission.returned(returning.clone(), &user("ann"), here).unwrap().unwrap();
    assert_eq!((of_ann.replaces(), of_ann.first()), ("c2", "c1"));
    let refusal = admission.returned(returning.clone(), &user("bob"), here).unwrap_err();
    assert_eq!(refusal.code, Code::RateLimited, "counted after all");
    let elsewhere = admission.returned(returning, &user("bob"), ip("192.0.2.2"));
    assert_eq!(elsewhere, Ok(None));

    let (mut forged, strangers) = (ticket.clone(), self::admission(Limits::default()));
    forged.replace_range(20..21, if ticket.as_bytes()[20] == b'A' { "B" } else { "A" });
    let foreign = strangers.ticket(&user("ann"), "c2", "c1").unwrap();
    for worthless in [&*forged, &foreign, "", "ticket"] {
        assert!(admission.handshake(here, Some(worthless)).is_err(), "{worthless}");
        assert_eq!(admission.handshake(ip(&next_address()), Some(worthless)), Ok(None));
    }
}

/// An address that nobody had before.
fn next_address() -> String {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    format!("198.51.100.{}", NEXT.fetch_add(1, Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_tickets_passes_thirty_times_a_minute() {
    let admission = admission(Limits { handshakes_per_minute: 1, ..Limits::default() });
    let here = ip("192.0.2.1");
    admission.handshake(here, None).unwrap();
    // Each connection gives a ticket of its own; they are one chain all the same.
    for n in 0..30 {
        let ticket = admission.ticket(&user("ann"), &format!("c{n}"), "c0").unwrap();
        assert!(admission.handshake(here, Some(&ticket)).unwrap().is_some(), "{n}");
    }
    let ticket = admission.ticket(&user("ann"), "c30", "c0").unwrap();
    assert!(admission.handshake(here, Some(&ticket)).is_err());
    let other = admission.ticket(&user("ann"), "d0", "d0").unwrap();
    assert!(admission.handshake(here, Some(&other)).is_ok(), "another chain");
    // What does not pass by the ticket may pass as any other handshake, and replaces all the same.
    let elsewhere = admission.handshake(ip("192.0.2.2"), Some(&ticket)).unwrap();
    assert_eq!(elsewhere.unwrap().replaces(), "c30");
    advance(Duration::from_secs(2)).await;
    assert!(admission.handshake(here, Some(&ticket)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_whole_ipv6_network_is_one_address() {
    let admission = admission(Limits { handshakes_per_minute: 1, ..Limits::default() });
    admission.handshake(ip("2001:db8:0:1::1"), None).unwrap();
    assert!(admission.handshake(ip("2001:db8:0:1:ffff::9"), None).is_err());
    admission.handshake(ip("2001:db8:0:2::1"), None).unwrap();
    // A mapped address is the IPv4 address that it stands for.
    admission.handshake(ip("192.0.2.1"), None).unwrap();
    assert!(admission.handshake(ip("::ffff:192.0.2.1"), None).is_err());
}

#[tokio::test(start_paused = true)]
async fn connections_are_counted_by_address_but_not_those_of_proxies() {
    let admission = admission(Limits { connections_per_address: 1, ..Limits::default() });
    let first = admission.connection(ip("192.0.2.1")).unwrap();
    assert!(admission.connection(ip("192.0.2.1")).is_none());
    let proxied: Vec<_> = (0..5).map(|_| admission.connection(ip("10.1.2.3"))).collect();
    assert!(proxied.iter().all(Option::is_some));
    drop(first);
    assert!(admission.connection(ip("192.0.2.1")).is_some());
    assert_eq!(admission.connections.lock().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_auth_nobody_is_counted() {
    let limits = Limits {
        handshakes_per_minute: 1,
        sockets_per_user: 1,
        max_requests: 1,
        ..Limits::default()
    };
    let shared = shared(Arc::new(MemoryStore::new()));
    let admission = Admission::new(limits, Vec::new(), true, shared);
    let mut sockets = Vec::new();
    for n in 0..100 {
        sockets.push(admission.socket(&user("dev"), &n.to_string(), None).await.unwrap());
        admission.request(&user("dev")).await.unwrap();
    }
    assert_eq!(admission.ticket(&user("dev"), "c", "c"), None);
    assert!((0..1000).all(|_| admission.handshake(ip("127.0.0.1"), None).is_ok()));
}

#[tokio::test(start_paused = true)]
async fn addresses_at_rest_are_forgotten() {
    let admission = Arc::new(admission(Limits::default()));
    for last in 0..=255 {
        admission.handshake(IpAddr::from([192, 0, 2, last]), None).unwrap();
    }
    assert_eq!(admission.handshakes.len(), 256);
    let forgotten = time::timeout(Duration::from_secs(120), admission.upkeep()).await;
    assert!(forgotten.is_err());
    assert_eq!(admission.handshakes.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn input_over_its_rate_is_held_back_for_what_it_owes() {
    let limits = Limits { input_bytes_per_second: 1000, ..Limits::default() };
    let mut socket = admission(limits).connection_limits();
    assert_eq!(socket.input(1, 1000), Duration::ZERO);
    let wait = socket.input(1, 500);
    assert_eq!(wait, Duration::from_millis(500));
    // Another session of the same socket has a rate of its own.
    assert_eq!(socket.input(2, 1000), Duration::ZERO);
    advance(wait).await;
    // The held message is paid now; the next one waits for itself alone.
    assert_eq!(socket.input(1, 100), Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn input_messages_are_counted_too() {
    let mut socket = admission(Limits::default()).connection_limits();
    let held = (0..1100).map(|_| socket.input(7, 1)).filter(|wait| !wait.is_zero()).count();
    assert_eq!(held, 100);
    // What a channel owed is forgotten with it.
    socket.forget(7);
    assert_eq!(socket.input(7, 1), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn other_messages_come_in_bursts_and_then_are_refused_with_a_hint() {
    let mut socket = admission(Limits::default()).connection_limits();
    for _ in 0..200 {
        socket.message().unwrap();
    }
    let refusal = socket.message().unwrap_err();
    assert_eq!((refusal.code, refusal.retry_after_ms), (Code::RateLimited, Some(10)));
    advance(Duration::from_millis(10)).await;
    socket.message().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_ack_is_free_if_it_moves_much_or_comes_late() {
    let limits = Limits { messages_burst: 1, ..Limits::default() };
    let mut socket = admission(limits).connection_limits();
    for _ in 0..1000 {
        socket.ack(1, 16 << 10).unwrap();
    }
    for _ in 0..10 {
        advance(Duration::from_millis(20)).await;
        socket.ack(1, 1).unwrap();
    }
    socket.ack(1, 1).unwrap();
    assert_eq!(socket.ack(1, 1).unwrap_err().code, Code::RateLimited);
}
