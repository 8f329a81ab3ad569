//! What the terminal can show.

use std::io::IsTerminal;

use llmbench_report::render::ListOptions;

/// How lists are laid out on stdout: as wide as the terminal there, of any width elsewhere.
pub(crate) fn list_options() -> ListOptions {
    let color = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let is_terminal = std::io::stdout().is_terminal();
    let size = is_terminal.then(|| console::Term::stdout().size_checked()).flatten();
    ListOptions { color, width: size.map(|(_, columns)| usize::from(columns)), ascii: is_ascii() }
}

/// True when the locale promises no UTF-8.
pub(crate) fn is_ascii() -> bool {
    let value = |name: &str| std::env::var(name).ok();
    !cfg!(windows) && !is_utf8(["LC_ALL", "LC_CTYPE", "LANG"].map(value))
}

/// By POSIX the first of these that is set and not empty counts; without any it is the `C` locale.
fn is_utf8(values: [Option<String>; 3]) -> bool {
    let first = values.into_iter().flatten().find(|value| !value.is_empty());
    first.is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_counts() {
        let some = |text: &str| Some(text.to_owned());
        assert!(is_utf8([None, None, some("en_GB.UTF-8")]));
        assert!(is_utf8([some(""), some("C.utf8"), some("C")]));
        assert!(!is_utf8([some("C"), some("en_GB.UTF-8"), some("en_GB.UTF-8")]));
        assert!(!is_utf8([None, None, some("de_DE.ISO-8859-1")]));
        assert!(!is_utf8([None, None, None]));
    }
}
