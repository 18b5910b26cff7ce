//! `termfleet config`: what is wrong with a configuration, what counts, and what there is to set.

use std::io::Write;

use anyhow::Result;

use super::{SCHEMA, Settings, gather};
use crate::cli::{Action, Config, Usage};

pub(crate) fn run(options: &Config) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match &options.action {
        Action::Check(source) => {
            let settings = parsed(&mut gather(source, Vec::new()))?;
            for line in &settings.pending {
                eprintln!("termfleet: {line}");
            }
            writeln!(out, "the configuration is good")?;
        }
        Action::Print(source) => {
            let mut values = gather(source, Vec::new());
            parsed(&mut values)?;
            write!(out, "{}", values.effective())?;
        }
        Action::Reference => write!(out, "{}", SCHEMA.reference())?,
    }
    Ok(out.flush()?)
}

fn parsed(values: &mut termfleet_runtime::settings::Resolved) -> Result<Settings> {
    Settings::parse(values).map_err(|mistakes| Usage(mistakes.to_string()).into())
}
