//! Node.js tools for plugins that judge with them: the program itself, child
//! processes that can be stopped with everything they started, and npm
//! packages in pinned versions, installed once into llmbench's data directory.
//!
//! Nothing here knows what the tools do. Needs the feature `node-tools`.

#[cfg(all(target_os = "linux", feature = "confine"))]
mod confine;
mod install;
mod node;
mod packages;
mod pins;
pub mod process;
mod project;

#[cfg(all(target_os = "linux", feature = "confine"))]
pub use confine::confine;
pub use install::NpmEnvironment;
pub use node::{Node, advice, unavailable};
pub use packages::{Packages, Source};
pub use pins::{Pins, installed_version};
pub use process::{Group, POLL};
pub use project::{install_project, project_packages};
