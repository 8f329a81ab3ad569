//! llmbench plugin: tsc.
