//! llmbench plugin.
