//! The configurations of the services, made of settings.

use termfleet_gateway as gateway;
use termfleet_store as store;
use termfleet_worker::{self as worker, ProjectRoots, Shells, config::base_environment};

use super::Settings;

impl Settings {
    /// How a gateway is to run.
    pub(crate) fn gateway(&self, version: &'static str) -> gateway::Config {
        let limits = &self.limits;
        gateway::Config {
            proxies: self.server.proxies.clone(),
            limits: gateway::config::Limits {
                sessions: store::Limits {
                    per_project: self.session.max_per_project,
                    per_user: self.session.max_per_user,
                },
                sockets_per_user: limits.sockets_per_user,
                max_requests: limits.max_requests,
                requests_window: limits.window,
                handshakes_per_minute: limits.handshakes_per_minute,
                http_connections: limits.http_connections,
                connections_per_address: limits.connections_per_address,
                input_message_bytes: self.security.max_input_bytes,
                input_bytes_per_second: limits.input_bytes_per_second,
                input_messages_per_second: limits.input_messages_per_second,
                messages_per_second: limits.messages_per_second,
                messages_burst: limits.messages_burst,
            },
            size: self.process.size,
            focus: gateway::config::Focus {
                max_per_project: self.focus.max_per_project as usize,
                auto_focus_new: self.focus.auto_focus_new,
            },
            drain_deadline: self.gateway.drain_deadline,
            monitoring: self.monitoring.gateway(),
            cookie: self.auth.cookie.clone(),
            idle: gateway::idle::Idle {
                timeout: self.session.timeout,
                interval: self.session.cleanup_interval,
            },
            ..gateway::Config::new(&self.gateway.id, version, self.server.site.clone())
        }
    }

    /// How a worker is to run whose sessions inherit of these variables, with projects in these
    /// directories.
    pub(crate) fn worker(
        &self,
        variables: impl IntoIterator<Item = (String, String)>,
        roots: ProjectRoots,
    ) -> worker::Config {
        let mut environment = base_environment(variables);
        if let Some(shell) = &self.process.shell {
            environment.insert("SHELL".into(), shell.clone());
        }
        let mut shells = Shells::from_machine(&environment);
        if !self.process.shells.is_empty() {
            shells = Shells::new(shells.default_shell(), self.process.shells.iter().cloned());
        }
        environment.extend(self.process.env.clone());
        worker::Config {
            worker: self.worker.id.clone(),
            shells,
            claude: self.process.claude.clone(),
            roots,
            environment,
            capacity: self.worker.capacity,
            assert_every: worker::config::ASSERT_EVERY,
            metrics_interval: self.monitoring.metrics_interval,
        }
    }
}
