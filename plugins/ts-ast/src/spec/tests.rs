use llmbench_api::{ErrorKind, Json};

use super::{KINDS, Specs};

const SCHEMA: &str = include_str!("../../ast_checks.schema.json");

/// `expected` is a part of the message; empty when the text is right.
#[track_caller]
fn check(text: &str, expected: &str) {
    let schema: Json = serde_json::from_str(SCHEMA).unwrap();
    match Specs::parse(text) {
        Ok(_) => {
            assert_eq!(expected, "", "accepted: {text}");
            let json: Json = serde_json::from_str(text).unwrap();
            assert!(jsonschema::is_valid(&schema, &json), "the schema refuses {text}");
        }
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::InvalidInput);
            assert!(error.hint.is_some());
            assert!(!expected.is_empty() && error.message.contains(expected), "{error}\n{text}");
        }
    }
}

fn with_check(check: &str) -> String {
    format!(r#"{{"version":1,"checks":[{check}]}}"#)
}

#[test]
fn every_kind_is_read_and_known_to_the_schema() {
    for kind in KINDS {
        let more = if kind == "imports" { r#","from":"vue""# } else { "" };
        check(&with_check(&format!(r#"{{"kind":"{kind}"{more}}}"#)), "");
    }
}

#[test]
fn all_keys_are_read() {
    for text in [
        r#"{"kind":"type_declared","name":"a","weight":2,"matches":"^U","declaration":"type","members":["id"],"min_members":2}"#,
        r#"{"kind":"typed_props","names":["a"],"min_share":0.5}"#,
        r#"{"kind":"typed_emits","names":["a"],"min_share":0.5}"#,
        r#"{"kind":"typed_model","model":"a"}"#,
        r#"{"kind":"parameters_typed","function":"a","min_share":1}"#,
        r#"{"kind":"returns_typed","function":"a","min_share":1}"#,
        r#"{"kind":"state_typed","variable":"a","calls":["ref"],"explicit":true,"min_share":1}"#,
        r#"{"kind":"imports","from":"vue","names":["ref"],"type_only":false}"#,
        r#"{"kind":"no_any","max":1,"weight":0.5}"#,
    ] {
        check(&with_check(text), "");
    }
    check(
        r#"{"$schema":"x","version":1,"checks":[{"kind":"no_any"}],"required":["no_any","parses"],
            "allow":{"any":1,"assertions":1,"double_assertions":1,"non_null":1,"weak_types":1,"any_assertions":1,"any_identifiers":1,"lost_names":["a"]}}"#,
        "",
    );
    check(
        r#"{"$schema":"x","version":1,"files":{"a.vue":{"checks":[{"kind":"no_any"}],"required":["no_any"],"allow":{"any":1}},"b.ts":{"checks":[{"kind":"returns_typed"}]}}}"#,
        "",
    );
}

#[test]
fn what_is_wrong_is_named_with_its_path() {
    check("{", "is no JSON");
    check("[]", "$ is an empty list; it must be an object");
    check(r#"{"checks":[]}"#, "$.version is missing");
    check(r#"{"version":2,"checks":[]}"#, "$.version is 2");
    check(r#"{"version":1}"#, "$.checks is missing");
    check(r#"{"version":1,"checks":[]}"#, "$.checks needs at least one");
    check(&with_check(r#"{"kind":"no_any","weight":0}"#), "$.checks needs at least one");
    check(&with_check("3"), "$.checks[0] is 3; it must be an object");
    check(&with_check("{}"), "$.checks[0].kind is missing; kinds are `script_lang`");
    check(&with_check(r#"{"kind":"typed_prop"}"#), "$.checks[0].kind is `typed_prop`; kinds are");
    check(
        &with_check(r#"{"kind":"no_any","maximum":1}"#),
        "$.checks[0].maximum: there is no such key here; keys are `kind`, `name`, `weight`, `max`",
    );
    check(
        &with_check(r#"{"kind":"no_any","max":-1}"#),
        "$.checks[0].max is -1; it must be a whole",
    );
    check(&with_check(r#"{"kind":"no_any","weight":-1}"#), "$.checks[0].weight is -1");
    check(
        &with_check(r#"{"kind":"type_declared","matches":"("}"#),
        "$.checks[0].matches is no regular",
    );
    check(
        &with_check(r#"{"kind":"type_declared","declaration":"class"}"#),
        "must be `interface` or `type`",
    );
    check(
        &with_check(r#"{"kind":"typed_props","names":"user"}"#),
        "$.checks[0].names is \"user\"; it must be a list",
    );
    check(
        &with_check(r#"{"kind":"typed_props","min_share":2}"#),
        "$.checks[0].min_share is 2; it must be",
    );
    check(&with_check(r#"{"kind":"imports"}"#), "$.checks[0].from is missing");
    check(
        &with_check(r#"{"kind":"no_any"},{"kind":"no_any"}"#),
        "$.checks[1].name: there is already",
    );
    check(
        r#"{"version":1,"checks":[{"kind":"no_any"}],"required":["x"]}"#,
        "$.required[0]: there is no check called `x`; there are `no_any`",
    );
    check(
        r#"{"version":1,"checks":[{"kind":"no_any"}],"allow":{"as":1}}"#,
        "$.allow.as: there is no such key here; keys are `any`",
    );
    check(
        r#"{"version":1,"checks":[{"kind":"no_any"}],"weights":1}"#,
        "$.weights: there is no such key here; keys are `$schema`",
    );
    check(r#"{"version":1,"files":{}}"#, "$.files needs at least one file");
    check(r#"{"version":1,"files":[]}"#, "$.files is an empty list; it must be an object");
    check(r#"{"version":1,"files":{"a.ts":{}}}"#, "$.files[\"a.ts\"].checks is missing");
    check(
        r#"{"version":1,"files":{"a.ts":{"checks":[{"kind":"x"}]}}}"#,
        "$.files[\"a.ts\"].checks[0].kind is `x`",
    );
    check(
        r#"{"version":1,"files":{"a.ts":{"version":1,"checks":[{"kind":"no_any"}]}}}"#,
        "$.files[\"a.ts\"].version: there is no such key here; keys are `checks`",
    );
    check(
        r#"{"version":1,"checks":[{"kind":"no_any"}],"files":{"a.ts":{"checks":[{"kind":"no_any"}]}}}"#,
        "$.checks: there is no such key here; keys are `$schema`, `version`, `files`",
    );
}
