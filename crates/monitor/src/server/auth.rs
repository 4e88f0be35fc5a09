//! Who is asking: tokens, their roles, and the cookie that a browser gets for one.
//!
//! Tokens are kept as hashes and compared in constant time. Which path needs which role is decided
//! where the path is.

use super::token::{Token, TokenRole, hash};
use crate::clock::now_ms;
use hmac::{Hmac, KeyInit, Mac};
use replica_core::Name;
use sha2::Sha256;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// The cookie's name.
pub(super) const COOKIE: &str = "replica_monitor";
/// How long a browser stays signed in.
const COOKIE_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Wrong tokens that one address may show before it has to wait.
const FAILURES: u32 = 20;
/// How long it has to wait.
const FAILURE_WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered for failing; beyond that the record starts anew.
const MAX_ADDRESSES: usize = 4096;

/// Somebody whose token was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The token's name, for the audit.
    pub(crate) name: Name,
    /// What it allows.
    pub(crate) role: TokenRole,
    /// Whether it came in the address, which may end up in logs: such a one never writes.
    pub(crate) by_query: bool,
}

/// The tokens of this monitor.
pub(crate) struct Access {
    tokens: Vec<Token>,
    /// Whether reading needs no token.
    pub(crate) reads_open: bool,
    failures: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Access {
    pub(crate) fn new(tokens: Vec<Token>, reads_open: bool) -> Self {
        Self {
            tokens,
            reads_open,
            failures: Mutex::default(),
        }
    }

    /// Whether anybody can be an operator.
    pub(super) fn has_operators(&self) -> bool {
        self.tokens.iter().any(|token| token.role == TokenRole::Operator)
    }

    /// Whose token that is. Every token is compared, whatever the first one says.
    pub(crate) fn token(&self, shown: &str, by_query: bool) -> Option<Identity> {
        let shown = hash(shown);
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.hash.ct_eq(&shown)) {
                found = Some(Identity {
                    name: token.name.clone(),
                    role: token.role,
                    by_query,
                });
            }
        }
        found
    }

    /// A cookie value that stands for the token of `identity` until it expires or the token changes.
    pub(crate) fn cookie(&self, identity: &Identity) -> Option<String> {
        let token = self.tokens.iter().find(|token| token.name == identity.name)?;
        let expires = now_ms() / 1000 + i64::try_from(COOKIE_LIFE.as_secs()).unwrap_or(0);
        let claim = format!("{}.{expires}", hex::encode(&*token.name));
        let mac = hex::encode(mac(token, &claim)?.finalize().into_bytes());
        Some(format!("{claim}.{mac}"))
    }

    /// Whom a cookie value stands for.
    pub(crate) fn cookie_holder(&self, value: &str) -> Option<Identity> {
        let (claim, shown) = value.rsplit_once('.')?;
        let (name, expires) = claim.split_once('.')?;
        let token = self
            .tokens
            .iter()
            .find(|token| hex::encode(&*token.name) == name)?;
        mac(token, claim)?.verify_slice(&hex::decode(shown).ok()?).ok()?;
        let alive = expires.parse::<i64>().ok()? > now_ms() / 1000;
        alive.then_some(Identity {
            name: token.name.clone(),
            role: token.role,
            by_query: false,
        })
    }

    /// Whether `peer` showed too many wrong tokens lately.
    pub(crate) fn is_locked_out(&self, peer: IpAddr) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures
            .get(&peer)
            .is_some_and(|(count, since)| *count >= FAILURES && since.elapsed() < FAILURE_WINDOW)
    }

    /// Remembers that `peer` showed a wrong token.
    pub(crate) fn failed(&self, peer: IpAddr) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MAX_ADDRESSES && !failures.contains_key(&peer) {
            failures.clear();
        }
        let record = failures.entry(peer).or_insert((0, Instant::now()));
        if record.1.elapsed() >= FAILURE_WINDOW {
            *record = (0, Instant::now());
        }
        record.0 += 1;
        if record.0 == FAILURES {
            tracing::warn!(%peer, "{FAILURES} wrong tokens; this address is refused until the minute is over");
        }
    }
}

fn mac(token: &Token, claim: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&token.hash).ok()?;
    mac.update(claim.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        let token = |name, role, secret: &str| Token::new(name, role, &secret.to_owned().into());
        let viewer = token("viewer", TokenRole::Viewer, "view");
        Access::new(
            vec![viewer, token("operator", TokenRole::Operator, "operate")],
            false,
        )
    }

    #[test]
    fn tokens_have_roles() {
        assert_eq!(access().token("view", false).unwrap().role, TokenRole::Viewer);
        assert_eq!(
            access().token("operate", false).unwrap().role,
            TokenRole::Operator
        );
        for wrong in ["", "vie", "view ", "VIEW"] {
            assert_eq!(access().token(wrong, false), None);
        }
    }

    #[test]
    fn a_cookie_stands_for_its_token_only() {
        let access = access();
        let cookie = access.cookie(&access.token("view", true).unwrap()).unwrap();
        assert_eq!(access.cookie_holder(&cookie).unwrap().role, TokenRole::Viewer);
        let forged = cookie.replace(&hex::encode("viewer"), &hex::encode("operator"));
        assert_eq!(access.cookie_holder(&forged), None);
        let changed = Token::new("viewer", TokenRole::Viewer, &"changed".to_owned().into());
        let other = Access::new(vec![changed], false);
        assert_eq!(other.cookie_holder(&cookie), None);
        for garbage in ["", ".", "..", "766965776572.1.zz", "766965776572.99999999999.00"] {
            assert_eq!(access.cookie_holder(garbage), None);
        }
    }

    #[test]
    fn guessing_is_slowed_down() {
        let (access, peer) = (access(), IpAddr::from([127, 0, 0, 1]));
        for _ in 0..FAILURES {
            assert!(!access.is_locked_out(peer));
            access.failed(peer);
        }
        assert!(access.is_locked_out(peer));
        assert!(!access.is_locked_out(IpAddr::from([127, 0, 0, 2])));
    }
}
