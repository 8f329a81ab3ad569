//! Fixtures that come inside the plugin.

use std::collections::BTreeMap;

use llmbench_api::{Fixture, Json};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../fixtures/refactoring"]
struct Files;

/// The shipped fixtures by name; files that are not text are left out, and so are
/// fixtures with an npm project: it has to lie on disk.
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
    fixtures.into_values().filter(|fixture| !has_project(fixture)).collect()
}

fn has_project(fixture: &Fixture) -> bool {
    let settings = fixture.files.get("fixture.json").map(|text| serde_json::from_str::<Json>(text));
    matches!(settings, Some(Ok(json)) if json.get("project").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_fixture_loads_and_has_mutants() {
        let fixtures = shipped_fixtures();
        assert!(fixtures.iter().any(|fixture| fixture.name == "simple-component"));
        for fixture in &fixtures {
            let case = crate::fixture::load(fixture).unwrap();
            let data: crate::fixture::CaseData = serde_json::from_value(case.data).unwrap();
            let mutants =
                data.references.iter().filter(|it| it.name.starts_with("mutants/")).count();
            assert!(mutants >= 8, "{}: {mutants} mutants", fixture.name);
            assert!(fixture.dir.is_none());
        }
    }
}
