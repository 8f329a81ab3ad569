//! Puts style, scripts and data into one file, and says what a browser may do with it.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use sha2::{Digest, Sha256};

const FRAME: &str = include_str!("assets/page.html");
const STYLE: [&str; 4] = [
    include_str!("assets/theme.css"),
    include_str!("assets/layout.css"),
    include_str!("assets/parts.css"),
    include_str!("assets/print.css"),
];
/// The charting library, as build.rs found it.
const ECHARTS: &str = include_str!(env!("LLMBENCH_ECHARTS"));
/// Our own scripts, in the order in which they build on each other.
const SCRIPTS: [&str; 15] = [
    include_str!("assets/elements.js"),
    include_str!("assets/data.js"),
    include_str!("assets/filters.js"),
    include_str!("assets/tables.js"),
    include_str!("assets/charts.js"),
    include_str!("assets/agreement.js"),
    include_str!("assets/context.js"),
    include_str!("assets/figures.js"),
    include_str!("assets/load.js"),
    include_str!("assets/attempts.js"),
    include_str!("assets/diff.js"),
    include_str!("assets/timeline.js"),
    include_str!("assets/detail.js"),
    include_str!("assets/setup.js"),
    include_str!("assets/main.js"),
];

/// The page as a file: it may reach nothing.
pub(super) fn file(data: &Value) -> String {
    page(data, "'none'")
}

/// The page as it is served: it may ask the server that it came from, and nothing else.
pub fn served_page(data: &Value) -> String {
    page(data, "'self'")
}

/// What the browser is told to forbid; the scripts and the style are named by their hashes.
///
/// `connect` is `'none'` for a file and `'self'` for a served page. Style
/// attributes are forbidden too: scripts set single properties, which is allowed.
pub fn content_security_policy(connect: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {} {}; style-src {}; img-src data:; connect-src {connect}; base-uri 'none'; form-action 'none'",
        hash(ECHARTS),
        hash(&script()),
        hash(&style()),
    )
}

fn page(data: &Value, connect: &str) -> String {
    let title = data["runs"].as_array().map_or_else(String::new, |runs| {
        let ids: Vec<_> = runs.iter().filter_map(|run| run["id"].as_str()).collect();
        ids.join(", ")
    });
    let parts = [
        ("policy", content_security_policy(connect)),
        ("title", crate::render::escape::html(&title)),
        ("style", style()),
        ("data", harmless(&data.to_string())),
        ("library", ECHARTS.to_owned()),
        ("script", script()),
    ];
    let mut out = String::new();
    let mut rest = FRAME;
    // From left to right, so that nothing that is put in is taken for a place.
    for (name, text) in parts {
        let place = format!("{{{{ {name} }}}}");
        let (before, after) = rest.split_once(&place).expect("the frame has a place for each part");
        out.push_str(before);
        out.push_str(&text);
        rest = after;
    }
    out + rest
}

fn style() -> String {
    STYLE.concat()
}

fn script() -> String {
    format!("(() => {{\n\"use strict\";\n{}}})();\n", SCRIPTS.concat())
}

/// JSON that cannot end the block it stands in, nor be taken for markup.
fn harmless(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_the_same_json_without_characters_of_markup() {
        let value = serde_json::json!("</script><!--<script>&\u{2028}\u{2029} ü");
        let text = harmless(&value.to_string());
        assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn nothing_that_is_embedded_ends_its_own_block() {
        for text in [ECHARTS.to_owned(), script()] {
            assert!(!text.contains("</script"), "a script would end too early");
        }
        assert!(!style().contains("</style"));
    }
}
