//! What `dev` says when it is ready: a URL for people, or one line of JSON for scripts.

use std::io::Write;

use anyhow::Result;
use serde_json::json;
use termfleet_runtime::clock;
use termfleet_session::role::Role;
use termfleet_token::{DEV_TOKEN_SECONDS, Grant, Minter};

use super::{ABOUT, doors::Urls, parts::DEFAULT_PROJECT, state::StateDir};
use crate::cli;

/// Who the printed token is for.
const USER: &str = "dev";

pub(super) fn ready(options: &cli::Dev, state: &StateDir, urls: &Urls) -> Result<()> {
    let token = if options.no_auth { None } else { Some(token(state)?) };
    let url = match &token {
        Some(token) => format!("{}/#token={token}", urls.client),
        None => format!("{}/", urls.client),
    };
    state.write_url(&url)?;
    let mut out = std::io::stdout().lock();
    if options.json {
        let line = json!({
            "event": "ready",
            "url": url,
            "admin": urls.admin,
            "token": token,
            "project": DEFAULT_PROJECT,
        });
        writeln!(out, "{line}")?;
    } else {
        let version = ABOUT.version;
        let admin = &urls.admin;
        writeln!(out, "Termfleet {version} is ready. Open this in a browser:\n\n  {url}\n")?;
        writeln!(out, "Health and metrics: {admin}/healthz  {admin}/metrics")?;
        writeln!(out, "Ctrl-C ends it and all its shells.")?;
    }
    Ok(out.flush()?)
}

fn token(state: &StateDir) -> Result<String> {
    let grant = Grant { user: USER.parse()?, tenant: None, role: Role::Admin };
    Ok(Minter::new(state.signing_key()?).mint(&grant, clock::now_unix(), DEV_TOKEN_SECONDS)?)
}
