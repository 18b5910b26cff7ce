//! The snapshot's contract with the emulator of browsers: recorded programs, cut anywhere, look the
//! same there whether it saw everything or a snapshot and what came after it: at once, a little later,
//! and in the end. `recordings/record.sh` makes recordings.

use std::{path::Path, process::Command};

use super::*;

const RECORDINGS: [&str; 8] = ["vim", "nano", "less", "htop", "mc", "tmux", "log", "repaint"];
const SIZE: Size = Size { cols: 80, rows: 24 };
/// How many snapshots are taken of each.
const CUTS: usize = 25;

#[test]
fn recorded_programs_look_the_same_in_a_browser_from_any_snapshot_on() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (recordings, web) = (here.join("tests/recordings"), here.join("../web"));
    let directory = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for name in RECORDINGS {
        let recording = recordings.join(format!("{name}.out"));
        let output = std::fs::read(&recording).unwrap();
        for cut in 0..CUTS {
            // Not at round numbers: in the middle of sequences, too.
            let end = (output.len() * cut / CUTS + cut * 7).min(output.len());
            let picture = fed(SIZE.cols, SIZE.rows, &output[..end]).snapshot(500);
            assert!(picture.data.len() <= 64 << 10, "{name} at {end}: {}", picture.data.len());
            let snapshot = directory.path().join(format!("{name}-{end}"));
            std::fs::write(&snapshot, &picture.data).unwrap();
            cases.push(format!(
                r#"{{"name":"{name}","recording":{recording:?},"snapshot":{snapshot:?},"offset":{},"cols":80,"rows":24}}"#,
                picture.offset.get(),
            ));
        }
    }
    let list = directory.path().join("cases.json");
    std::fs::write(&list, format!("[{}]", cases.join(","))).unwrap();
    let mut node = Command::new("node");
    let ran = node.arg(recordings.join("compare.mjs")).arg(web).arg(list).output().unwrap();
    let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(ran.status.success(), "{}", said.concat());
}
