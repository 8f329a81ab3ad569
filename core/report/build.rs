//! Finds Apache ECharts, which the HTML report embeds, in the pinned crate that carries it.
//!
//! The crate `charming` ships the library as a file but keeps it to itself. It
//! is a build dependency, so cargo downloads it, checks it against Cargo.lock and
//! unpacks it; `cargo metadata` then says where. Nothing of it is compiled into
//! llmbench but that file.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

const CRATE: &str = "charming";
const LIBRARY: &str = "src/asset/echarts-5.5.1.min.js";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let manifest = std::env::var("CARGO_MANIFEST_DIR")?;
    let library = crate_folder(Path::new(&manifest))?.join(LIBRARY);
    if !library.is_file() {
        return Err(
            format!("{} is not there: another version of {CRATE}?", library.display()).into()
        );
    }
    println!("cargo::rustc-env=LLMBENCH_ECHARTS={}", library.display());
    println!("cargo::rerun-if-changed={}", library.display());
    Ok(())
}

/// The folder of the crate that Cargo.lock pins; asks the network only when it must.
fn crate_folder(manifest: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut problems = Vec::new();
    for network in [&["--locked", "--offline"][..], &["--locked"]] {
        let output = Command::new(std::env::var("CARGO")?)
            .args(["metadata", "--format-version", "1"])
            .args(network)
            .args(["--filter-platform", &std::env::var("TARGET")?])
            .arg("--manifest-path")
            .arg(manifest.join("Cargo.toml"))
            .output()?;
        if output.status.success() {
            return folder_in(&output.stdout);
        }
        problems.push(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Err(format!("`cargo metadata` cannot tell where {CRATE} is: {}", problems.join("\n")).into())
}

fn folder_in(metadata: &[u8]) -> Result<PathBuf, Box<dyn Error>> {
    let metadata: serde_json::Value = serde_json::from_slice(metadata)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let manifest = packages
        .filter(|package| package["name"] == CRATE)
        .find_map(|package| package["manifest_path"].as_str())
        .ok_or_else(|| format!("`cargo metadata` does not know {CRATE}"))?;
    let folder = Path::new(manifest).parent().ok_or("a manifest lies in a folder")?;
    Ok(folder.to_owned())
}
