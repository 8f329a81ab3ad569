//! llmbench engine.
