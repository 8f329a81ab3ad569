//! The native compiler judges as the one that vue-tsc uses.

use llmbench_api::Validator;
use llmbench_plugin_tsc::Tsc;
use serde_json::json;

use crate::cases::cases;
use crate::support::{check, cx, data_dir, passed, places, toolchain};

#[test]
fn the_native_compiler_finds_what_the_other_one_finds() {
    if toolchain().is_none() {
        return;
    }
    let native = Tsc::native(json!({})).unwrap().in_data_dir(data_dir());
    let info = native.prepare(&Default::default(), &cx()).unwrap();
    assert_eq!(info.tools["typescript"], "7.0.2");
    assert!(info.location.unwrap().display().to_string().contains("tsc-native-"));
    let mut wrong = Vec::new();
    for case in cases() {
        let findings = check(&native, &case.source).unwrap();
        if places(&findings) != case.found || passed(&findings) != case.passed {
            wrong.push(format!("{}: {:?} {:?}", case.name, passed(&findings), places(&findings)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
