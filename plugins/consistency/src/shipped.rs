//! Fixtures that come inside the plugin.

use std::collections::BTreeMap;

use llmbench_api::Fixture;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../fixtures/consistency"]
struct Files;

/// The shipped fixtures by name.
pub(crate) fn shipped_fixtures() -> Vec<Fixture> {
    let mut fixtures: BTreeMap<String, Fixture> = BTreeMap::new();
    for path in Files::iter() {
        let Some((name, inner)) = path.split_once('/') else { continue };
        let Some(file) = Files::get(&path) else { continue };
        let Ok(text) = String::from_utf8(file.data.into_owned()) else { continue };
        let fixture = fixtures
            .entry(name.to_owned())
            .or_insert_with(|| Fixture { name: name.to_owned(), ..Fixture::default() });
        fixture.files.insert(inner.to_owned(), text);
    }
    fixtures.into_values().collect()
}
