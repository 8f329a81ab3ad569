use std::path::PathBuf;

use llmbench_api::record::RunManifest;

use super::*;
use crate::compare::{Options, Sides, compare};
use crate::render::TextOptions;
use crate::testing::{manifest, scored};
use crate::{Run, attempts};

fn run(id: &str, model: &str, fixtures: &[&str], mean: f64) -> Run {
    let manifest = RunManifest { run_id: id.to_owned(), ..manifest(&[model], fixtures, 4) };
    let mut records = Vec::new();
    for (index, fixture) in fixtures.iter().enumerate() {
        for run in 1..=4 {
            let score = (mean + 0.2 * index as f64 * (mean - 6.0) + 0.1 * f64::from(run)).min(10.0);
            records.push(scored(model, fixture, run, score));
        }
    }
    Run { dir: PathBuf::from(id), manifest, records: attempts(&records), warnings: Vec::new() }
}

fn example() -> Comparison {
    let fixtures = [
        "props-basic",
        "emits-and-slots",
        "store",
        "form",
        "table",
        "a-very-long-name-of-a-fixture",
    ];
    let mut other = run("2026-03-02-other", "gemma3:4b-it-q4_K_M", &fixtures, 8.0);
    other.manifest.environment.cpu = Some("Another CPU".into());
    let base = run("2026-03-01-base", "qwen2.5-coder:7b-instruct-q8_0", &fixtures, 6.5);
    let runs = [(base, None), (other, None)];
    compare(&Sides::of(&runs, &[]).unwrap(), Options::default()).unwrap()
}

fn hostile() -> Comparison {
    let (model, fixture) =
        ("=x|\x1b[31m<img src=x onerror=alert(1)>", "<script>alert(1)</script>|`");
    let runs = [
        (run("<a>", model, &[fixture], 6.0), None),
        (run("b\" onload=x", model, &[fixture], 7.0), None),
    ];
    compare(&Sides::of(&runs, &[]).unwrap(), Options::default()).unwrap()
}

#[test]
fn as_text() {
    let text = comparison_text(&example(), &TextOptions { color: false, width: 80 });
    insta::assert_snapshot!(text);
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 80, "{widest}");
}

#[test]
fn as_markdown() {
    insta::assert_snapshot!(comparison_markdown(&example()));
}

#[test]
fn as_json_and_back() {
    let comparison = example();
    let back: Comparison = serde_json::from_str(&comparison_json(&comparison)).unwrap();
    assert_eq!(back, comparison);
}

#[test]
fn nothing_untrusted_becomes_markup() {
    let page = comparison_html(&hostile());
    assert!(page.contains("default-src 'none'"));
    for tag in ["<script", "<img", "<a>", "onload=x<"] {
        assert!(!page.contains(tag), "{tag} in {page}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)"));
    let text = comparison_text(&hostile(), &TextOptions { color: false, width: 80 });
    assert!(!text.contains('\x1b'), "{text}");
    let markdown = comparison_markdown(&hostile());
    assert!(!markdown.contains('<'), "{markdown}");
}
