//! Everything that is needed to open a connection to the server and to write a request.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;

use llmbench_api::{Error, ErrorKind, Result};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::proxy::Proxy;
use super::tls;
use crate::secret::{self, ApiKey, Secrets};
use crate::settings::Settings;
use crate::url::BaseUrl;

/// The server, as far as it is known without asking the network.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) base: BaseUrl,
    pub(crate) has_key: bool,
    pub(crate) secrets: Secrets,
    proxy: Option<Proxy>,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// Lines of headers that every request has. Holds the key: never shown.
    headers: Hidden,
}

struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// How connections are made, for one call: the addresses are looked up once.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// In the order in which they are tried.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// What is asked of a proxy before anything else.
    pub(crate) tunnel: Option<String>,
}

impl Target {
    pub(crate) fn new(base: BaseUrl, settings: &Settings, key: Option<ApiKey>) -> Result<Self> {
        let tls = if base.is_https {
            let name = ServerName::try_from(base.host.clone()).map_err(|error| {
                Error::new(ErrorKind::Settings, format!("use {} over TLS", base.url))
                    .with_cause(&error)
            })?;
            Some((tls::config(settings.ca_file.as_deref())?, name))
        } else {
            None
        };
        let proxy = Proxy::find(&settings.proxy, &base)?;
        let mut headers = format!(
            "Host: {}\r\nUser-Agent: llmbench/{}\r\nAccept-Encoding: identity\r\n",
            base.authority,
            env!("CARGO_PKG_VERSION")
        );
        for (name, value) in &settings.headers {
            headers += &format!("{name}: {value}\r\n");
        }
        let mut secrets = Secrets::none();
        let key_header = settings.api_key_header.as_deref().unwrap_or("Authorization");
        for (name, file) in &settings.header_files {
            if key.is_some() && name.eq_ignore_ascii_case(key_header) {
                return Err(Error::new(
                    ErrorKind::Settings,
                    format!(
                        "settings of plugin `openai`: `header_files` names `{name}`, which already \
                         carries the API key"
                    ),
                )
                .with_hint(
                    "leave it out, or give no API key: neither `openai.api_key_file` nor \
                     LLMBENCH_OPENAI_API_KEY nor OPENAI_API_KEY",
                ));
            }
            let value = secret::header_value(name, Path::new(file))?;
            secrets.add_header(name, &value);
            headers += &format!("{name}: {value}\r\n");
        }
        if let Some(key) = &key {
            secrets.add_key(key);
            headers += &key.header(settings.api_key_header.as_deref());
        }
        if let Some(value) = proxy.as_ref().and_then(|proxy| proxy.authorization.as_ref()) {
            secrets.add(value.rsplit(' ').next().unwrap_or(value), "the proxy's password");
        }
        // A tunnel carries what is for the proxy in its own request.
        if tls.is_none()
            && let Some(value) = proxy.as_ref().and_then(|proxy| proxy.authorization.as_ref())
        {
            headers += &format!("Proxy-Authorization: {value}\r\n");
        }
        Ok(Self { base, has_key: key.is_some(), secrets, proxy, tls, headers: Hidden(headers) })
    }

    /// The bytes of a request; `path` follows the base URL's own path.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&[u8]>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512 + body.map_or(0, <[u8]>::len));
        bytes.extend_from_slice(method.as_bytes());
        bytes.push(b' ');
        // A proxy for plain HTTP wants to know where to.
        let through_proxy = self.proxy.is_some() && self.tls.is_none();
        let before = if through_proxy { &self.base.url } else { &self.base.path };
        bytes.extend_from_slice(before.as_bytes());
        bytes.extend_from_slice(path.as_bytes());
        bytes.extend_from_slice(b" HTTP/1.1\r\n");
        bytes.extend_from_slice(self.headers.0.as_bytes());
        match body {
            None => bytes.extend_from_slice(b"Accept: application/json\r\n\r\n"),
            Some(body) => {
                bytes.extend_from_slice(
                    b"Accept: text/event-stream, application/json\r\nContent-Type: application/json\r\nContent-Length: ",
                );
                bytes.extend_from_slice(body.len().to_string().as_bytes());
                bytes.extend_from_slice(b"\r\n\r\n");
                bytes.extend_from_slice(body);
            }
        }
        bytes
    }

    /// Looks up the addresses; blocks as long as the system's resolver does.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] for a name that is not known.
    pub(crate) fn route(&self) -> Result<Route> {
        let (host, port) = match &self.proxy {
            Some(proxy) => (proxy.host.as_str(), proxy.port),
            None => (self.base.host.as_str(), self.base.port),
        };
        let failed = |message: String| {
            Error::new(ErrorKind::Unavailable, message)
                .with_phase("connect")
                .with_hint("check the address (`--url`) and the network")
        };
        let addresses: Vec<_> = (host, port)
            .to_socket_addrs()
            .map_err(|error| failed(format!("find the address of `{host}`")).with_cause(&error))?
            .collect();
        if addresses.is_empty() {
            return Err(failed(format!("find the address of `{host}`: it has none")));
        }
        let tunnel = self.proxy.as_ref().filter(|_| self.tls.is_some()).map(|proxy| {
            let to = self.base.host_and_port();
            let authorization = proxy
                .authorization
                .as_ref()
                .map_or(String::new(), |value| format!("Proxy-Authorization: {value}\r\n"));
            format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{authorization}\r\n")
        });
        Ok(Route { addresses, tls: self.tls.clone(), tunnel })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tunnel_leads_to_an_address_in_brackets_or_a_name() {
        for (url, to) in [
            ("https://[2001:db8::1]", "[2001:db8::1]:443"),
            ("https://example.com:8443/v1", "example.com:8443"),
        ] {
            let settings = Settings::read(json!({ "proxy": "http://127.0.0.1:9" })).unwrap();
            let base = BaseUrl::resolve(Some(url), |_| None).unwrap();
            let tunnel = Target::new(base, &settings, None).unwrap().route().unwrap().tunnel;
            let expected = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
            assert!(tunnel.as_ref().unwrap().starts_with(&expected), "{tunnel:?}");
        }
    }

    #[test]
    fn every_request_asks_for_plain_text() {
        let base = BaseUrl::resolve(Some("http://127.0.0.1"), |_| None).unwrap();
        let target = Target::new(base, &Settings::default(), None).unwrap();
        let request = String::from_utf8(target.request("GET", "/v1/models", None)).unwrap();
        assert!(request.contains("\r\nAccept-Encoding: identity\r\n"), "{request}");
    }
}
