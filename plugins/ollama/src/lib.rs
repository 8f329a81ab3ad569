//! llmbench plugin: ollama.
