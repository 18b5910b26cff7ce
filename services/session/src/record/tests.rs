//! What a client may ask for, at, below and above each limit.
#![allow(clippy::unwrap_used)]

use super::*;

fn with_environment(name: &str, value: &str) -> Config {
    Config { environment: [(name.to_owned(), value.to_owned())].into(), ..Config::default() }
}

fn code(config: &Config) -> Option<Code> {
    config.check().err().map(|refusal| refusal.code)
}

#[test]
fn variables_that_run_code_or_reach_the_loader_are_refused() {
    for name in ["LD_PRELOAD", "BASH_ENV", "ENV", "BASH_FUNC_x%%", "TERMFLEET_KEY", "1A", "", "A=B"]
    {
        assert_eq!(code(&with_environment(name, "x")), Some(Code::BadMessage), "{name}");
    }
    assert_eq!(code(&with_environment("EDITOR", "vim -n")), None);
    assert_eq!(code(&with_environment("A", "line\nbreak")), Some(Code::BadMessage));
    assert_eq!(code(&with_environment("A", "nul\0")), Some(Code::BadMessage));
}

#[test]
fn counts_and_lengths_hold_at_their_limit_and_fall_above() {
    let many = |n: usize| (0..n).map(|i| (format!("V{i}"), String::new())).collect();
    let environment = |n| Config { environment: many(n), ..Config::default() };
    assert_eq!(code(&environment(MAX_ENVIRONMENT)), None);
    assert_eq!(code(&environment(MAX_ENVIRONMENT + 1)), Some(Code::BadMessage));
    assert_eq!(code(&environment(10_000)), Some(Code::BadMessage));
    assert_eq!(code(&with_environment("A", &"x".repeat(MAX_ENVIRONMENT_VALUE))), None);
    let long = with_environment("A", &"x".repeat(MAX_ENVIRONMENT_VALUE + 1));
    assert_eq!(code(&long), Some(Code::BadMessage));

    let labels = |n| Config { labels: many(n), ..Config::default() };
    assert_eq!(code(&labels(MAX_LABELS)), None);
    assert_eq!(code(&labels(MAX_LABELS + 1)), Some(Code::BadMessage));

    let tab = |n: usize| Config { tab_name: Some("x".repeat(n)), ..Config::default() };
    assert_eq!(code(&tab(MAX_TEXT)), None);
    assert_eq!(code(&tab(MAX_TEXT + 1)), Some(Code::BadMessage));
    assert_eq!(code(&tab(0)), Some(Code::BadMessage));
}

#[test]
fn an_unknown_backend_is_named_as_such() {
    let config = |name: &str| Config { backend: Some(name.into()), ..Config::default() };
    assert_eq!(code(&config("pty")), None);
    assert_eq!(code(&config("screen")), Some(Code::BadMessage));
}
