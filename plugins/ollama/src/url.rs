//! The base URL, read as Ollama's own client reads `OLLAMA_HOST`.
//!
//! One difference on purpose: where that client replaces a wrong port by the
//! default and goes on, this one refuses it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use llmbench_api::{Error, ErrorKind, Result};

const DEFAULT_PORT: u16 = 11434;
const DEFAULT_URL: &str = "http://127.0.0.1:11434";

/// Where the server is, ready to append a path such as `/api/chat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    /// Scheme, host, port and path without a slash at the end.
    pub(crate) url: String,
    /// True when the server runs on this machine.
    pub(crate) is_loopback: bool,
}

impl BaseUrl {
    /// The first that is given: the setting, `OLLAMA_HOST`, `OLLAMA_BASE_URL`, the default.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] naming the value and where it comes from.
    pub(crate) fn resolve(
        setting: Option<&str>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let found = match setting {
            Some(value) => Some((value.to_owned(), "setting `url` (or `--url`)")),
            None => [
                ("OLLAMA_HOST", "environment variable OLLAMA_HOST"),
                ("OLLAMA_BASE_URL", "environment variable OLLAMA_BASE_URL"),
            ]
            .into_iter()
            .find_map(|(name, source)| {
                env(name).filter(|value| !clean(value).is_empty()).map(|value| (value, source))
            }),
        };
        let (value, source) = found.unwrap_or((DEFAULT_URL.to_owned(), "default"));
        let refuse = |reason: &str| {
            Error::new(
                ErrorKind::Settings,
                format!("use `{value}` from the {source} as the server's URL: {reason}"),
            )
            .with_hint(format!("write it like {DEFAULT_URL} or 127.0.0.1:{DEFAULT_PORT}"))
        };
        let base = Self::parse(&value).map_err(|reason| refuse(&reason))?;
        if base.url.starts_with("https://") {
            return Err(refuse("this plugin speaks plain http only, not https"));
        }
        Ok(base)
    }

