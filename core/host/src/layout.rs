//! Version and layout rules of the handshake.

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    AbiInstabilityErrors, ExpectedFound, check_layout_compatibility,
};
use abi_stable::library::{LibHeader, LibraryError};
use abi_stable::type_layout::TLFieldOrFunction;
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
    check_layout_compatibility(older, newer)
        .map_err(|error| Mismatch::Layout { difference: summary(&error, plugin_is_newer) })
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
fn summary(errors: &AbiInstabilityErrors, host_is_expected: bool) -> String {
    let Some(first) = errors.errors.iter().find(|error| !error.errs.is_empty()) else {
        return first_line(&errors.to_string());
    };
    let (expected, found) =
        if host_is_expected { ("llmbench", "the plugin") } else { ("the plugin", "llmbench") };
    let names = first.stack_trace.iter().filter_map(|step| match &step.expected {
        TLFieldOrFunction::Field(field) => Some(field.name()),
        TLFieldOrFunction::Function(_) => None,
    });
    let path = readable_path(names);
    let place = if path.is_empty() { String::new() } else { format!(" at `{path}`") };

    let report = first.to_string();
    let (what, values) = what_differs(&report);
    let values = values.map_or_else(String::new, |(wanted, got)| {
        format!(": {expected} has `{wanted}`, {found} has `{got}`")
    });
    // Where a method's signature differs, the signatures say more than their lengths.
    let signatures = first.stack_trace.iter().rev().find_map(|step| match step {
        ExpectedFound {
            expected: TLFieldOrFunction::Function(wanted),
            found: TLFieldOrFunction::Function(got),
        } => Some((one_line(&wanted.to_string()), one_line(&got.to_string()))),
        _ => None,
    });
    let signatures = signatures
        .filter(|(wanted, got)| wanted != got)
        .map_or_else(String::new, |(wanted, got)| {
            format!("; {expected} has {wanted}, {found} has {got}")
        });
    format!("{what}{place}{values}{signatures}")
}

/// Names of functions and fields, without those that abi_stable made up.
fn readable_path<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MADE_UP: [&str; 4] = ["obj", "vtable", "ptr", "field_0"];
    let is_written = |name: &&str| {
        !name.starts_with(|first: char| first == '_' || first.is_ascii_digit())
            && !MADE_UP.contains(name)
    };
    let mut path: Vec<_> = names.filter(is_written).collect();
    path.dedup();
    path.join(".")
}

/// The words for the first error of a report, and what was expected and found.
fn what_differs(report: &str) -> (String, Option<(&str, &str)>) {
    let lines: Vec<&str> = report.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let Some(at) = lines.iter().position(|line| line.starts_with("Error:")) else {
        return (lines.last().map_or_else(String::new, |line| first_line(line)), None);
    };
    let after = |label: &str| {
        let offset = lines[at..].iter().position(|line| *line == label)?;
        lines.get(at + offset + 1).copied()
    };
    let what = lines[at].trim_start_matches("Error:").trim().to_owned();
    (what, after("Expected:").zip(after("Found:")))
}

/// A signature without line breaks and lifetime tables, short enough to be read.
fn one_line(text: &str) -> String {
    const MOST: usize = 160;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.split(" lifetime indices").next().unwrap_or_default();
    if line.chars().count() <= MOST {
        line.to_owned()
    } else {
        line.chars().take(MOST).chain("…".chars()).collect()
    }
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
    fn the_first_error_of_a_report_is_found() {
        let report = "1 error(s)inside:\n\nError:too few fields\nExpected:\n    8\nFound:\n    7\n";
        assert_eq!(what_differs(report), ("too few fields".to_owned(), Some(("8", "7"))));
        assert_eq!(what_differs("Extra:\n  odd\n"), ("odd".to_owned(), None));
    }

    #[test]
    fn only_names_that_somebody_wrote_stand_in_a_path() {
        let names = ["create_monitor", "__returns", "field_0", "obj", "vtable", "0", "stop"];
        assert_eq!(readable_path(names.into_iter()), "create_monitor.stop");
    }
}
