//! The schema of the binary: every key is read, every name of the seeds leads somewhere, and every
//! type stands at its limits and falls beyond them.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;

use termfleet_runtime::settings::{Kind, Layers};

use super::*;

fn resolved(flags: &[(&str, &str)]) -> Resolved {
    Layers::of(SCHEMA).flags(flags.iter().map(|(key, text)| flag("flag", key, *text))).resolve()
}

/// What is wrong with these values.
pub(super) fn told(flags: &[(&str, &str)]) -> String {
    Settings::parse(&mut resolved(flags)).err().map(|told| told.to_string()).unwrap_or_default()
}

pub(super) fn settings(flags: &[(&str, &str)]) -> Settings {
    Settings::parse(&mut resolved(flags)).unwrap()
}

fn with_variables(variables: &[(&str, &str)]) -> Settings {
    let own = |(name, value): &(&str, &str)| (OsString::from(name), OsString::from(value));
    Settings::parse(&mut Layers::of(SCHEMA).variables(variables.iter().map(own)).resolve()).unwrap()
}

#[test]
fn every_key_is_read_and_stands_in_its_section() {
    let mut resolved = resolved(&[]);
    Settings::parse(&mut resolved).unwrap();
    assert_eq!(resolved.unread(), [""; 0], "no key may be there for nothing");
    for section in SCHEMA.sections {
        for key in section.keys {
            assert!(key.name.starts_with(&format!("{}.", section.name)), "{}", key.name);
            let unit = match key.kind {
                Kind::Milliseconds(..) => key.name.ends_with("_ms"),
                _ => !key.name.ends_with("_ms"),
            };
            assert!(unit, "{}: times end in _ms", key.name);
        }
    }
    let mut names: Vec<_> = SCHEMA.keys().map(|key| key.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), SCHEMA.keys().count());
}

#[test]
fn every_default_stands_within_its_own_bounds() {
    for key in SCHEMA.keys() {
        if let (
            Kind::Number(least, most) | Kind::Milliseconds(least, most) | Kind::Bytes(least, most),
            Some(default),
        ) = (key.kind, key.default_value())
        {
            let number: u64 = default.to_string().parse().unwrap();
            assert!((least..=most).contains(&number), "{}", key.name);
        }
        if let Some(default) = key.default_value() {
            assert_eq!(
                told(&[(key.name, default.to_string().trim_matches('"'))]),
                "",
                "{}",
                key.name
            );
        }
    }
}

#[test]
fn every_number_stands_at_its_limits_and_falls_beyond_them() {
    for key in SCHEMA.keys() {
        let (Kind::Number(least, most)
        | Kind::Milliseconds(least, most)
        | Kind::Bytes(least, most)) = key.kind
        else {
            continue;
        };
        for number in [least, most] {
            assert_eq!(told(&[(key.name, &number.to_string())]), "", "{} = {number}", key.name);
        }
        let (below, above) = (i128::from(least) - 1, i128::from(most) + 1);
        for number in [below, above] {
            let told = told(&[(key.name, &number.to_string())]);
            assert!(told.contains(&format!("flag: {}: ", key.name)), "{} = {number}", key.name);
        }
    }
}

#[test]
fn a_key_that_changes_nothing_says_so_when_it_is_set() {
    for key in SCHEMA.keys().filter(|key| key.pending.is_some()) {
        let other = match key.kind {
            Kind::Flag => "true".to_owned(),
            Kind::List => "x".to_owned(),
            Kind::Table => "a=b".to_owned(),
            Kind::Numbers => "a=1".to_owned(),
            Kind::Number(_, most) | Kind::Milliseconds(_, most) | Kind::Bytes(_, most) => {
                most.to_string()
            }
            kind => panic!("{}: another value of {kind}", key.name),
        };
        let pending = settings(&[(key.name, &other)]).pending;
        assert!(pending.len() == 1 && pending[0].contains(key.name), "{}: {pending:?}", key.name);
    }
    assert_eq!(settings(&[]).pending, [""; 0]);
}

#[test]
fn the_variables_of_the_seeds_mean_the_same_keys() {
    let settings = with_variables(&[
        ("PORT", "8000"),
        ("REDIS_URL", "redis://redis:6379"),
        ("MAX_SESSIONS", "10000"),
        ("CLEANUP_INTERVAL", "60001"),
        ("BACKEND_POOL_SIZE", "20"),
    ]);
    assert_eq!(settings.server.listen[0].port(), 8000);
    assert_eq!(settings.redis.url.unwrap().reveal(), "redis://redis:6379");
    assert_eq!(settings.worker.capacity, 10_000);
    assert_eq!(settings.session.cleanup_interval.as_millis(), 60_001);
    assert_eq!(settings.cluster.pool_size, 20);
    let both = with_variables(&[("MAX_SESSIONS", "10000"), ("MAX_SESSIONS_PER_BACKEND", "10")]);
    assert_eq!(both.worker.capacity, 10, "the more exact name wins");
}

