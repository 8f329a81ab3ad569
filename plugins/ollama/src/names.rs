//! Model names as Ollama compares them.

/// True when Ollama takes both names for the same model: `tiny` is `Tiny:latest`.
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    canonical(a) == canonical(b)
}

/// The name in small letters without the default host and namespace, with a tag.
fn canonical(name: &str) -> String {
    let name = name.trim().to_lowercase();
    let name = name.split_once("://").map_or(name.as_str(), |(_, rest)| rest);
    let name = name.strip_prefix("registry.ollama.ai/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') { name.to_owned() } else { format!("{name}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_ollama() {
        for (a, b, expected) in [
            ("tiny", "tiny:latest", true),
            ("TINY:LATEST", "tiny", true),
            ("library/tiny", "tiny", true),
            ("registry.ollama.ai/library/tiny", "tiny:latest", true),
            ("tiny", "tiny:7b", false),
            ("tiny", "tiny-moe", false),
            ("me/tiny", "tiny", false),
            ("host:5000/me/tiny", "host:5000/me/tiny:latest", true),
        ] {
            assert_eq!(is_same(a, b), expected, "{a} {b}");
        }
    }
}
