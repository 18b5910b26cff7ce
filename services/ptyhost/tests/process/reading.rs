//! Who waits for the user, as the kernel tells it.

use termfleet_ptyhost::client::Reading;

use crate::harness::{Host, eventually};

/// What a typed line makes a session, until it is interrupted.
const LINES: [(&str, Reading); 9] = [
    ("sleep 60", Reading::Busy),
    ("cat", Reading::Waiting { hidden: false }),
    ("sh -c 'echo sure?; read answer'", Reading::Waiting { hidden: false }),
    ("sh -c 'stty -echo; read secret'", Reading::Waiting { hidden: true }),
    ("sh -c 'stty -echo; sleep 60'", Reading::Busy),
    ("sh -c 'sh -c \"read answer\"; true'", Reading::Waiting { hidden: false }),
    ("sh -c 'read answer </dev/tty'", Reading::Waiting { hidden: false }),
    ("bash -c 'read -e answer'", Reading::Waiting { hidden: false }),
    ("sleep 60 | cat", Reading::Busy),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_waits_for_its_user_is_known() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/bash", "--norc", "--noprofile", "-i"]).await;
    let (session, epoch) = (&shell.session, shell.epoch);
    let becomes = async |wanted: Reading, what: &str| {
        eventually(what, async || {
            let reading = worker.client.reading(session, epoch).await.unwrap();
            (reading == Some(wanted)).then_some(())
        })
        .await;
    };
    worker.printed(&shell, "$ ").await;
    becomes(Reading::Shell, "the shell waits for a command").await;
    let mut at = 0;
    for (line, reading) in LINES {
        let typed = format!("{line}\n");
        worker.type_in(&shell, at, &typed).await;
        at += typed.len() as u64;
        // Before it waits it is busy, so that is looked for longer.
        becomes(reading, line).await;
        if reading == Reading::Busy {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            becomes(reading, line).await;
        }
        worker.type_in(&shell, at, "\x03").await;
        at += 1;
        becomes(Reading::Shell, "the shell after it").await;
        worker.type_in(&shell, at, "stty sane\n").await;
        at += "stty sane\n".len() as u64;
        becomes(Reading::Shell, "the shell, put in order").await;
    }
    worker.type_in(&shell, at, "read -s secret\n").await;
    becomes(Reading::Waiting { hidden: true }, "the shell itself hides what is typed").await;
}
