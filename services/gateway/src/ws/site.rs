//! Who may speak to this server: the Host it is called by and the Origin of the page that calls.
//!
//! The same rules stand before REST and before WebSockets. A wrong Host means a rebound name or a
//! misrouted request; a wrong Origin means somebody else's page. Pure functions over headers.

use std::net::{IpAddr, Ipv6Addr};

use http::{
    Request,
    header::{HOST, ORIGIN},
    uri::Authority,
};

use super::{Reject, handshake::single};

/// What a server answers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The names it is called by.
    pub hosts: Hosts,
    /// The pages that may call it.
    pub origins: Origins,
}

/// The names a server is called by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// `localhost` and loopback addresses, on any port.
    Loopback,
    /// These: `name` on any port, `name:port` on that port alone. IPv6 addresses in brackets.
    Listed(Vec<String>),
}

/// The pages that may call a server, where a browser names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Pages served from loopback, on any port.
    Loopback,
    /// Pages of the very host that is called, and these origins (`https://app.example`,
    /// `tauri://localhost`), as browsers spell them.
    SameOrListed(Vec<String>),
}

impl Origins {
    /// Is it one of those that are listed? `null` never is: browsers say it for every local file
    /// and every sandboxed frame, so that whoever listed it would have let in everybody.
    pub(crate) fn lists(&self, origin: &str) -> bool {
        match self {
            Self::Loopback => false,
            Self::SameOrListed(origins) => {
                origin.contains("://")
                    && origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin))
            }
        }
    }
}

impl Site {
    /// The rule of a development server: loopback alone.
    #[must_use]
    pub fn loopback() -> Self {
        Self { hosts: Hosts::Loopback, origins: Origins::Loopback }
    }

    /// Checks Host and Origin of a request; `by_cookie` says that it is signed in by a cookie,
    /// which a browser sends along for any page, so that its Origin must be named.
    ///
    /// # Errors
    /// [`Reject::Host`], [`Reject::ForeignHost`] or [`Reject::ForeignOrigin`].
    pub fn check<B>(&self, request: &Request<B>, by_cookie: bool) -> Result<(), Reject> {
        let host = single(request.headers(), &HOST).ok_or(Reject::Host)?;
        // An absolute request target names the host once more; it must be the same.
        if request
            .uri()
            .authority()
            .is_some_and(|target| !target.as_str().eq_ignore_ascii_case(host))
        {
            return Err(Reject::Host);
        }
        self.check_host(host)?;
        let origin = match request.headers().contains_key(ORIGIN) {
            false => None,
            true => Some(single(request.headers(), &ORIGIN).ok_or(Reject::ForeignOrigin)?),
        };
        self.check_origin(host, origin, by_cookie)
    }

    /// Is this one of our names?
    ///
    /// # Errors
    /// [`Reject::Host`] when it is no host at all, [`Reject::ForeignHost`] when it is another's.
    pub fn check_host(&self, host: &str) -> Result<(), Reject> {
        let place = Place::parse(host).ok_or(Reject::Host)?;
        let known = match &self.hosts {
            Hosts::Loopback => place.is_loopback(),
            Hosts::Listed(names) => names.iter().any(|name| {
                Place::parse(name).is_some_and(|ours| {
                    ours.name == place.name && (ours.port.is_none() || ours.port == place.port)
                })
            }),
        };
        if known { Ok(()) } else { Err(Reject::ForeignHost) }
    }

    /// May a page of this origin call us at this host?
    ///
    /// # Errors
    /// [`Reject::ForeignOrigin`].
    pub fn check_origin(
        &self,
        host: &str,
        origin: Option<&str>,
        by_cookie: bool,
    ) -> Result<(), Reject> {
        let allowed = match origin {
            None => !by_cookie,
            Some(origin) => self.is_allowed(host, origin),
        };
        if allowed { Ok(()) } else { Err(Reject::ForeignOrigin) }
    }

    fn is_allowed(&self, host: &str, origin: &str) -> bool {
        // A desktop shell's pages have a scheme of its own: only by name do they get in.
        if self.origins.lists(origin) {
            return true;
        }
        // `null`, other schemes, and what only looks like an origin end here.
        let Some((scheme_port, place)) = parse_origin(origin) else { return false };
        match &self.origins {
            Origins::Loopback => place.is_loopback(),
            Origins::SameOrListed(_) => Place::parse(host).is_some_and(|host| {
                host.name == place.name
                    && host.port.unwrap_or(scheme_port) == place.port.unwrap_or(scheme_port)
            }),
        }
    }
}

/// The default port of its scheme, and the place. Browsers give no path, user or final slash.
fn parse_origin(origin: &str) -> Option<(u16, Place)> {
    let (port, place) = match origin.split_once("://")? {
        (scheme, place) if scheme.eq_ignore_ascii_case("https") => (443, place),
        (scheme, place) if scheme.eq_ignore_ascii_case("http") => (80, place),
        _ => return None,
    };
    Some((port, Place::parse(place)?))
}

/// A host with its port, if it names one; the name in lower case.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    name: String,
    port: Option<u16>,
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        // Only what a name, an address and a port are made of: no user, no path, no space.
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)) {
            return None;
        }
        let authority: Authority = text.parse().ok()?;
        let name = authority.host().to_ascii_lowercase();
        let port = authority.port_u16();
        let written = name.len() + authority.port().map_or(0, |port| port.as_str().len() + 1);
        (!name.is_empty() && written == text.len()).then_some(Self { name, port })
    }

    fn is_loopback(&self) -> bool {
        let address = self.name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        match address {
            Some(address) => address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback()),
            None if self.name == "localhost" => true,
            None => self.name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        }
    }
}

#[cfg(test)]
mod tests;
