//! Each clause of the rule, and what it comes to over many draws.
use super::*;

fn worker(id: &str, load: u32) -> Candidate {
    Candidate {
        id: id.parse().unwrap(),
        healthy: true,
        draining: false,
        capacity: 100,
        load,
        labels: BTreeMap::new(),
        backends: vec!["pty".into()],
        storage: Storage::Shared,
    }
}

fn of(id: &str) -> Choice {
    Choice::Worker(id.parse().unwrap())
}

fn labels(name: &str, value: &str) -> BTreeMap<String, String> {
    [(name.to_owned(), value.to_owned())].into()
}

/// How often each of the workers is chosen in a thousand draws.
fn drawn(workers: &[Candidate]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for seed in 0..1_000_u32 {
        let wish = Wish { seed: &seed.to_be_bytes(), ..Wish::default() };
        if let Choice::Worker(id) = choose(workers, &wish) {
            *counts.entry(id.to_string()).or_default() += 1;
        }
    }
    counts
}

#[test]
fn without_workers_there_is_none() {
    assert_eq!(choose(&[], &Wish::default()), Choice::NoWorker);
}

#[test]
fn who_drains_or_does_not_answer_gets_nothing() {
    let draining = Candidate { draining: true, ..worker("a", 0) };
    let dead = Candidate { healthy: false, ..worker("b", 0) };
    assert_eq!(choose(&[draining.clone(), dead.clone()], &Wish::default()), Choice::NoWorker);
    let all = [draining, dead, worker("c", 99)];
    assert_eq!(choose(&all, &Wish::default()), of("c"));
}

#[test]
fn a_worker_takes_its_capacity_and_not_one_more() {
    for (load, expected) in [(99, of("a")), (100, Choice::NoRoom), (101, Choice::NoRoom)] {
        assert_eq!(choose(&[worker("a", load)], &Wish::default()), expected, "{load}");
    }
    let none = Candidate { capacity: 0, ..worker("a", 0) };
    assert_eq!(choose(&[none], &Wish::default()), Choice::NoRoom);
}

#[test]
fn who_refused_is_not_asked_again() {
    let tried = ["a".parse().unwrap()];
    let wish = Wish { tried: &tried, ..Wish::default() };
    assert_eq!(choose(&[worker("a", 0), worker("b", 90)], &wish), of("b"));
    assert_eq!(choose(&[worker("a", 0)], &wish), Choice::NoRoom);
}

#[test]
fn labels_and_backend_must_match() {
    let east = Candidate { labels: labels("zone", "east"), ..worker("east", 90) };
    let all = [worker("bare", 0), east];
    let wish = Wish { labels: labels("zone", "east"), ..Wish::default() };
    assert_eq!(choose(&all, &wish), of("east"));
    let wish = Wish { labels: labels("zone", "west"), ..Wish::default() };
    assert_eq!(choose(&all, &wish), Choice::NoWorker);
    let wish = Wish { backend: Some("tmux"), ..Wish::default() };
    assert_eq!(choose(&all, &wish), Choice::NoWorker);
    let tmux = Candidate { backends: vec!["pty".into(), "tmux".into()], ..worker("t", 0) };
    assert_eq!(choose(&[worker("bare", 0), tmux], &wish), of("t"));
}

#[test]
fn a_project_on_local_storage_stays_where_its_files_are() {
    let local = |id, load| Candidate { storage: Storage::Local, ..worker(id, load) };
    let host = "full".parse().unwrap();
    let wish = Wish { host: Some(&host), ..Wish::default() };
    let others = [local("a", 0), local("b", 0)];
    let with = |host: Candidate| [others[0].clone(), others[1].clone(), host];
    assert_eq!(choose(&with(local("full", 99)), &wish), of("full"));
    assert_eq!(choose(&with(local("full", 100)), &wish), Choice::NoRoom);
    // Whether it answers is seen when it is asked: its files are nowhere else.
    let silent = Candidate { healthy: false, ..local("full", 0) };
    assert_eq!(choose(&with(silent), &wish), of("full"));
    // When it goes for good its projects go on elsewhere.
    let going = Candidate { draining: true, ..local("full", 0) };
    assert_ne!(choose(&with(going), &wish), Choice::NoRoom);
    assert!(matches!(choose(&others, &wish), Choice::Worker(_)));
}

#[test]
fn on_shared_storage_the_host_is_one_of_all() {
    let host = "a".parse().unwrap();
    let wish = Wish { host: Some(&host), ..Wish::default() };
    assert_eq!(choose(&[worker("a", 90), worker("b", 0)], &wish), of("b"));
}

#[test]
fn of_two_the_less_loaded_is_chosen() {
    let counts = drawn(&[worker("a", 90), worker("b", 10)]);
    assert_eq!(counts, BTreeMap::from([("b".to_owned(), 1_000)]));
}

#[test]
fn equal_workers_share_evenly_and_a_loaded_one_gets_less() {
    let counts = drawn(&[worker("a", 50), worker("b", 50), worker("c", 50), worker("d", 50)]);
    assert!(counts.values().all(|count| (200..300).contains(count)), "{counts:?}");
    let counts = drawn(&[worker("a", 51), worker("b", 50), worker("c", 50), worker("d", 50)]);
    assert_eq!(counts.get("a"), None, "of any two it is the fuller: {counts:?}");
}

#[test]
fn load_is_what_part_of_the_capacity_is_taken() {
    let small = Candidate { capacity: 4, ..worker("small", 3) };
    assert_eq!(drawn(&[small.clone(), worker("large", 74)]).len(), 1);
    assert!(drawn(&[small.clone(), worker("large", 74)]).contains_key("large"));
    assert!(drawn(&[small, worker("large", 76)]).contains_key("small"));
}

#[test]
fn gateways_that_see_the_same_begin_a_project_on_one_worker() {
    for project in 0..100_u32 {
        let seed = project.to_be_bytes();
        let wish = Wish { seed: &seed, ..Wish::default() };
        let here = choose(&[worker("a", 7), worker("b", 7), worker("c", 7)], &wish);
        let there = choose(&[worker("c", 7), worker("b", 7), worker("a", 7)], &wish);
        assert_eq!(here, there);
    }
}
