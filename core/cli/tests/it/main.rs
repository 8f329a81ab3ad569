//! The real `llmbench`, run as a user runs it, against a real Ollama.

mod arrows;
mod commands;
mod compare;
mod consistency;
mod context_window;
mod disk;
mod documented_commands;
mod embedded;
mod faults;
mod history;
mod interrupt;
mod judging;
mod main_job;
mod merge;
mod monitors;
mod openai;
mod refused_input;
mod refused_plugins;
mod report_page;
mod resume;
mod run_options;
mod setup;
mod third_party;
mod throughput;
mod until_ci;
mod without_node;
