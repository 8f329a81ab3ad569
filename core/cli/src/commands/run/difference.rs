//! What must be the same when a run goes on, or when parts become one run.

use std::collections::{BTreeMap, BTreeSet};

use llmbench_api::Measured;
use llmbench_api::record::{PluginRecord, RunManifest};

/// Differences between two manifests, each in words: `fixture `x`: sha256 was …, is …`.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// Records of both would not belong together: other questions, other judges.
    pub(crate) judging: Vec<String>,
    /// Their speeds would not belong together: another server or machine.
    pub(crate) speed: Vec<String>,
    /// Worth knowing.
    pub(crate) remarks: Vec<String>,
}

/// Compares what decides answers, scores and speeds.
///
/// A fact that one side does not know is no difference, but for a model's digest. The server's version
/// counts among what decides speeds, and answers too: another release computes
/// the same model with other kernels, which the model's digest does not show.
pub(crate) fn differences(was: &RunManifest, is: &RunManifest) -> Differences {
    let mut found = Differences::default();
    let judging = &mut found.judging;
    words(judging, "test", &was.test, &is.test);
    words(judging, "backend", &was.backend, &is.backend);
    let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".into());
    words(
        judging,
        "scoring version",
        &version(&was.scoring_version),
        &version(&is.scoring_version),
    );
    words(judging, "highest score", &was.max_score.to_string(), &is.max_score.to_string());
    fixtures(judging, was, is);
    models(judging, was, is);
    roles(judging, was, is);
    plugins(&mut found, was, is);
    let speed = &mut found.speed;
    words(speed, "server", &was.server.name, &is.server.name);
    known(speed, "server version", &was.server.version, &is.server.version);
    machine(&mut found, was, is);
    if was.llmbench_version != is.llmbench_version {
        let (was, is) = (&was.llmbench_version, &is.llmbench_version);
        found.remarks.push(format!("llmbench: was {was}, is {is}"));
    }
    found
}

fn words(list: &mut Vec<String>, what: &str, was: &str, is: &str) {
    if was != is {
        list.push(format!("{what}: was {was}, is {is}"));
    }
}

fn known<T: std::fmt::Display + PartialEq>(
    list: &mut Vec<String>,
    what: &str,
    was: &Measured<T>,
    is: &Measured<T>,
) {
    if let (Some(was), Some(is)) = (&was.value, &is.value)
        && was != is
    {
        list.push(format!("{what}: was {was}, is {is}"));
    }
}

fn fixtures(list: &mut Vec<String>, was: &RunManifest, is: &RunManifest) {
    for old in &was.fixtures {
        match is.fixtures.iter().find(|new| new.name == old.name) {
            Some(new) => {
                words(list, &format!("fixture `{}`: sha256", old.name), &old.sha256, &new.sha256);
            }
            None => list.push(format!("fixture `{}`: is not there", old.name)),
        }
    }
}

fn models(list: &mut Vec<String>, was: &RunManifest, is: &RunManifest) {
    for old in &was.models {
        let old = &old.identity;
        match is.models.iter().map(|model| &model.identity).find(|new| new.name == old.name) {
            Some(new) => {
                let name = &old.name;
                // A part of the plan: whether it is known must not change either.
                let digest = |of: &Measured<String>| {
                    of.value.clone().unwrap_or_else(|| "not known".to_owned())
                };
                let what = format!("model `{name}`: digest");
                words(list, &what, &digest(&old.digest), &digest(&new.digest));
                let what = format!("model `{name}`: quantisation");
                known(list, &what, &old.quantization, &new.quantization);
            }
            None => list.push(format!("model `{}`: is not there", old.name)),
        }
    }
}

fn roles(list: &mut Vec<String>, was: &RunManifest, is: &RunManifest) {
    let names: BTreeSet<&String> = was.roles.keys().chain(is.roles.keys()).collect();
    for role in names {
        let (Some(old), Some(new)) = (was.roles.get(role), is.roles.get(role)) else {
            list.push(format!("role `{role}`: only one of both has it"));
            continue;
        };
        let player =
            |role: &llmbench_api::record::RoleRecord| match (&role.skipped, &role.validator) {
                (Some(reason), _) => format!("skipped ({reason})"),
                (None, Some(name)) => name.clone(),
                (None, None) => "nobody".into(),
            };
        // The reasons of a role that is skipped both times may differ in words.
        if old.skipped.is_none() || new.skipped.is_none() {
            words(list, &format!("role `{role}`"), &player(old), &player(new));
            tools(list, role, &old.info.tools, &new.info.tools);
        }
    }
}

fn tools(
    list: &mut Vec<String>,
    role: &str,
    was: &BTreeMap<String, String>,
    is: &BTreeMap<String, String>,
) {
    for (tool, old) in was {
        if let Some(new) = is.get(tool) {
            words(list, &format!("{tool} (role `{role}`)"), old, new);
        }
    }
}

fn plugins(found: &mut Differences, was: &RunManifest, is: &RunManifest) {
    for old in &was.plugins {
        let same = |new: &&PluginRecord| new.kind == old.kind && new.name == old.name;
        let Some(new) = is.plugins.iter().find(same) else { continue };
        let list = match old.kind.as_str() {
            "monitor" => &mut found.remarks,
            "backend" => &mut found.speed,
            _ => &mut found.judging,
        };
        words(list, &format!("{} `{}`: version", old.kind, old.name), &old.version, &new.version);
        if old.version == new.version && old.sha256 != new.sha256 {
            found.remarks.push(format!(
                "{} `{}`: another build of version {}",
                old.kind, old.name, old.version
            ));
        }
    }
}

fn machine(found: &mut Differences, was: &RunManifest, is: &RunManifest) {
    let (old, new) = (&was.environment, &is.environment);
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
    words(&mut found.speed, "processor", &text(&old.cpu), &text(&new.cpu));
    let gpus = |run: &RunManifest| {
        let names: Vec<_> = run.environment.gpus.iter().map(|gpu| gpu.name.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    words(&mut found.speed, "GPU", &gpus(was), &gpus(is));
    words(&mut found.remarks, "kernel", &text(&old.kernel), &text(&new.kernel));
    let count = |count: Option<u64>| count.map_or("unknown".into(), |count| count.to_string());
    let (was, is) = (count(old.logical_cpus), count(new.logical_cpus));
    words(&mut found.remarks, "logical processors", &was, &is);
    for (old, new) in old.gpus.iter().zip(&new.gpus) {
        for (fact, was) in &old.facts {
            // Only what stays as long as nobody changes it; temperatures and the like do not.
            if let Some(is) = new.facts.get(fact).filter(|_| fact.contains("driver")) {
                words(&mut found.remarks, &format!("{}: {fact}", old.id), was, is);
            }
        }
    }
}
