//! TLS: whom to trust.

use std::path::Path;
use std::sync::Arc;

use llmbench_api::{Error, ErrorKind, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// A configuration that trusts the system's certificates and those in `ca_file`.
///
/// # Errors
/// [`ErrorKind::Settings`] for a file without certificates, [`ErrorKind::Unavailable`]
/// when nothing at all is trusted.
pub(crate) fn config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::debug!(%error, "some of the system's certificates cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca_file {
        let refuse = |cause: &dyn std::error::Error| {
            Error::new(
                ErrorKind::Settings,
                format!("read trusted certificates from {}", path.display()),
            )
            .with_hint("name a file in PEM format with the setting `openai.ca_file`")
            .with_cause(cause)
        };
        let found: Vec<_> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| refuse(&error))?;
        if found.is_empty() {
            return Err(refuse(&std::io::Error::other("the file holds no certificate")));
        }
        for certificate in found {
            roots.add(certificate).map_err(|error| refuse(&error))?;
        }
    }
    if roots.is_empty() {
        return Err(Error::new(
            ErrorKind::Unavailable,
            "check the server's identity: this system trusts no certificates",
        )
        .with_hint("install the package `ca-certificates`, or set `openai.ca_file`"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Internal, "set up TLS").with_cause(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
