//! The file of tokens, read again when it changes.
//!
//! What cannot be read leaves the tokens as they are: a wrong line locks nobody out, and lets nobody in. A file without any token lets
//! nobody in, and says so.

use super::Site;
use super::auth::Access;
use super::followed::Followed;
use super::token::Token;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// The file, and the tokens that stand elsewhere.
pub(crate) struct TokenFile {
    path: PathBuf,
    others: Vec<Token>,
    followed: Followed,
}

impl TokenFile {
    /// Reads the file; with every token, those of `others` too. The error names the file, and the line if one is wrong.
    pub(crate) fn open(
        path: PathBuf,
        others: Vec<Token>,
        stop: watch::Receiver<bool>,
    ) -> Result<(Self, Vec<Token>), String> {
        let file = Self {
            followed: Followed::new(vec![path.clone()], stop),
            path,
            others,
        };
        let tokens = file.read()?;
        Ok((file, tokens))
    }

    /// Takes over what the file says, until the monitor stops.
    pub(crate) async fn follow(mut self, site: Arc<Site>) {
        while self.followed.changed().await {
            self.take_over(&site.access);
        }
    }

    fn take_over(&self, access: &Access) {
        match self.read() {
            Ok(tokens) => {
                tracing::info!(file = %self.path.display(), tokens = tokens.len(), "tokens read again");
                access.replace(tokens);
            }
            Err(why) => tracing::error!("{why}; the tokens stay as they were"),
        }
    }

    fn read(&self) -> Result<Vec<Token>, String> {
        let read = read(&self.path)?;
        if read.is_empty() {
            tracing::warn!(file = %self.path.display(), "there is no token in the file: it lets nobody in");
        }
        Ok(self.others.iter().cloned().chain(read).collect())
    }
}

fn read(path: &Path) -> Result<Vec<Token>, String> {
    let named = |why: &dyn std::fmt::Display| format!("the token file {}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
    Token::read_all(&text).map_err(|error| named(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::token::TokenRole;

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, "maya operator s1\n").unwrap();
        let other = Token::new("viewer", TokenRole::Viewer, &"v".to_owned().into());
        let (_stop, stop) = watch::channel(false);
        let (file, tokens) = TokenFile::open(path.clone(), vec![other], stop).unwrap();
        let access = Access::new(tokens, false);
        let knows = |secret: &str| access.token(secret, false).is_some();

        std::fs::write(&path, "maya operator s2\nbad line\n").unwrap();
        file.take_over(&access);
        assert!(knows("s1") && !knows("s2") && knows("v"));
        std::fs::remove_file(&path).unwrap();
        file.take_over(&access);
        assert!(knows("s1"));
        std::fs::write(&path, "maya operator s2\n").unwrap();
        file.take_over(&access);
        assert!(!knows("s1") && knows("s2") && knows("v"));
        // Nobody is left in it: that is meant.
        std::fs::write(&path, "").unwrap();
        file.take_over(&access);
        assert!(!knows("s2") && knows("v"));
    }
}
