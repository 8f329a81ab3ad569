//! Holds the raw layout still: it may only grow, and only with a new version.
//!
//! `layout.txt` shows every type that crosses the border. After an intended,
//! appending change: raise the minor version in `Cargo.toml`, run
//! `UPDATE_LAYOUT=1 cargo test -p llmbench-abi`, and commit the new file.
#![allow(missing_docs, reason = "a test program")]
#![cfg(target_pointer_width = "64")]

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use abi_stable::StableAbi;
use abi_stable::std_types::utypeid::UTypeId;
use abi_stable::type_layout::{TLData, TLField, TLFunction, TypeLayout};
use llmbench_abi::{ABI_VERSION, PluginModuleRef};

#[test]
fn the_layout_only_changes_with_the_version() {
    let rendered = render();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layout.txt");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if let Err(problem) = judge(&committed, &rendered) {
        assert!(std::env::var_os("UPDATE_LAYOUT").is_some(), "{problem}\n\n{rendered}");
        let same_version = committed.lines().next() == rendered.lines().next();
        assert!(!same_version || committed.is_empty(), "{problem}");
        std::fs::write(&path, &rendered).expect("the golden file can be written");
    }
}

#[test]
fn a_change_is_told_apart_from_a_change_with_a_new_version() {
    let check = |committed: &str, rendered: &str, expected: &str| match judge(committed, rendered) {
        Ok(()) => assert_eq!(expected, ""),
        Err(problem) => assert!(problem.contains(expected) && !expected.is_empty(), "{problem}"),
    };
    check("version 1.0.0\na\n", "version 1.0.0\na\n", "");
    check("version 1.0.0\na\n", "version 1.0.0\nb\n", "raise the version");
    check("version 1.0.0\na\n", "version 1.1.0\na\nb\n", "UPDATE_LAYOUT=1");
    check("", "version 1.0.0\n", "UPDATE_LAYOUT=1");
}

/// What has to be done before `rendered` may stand in place of `committed`.
fn judge(committed: &str, rendered: &str) -> Result<(), String> {
    if committed == rendered {
        return Ok(());
    }
    let first = committed.lines().zip(rendered.lines()).find(|(old, new)| old != new);
    let place = first.map_or_else(
        || "one is longer than the other".to_owned(),
        |(old, new)| format!("tests/layout.txt has\n    {old}\nand the code has\n    {new}"),
    );
    Err(if !committed.is_empty() && committed.lines().next() == rendered.lines().next() {
        format!("the layout changed: raise the version in core/abi/Cargo.toml first\n{place}")
    } else {
        format!("record the new layout with UPDATE_LAYOUT=1 cargo test -p llmbench-abi\n{place}")
    })
}

/// Every type of this crate that can be reached from the root module, by name.
fn render() -> String {
    let mut found = Found::default();
    found.visit(<PluginModuleRef as StableAbi>::LAYOUT);
    let types = found.types.into_iter().collect::<Vec<_>>().join("\n");
    format!("version {ABI_VERSION}\n\n{types}")
}

#[derive(Default)]
struct Found {
    visited: HashSet<UTypeId>,
    types: BTreeSet<String>,
}

impl Found {
    fn visit(&mut self, layout: &'static TypeLayout) {
        if !self.visited.insert(layout.get_utypeid()) {
            return;
        }
        if layout.package() == "llmbench-abi" {
            self.types.insert(describe(layout));
        }
        for field in fields(layout).into_iter().chain(layout.phantom_fields().to_vec()) {
            self.visit(field.layout());
            for function in field.function_range().iter() {
                for parameter in function.param_type_layouts.iter() {
                    self.visit(parameter());
                }
                if let Some(returned) = function.return_type_layout() {
                    self.visit(returned());
                }
            }
        }
    }
}

fn fields(layout: &'static TypeLayout) -> Vec<TLField> {
    layout.get_fields().map(|all| all.to_vec()).unwrap_or_default()
}

/// A type with its size, its fields in order, and the signatures of functions in them.
fn describe(layout: &'static TypeLayout) -> String {
    let mut lines = vec![format!("{}::{}", layout.mod_path(), type_name(layout))];
    lines.push(format!("    size {} align {}", layout.size(), layout.alignment()));
    if let TLData::PrefixType(prefix) = layout.data() {
        lines.push(format!("    the first {} fields never move", prefix.first_suffix_field));
    }
    for field in fields(layout) {
        if field.is_function() {
            let signatures = field.function_range().iter().map(|function| signature(&function));
            let signatures = signatures.collect::<Vec<_>>().join(", ");
            lines.push(format!("    {}: {signatures}", field.name()));
        } else {
            lines.push(format!("    {}: {}", field.name(), type_name(field.layout())));
        }
    }
    lines.join("\n") + "\n"
}

fn signature(function: &TLFunction) -> String {
    let parameters: Vec<_> =
        function.param_type_layouts.iter().map(|parameter| type_name(parameter())).collect();
    let returned = function.return_type_layout().map_or("()".to_owned(), |it| type_name(it()));
    let lifetimes = format!("{:?}", function.paramret_lifetime_indices);
    let lifetimes: Vec<_> = lifetimes
        .split(|c: char| !c.is_alphanumeric() && !"()".contains(c))
        .filter(|word| ["ANONYMOUS", "STATIC"].contains(word) || word.starts_with("Param("))
        .collect();
    let bound =
        if lifetimes.is_empty() { String::new() } else { format!(" ({})", lifetimes.join(" ")) };
    format!("fn({}) -> {returned}{bound}", parameters.join(", "))
}

/// The name of a type, with those of its parts where abi_stable leaves its parameters out.
fn type_name(layout: &'static TypeLayout) -> String {
    let name = layout.full_type().to_string();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    match layout.data() {
        TLData::Enum(_) if layout.package() != "llmbench-abi" => {
            let parts: Vec<_> =
                fields(layout).into_iter().map(|field| type_name(field.layout())).collect();
            format!("{name}<{}>", parts.join(", "))
        }
        _ => name,
    }
}
