//! What a new client is given to begin with: how long from its `attach` until the snapshot is whole, and
//! how large that is, of a screen that is fresh, full, and large with much above it.

use std::{fmt::Write, fs};

use anyhow::{Result, ensure};
use tempfile::NamedTempFile;
use tokio::time::Instant;

use super::{
    MILLIS, order, quantile,
    target::Target,
    wire::{SIZE, Size, Wire},
};
use crate::report::Row;

/// Clients of a round.
const CLIENTS: usize = 10;
/// Cells between two changes of the colour.
const WORD: usize = 8;
/// What the last line of a screen says.
const END: &str = "the-end";
/// The same as it is typed: the echo of the command does not say it.
const TYPED_END: &str = "the-''end";

/// A screen that is drawn.
struct Screen {
    key: &'static str,
    time_key: &'static str,
    name: &'static str,
    size: Size,
    /// Coloured lines that are printed; without any it is a prompt.
    lines: usize,
}

const SCREENS: [Screen; 3] = [
    Screen {
        key: "snapshot_fresh_bytes",
        time_key: "snapshot_fresh",
        name: "fresh, 80x24",
        size: SIZE,
        lines: 0,
    },
    Screen {
        key: "snapshot_full_bytes",
        time_key: "snapshot_full",
        name: "full and coloured, 80x24",
        size: SIZE,
        lines: 23,
    },
    Screen {
        key: "snapshot_large_bytes",
        time_key: "snapshot_large",
        name: "full and coloured, 200x60, 1,000 lines above it",
        size: (200, 60),
        lines: 1_059,
    },
];

/// A session that shows one, and the socket of its driver.
struct Shown {
    session: String,
    driver: Wire,
}

pub(super) async fn measure(targets: &mut [Target], rounds: u32) -> Result<Vec<Row>> {
    let mut rows = SCREENS.map(|screen| screen.rows());
    let mut shown = Vec::new();
    for target in &mut *targets {
        let mut of_target = Vec::new();
        // A floor has no screens.
        let screens = if target.is_floor() { &[][..] } else { &SCREENS };
        for screen in screens {
            of_target.push(screen.show(target).await?);
        }
        shown.push(of_target);
    }
    for round in 0..rounds {
        for index in order(round, targets.len()) {
            let target = &targets[index];
            for ((screen, shown), rows) in SCREENS.iter().zip(&mut shown[index]).zip(&mut rows) {
                shown.driver.breathe().await?;
                screen.draw(target, &shown.session, rows).await?;
            }
        }
    }
    Ok(rows.into_iter().flatten().collect())
}

impl Screen {
    /// Its time and its size.
    fn rows(&self) -> [Row; 2] {
        let name = |what: &str| format!("snapshot of a screen, {}, {what}", self.name);
        [Row::new(self.time_key, name("p99"), "ms"), Row::new(self.key, name("bytes"), "KiB")]
    }

    /// Prints it in a new session. The driver stays attached: its size holds.
    async fn show(&self, target: &mut Target) -> Result<Shown> {
        let mut driver = target.idle(0).await?;
        let session = target.sized_seat(&mut driver, self.size).await?;
        let file = NamedTempFile::with_prefix("tf-bench-")?;
        let program = if self.lines == 0 {
            format!("echo {TYPED_END}\n")
        } else {
            fs::write(file.path(), self.text()?)?;
            // It waits: no prompt scrolls what is there.
            let path = file.path().display();
            format!("printf '\\e[3J\\e[2J\\e[H'; cat {path}; printf {TYPED_END}; read\n")
        };
        driver.type_bytes(0, program.as_bytes()).await?;
        driver.read_word(0, END).await?;
        Ok(Shown { session, driver })
    }

    /// Lines as wide as the screen, each word of another colour.
    fn text(&self) -> Result<String> {
        let (mut text, width) = (String::new(), usize::from(self.size.0));
        for line in 0..self.lines {
            for word in 0..width / WORD {
                let colour = (line + word) % 256;
                write!(text, "\x1b[38;5;{colour}m{line:>5}.{word:02}")?;
            }
            text.push_str("\x1b[m\n");
        }
        Ok(text)
    }

    /// Draws it for new clients, one after the other.
    async fn draw(
        &self,
        target: &Target,
        session: &str,
        [time, size]: &mut [Row; 2],
    ) -> Result<()> {
        let (mut most, mut nanos) = (0, Vec::new());
        for number in 0..CLIENTS {
            let mut wire = target.idle(number).await?;
            let begun = Instant::now();
            let drawn = wire.snapshot(session, self.size).await?;
            nanos.push(u64::try_from(begun.elapsed().as_nanos())?);
            let is_whole = drawn.windows(END.len()).any(|window| window == END.as_bytes());
            ensure!(is_whole, "a snapshot without what the screen shows, {}", self.name);
            most = most.max(drawn.len());
        }
        time.add(target.side(), quantile(&nanos, 0.99, MILLIS)?);
        size.add(target.side(), most as f64 / 1024.0);
        Ok(())
    }
}
