//! llmbench plugin: refactoring.
