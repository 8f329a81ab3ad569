//! One file by several paths, and several files of one name.

use std::fs;
use std::sync::Arc;

use llmbench_api::Json;
use llmbench_host::{Host, HostError, Origin, SearchDir, SearchPath};

use crate::workshop::file_name;
use crate::{host_of, host_with};

#[test]
#[cfg(unix)]
fn a_link_to_a_plugin_is_the_same_plugin_whatever_it_is_called() {
    for name in ["a_link", "z_link"] {
        let (dir, _) = host_with("good");
        let link = dir.path().join(file_name(name));
        std::os::unix::fs::symlink(file_name("good"), &link).unwrap();
        let host = host_of(dir.path());
        let listing = host.list();
        assert!(listing.refused.is_empty(), "{:?}", listing.refused);
        assert_eq!(listing.plugins.len(), 1, "{name}");
        let by_link = host.load(&link).unwrap();
        let by_name = host.load(&dir.path().join(file_name("good"))).unwrap();
        assert!(Arc::ptr_eq(&by_link, &by_name), "{name}");
    }
}

#[test]
fn the_first_folder_wins_and_the_hidden_file_is_reported() {
    let (first, _) = host_with("good");
    let second = tempfile::tempdir().unwrap();
    // A copy, so that it is another file.
    fs::copy(first.path().join(file_name("good")), second.path().join(file_name("good"))).unwrap();
    let dirs = [&second, &first]
        .map(|dir| SearchDir { path: dir.path().to_owned(), origin: Origin::Settings });
    let host = Host::new(SearchPath::only(dirs.into()));
    let listing = host.list();
    let path = |dir: &tempfile::TempDir| dir.path().join(file_name("good"));
    assert_eq!(listing.plugins[0].path, Some(path(&second)));
    assert_eq!(listing.shadowed[0].path, path(&first));
    assert_eq!(listing.shadowed[0].shadowed_by, Some(path(&second)));
    assert_eq!(listing.plugins.len(), 1);
}

#[test]
fn a_refused_file_is_mentioned_when_a_component_is_missing() {
    let (dir, _) = host_with("good");
    fs::write(dir.path().join(file_name("broken")), "").unwrap();
    let host = host_of(dir.path());
    let Err(HostError::Unknown { refused, .. }) = host.monitor("nvml", &Json::Null) else {
        panic!("there is no such monitor")
    };
    assert!(refused[0].to_string().contains(&file_name("broken")));
    let named = host.backend("broken", &Json::Null).err().unwrap();
    assert!(matches!(named, HostError::Refused(_)), "the file named after it is refused: {named}");
}

#[test]
fn nothing_is_loaded_from_a_folder_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let listing = host_of(&dir.path().join("missing")).list();
    assert!(listing.plugins.is_empty() && listing.refused.is_empty());
}
