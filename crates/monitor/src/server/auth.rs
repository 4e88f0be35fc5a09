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
use std::sync::{Arc, Mutex, PoisonError, RwLock};
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
    /// Which token it was: two may have one name.
    mark: Name,
    /// Whether it came in the address, which may end up in logs: such a one never writes.
    pub(crate) by_query: bool,
}

impl Identity {
    fn of(token: &Token, by_query: bool) -> Self {
        Self {
            name: token.name.clone(),
            role: token.role,
            mark: Name::clone(&token.mark),
            by_query,
        }
    }
}

/// The tokens of this monitor.
pub(crate) struct Access {
    tokens: RwLock<Arc<[Token]>>,
    /// Whether reading needs no token.
    pub(crate) reads_open: bool,
    failures: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Access {
    pub(crate) fn new(tokens: Vec<Token>, reads_open: bool) -> Self {
        Self {
            tokens: RwLock::new(tokens.into()),
            reads_open,
            failures: Mutex::default(),
        }
    }

    /// From now on these are the tokens, and no others.
    pub(crate) fn replace(&self, tokens: Vec<Token>) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens.into();
    }

    /// Those that are, also the ones that are over.
    fn tokens(&self) -> Arc<[Token]> {
        Arc::clone(&self.tokens.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether anybody can be an operator.
    pub(super) fn has_operators(&self) -> bool {
        let (tokens, now) = (self.tokens(), now_ms());
        tokens
            .iter()
            .any(|token| token.role == TokenRole::Operator && token.is_valid(now))
    }

    /// Whose token that is. Every token is compared, whatever the first one says.
    pub(crate) fn token(&self, shown: &str, by_query: bool) -> Option<Identity> {
        let (shown, now) = (hash(shown), now_ms());
        let mut found = None;
        for token in self.tokens().iter() {
            if bool::from(token.hash.ct_eq(&shown)) && token.is_valid(now) {
                found = Some(Identity::of(token, by_query));
            }
        }
        found
    }

    /// Whether whoever was let in would be let in now: nobody (`None`) where reading is open, everybody else while
    /// their token is valid.
    pub(crate) fn may_stay(&self, identity: Option<&Identity>) -> bool {
        match identity {
            None => self.reads_open,
            Some(identity) => self.marked(&identity.mark).is_some(),
        }
    }

    /// The last one, as where the secret itself is shown.
    fn marked(&self, mark: &str) -> Option<Token> {
        let (tokens, now) = (self.tokens(), now_ms());
        let found = tokens
            .iter()
            .rfind(|token| token.is_valid(now) && *token.mark == *mark);
        found.cloned()
    }

    /// A cookie value that stands for the token of `identity` until it expires or the token changes.
    pub(crate) fn cookie(&self, identity: &Identity) -> Option<String> {
        let token = self.marked(&identity.mark)?;
        let expires = now_ms() / 1000 + i64::try_from(COOKIE_LIFE.as_secs()).unwrap_or(0);
        let claim = format!("{}.{expires}", identity.mark);
        let mac = hex::encode(mac(&token, &claim)?.finalize().into_bytes());
        Some(format!("{claim}.{mac}"))
    }

    /// Whom a cookie value stands for.
    pub(crate) fn cookie_holder(&self, value: &str) -> Option<Identity> {
        let (claim, shown) = value.rsplit_once('.')?;
        let (mark, expires) = claim.split_once('.')?;
        let token = self.marked(mark)?;
        mac(&token, claim)?.verify_slice(&hex::decode(shown).ok()?).ok()?;
        let alive = expires.parse::<i64>().ok()? > now_ms() / 1000;
        alive.then(|| Identity::of(&token, false))
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
        let mark = |secret| access.token(secret, false).unwrap().mark;
        let forged = cookie.replace(&*mark("view"), &mark("operate"));
        assert_ne!(forged, cookie);
        assert_eq!(access.cookie_holder(&forged), None);
        let changed = Token::new("viewer", TokenRole::Viewer, &"changed".to_owned().into());
        let other = Access::new(vec![changed], false);
        assert_eq!(other.cookie_holder(&cookie), None);
        for garbage in ["", ".", "..", "766965776572.1.zz", "766965776572.99999999999.00"] {
            assert_eq!(access.cookie_holder(garbage), None);
        }
    }

    #[test]
    fn two_tokens_of_one_name_are_not_confused() {
        let token = |role, secret: &str| Token::new("maya", role, &secret.to_owned().into());
        let access = Access::new(
            vec![
                token(TokenRole::Operator, "operate"),
                token(TokenRole::Viewer, "view"),
            ],
            false,
        );
        for (secret, role) in [("view", TokenRole::Viewer), ("operate", TokenRole::Operator)] {
            let cookie = access.cookie(&access.token(secret, true).unwrap()).unwrap();
            assert_eq!(access.cookie_holder(&cookie).unwrap().role, role);
        }
    }

    #[test]
    fn a_token_that_is_over_or_taken_back_opens_nothing() {
        let access = access();
        let identity = access.token("view", false).unwrap();
        let cookie = access.cookie(&identity).unwrap();
        assert!(access.may_stay(Some(&identity)) && !access.may_stay(None));
        let over = Token {
            until_ms: Some(1),
            ..Token::new("viewer", TokenRole::Viewer, &"view".to_owned().into())
        };
        for tokens in [vec![over], Vec::new()] {
            access.replace(tokens);
            assert_eq!(access.token("view", false), None);
            assert_eq!(access.cookie_holder(&cookie), None);
            assert!(!access.may_stay(Some(&identity)) && !access.has_operators());
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
