//! What is asked of a Redis before anything is written to it, and how it is said when it does not
//! fit: one line that names the server and what to do.

use std::collections::HashMap;

use redis::{Cmd, ErrorKind, RedisError, RedisResult, Value, cluster_routing as routing};

use super::{
    address::{Address, InvalidAddress, Topology},
    client::Wire,
    dial::refuses_us,
};

/// The oldest major version that has what we use (Valkey calls itself 7 or higher).
const OLDEST: u32 = 7;

/// Why a Redis cannot serve as the store.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is not one.
    #[error("the Redis URL {0}")]
    BadUrl(#[from] InvalidAddress),
    /// Nobody answers.
    #[error("no Redis answers at {at} ({reason}): start it, or give the right URL")]
    Unreachable {
        /// Where.
        at: String,
        /// What the system says.
        reason: String,
    },
    /// It does not know us.
    #[error(
        "the Redis at {at} refuses our user or password: give them in the URL, percent-encoded"
    )]
    Refused {
        /// Where.
        at: String,
    },
    /// It knows us but does not let us do what we must.
    #[error("the Redis at {at} does not allow what we need ({reason}): extend the user's ACL")]
    Forbidden {
        /// Where.
        at: String,
        /// What the server says.
        reason: String,
    },
    /// It forgets keys when its memory is full.
    #[error("the Redis at {at} evicts keys ({policy}): set its maxmemory-policy to noeviction")]
    Evicts {
        /// Where.
        at: String,
        /// The policy that it has.
        policy: String,
    },
    /// It is a replica.
    #[error("the Redis at {at} is a read-only replica of {master}: give the master's URL")]
    ReadOnly {
        /// Where.
        at: String,
        /// Its master.
        master: String,
    },
    /// It waits for replicas that it does not have.
    #[error(
        "the Redis at {at} has min-replicas-to-write but no replica follows it, so it refuses every \
         write: start its replicas, or set min-replicas-to-write to 0 if it has none"
    )]
    NoReplicas {
        /// Where.
        at: String,
    },
    /// It is something else than its URL says.
    #[error("what answers at {at} is {found}: its URL begins with {scheme}")]
    Mistaken {
        /// Where.
        at: String,
        /// What it is.
        found: &'static str,
        /// How the URL of such a one begins.
        scheme: &'static str,
    },
    /// The sentinels do not know the master.
    #[error("the sentinels at {at} know no master of that name: check the end of the URL")]
    UnknownMaster {
        /// Where.
        at: String,
    },
    /// It is still reading its data.
    #[error("the Redis at {at} is still loading its data: start again when it is ready")]
    Loading {
        /// Where.
        at: String,
    },
    /// The cluster does not serve all of its slots.
    #[error("the Redis cluster at {at} is down: see its CLUSTER INFO and start what is missing")]
    ClusterDown {
        /// Where.
        at: String,
    },
    /// It is older than what we use.
    #[error("the Redis at {at} has version {version}: {OLDEST} or newer, or Valkey, is needed")]
    TooOld {
        /// Where.
        at: String,
        /// The version that it has.
        version: String,
    },
}

impl ConnectError {
    /// What an error at the first connection means.
    pub(super) fn of(error: &RedisError, address: &Address) -> Self {
        use redis::ServerErrorKind::{BusyLoading, ClusterDown, NoPerm};
        let at = address.to_string();
        match error.kind() {
            ErrorKind::Server(NoPerm) => Self::Forbidden { at, reason: error.to_string() },
            ErrorKind::Server(BusyLoading) => Self::Loading { at },
            ErrorKind::Server(ClusterDown) => Self::ClusterDown { at },
            ErrorKind::MasterNameNotFoundBySentinel => Self::UnknownMaster { at },
            _ if refuses_us(error) => Self::Refused { at },
            _ if error.to_string().contains("cluster support disabled") => {
                Self::Mistaken { at, found: "no cluster", scheme: "redis:// or redis+sentinel://" }
            }
            _ => Self::Unreachable { at, reason: error.to_string() },
        }
    }
}

/// Checks every server that takes writes. Answers what a person should know although it works.
pub(super) async fn check(wire: &mut Wire, address: &Address) -> Result<Vec<String>, ConnectError> {
    let infos = infos(wire).await.map_err(|error| ConnectError::of(&error, address))?;
    let mut advice = Vec::new();
    for (node, text) in &infos {
        let at = node.clone().unwrap_or_else(|| address.to_string());
        advice.extend(weigh(&Info::of(text), &address.topology, at)?);
    }
    if let Wire::Many(connection) = wire {
        let state: String = redis::cmd("CLUSTER")
            .arg("INFO")
            .query_async(connection)
            .await
            .map_err(|error| ConnectError::of(&error, address))?;
        if Info::of(&state).get("cluster_state") != "ok" {
            return Err(ConnectError::ClusterDown { at: address.to_string() });
        }
    }
    Ok(advice)
}

/// Who the servers are that take writes: another one, or one that was started anew, is another.
pub(super) async fn lives(wire: &mut Wire) -> RedisResult<Vec<String>> {
    let mut command = redis::cmd("INFO");
    command.arg("server");
    let infos = ask(wire, command).await?;
    let mut lives: Vec<_> =
        infos.iter().map(|(_, text)| Info::of(text).get("run_id").to_owned()).collect();
    lives.sort();
    Ok(lives)
}

/// Does this server take writes?
pub(super) async fn is_master(wire: &mut Wire) -> RedisResult<bool> {
    let role: Vec<Value> = wire.query(&redis::cmd("ROLE")).await?;
    let role = role.into_iter().next().map(redis::from_redis_value::<String>).transpose()?;
    Ok(role.as_deref() == Some("master"))
}

