//! Where the settings of a channel take what must not stand in them.

use crate::alert::settings::AlertSettingsError;
use replica_core::Secret;
use std::fs;
use std::path::Path;

/// Looks up `${NAME}` and `file:PATH`.
#[derive(Clone, Copy)]
pub(crate) struct Secrets<'a> {
    /// Relative paths start here.
    pub(crate) folder: &'a Path,
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
}

impl Secrets<'_> {
    /// What `text` stands for: the first line of the file if it is `file:PATH`, otherwise itself with each `${NAME}` replaced.
    pub(super) fn find(&self, text: &str) -> Result<Secret<String>, AlertSettingsError> {
        let found = match text.strip_prefix("file:") {
            Some(path) => self.first_line(path)?,
            None => self.replaced(text)?,
        };
        match found.is_empty() {
            true => Err(AlertSettingsError::new(format!("{text:?} is empty"))),
            false => Ok(Secret::new(found)),
        }
    }

    fn first_line(&self, path: &str) -> Result<String, AlertSettingsError> {
        let path = self.folder.join(path);
        let text = fs::read_to_string(&path)
            .map_err(|error| AlertSettingsError::new(format!("{}: {error}", path.display())))?;
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }

    fn replaced(&self, text: &str) -> Result<String, AlertSettingsError> {
        let (mut done, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else {
                return Err(AlertSettingsError::new("a ${ has no }"));
            };
            let value = (self.env)(name);
            let value =
                value.ok_or_else(|| AlertSettingsError::new(format!("the variable {name} is not set")))?;
            done.push_str(before);
            done.push_str(&value);
            rest = behind;
        }
        done.push_str(rest);
        Ok(done)
    }

    /// The address of an HTTP server.
    pub(super) fn url(&self, text: &str) -> Result<Secret<String>, AlertSettingsError> {
        let url = self.find(text)?;
        let uri = url.expose().parse::<ureq::http::Uri>().ok();
        let host = uri.as_ref().and_then(|uri| uri.host());
        match uri.as_ref().and_then(|uri| uri.scheme_str()) {
            Some("http" | "https") if host.is_some() => Ok(url),
            // The address may hold a secret: it is not quoted.
            _ => Err(AlertSettingsError::new(
                "url: must begin with http:// or https:// and name a host",
            )),
        }
    }
}
