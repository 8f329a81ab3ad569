//! llmbench plugin: system.