#[test]
fn every_name_of_the_seeds_leads_to_a_key() {
    for (name, key) in [
        ("server.cors.origin", "server.cors.origins"),
        ("session.maxPerProject", "session.max_per_project"),
        ("session.maxPerUser", "session.max_per_user"),
        ("session.timeout", "session.timeout_ms"),
        ("session.cleanupInterval", "session.cleanup_interval_ms"),
        ("focus.maxPerProject", "focus.max_per_project"),
        ("focus.autoFocusNew", "focus.auto_focus_new"),
        ("streaming.bufferSize", "streaming.buffer_size_bytes"),
        ("streaming.throttleMs", "streaming.throttle_ms"),
        ("security.maxInputLength", "security.max_input_length"),
        ("security.allowedCommands", "security.allowed_commands"),
        ("security.blockedPatterns", "security.blocked_patterns"),
        ("monitoring.metricsInterval", "monitoring.metrics_interval_ms"),
        ("monitoring.healthCheckInterval", "monitoring.health_check_interval_ms"),
        ("monitoring.alertThresholds", "monitoring.alert_thresholds"),
        ("authentication.provider", "auth.provider"),
        ("authentication.secret", "auth.secret"),
        ("authentication.expiresIn", "auth.expires_in_ms"),
        ("authorization.roles", "auth.roles"),
        ("rateLimiting.windowMs", "limits.window_ms"),
        ("rateLimiting.maxRequests", "limits.max_requests"),
        ("rateLimiting.maxSessionsPerUser", "session.max_per_user"),
        ("sanitization.maxInputLength", "security.max_input_length"),
    ] {
        let told = told(&[(name, "1")]);
        assert!(told.contains(&format!("did you mean {key}?")), "{name}: {told}");
    }
    for name in [
        "server.port",
        "server.host",
        "process.shell",
        "process.env",
        "process.cwd",
        "process.cols",
        "process.rows",
        "streaming.compression",
    ] {
        assert!(SCHEMA.keys().any(|key| key.name == name), "{name}");
    }
    assert_eq!(settings(&[("limits.max_sessions_per_user", "7")]).session.max_per_user, 7);
}

#[test]
fn what_no_type_allows_is_refused_with_its_key() {
    let secret = "c2VjcmV0IG9mIHRoZSB0ZXN0IHRoYXQgaXMgbG9uZyBlbm91Z2g=";
    for (flags, why) in [
        (&[("server.host", "localhost")][..], "server.host: "),
        (&[("server.listen", "127.0.0.1:1,here")], "server.listen: "),
        (&[("server.admin_listen", "9464")], "server.admin_listen: "),
        (&[("server.hosts", "app.example,a b")], "server.hosts: \"a b\""),
        (&[("server.cors.origins", "https://app.example/")], "is not an origin"),
        (&[("server.proxies", "10.0.0.0/33")], "server.proxies: "),
        (&[("redis.url", "localhost")], "redis.url: is no URL"),
        (&[("auth.secret", "c2hvcnQ=")], "auth.secret: an HS256 key needs at least 32 bytes"),
        (&[("auth.secret", "not base64!")], "auth.secret: the key is not base64"),
        (&[("auth.public_key", "x")], "HS256, which has no public keys"),
        (&[("auth.algorithm", "EdDSA"), ("auth.public_key", "x")], "no PEM text"),
        (&[("auth.algorithm", "EdDSA"), ("auth.secret", secret)], "auth.secret: is of no use"),
        (&[("auth.issuer", "")], "auth.issuer: must not be empty"),
        (&[("cluster.worker_networks", "everywhere")], "cluster.worker_networks: "),
        (&[("gateway.id", "a b")], "gateway.id: "),
        (&[("worker.id", "a b")], "worker.id: "),
        (&[("worker.advertise", "10.0.0.1")], "worker.advertise: \"10.0.0.1\" is not HOST:PORT"),
        (&[("process.shell", "/no/shell")], "process.shell: /no/shell: there is no such program"),
        (&[("process.shells", "bash")], "process.shells: bash: "),
        (&[("process.env", "1A=x")], "process.env: \"1A\""),
        (&[("process.claude_command", " ")], "process.claude_command: must not be empty"),
        (&[("streaming.buffer_size_bytes", "5000")], "5000 is not a power of two; 8192 is"),
        (&[("telemetry.log", "a=b=c")], "telemetry.log: not a log filter"),
    ] {
        let told = told(flags);
        assert!(told.contains(why), "{flags:?}: {told:?}");
        assert!(!told.contains("c2Vj") && !told.contains("c2hv"), "{told}");
    }
    let all = told(&[("server.host", "x"), ("worker.id", "a b"), ("auth.issuer", "")]);
    assert!(all.starts_with("3 mistakes in the configuration:\n"), "{all}");
}

