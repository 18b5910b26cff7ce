//! `termfleet token`: a token signed with the configured secret, else with the key of a state
//! directory.

use anyhow::{Result, anyhow};
use termfleet_runtime::clock;
use termfleet_session::role::Role;
use termfleet_token::{Grant, Minter, SigningKey};

use crate::{
    cli::{self, Usage},
    config,
    state::StateDir,
};

pub(crate) fn run(options: &cli::Token) -> Result<()> {
    let grant = grant(options)?;
    let auth = config::load(&options.source, Vec::new())?.auth;
    let seconds = match options.hours {
        Some(hours) => i64::from(hours) * 3600,
        None => i64::try_from(auth.expires_in.as_secs())?,
    };
    let minter = match auth.minter {
        Some(minter) => minter,
        None => Minter::new(own_key(options)?),
    };
    println!("{}", minter.mint(&grant, clock::now_unix(), seconds)?);
    Ok(())
}

/// The key of a state directory.
fn own_key(options: &cli::Token) -> Result<SigningKey> {
    let state = StateDir::open(&options.state)?;
    if !state.has_signing_key() {
        eprintln!(
            "termfleet: no `dev` has run on {} yet: the token is good for the next one that does \
             (name another directory with --state-dir)",
            state.path().display()
        );
    }
    state.signing_key()
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