async fn infos(wire: &mut Wire) -> RedisResult<Vec<(Option<String>, String)>> {
    ask(wire, redis::cmd("INFO")).await
}

/// The answer of every server that takes writes; of a cluster's with their names.
async fn ask(wire: &mut Wire, command: Cmd) -> RedisResult<Vec<(Option<String>, String)>> {
    match wire {
        Wire::One(connection) => Ok(vec![(None, command.query_async(connection).await?)]),
        Wire::Many(connection) => {
            let masters = (routing::MultipleNodeRoutingInfo::AllMasters, None);
            let answers =
                connection.route_command(command, routing::RoutingInfo::MultiNode(masters)).await?;
            let answers: HashMap<String, String> = redis::from_redis_value(answers)?;
            Ok(answers.into_iter().map(|(node, text)| (Some(node), text)).collect())
        }
    }
}

/// An answer of INFO.
struct Info<'a>(HashMap<&'a str, &'a str>);

impl<'a> Info<'a> {
    fn of(text: &'a str) -> Self {
        Self(text.lines().filter_map(|line| line.trim_end().split_once(':')).collect())
    }

    fn get(&self, field: &str) -> &'a str {
        self.0.get(field).copied().unwrap_or_default()
    }
}

fn weigh(info: &Info<'_>, topology: &Topology, at: String) -> Result<Vec<String>, ConnectError> {
    let mistaken = |at, found, scheme| Err(ConnectError::Mistaken { at, found, scheme });
    if info.get("redis_mode") == "sentinel" {
        return mistaken(at, "a sentinel", "redis+sentinel://");
    }
    let version = info.get("redis_version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < OLDEST) {
        return Err(ConnectError::TooOld { at, version: version.into() });
    }
    let in_cluster = matches!(topology, Topology::Cluster(_));
    if info.get("cluster_enabled") == "1" && !in_cluster {
        return mistaken(at, "a node of a cluster", "redis+cluster://");
    }
    if info.get("role") == "slave" {
        let master = format!("{}:{}", info.get("master_host"), info.get("master_port"));
        return Err(ConnectError::ReadOnly { at, master });
    }
    if info.get("loading") == "1" {
        return Err(ConnectError::Loading { at });
    }
    let policy = info.get("maxmemory_policy");
    if policy != "noeviction" {
        return Err(ConnectError::Evicts { at, policy: policy.into() });
    }
    weigh_replicas(info, at)
}

/// A server that waits for replicas needs one; one that has replicas should wait for them, else a
/// failover loses what it has acknowledged.
fn weigh_replicas(info: &Info<'_>, at: String) -> Result<Vec<String>, ConnectError> {
    // The field is there only where min-replicas-to-write is set.
    let waits = info.0.contains_key("min_slaves_good_slaves");
    if waits && info.get("min_slaves_good_slaves") == "0" {
        return Err(ConnectError::NoReplicas { at });
    }
    let mut advice = Vec::new();
    if !matches!(info.get("connected_slaves"), "" | "0") {
        if !waits {
            advice.push(format!(
                "the Redis at {at} has replicas and does not wait for them, so a failover can lose \
                 acknowledged writes: set min-replicas-to-write 1 and min-replicas-max-lag 2"
            ));
        }
        if info.get("aof_enabled") == "0" {
            advice.push(format!(
                "the Redis at {at} has replicas and no append-only file: set appendonly yes and \
                 appendfsync everysec"
            ));
        }
    }
    Ok(advice)
}

#[cfg(test)]
mod tests {
    //! Each setting that does not fit, and those that do.

    use super::*;

    const GOOD: &str = "redis_version:7.0.15\r\nredis_mode:standalone\r\ncluster_enabled:0\r\n\
        role:master\r\nloading:0\r\nmaxmemory_policy:noeviction\r\nconnected_slaves:0\r\n\
        aof_enabled:0\r\n";

    fn weighed(change: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let mut text = GOOD.to_owned();
        for (field, value) in change {
            // The last line of a field wins.
            text.push_str(&format!("{field}:{value}\r\n"));
        }
        let topology = "redis://h".parse::<Address>().unwrap().topology;
        weigh(&Info::of(&text), &topology, "h:1".into()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_single_server_that_keeps_its_keys_is_fine() {
        assert_eq!(weighed(&[]), Ok(vec![]));
        assert_eq!(weighed(&[("redis_version", "8.2.1")]), Ok(vec![]));
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_to_do() {
        let cases: [(&[(&str, &str)], &str); 6] = [
            (&[("maxmemory_policy", "allkeys-lru")], "maxmemory-policy to noeviction"),
            (&[("redis_version", "6.2.1")], "7 or newer"),
            (&[("redis_mode", "sentinel")], "redis+sentinel://"),
            (&[("cluster_enabled", "1")], "redis+cluster://"),
            (&[("role", "slave"), ("master_host", "m"), ("master_port", "2")], "replica of m:2"),
            (&[("min_slaves_good_slaves", "0")], "min-replicas-to-write to 0"),
        ];
        for (change, told) in cases {
            let error = weighed(change).unwrap_err();
            assert!(error.contains(told) && error.contains("h:1"), "{error}");
            assert!(!error.contains('\n'), "one line: {error}");
        }
    }

    #[test]
    fn replicas_that_nobody_waits_for_are_advised_against() {
        let replicated = ("connected_slaves", "2");
        assert_eq!(weighed(&[replicated]).unwrap().len(), 2);
        let good = [replicated, ("min_slaves_good_slaves", "2"), ("aof_enabled", "1")];
        assert_eq!(weighed(&good), Ok(vec![]));
    }
}
