//! `termfleet token`: a token signed with the key of a state directory.

use anyhow::{Result, anyhow};
use termfleet_runtime::clock;
use termfleet_session::role::Role;
use termfleet_token::{Grant, Minter};

use crate::{
    cli::{self, Usage},
    dev::state::StateDir,
};

pub(crate) fn run(options: &cli::Token) -> Result<()> {
    let grant = grant(options)?;
    let state = StateDir::open(&options.state)?;
    if !state.has_signing_key() {
        eprintln!(
            "termfleet: no `dev` has run on {} yet: the token is good for the next one that does \
             (name another directory with --state-dir)",
            state.path().display()
        );
    }
    let key = state.signing_key()?;
    let seconds = i64::from(options.hours) * 3600;
    let token = Minter::new(key).mint(&grant, clock::now_unix(), seconds)?;
    println!("{token}");
    Ok(())
}

fn grant(options: &cli::Token) -> Result<Grant> {
    let role = Role::from_name(&options.role).ok_or_else(|| {
        anyhow!(Usage(format!("there is no role {:?}: use admin, user or viewer", options.role)))
    })?;
    let user = options.user.parse().map_err(|error| anyhow!(Usage(format!("--user: {error}"))))?;
    let tenant = match &options.tenant {
        None => None,
        Some(name) => {
            Some(name.parse().map_err(|error| anyhow!(Usage(format!("--tenant: {error}"))))?)
        }
    };
    Ok(Grant { user, tenant, role })
}
