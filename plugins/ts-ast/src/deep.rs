//! Runs recursive work with a stack that is deep enough for any input.
//!
//! The parser recurses with the nesting of the code and has no bound of its own;
//! a stack overflow ends the whole process. Nesting cannot be deeper than there
//! are tokens, so the number of tokens bounds the stack that is needed. Pages of
//! it that are never touched cost no memory.

use llmbench_api::{Error, ErrorKind, Result};

/// Most tokens that are looked at.
pub const MAX_TOKENS: usize = 30_000;

/// Stack for what does not depend on the input.
const BASE_BYTES: usize = 4 << 20;

/// Stack for one token. Unoptimised code needs the most; a test holds the worst
/// nesting against it.
const BYTES_PER_TOKEN: usize = 24 << 10;

/// An upper bound of the number of tokens: words and punctuation marks.
pub fn count_tokens(text: &str) -> usize {
    let mut count = 0;
    let mut in_word = false;
    for byte in text.bytes() {
        let word = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii();
        count += usize::from((word && !in_word) || (!word && !byte.is_ascii_whitespace()));
        in_word = word;
    }
    count
}

/// Runs `work` on a stack for `tokens` tokens.
///
/// # Errors
/// [`ErrorKind::OutOfMemory`] when there is no room for the stack,
/// [`ErrorKind::Panicked`] when `work` panics.
pub fn run<T: Send>(tokens: usize, work: impl FnOnce() -> T + Send) -> Result<T> {
    let stack = BASE_BYTES + tokens.min(MAX_TOKENS) * BYTES_PER_TOKEN;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("ts-ast".into())
            .stack_size(stack)
            .spawn_scoped(scope, work)
            .map_err(|error| {
                let mib = stack >> 20;
                Error::new(ErrorKind::OutOfMemory, format!("cannot get a stack of {mib} MiB"))
                    .with_cause(&error)
            })?;
        thread.join().map_err(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panic");
            Error::new(ErrorKind::Panicked, format!("the parser gave up: {text}"))
        })
    })
}
