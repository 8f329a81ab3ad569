//! The base URL, with or without the `/v1` at its end.

use std::net::IpAddr;

use llmbench_api::{Error, ErrorKind, Result};
use url::{Host, Url};

const VARIABLE: &str = "OPENAI_BASE_URL";
const EXAMPLE: &str = "http://127.0.0.1:8080";

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    /// Scheme, host, port and path without `/v1` and without a slash at the end.
    pub(crate) url: String,
    pub(crate) is_https: bool,
    /// Name or address, an IPv6 one without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As in the header `Host`.
    pub(crate) authority: String,
    /// Path before `/v1`; empty or beginning with a slash.
    pub(crate) path: String,
    /// True when the server runs on this machine.
    pub(crate) is_loopback: bool,
}

impl BaseUrl {
    /// The setting, else `OPENAI_BASE_URL`.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] naming the value and where it comes from, or that there is none.
    pub(crate) fn resolve(
        setting: Option<&str>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let found = match setting {
            Some(value) => Some((value.to_owned(), "setting `url` (or `--url`)")),
            None => env(VARIABLE)
                .filter(|value| !value.trim().is_empty())
                .map(|value| (value, "environment variable OPENAI_BASE_URL")),
        };
        let Some((value, source)) = found else {
            return Err(Error::new(
                ErrorKind::Settings,
                "use the backend `openai`: no server is named",
            )
            .with_hint(
                "name it with `--url`: llama.cpp listens on http://127.0.0.1:8080, vLLM on \
                 http://127.0.0.1:8000, LM Studio on http://127.0.0.1:1234, Ollama on \
                 http://127.0.0.1:11434/v1",
            ));
        };
        Self::parse(&value).map_err(|reason| {
            // A URL with a password is not repeated.
            let shown = if value.contains('@') { "the URL" } else { &format!("`{value}`") };
            Error::new(
                ErrorKind::Settings,
                format!("use {shown} from the {source} as the server's address: {reason}"),
            )
            .with_hint(format!("write it like {EXAMPLE} or https://example.com/v1"))
        })
    }

    /// As a proxy wants to know it.
    pub(crate) fn host_and_port(&self) -> String {
        format!("{}:{}", in_brackets(&self.host), self.port)
    }

    fn parse(value: &str) -> Result<Self, String> {
        let value = value.trim();
        let text = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
        let url = Url::parse(&text).map_err(|error| error.to_string())?;
        let is_https = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(format!("unknown scheme `{other}`")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a name or password, which results would keep".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it has more than a path at its end".into());
        }
        let port = url.port_or_known_default().ok_or("it has no port")?;
        // A server may listen on all addresses; a client connects to one.
        let (host, is_loopback) = match url.host().ok_or("it names no host")? {
            Host::Ipv4(ip) if ip.is_unspecified() => ("127.0.0.1".to_owned(), true),
            Host::Ipv4(ip) => (ip.to_string(), ip.is_loopback()),
            Host::Ipv6(ip) if ip.is_unspecified() => ("::1".to_owned(), true),
            Host::Ipv6(ip) => {
                let mapped = ip.to_ipv4_mapped();
                let is_here = mapped.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified());
                (ip.to_string(), ip.is_loopback() || is_here)
            }
            // All names under `localhost` are this machine's (RFC 6761).
            Host::Domain(name) => {
                let plain = name.strip_suffix('.').unwrap_or(name);
                let is_here = plain == "localhost" || plain.ends_with(".localhost");
                (name.to_owned(), is_here)
            }
        };
        let shown = in_brackets(&host);
        let default_port = if is_https { 443 } else { 80 };
        let authority = if port == default_port { shown } else { format!("{shown}:{port}") };
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path).trim_end_matches('/').to_owned();
        let scheme = if is_https { "https" } else { "http" };
        Ok(Self {
            url: format!("{scheme}://{authority}{path}"),
            is_https,
            host,
            port,
            authority,
            path,
            is_loopback,
        })
    }
}

fn in_brackets(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_the_version_at_their_end() {
        fn check(value: &str, url: &str, is_loopback: bool) {
            let parsed = BaseUrl::parse(value).unwrap();
            assert_eq!((parsed.url.as_str(), parsed.is_loopback), (url, is_loopback), "{value}");
        }
        check("127.0.0.1:8080", "http://127.0.0.1:8080", true);
        check("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080", true);
        check("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080", true);
        check("localhost", "http://localhost", true);
        check("http://0.0.0.0:1234", "http://127.0.0.1:1234", true);
        check("http://[::1]:8000/v1", "http://[::1]:8000", true);
        check("https://example.com/openai/v1", "https://example.com/openai", false);
        check("https://example.com:8443", "https://example.com:8443", false);
        check("http://[::ffff:127.0.0.1]:8000", "http://[::ffff:127.0.0.1]:8000", true);
        check("http://[::ffff:10.0.0.1]", "http://[::ffff:10.0.0.1]", false);
        check("http://vllm.LOCALHOST", "http://vllm.localhost", true);
        check("http://notlocalhost", "http://notlocalhost", false);
        check("localhost.example.com", "http://localhost.example.com", false);
    }

    #[test]
    fn wrong_addresses_are_refused_with_value_and_source() {
        for (value, reason) in [
            ("ftp://host", "unknown scheme `ftp`"),
            ("http://host?a=b", "more than a path"),
            ("http://", "empty host"),
            ("http://host:99999", "port"),
        ] {
            let error = BaseUrl::resolve(None, |_| Some(value.into())).unwrap_err();
            for part in [reason, value, "OPENAI_BASE_URL"] {
                assert!(error.message.contains(part), "{part:?} not in {error}");
            }
        }
        let error = BaseUrl::resolve(Some("http://me:sesame@host"), |_| None).unwrap_err();
        assert!(!format!("{error:?}").contains("sesame"), "{error:?}");
        let error = BaseUrl::resolve(None, |_| None).unwrap_err();
        assert!(error.hint.unwrap().contains("--url"));
    }
}
