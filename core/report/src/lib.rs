//! llmbench report.
