//! When nothing is run.

use llmbench_api::{ErrorKind, Validator};
use llmbench_plugin_vitest::{Settings, Vitest};
use serde_json::json;

use crate::answers::counter;
use crate::support::{cx, data_dir, is_ready, skip};

#[test]
fn settings_that_are_not_understood_are_named() {
    let error = Vitest::new(json!({ "sandbox": "chroot" })).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.message.contains("chroot"), "{error}");
}

/// Packages are needed to get as far as the sandbox, so they are installed first.
#[test]
fn without_a_sandbox_nothing_runs_unless_the_risk_is_accepted() {
    if !is_ready() {
        return;
    }
    // A Node that cannot be found in any sandbox: its folder is not let in.
    let folder = tempfile::tempdir().unwrap();
    let stand_in = folder.path().join("node");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let text = "#!/bin/sh\nif [ \"$1\" = --print ]; then echo \"$0\"; exit; fi\nif [ \"$1\" = --version ]; then echo v24.0.0; exit; fi\nexec /usr/bin/env node \"$@\"\n";
        std::fs::write(&stand_in, text).unwrap();
        std::fs::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    if !stand_in.exists() {
        skip("no stand-in for node on this system");
        return;
    }
    let settings = Settings { node: Some(stand_in), ..Settings::default() };
    let vitest = Vitest::with_settings(settings.clone()).in_data_dir(data_dir());
    let error = vitest.prepare(&counter(), &cx()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    let hint = error.hint.unwrap();
    assert!(hint.contains("bubblewrap") && hint.contains("--allow-unsafe-exec"), "{hint}");

    let settings = Settings { allow_unsafe_exec: true, ..settings };
    let vitest = Vitest::with_settings(settings).in_data_dir(data_dir());
    let info = vitest.prepare(&counter(), &cx()).unwrap();
    assert!(info.notes.contains(&"sandbox: none (allow_unsafe_exec)".to_owned()), "{info:?}");
    assert!(info.tools.contains_key("vitest") && info.tools.contains_key("node"));
}
