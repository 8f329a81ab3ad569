//! llmbench host.
