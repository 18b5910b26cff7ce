//! Every Redis key and channel, built here and nowhere else.
//!
//! What is between the braces is the hash tag: keys of one tag are in one slot of a cluster, and a
//! script touches the keys of one tag only. Names of people and tenants come from tokens and may
//! hold anything, so everything that is not plain is percent-encoded: no name can close a tag, add
//! a part, be a pattern or end a line.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use termfleet_session::ids::{
    Alias, Incarnation, ProjectId, SessionId, Tag, TenantId, UserId, WorkerId,
};

use crate::rates::Scope;

/// The first part of every key, unless a Redis is shared and another is configured.
pub const NAMESPACE: &str = "tf";

/// What stays as it is: the characters of our own ids, and the mark of a tenant of one user.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-').remove(b'~');

/// The keys of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    namespace: String,
}

impl Default for Keys {
    fn default() -> Self {
        Self::of(NAMESPACE)
    }
}

impl Keys {
    /// The keys that begin with this namespace.
    #[must_use]
    pub fn of(namespace: &str) -> Self {
        Self { namespace: plain(namespace) }
    }

    /// A session's record, or the reservation that becomes one: a hash.
    #[must_use]
    pub fn session(&self, id: &SessionId) -> String {
        format!("{}:{{{}}}:session:{id}", self.namespace, id.tag())
    }

    /// The project's sessions that are not closed: a sorted set by last activity.
    #[must_use]
    pub fn sessions(&self, tenant: &TenantId, project: &ProjectId) -> String {
        self.of_project(tenant, project, "sessions")
    }

    /// The project's creations under way: a sorted set by expiry.
    #[must_use]
    pub fn reserved(&self, tenant: &TenantId, project: &ProjectId) -> String {
        self.of_project(tenant, project, "reserved")
    }

    /// The version of the project's last hint, for as long as the clock could give it again.
    #[must_use]
    pub fn version(&self, tenant: &TenantId, project: &ProjectId) -> String {
        self.of_project(tenant, project, "version")
    }

    /// The project's focus set and its version: one string.
    #[must_use]
    pub fn focus(&self, tenant: &TenantId, project: &ProjectId) -> String {
        self.of_project(tenant, project, "focus")
    }

    /// Hints about the project: a channel.
    #[must_use]
    pub fn events(&self, tenant: &TenantId, project: &ProjectId) -> String {
        self.of_project(tenant, project, "events")
    }

    /// Who has an alias: a string.
    #[must_use]
    pub fn alias(&self, tenant: &TenantId, alias: &Alias) -> String {
        let (tenant, alias) = (plain(tenant), plain(alias));
        format!("{}:{{a:{tenant}/{alias}}}:alias", self.namespace)
    }

    /// Hints about what is created in a tenant: a channel.
    #[must_use]
    pub fn created(&self, tenant: &TenantId) -> String {
        format!("{}:{{a:{}}}:created", self.namespace, plain(tenant))
    }

    /// The sessions and reservations of a user: a sorted set.
    #[must_use]
    pub fn user_sessions(&self, tenant: &TenantId, user: &UserId) -> String {
        self.of_user(tenant, user, "sessions")
    }

    /// A user's requests that may come again: a hash by idempotency key.
    #[must_use]
    pub fn user_requests(&self, tenant: &TenantId, user: &UserId) -> String {
        self.of_user(tenant, user, "requests")
    }

    /// A user's tickets: a sorted set.
    #[must_use]
    pub fn user_tokens(&self, tenant: &TenantId, user: &UserId) -> String {
        self.of_user(tenant, user, "tokens")
    }

    /// The sockets of a user: a sorted set by when their places end.
    #[must_use]
    pub fn user_sockets(&self, tenant: &TenantId, user: &UserId) -> String {
        self.of_user(tenant, user, "sockets")
    }

    /// Sockets of a user whose places others have taken over: a sorted set by when they are forgotten.
    #[must_use]
    pub fn user_replaced(&self, tenant: &TenantId, user: &UserId) -> String {
        self.of_user(tenant, user, "replaced")
    }

    /// A user's ticket, by the digest of its secret: a string.
    #[must_use]
    pub fn ticket(&self, tenant: &TenantId, user: &UserId, digest: &str) -> String {
        self.of_user(tenant, user, &format!("ticket:{}", plain(digest)))
    }

    /// A message that may come again, by its client's name for it: a string.
    #[must_use]
    pub fn message(&self, id: &SessionId, message: &str) -> String {
        format!("{}:{{{}}}:message:{id}:{}", self.namespace, id.tag(), plain(message))
    }

    /// A worker's incarnation, its registration and its lease: a hash.
    #[must_use]
    pub fn worker(&self, worker: &WorkerId, incarnation: &Incarnation) -> String {
        format!("{}:{{w}}:worker:{}/{incarnation}", self.namespace, plain(worker))
    }

    /// All incarnations of workers: a sorted set by the end of their lease.
    #[must_use]
    pub fn workers(&self) -> String {
        format!("{}:{{w}}:workers", self.namespace)
    }

    /// Which gateway sweeps: a string with a time to live.
    #[must_use]
    pub fn sweep(&self) -> String {
        format!("{}:{{w}}:sweep", self.namespace)
    }

    /// What tells that this Redis is still the one that was written to: a string.
    #[must_use]
    pub fn marker(&self) -> String {
        format!("{}:{{w}}:marker", self.namespace)
    }

    /// How one subscription connection proves itself: a channel of its own.
    #[must_use]
    pub fn probe(&self, connection: &str) -> String {
        format!("{}:{{w}}:probe:{}", self.namespace, plain(connection))
    }

    /// Revoked token ids: a sorted set by expiry.
    #[must_use]
    pub fn revoked(&self) -> String {
        format!("{}:{{r}}:revoked", self.namespace)
    }

