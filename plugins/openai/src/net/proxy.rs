//! Whether a proxy stands between this machine and the server.

use hyper_util::client::proxy::matcher::Matcher;
use llmbench_api::{Error, ErrorKind, Result};

use crate::url::BaseUrl;

/// A proxy that speaks plain HTTP.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Value of `Proxy-Authorization`.
    pub(crate) authorization: Option<String>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

impl Proxy {
    /// The proxy for `base`: of the setting, or with `auto` of the environment.
    ///
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` count as usual, but
    /// never for a server on this machine.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] for a proxy that cannot be used.
    pub(crate) fn find(setting: &str, base: &BaseUrl) -> Result<Option<Self>> {
        let matcher = match setting {
            "none" => return Ok(None),
            "auto" if base.is_loopback => return Ok(None),
            "auto" => Matcher::from_env(),
            url => Matcher::builder().all(url.to_owned()).build(),
        };
        let refuse = |reason: &str| {
            Error::new(ErrorKind::Settings, format!("use a proxy for {}: {reason}", base.url))
                .with_hint(
                    "set `openai.proxy` to `none`, `auto` or a URL such as http://proxy:3128",
                )
        };
        let uri = base.url.parse::<http::Uri>().map_err(|_| refuse("its URL cannot be matched"))?;
        let Some(found) = matcher.intercept(&uri) else {
            return if setting == "auto" {
                Ok(None)
            } else {
                Err(refuse("the setting `proxy` holds no URL of a proxy"))
            };
        };
        if found.uri().scheme_str() != Some("http") {
            return Err(refuse("only proxies with http:// are supported"));
        }
        let host = found.uri().host().ok_or_else(|| refuse("it names no host"))?;
        Ok(Some(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: found.uri().port_u16().unwrap_or(80),
            authorization: found
                .basic_auth()
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(setting: &str, url: &str) -> Result<Option<Proxy>> {
        Proxy::find(setting, &BaseUrl::resolve(Some(url), |_| None).unwrap())
    }

    #[test]
    fn a_named_proxy_is_used_and_a_local_server_has_none_by_itself() {
        let proxy = find("http://me:word@proxy:3128", "https://example.com").unwrap().unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy", 3128));
        assert_eq!(proxy.authorization.as_deref(), Some("Basic bWU6d29yZA=="));
        assert_eq!(format!("{proxy:?}"), "Proxy(proxy:3128)");
        assert_eq!(find("auto", "http://127.0.0.1:1").unwrap(), None);
        assert_eq!(find("none", "https://example.com").unwrap(), None);
        let error = find("socks5://proxy:1", "https://example.com").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Settings);
    }
}
