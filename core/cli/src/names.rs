//! Names in settings files that no installed component has.
//!
//! A file serves several tests, so a name that the chosen test does not know may belong to
//! another one. What nothing that is installed knows is a slip, and would change nothing.

use std::collections::BTreeSet;

use llmbench_api::Json;
use llmbench_host::{ComponentKind, Host, LoadError};

use crate::error::{CliError, Result};
use crate::nearest::did_you_mean;
use crate::output;
use crate::settings::{Origin, Settings};

/// Fails for a role in a file that neither the test (with the roles `known`) nor another one has.
///
/// # Errors
/// The first such role, with its file.
pub(crate) fn check_roles(host: &Host, settings: &Settings, known: &[&str]) -> Result<()> {
    if from_files(settings, "roles.").all(|(role, _)| known.contains(&role)) {
        return Ok(());
    }
    let listing = host.list();
    let mut everywhere: BTreeSet<String> = known.iter().map(|role| (*role).to_owned()).collect();
    for test in of_kind(&listing, Some(ComponentKind::TestType)) {
        // Settings that it refuses are of no interest here.
        if let Ok(found) = host.test_type(test, &Json::Object(Default::default())) {
            everywhere.extend(found.component.describe().roles.into_iter().map(|spec| spec.role));
        }
    }
    let unknown = |(name, _): &(&str, &str)| !everywhere.contains(*name);
    let Some((role, origin)) = from_files(settings, "roles.").find(unknown) else { return Ok(()) };
    let names = || everywhere.iter().map(String::as_str);
    let rest = format!("roles of the installed tests: {}", names().collect::<Vec<_>>().join(", "));
    refuse(
        format!("`[roles]` in {origin} names `{role}`, a role that no installed test has"),
        did_you_mean(role, names(), &rest),
        &listing.refused,
    )
}

/// Fails for a section `[plugin.NAME]` whose name no installed component has.
///
/// # Errors
/// The first such section, with its file.
pub(crate) fn check_sections(host: &Host, settings: &Settings) -> Result<()> {
    let unknown = from_files(settings, "plugin.").find(|(name, _)| {
        let name = name.split('.').next().unwrap_or(name);
        !host.has_component(name)
    });
    let Some((name, origin)) = unknown else { return Ok(()) };
    let name = name.split('.').next().unwrap_or(name);
    let listing = host.list();
    let names: BTreeSet<&str> = of_kind(&listing, None).collect();
    let list = names.iter().copied().collect::<Vec<_>>().join(", ");
    refuse(
        format!("`[plugin.{name}]` in {origin} is for no installed plugin"),
        did_you_mean(name, names, &format!("installed: {list}")),
        &listing.refused,
    )
}

/// Settings whose names begin with `prefix`, without it, and the files that they are from.
fn from_files<'a>(
    settings: &'a Settings,
    prefix: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let elsewhere = [Origin::Flags, Origin::Run, Origin::Environment].map(|one| one.to_string());
    settings.record.iter().filter_map(move |(name, record)| {
        let is_from_file = !elsewhere.contains(&record.origin);
        Some((name.strip_prefix(prefix)?, record.origin.as_str())).filter(|_| is_from_file)
    })
}

fn of_kind(
    listing: &llmbench_host::Listing,
    kind: Option<ComponentKind>,
) -> impl Iterator<Item = &str> {
    let components = listing.plugins.iter().flat_map(|plugin| &plugin.components);
    let wanted = move |found: ComponentKind| kind.is_none_or(|kind| kind == found);
    components.filter(move |found| wanted(found.kind)).map(|found| found.name.as_str())
}

/// An error, or a warning where a plugin that was refused may know the name.
fn refuse(message: String, hint: String, refused: &[LoadError]) -> Result<()> {
    match refused.first() {
        None => Err(CliError::usage(message).hint(hint)),
        Some(first) => {
            output::warning(&format!("{message}; it may belong to one that was refused: {first}"));
            Ok(())
        }
    }
}