    /// One rate limit: a string with a time to live.
    #[must_use]
    pub fn rate(&self, scope: &Scope) -> String {
        let Scope { limit, tenant, user } = scope;
        let (limit, tenant, user) = (plain(limit), plain(tenant), plain(user));
        format!("{}:{{l:{limit}:{tenant}/{user}}}:rate", self.namespace)
    }

    /// Audit events on their way to the sinks: a capped stream.
    #[must_use]
    pub fn audit(&self) -> String {
        format!("{}:audit", self.namespace)
    }

    fn of_project(&self, tenant: &TenantId, project: &ProjectId, what: &str) -> String {
        let tag = Tag::of(tenant, project);
        let (tenant, project) = (plain(tenant), plain(project));
        format!("{}:{{{tag}}}:{what}:{tenant}/{project}", self.namespace)
    }

    fn of_user(&self, tenant: &TenantId, user: &UserId, what: &str) -> String {
        format!("{}:{{u:{}/{}}}:{what}", self.namespace, plain(tenant), plain(user))
    }
}

fn plain(name: impl Display) -> String {
    utf8_percent_encode(&name.to_string(), &PLAIN).to_string()
}

#[cfg(test)]
mod tests {
    //! The exact strings: another process, and the next version, must find what this one wrote.

    use super::*;

    const ID: &str = "abcdefgh-abcdefghijklmnopqrstuvwxyz";
    const LIFE: &str = "00112233445566778899aabbccddeeff";

    fn scope(tenant: &str, user: &str) -> Scope {
        let (tenant, user) = (tenant.parse().unwrap(), user.parse().unwrap());
        Scope { limit: "requests", tenant, user }
    }

    #[test]
    fn every_key_is_exactly_as_written_down() {
        let keys = Keys::default();
        let (tenant, project) = ("acme".parse().unwrap(), "shop".parse().unwrap());
        let (user, alias) = ("ann".parse().unwrap(), "mine".parse().unwrap());
        let (worker, life) = ("w1".parse().unwrap(), LIFE.parse().unwrap());
        let rate = scope("acme", "ann");
        let expected = [
            (keys.session(&ID.parse().unwrap()), format!("tf:{{abcdefgh}}:session:{ID}")),
            (keys.sessions(&tenant, &project), "tf:{afjih3r2}:sessions:acme/shop".into()),
            (keys.reserved(&tenant, &project), "tf:{afjih3r2}:reserved:acme/shop".into()),
            (keys.version(&tenant, &project), "tf:{afjih3r2}:version:acme/shop".into()),
            (keys.focus(&tenant, &project), "tf:{afjih3r2}:focus:acme/shop".into()),
            (keys.events(&tenant, &project), "tf:{afjih3r2}:events:acme/shop".into()),
            (keys.alias(&tenant, &alias), "tf:{a:acme/mine}:alias".into()),
            (keys.created(&tenant), "tf:{a:acme}:created".into()),
            (keys.user_sessions(&tenant, &user), "tf:{u:acme/ann}:sessions".into()),
            (keys.user_requests(&tenant, &user), "tf:{u:acme/ann}:requests".into()),
            (keys.user_tokens(&tenant, &user), "tf:{u:acme/ann}:tokens".into()),
            (keys.user_sockets(&tenant, &user), "tf:{u:acme/ann}:sockets".into()),
            (keys.user_replaced(&tenant, &user), "tf:{u:acme/ann}:replaced".into()),
            (keys.ticket(&tenant, &user, "00ff"), "tf:{u:acme/ann}:ticket:00ff".into()),
            (
                keys.message(&ID.parse().unwrap(), "m:1}"),
                format!("tf:{{abcdefgh}}:message:{ID}:m%3A1%7D"),
            ),
            (keys.worker(&worker, &life), format!("tf:{{w}}:worker:w1/{LIFE}")),
            (keys.workers(), "tf:{w}:workers".into()),
            (keys.sweep(), "tf:{w}:sweep".into()),
            (keys.marker(), "tf:{w}:marker".into()),
            (keys.probe("g1"), "tf:{w}:probe:g1".into()),
            (keys.revoked(), "tf:{r}:revoked".into()),
            (keys.rate(&rate), "tf:{l:requests:acme/ann}:rate".into()),
            (keys.audit(), "tf:audit".into()),
        ];
        for (key, expected) in expected {
            assert_eq!(key, expected);
        }
    }

    #[test]
    fn hostile_names_stay_within_their_part_of_the_key() {
        let keys = Keys::default();
        let user: UserId = "}{:*/ %é".parse().unwrap();
        let tenant = TenantId::of_user(&user);
        let expected = "tf:{u:~%7D%7B%3A%2A%2F%20%25%C3%A9/%7D%7B%3A%2A%2F%20%25%C3%A9}:sessions";
        assert_eq!(keys.user_sessions(&tenant, &user), expected);
        let hostile = scope("a}{", "b} DEL *:/");
        assert_eq!(keys.rate(&hostile), "tf:{l:requests:a%7D%7B/b%7D%20DEL%20%2A%3A%2F}:rate");
    }

    #[test]
    fn names_that_differ_only_in_where_they_are_cut_have_different_keys() {
        let keys = Keys::default();
        let one = keys.user_sessions(&"a".parse().unwrap(), &"b/c".parse().unwrap());
        let two = keys.user_sessions(&"a/b".parse().unwrap(), &"c".parse().unwrap());
        assert_ne!(one, two);
    }

    #[test]
    fn another_namespace_shares_nothing_and_cannot_move_a_tag() {
        assert_eq!(Keys::of("team{1}").workers(), "team%7B1%7D:{w}:workers");
    }
}
