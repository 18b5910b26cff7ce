//! What `dev` says when it is ready: a URL for people, or one line of JSON for scripts.

use std::io::Write;

use anyhow::Result;
use serde_json::json;
use termfleet_runtime::clock;
use termfleet_session::role::Role;
use termfleet_token::{Grant, Minter};

use super::{ABOUT, Given, parts::DEFAULT_PROJECT};
use crate::listen::Urls;

/// Who the printed token is for.
const USER: &str = "dev";

pub(super) fn ready(given: Given<'_>, urls: &Urls) -> Result<()> {
    let token = if given.options.no_auth { None } else { token(given)? };
    let url = match &token {
        Some(token) => format!("{}/#token={token}", urls.client),
        None => format!("{}/", urls.client),
    };
    given.state.write_url(&url)?;
    let mut out = std::io::stdout().lock();
    if given.options.json {
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

/// A token of ours; none where tokens are signed by somebody else.
fn token(given: Given<'_>) -> Result<Option<String>> {
    let auth = &given.settings.auth;
    let minter = match (&auth.minter, &auth.verifier) {
        (Some(minter), _) => minter.clone(),
        (None, Some(_)) => return Ok(None),
        (None, None) => Minter::new(given.state.signing_key()?),
    };
    let grant = Grant { user: USER.parse()?, tenant: None, role: Role::Admin };
    let seconds = i64::try_from(auth.expires_in.as_secs())?;
    Ok(Some(minter.mint(&grant, clock::now_unix(), seconds)?))
}