    fn parse(value: &str) -> Result<Self, String> {
        let value = clean(value);
        if value.is_empty() {
            return Err("it is empty".into());
        }
        let (scheme, rest, default_port) = match value.split_once("://") {
            None => ("http", value, DEFAULT_PORT),
            Some(("http", rest)) => ("http", rest, 80),
            Some(("https", rest)) => ("https", rest, 443),
            Some((other, _)) => return Err(format!("unknown scheme `{other}`")),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_port(authority, default_port)?;
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let host = match ip {
            _ if host.is_empty() => Ipv4Addr::LOCALHOST.to_string(),
            // A server may listen on all addresses; a client connects to one.
            Some(IpAddr::V4(ip)) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            Some(IpAddr::V6(ip)) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
            Some(IpAddr::V6(ip)) => format!("[{ip}]"),
            Some(IpAddr::V4(ip)) => ip.to_string(),
            None => check_host(host)?.to_owned(),
        };
        if let Some(wrong) = path.chars().find(|c| "?#".contains(*c) || !c.is_ascii_graphic()) {
            return Err(format!("its path holds `{}`", wrong.escape_default()));
        }
        let path = path.trim_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        let is_loopback = host == "localhost"
            || host.starts_with("127.")
            || host == format!("[{}]", Ipv6Addr::LOCALHOST);
        Ok(Self { url: format!("{scheme}://{host}:{port}{slash}{path}"), is_loopback })
    }
}

/// Without the spaces and quotes that Ollama also ignores.
fn clean(value: &str) -> &str {
    value.trim().trim_matches(['"', '\'']).trim()
}

fn split_port(authority: &str, default_port: u16) -> Result<(&str, u16), String> {
    // An IPv6 address without brackets has colons but no port.
    let separator = match authority.rfind(':') {
        Some(at) if authority.parse::<Ipv6Addr>().is_err() && !authority[at..].contains(']') => at,
        _ => return Ok((authority, default_port)),
    };
    let (host, port) = (&authority[..separator], &authority[separator + 1..]);
    match port.parse::<u16>() {
        Ok(number) if number > 0 => Ok((host, number)),
        _ => Err(format!("`{port}` is not a port from 1 to 65535")),
    }
}

fn check_host(host: &str) -> Result<&str, String> {
    let is_good = |c: char| c.is_alphanumeric() || "-._".contains(c);
    match host.chars().find(|c| !is_good(*c)) {
        None => Ok(host),
        Some(wrong) => Err(format!("its host holds `{}`", wrong.escape_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_as_ollama_reads_them() {
        fn check(value: &str, expected: &str) {
            let parsed = BaseUrl::parse(value).map(|base| base.url);
            assert_eq!(parsed.as_deref(), Ok(expected), "{value:?}");
        }
        check("1.2.3.4", "http://1.2.3.4:11434");
        check(":1234", "http://127.0.0.1:1234");
        check("1.2.3.4:1234", "http://1.2.3.4:1234");
        check("example.com", "http://example.com:11434");
        check("example.com:1234", "http://example.com:1234");
        check("localhost", "http://localhost:11434");
        check("[::1]", "http://[::1]:11434");
        check("[::]", "http://[::1]:11434");
        check("::1", "http://[::1]:11434");
        check("::", "http://[::1]:11434");
        check("[::1]:1337", "http://[::1]:1337");
        check("http://[::1]:1337/", "http://[::1]:1337");
        check(" 1.2.3.4 ", "http://1.2.3.4:11434");
        check("\"1.2.3.4\"", "http://1.2.3.4:11434");
        check(" \" 1.2.3.4 \" ", "http://1.2.3.4:11434");
        check("'1.2.3.4'", "http://1.2.3.4:11434");
        check("0.0.0.0", "http://127.0.0.1:11434");
        check("0.0.0.0:8080", "http://127.0.0.1:8080");
        check("http://0.0.0.0", "http://127.0.0.1:80");
        check("http://1.2.3.4", "http://1.2.3.4:80");
        check("http://1.2.3.4:4321", "http://1.2.3.4:4321");
        check("http://1.2.3.4:4321/", "http://1.2.3.4:4321");
        check("http://", "http://127.0.0.1:80");
        check("https://1.2.3.4", "https://1.2.3.4:443");
        check("https://example.com/ollama", "https://example.com:443/ollama");
        check("http://example.com/a/b//", "http://example.com:80/a/b");
    }

    #[test]
    fn wrong_values_are_refused_with_value_and_source() {
        fn check(value: &str, reason: &str) {
            for (source, result) in [
                ("setting `url`", BaseUrl::resolve(Some(value), |_| None)),
                (
                    "OLLAMA_HOST",
                    BaseUrl::resolve(None, |name| {
                        (name == "OLLAMA_HOST").then(|| value.to_owned())
                    }),
                ),
            ] {
                let error = result.unwrap_err();
                assert_eq!(error.kind, ErrorKind::Settings);
                for part in [value, source, reason] {
                    assert!(error.message.contains(part), "{part:?} not in {error}");
                }
                assert!(error.hint.is_some());
            }
        }
        check(":66000", "`66000` is not a port");
        check(":-1", "`-1` is not a port");
        check("host:0", "`0` is not a port");
        check("host:", "`` is not a port");
        check("ftp://host", "unknown scheme `ftp`");
        check("user@host", "`@`");
        check("two words", "its host holds ` `");
        check("http://host/a?b", "its path holds `?`");
        check("https://example.com", "plain http only");
    }

    #[test]
    fn the_first_source_that_is_given_wins() {
        fn check(setting: Option<&str>, host: &str, base_url: &str, expected: &str) {
            let env = |name: &str| match name {
                "OLLAMA_HOST" => Some(host.to_owned()),
                "OLLAMA_BASE_URL" => Some(base_url.to_owned()),
                _ => None,
            };
            assert_eq!(BaseUrl::resolve(setting, env).unwrap().url, expected);
        }
        check(Some("a"), "b", "c", "http://a:11434");
        check(None, "b", "c", "http://b:11434");
        check(None, "", "c", "http://c:11434");
        check(None, " ", "", DEFAULT_URL);
        let error = BaseUrl::resolve(Some(""), |_| Some("b".into())).unwrap_err();
        assert!(error.message.contains("it is empty"), "{error}");
    }

    #[test]
    fn loopback_is_known_by_its_address() {
        for (value, expected) in [
            ("", None),
            ("127.0.0.1", Some(true)),
            ("0.0.0.0", Some(true)),
            ("[::]:9", Some(true)),
            ("localhost:9", Some(true)),
            ("10.0.0.1", Some(false)),
            ("localhost.example.com", Some(false)),
        ] {
            assert_eq!(
                BaseUrl::parse(value).ok().map(|base| base.is_loopback),
                expected,
                "{value}"
            );
        }
    }
}
