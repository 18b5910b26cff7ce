//! `[hooks]`: an HTTP server that is asked before sessions are created and ended, and told after.

use termfleet_gateway::hooks::{EVENTS, Endpoint, Event, OnFailure, Settings};
use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Section};

use crate::tls;

/// Shortest secret: what could be guessed signs nothing.
const MIN_SECRET_BYTES: usize = 16;

pub(super) const SECTION: Section = Section {
    name: "hooks",
    about: "An HTTP server of yours that is asked before sessions are created and ended, and told \
            after: see [the recipe](recipes/hooks.md).",
    keys: &[&URL, &SECRET, &TIMEOUT, &ON_EVENTS, &ON_FAILURE, &CA],
};

const URL: Key = Key::new(
    "hooks.url",
    Kind::Url,
    Preset::Unset,
    "Where events are posted: `http://` or `https://`; without it nobody is asked or told",
);
const SECRET: Key = Key::new(
    "hooks.secret",
    Kind::Secret,
    Preset::Unset,
    "What events are signed with, at least 16 bytes; needed with `hooks.url`",
);
const TIMEOUT: Key = Key::new(
    "hooks.timeout_ms",
    Kind::Milliseconds(10, 60_000),
    Preset::Number(2_000),
    "How long one call may take; a creation or an end waits for it",
);
const ON_EVENTS: Key = Key::new(
    "hooks.events",
    Kind::List,
    Preset::List(&["before_create", "after_create", "before_delete", "after_delete"]),
    "Which events are posted",
);
const ON_FAILURE: Key = Key::new(
    "hooks.on_failure",
    Kind::Choice(&["refuse", "allow"]),
    Preset::Text("refuse"),
    "What happens to a creation or an end about which the server cannot be asked",
);
const CA: Key = Key::new(
    "hooks.ca",
    Kind::Contents,
    Preset::Unset,
    "Certificates to trust beside the system's: a PEM text",
);

/// Who is asked and told.
#[derive(Debug, Clone)]
pub(crate) struct Hooks {
    /// None if nobody is.
    pub(crate) webhook: Option<Settings>,
}

pub(super) fn parse(values: &mut Resolved) -> Hooks {
    let (timeout, failure) = (values.duration(&TIMEOUT), values.text(&ON_FAILURE));
    let (events, ca) = (events(values), values.optional(&CA));
    let secret = values.secret(&SECRET).map(|secret| secret.reveal().trim().as_bytes().to_vec());
    if secret.as_ref().is_some_and(|secret| secret.len() < MIN_SECRET_BYTES) {
        values.refuse(&SECRET, format!("needs at least {MIN_SECRET_BYTES} bytes"));
    }
    let tls = ca.as_deref().map(|pem| tls::connector(Some(pem)));
    let mut tls = tls.and_then(|made| values.checked(&CA, made));
    let Some(endpoint) = values.parsed::<Endpoint>(&URL) else { return Hooks { webhook: None } };
    let Some(secret) = secret else {
        values.refuse(&SECRET, "is needed with hooks.url, or its receiver could trust nobody");
        return Hooks { webhook: None };
    };
    if endpoint.secure && tls.is_none() {
        tls = values.checked(&URL, tls::connector(None));
    }
    let on_failure = if failure == "allow" { OnFailure::Allow } else { OnFailure::Refuse };
    Hooks { webhook: Some(Settings { endpoint, secret, timeout, events, on_failure, tls }) }
}

fn events(values: &mut Resolved) -> Vec<Event> {
    let mut known = Vec::new();
    for name in values.list(&ON_EVENTS) {
        match Event::from_name(&name) {
            Some(event) => known.push(event),
            None => {
                let all = EVENTS.map(Event::name).join(", ");
                values.refuse(&ON_EVENTS, format!("{name:?} is none of {all}"));
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    //! What is wrong with a section of hooks is said, all of it at once.

    use termfleet_gateway::hooks::{Event, OnFailure};

    use crate::config::tests::{settings, told};

    const URL: (&str, &str) = ("hooks.url", "https://hooks.example/termfleet?x=1");
    const SECRET: (&str, &str) = ("hooks.secret", "0123456789abcdef");

    #[test]
    fn nobody_is_asked_unless_somebody_is_named() {
        assert!(settings(&[]).hooks.webhook.is_none());
        let webhook = settings(&[URL, SECRET]).hooks.webhook.unwrap();
        assert_eq!((webhook.events.len(), webhook.on_failure), (4, OnFailure::Refuse));
        assert!(webhook.tls.is_some() && webhook.timeout.as_millis() == 2_000);
        let events = ("hooks.events", "after_create");
        let some = settings(&[URL, SECRET, events, ("hooks.on_failure", "allow")]);
        let webhook = some.hooks.webhook.unwrap();
        assert_eq!(
            (webhook.events, webhook.on_failure),
            (vec![Event::AfterCreate], OnFailure::Allow)
        );
    }

    #[test]
    fn a_secret_is_needed_and_long_enough() {
        assert!(told(&[URL]).contains("hooks.secret"));
        let (below, at) = ("0123456789abcde", "0123456789abcdef");
        assert!(told(&[URL, ("hooks.secret", below)]).contains("at least 16 bytes"));
        assert!(settings(&[URL, ("hooks.secret", at)]).hooks.webhook.is_some());
    }

    #[test]
    fn what_is_no_url_no_event_and_no_certificate_is_refused() {
        for url in ["ftp://h/", "hooks.example", "http://ann:pass@h/", "http://"] {
            let told = told(&[("hooks.url", url), SECRET]);
            assert!(told.contains("hooks.url") && !told.contains("pass"), "{url}: {told}");
        }
        assert!(told(&[("hooks.events", "before_lunch")]).contains("before_lunch"));
        assert!(told(&[("hooks.ca", "no PEM")]).contains("hooks.ca"));
    }
}
