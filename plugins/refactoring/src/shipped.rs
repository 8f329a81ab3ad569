//! Fixtures that come inside the plugin.

use llmbench_api::{Fixture, Json};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../fixtures/refactoring"]
struct Files;

/// The shipped fixtures by name; files that are not text are left out, and so are
/// fixtures with an npm project: it has to lie on disk.
pub(crate) fn shipped_fixtures() -> Vec<Fixture> {
    let files = Files::iter().filter_map(|path| {
        let content = Files::get(&path)?.data.into_owned();
        Some((path, content))
    });
    let mut fixtures = Fixture::in_folders(files);
    fixtures.retain(|fixture| !has_project(fixture));
    fixtures
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
