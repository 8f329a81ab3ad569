//! Fixtures that come inside the plugin.

use llmbench_api::Fixture;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../fixtures/consistency"]
struct Files;

/// The shipped fixtures by name.
pub(crate) fn shipped_fixtures() -> Vec<Fixture> {
    let files = Files::iter().filter_map(|path| {
        let content = Files::get(&path)?.data.into_owned();
        Some((path, content))
    });
    Fixture::in_folders(files)
}
