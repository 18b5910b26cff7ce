//! The kernel's line, and whose a process is.
#![allow(clippy::unwrap_used)]

use super::*;

const HOST: u32 = 10;

fn session(n: u8) -> SessionId {
    let letter = char::from(b'a' + n);
    format!("aaaaaaaa-{}", letter.to_string().repeat(26)).parse().unwrap()
}

fn process(pid: u32, parent: u32, process_session: u32) -> Process {
    let birth = Birth { pid, started: 1 };
    let name = "p".to_owned();
    let (zombie, stopped) = (false, false);
    Process {
        birth,
        parent,
        process_session,
        group: pid,
        name,
        zombie,
        stopped,
        ticks: 0,
        pages: 0,
    }
}

fn mark(n: u8, shell: u32, alive: bool) -> Mark {
    let shell = Birth { pid: shell, started: 1 };
    Mark { session: session(n), shell, alive, known: HashSet::new() }
}

fn members(census: &Census, n: u8) -> Vec<u32> {
    let mut pids: Vec<_> = census.of(&session(n)).map(|process| process.birth.pid).collect();
    pids.sort_unstable();
    pids
}

#[test]
fn a_name_may_hold_brackets_and_spaces() {
    let line = "77 (a) b (c)) S 10 77 76 34816 77 4194560 1 2 3 4 100 20 3 1 20 0 1 0 4242 9 55 18";
    let process = Process::parse(77, line).unwrap();
    assert_eq!(process.name, "a) b (c)");
    assert_eq!((process.parent, process.group, process.process_session), (10, 77, 76));
    assert_eq!((process.birth.started, process.ticks, process.pages), (4242, 124, 55));
    assert!(!process.zombie);
    assert!(Process::parse(77, &line.replace(" S ", " Z ")).unwrap().zombie);
    assert!(!process.stopped);
    assert!(Process::parse(77, &line.replace(" S ", " T ")).unwrap().stopped);
    assert_eq!(Process::parse(77, "77 (cut off) S 10"), None);
}

#[test]
fn descendants_are_their_shells_and_strangers_are_nobodys() {
    let processes = vec![
        process(HOST, 1, HOST),
        process(20, HOST, 20),
        process(21, 20, 20),
        process(22, 21, 22),
        process(30, HOST, 30),
        process(31, 30, 30),
        process(40, 1, 40),
    ];
    let marks = [mark(0, 20, true), mark(1, 30, true)];
    let census = Census::sort(processes, HOST, &marks, |_| None);
    assert_eq!(members(&census, 0), [20, 21, 22]);
    assert_eq!(members(&census, 1), [30, 31]);
    assert_eq!(census.all().count(), 5, "neither the host nor a stranger");
}

#[test]
fn an_orphan_is_known_by_process_session_memory_or_variable() {
    let mut marks = [mark(0, 20, false), mark(1, 30, true)];
    marks[0].known.insert(Birth { pid: 52, started: 1 });
    let processes = vec![
        process(51, HOST, 20), // still in the dead shell's process session
        process(52, HOST, 52), // seen earlier
        process(53, HOST, 53), // by its variable
        process(54, 53, 54),   // a child of that one
        process(55, HOST, 55), // by nothing
    ];
    let variable = |pid| (pid == 53).then(|| session(0).to_string());
    let census = Census::sort(processes, HOST, &marks, variable);
    assert_eq!(members(&census, 0), [51, 52, 53, 54]);
    assert_eq!(members(&census, 1), [0; 0]);
    assert_eq!(census.all().count(), 5);
}

#[test]
fn a_number_used_again_by_another_shell_is_that_shells() {
    // The first session's shell is dead; its number has become the second one's.
    let marks = [mark(0, 20, false), mark(1, 20, true)];
    let processes = vec![process(20, HOST, 20), process(21, 20, 20)];
    let census = Census::sort(processes, HOST, &marks, |_| None);
    assert_eq!(members(&census, 0), [0; 0]);
    assert_eq!(members(&census, 1), [20, 21]);
}