#[test]
fn a_gateway_starts_1_to_64_workers_and_others_may_start_more() {
    let pool = |size| [("cluster.pool_driver", "process"), ("cluster.backend_pool_size", size)];
    for (size, number) in [("1", 1), ("64", 64)] {
        let cluster = settings(&pool(size)).cluster;
        assert_eq!((cluster.pool_driver, cluster.pool_size), (PoolDriver::Process, number));
    }
    for size in ["0", "65"] {
        let told = told(&pool(size));
        assert!(told.contains("flag: cluster.backend_pool_size: "), "{size}: {told}");
    }
    let cluster = settings(&[("cluster.backend_pool_size", "65")]).cluster;
    assert_eq!((cluster.pool_driver, cluster.pool_size), (PoolDriver::Static, 65));
    let pods = settings(&[("cluster.pool_driver", "kubernetes")]).cluster;
    assert_eq!(
        (pods.pool_driver, &*pods.kubernetes.set),
        (PoolDriver::Kubernetes, "termfleet-worker")
    );
    assert!(told(&[("cluster.pool_driver", "nomad")]).contains("cluster.pool_driver: "));
}

#[test]
fn a_secret_makes_tokens_that_are_believed() {
    let secret = "c2VjcmV0IG9mIHRoZSB0ZXN0IHRoYXQgaXMgbG9uZyBlbm91Z2g=";
    let auth =
        settings(&[("auth.secret", secret), ("auth.key_id", "k1"), ("auth.issuer", "me")]).auth;
    let grant = termfleet_token::Grant {
        user: "ann".parse().unwrap(),
        tenant: None,
        role: termfleet_session::role::Role::User,
    };
    let token = auth.minter.unwrap().mint(&grant, 1_000_000, 60).unwrap();
    let identity = auth.verifier.unwrap().verify(&token, 1_000_001).unwrap();
    assert_eq!(identity.actor.user.as_str(), "ann");
    assert!(settings(&[]).auth.verifier.is_none());
}

#[test]
fn limits_reach_the_services() {
    use termfleet_gateway::config::Limits;
    let settings = settings(&[
        ("session.max_per_project", "3"),
        ("limits.sockets_per_user", "5"),
        ("limits.max_requests", "7"),
        ("limits.window_ms", "9000"),
        ("security.max_input_length", "100"),
        ("process.cols", "132"),
        ("process.rows", "43"),
        ("process.env", "GREETING=hello"),
        ("process.shells", "/bin/sh"),
        ("worker.capacity", "7"),
        ("server.proxies", "10.0.0.0/8,::1"),
        ("server.hosts", "app.example"),
    ]);
    let gateway = settings.gateway("1");
    assert_eq!(gateway.limits.sessions.per_project, 3);
    assert_eq!(gateway.limits.sockets_per_user, 5);
    let Limits { max_requests, requests_window, .. } = gateway.limits;
    assert_eq!((max_requests, requests_window.as_millis()), (7, 9_000));
    assert_eq!(gateway.limits.input_message_bytes, 100);
    assert_eq!((gateway.size.cols, gateway.size.rows), (132, 43));
    assert_eq!(gateway.proxies.len(), 2);
    assert!(gateway.site.check_host("app.example").is_ok());
    let roots = termfleet_worker::ProjectRoots::new("/srv");
    let worker = settings.worker([("SHELL".into(), "/bin/sh".into())], roots);
    assert_eq!(worker.environment["GREETING"], "hello");
    assert_eq!(worker.capacity, 7);
    assert!(worker.shells.allows("/bin/sh") && !worker.shells.allows("/bin/bash"));
}

#[test]
fn the_defaults_are_those_of_the_services() {
    use termfleet_gateway as gateway;
    let ours = settings(&[]).gateway("1");
    let theirs = gateway::Config::new("x", "1", ours.site.clone());
    assert_eq!(format!("{:?}", ours.limits), format!("{:?}", theirs.limits));
    assert_eq!(ours.drain_deadline, theirs.drain_deadline);
    assert_eq!(ours.size, theirs.size);
}
