//! Version and layout rules of the handshake.

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::check_layout_compatibility;
use abi_stable::library::{LibHeader, LibraryError};
use llmbench_abi::{ABI_VERSION, PluginModuleRef};

/// Why a plugin's interface does not fit.
pub(crate) enum Mismatch {
    /// The version says so.
    Version { found: String },
    /// The types say so.
    Layout { difference: String },
}

/// Checks the plugin's version first, then its types.
///
/// Same major version: the older side must be a prefix of the newer one, in
/// whichever direction. abi_stable's own check only accepts a plugin that is
/// as new as the host, which would break every plugin at each release.
pub(crate) fn check(header: &LibHeader) -> Result<(), Mismatch> {
    let found = header.version_strings().to_string();
    let (plugin, host) = (parse(&found), parse(ABI_VERSION));
    if plugin.map(|version| version.0) != host.map(|version| version.0) {
        return Err(Mismatch::Version { found });
    }
    let Some(plugin_layout) = header.layout() else {
        return Err(Mismatch::Layout { difference: "it carries no layout information".into() });
    };
    let host_layout = <PluginModuleRef as StableAbi>::LAYOUT;
    let plugin_is_newer = plugin > host;
    let (older, newer) =
        if plugin_is_newer { (host_layout, plugin_layout) } else { (plugin_layout, host_layout) };
    check_layout_compatibility(older, newer).map_err(|error| Mismatch::Layout {
        difference: summary(&error.to_string(), plugin_is_newer),
    })
}

/// The interface version that abi_stable found before anything else could be read.
pub(crate) fn header_error(error: &LibraryError) -> Mismatch {
    match error {
        LibraryError::InvalidAbiHeader(found) => Mismatch::Version {
            found: format!("abi_stable {}.{}", found.abi_major, found.abi_minor),
        },
        other => Mismatch::Layout { difference: first_line(&other.to_string()) },
    }
}

fn parse(version: &str) -> Option<(u64, u64, u64)> {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// Boils abi_stable's 10–40 kB report down to where and what the first difference is.
fn summary(report: &str, host_is_expected: bool) -> String {
    let lines: Vec<&str> = report.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let (expected, found) =
        if host_is_expected { ("llmbench", "the plugin") } else { ("the plugin", "llmbench") };
    let mut path: Vec<&str> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if let Some(name) = line.strip_prefix("field_name:") {
            path.push(name.trim());
        }
        let Some(error) = line.strip_prefix("Error:") else { continue };
        let value_after = |label: &str| {
            lines[index..]
                .iter()
                .position(|line| *line == label)
                .and_then(|at| lines.get(index + at + 1))
                .copied()
        };
        let place =
            if path.is_empty() { String::new() } else { format!(" at `{}`", path.join(".")) };
        let values = match (value_after("Expected:"), value_after("Found:")) {
            (Some(wanted), Some(got)) => {
                format!(": {expected} has `{wanted}`, {found} has `{got}`")
            }
            _ => String::new(),
        };
        return format!("{}{place}{values}", error.trim());
    }
    first_line(report)
}

fn first_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("unknown difference")
        .chars()
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(parse("1.10.0") > parse("1.9.3"));
        assert_eq!(parse("not a version"), None);
    }

    #[test]
    fn a_report_is_boiled_down_to_one_line() {
        let report =
            "Layout\n\nfield_name:create_backend\nError:too few fields\nExpected:\n8\nFound:\n7\n";
        let line = summary(report, true);
        assert_eq!(
            line,
            "too few fields at `create_backend`: llmbench has `8`, the plugin has `7`"
        );
    }
}
