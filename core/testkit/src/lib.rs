//! llmbench testkit.
