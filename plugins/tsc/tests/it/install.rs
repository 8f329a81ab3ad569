//! Installing the packages: once, whole or not at all.

use std::path::{Path, PathBuf};

use llmbench_api::{ErrorKind, Project, Validator};
use llmbench_plugin_tsc::{Settings, Tsc};

use crate::support::{Host, cx, own, toolchain};

fn fresh(data_dir: &Path) -> Tsc {
    Tsc::with_settings(Settings::default()).in_data_dir(data_dir)
}

/// Names in the folder of toolchains, without the lock file.
fn left(data_dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(data_dir.join("toolchains")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".lock")).collect()
}

#[test]
fn two_installs_at_once_are_one() {
    if toolchain().is_none() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let hosts = [Host::patient(), Host::patient()];
    let locations: Vec<PathBuf> = std::thread::scope(|scope| {
        let prepare = |host| {
            let tsc = fresh(data.path());
            scope.spawn(move || tsc.prepare(&Project::default(), &Host::cx(host)).unwrap())
        };
        let both = hosts.each_ref().map(prepare);
        both.map(|thread| thread.join().unwrap().location.unwrap()).into()
    });
    assert_eq!(locations[0], locations[1]);
    assert_eq!(left(data.path()).len(), 1);
    let announced: usize = hosts.iter().map(|host| host.said("npm packages, once")).sum();
    assert_eq!(announced, 1);
    assert!(hosts.iter().map(|host| host.said("86/86 packages")).sum::<usize>() > 0);
}

#[test]
fn an_interrupted_install_leaves_nothing_and_the_next_one_works() {
    if toolchain().is_none() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let host = Host::cancelling_at("(1/");
    let error = fresh(data.path()).prepare(&Project::default(), &host.cx()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
    assert_eq!(left(data.path()), Vec::<String>::new());

    // What a process leaves that had no time to clean up.
    let toolchains = data.path().join("toolchains");
    let name = toolchain().unwrap().file_name().unwrap().to_str().unwrap();
    std::fs::create_dir_all(toolchains.join(format!("{name}.partial-x/node_modules"))).unwrap();
    std::fs::create_dir_all(toolchains.join(name).join("node_modules/typescript")).unwrap();
    fresh(data.path()).prepare(&Project::default(), &cx()).unwrap();
    assert_eq!(left(data.path()), [name]);
}

#[test]
fn without_a_network_the_error_says_what_to_do() {
    if toolchain().is_none() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    // Port 9 on the loopback address: nobody answers there.
    let tsc = fresh(data.path()).with_npm_environment(vec![
        ("npm_config_registry".to_owned(), "http://127.0.0.1:9/".to_owned()),
        ("npm_config_cache".to_owned(), data.path().join("cache").display().to_string()),
    ]);
    let error = tsc.prepare(&Project::default(), &cx()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("ECONNREFUSED"), "{error}");
    let hint = error.hint.unwrap();
    assert!(hint.contains("llmbench doctor --fix") && hint.contains("tsc.node_modules"), "{hint}");
    assert_eq!(left(data.path()), Vec::<String>::new());
}

#[test]
fn nothing_is_installed_when_that_is_switched_off() {
    if toolchain().is_none() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let tsc = Tsc::new(serde_json::json!({"install": false})).unwrap().in_data_dir(data.path());
    let error = tsc.prepare(&Project::default(), &cx()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("not installed at"), "{error}");
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
}

#[test]
fn packages_of_the_users_own_are_used_and_a_difference_is_noted() {
    let Some(root) = toolchain() else { return };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let modules = folder.path().join("node_modules");
    link(&root.join("node_modules"), &modules);
    let settings = Settings { node_modules: Some(modules.clone()), ..Settings::default() };

    let manifest = modules.join("vue/package.json");
    let text = std::fs::read_to_string(&manifest).unwrap().replace("3.5.45", "3.5.44");
    std::fs::remove_file(&manifest).unwrap();
    let Some(tsc) = own(settings.clone()) else { return };
    let error = tsc.prepare(&Project::default(), &cx()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.message.contains("lacks vue@3.5.45"), "{error}");

    std::fs::write(&manifest, text).unwrap();
    let Some(tsc) = own(settings) else { return };
    let info = tsc.prepare(&Project::default(), &cx()).unwrap();
    assert_eq!(info.tools["vue"], "3.5.44");
    assert_eq!(info.lock_sha256, None);
    let named = |note: &String| note.contains("`vue` is 3.5.44");
    assert!(info.notes.iter().any(named), "{:?}", info.notes);
}

/// A copy of a folder made of hard links.
fn link(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            link(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::hard_link(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn an_unknown_setting_is_an_error() {
    let error = Tsc::new(serde_json::json!({"node_module": "x"})).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.message.contains("node_modules"), "{error}");
}
