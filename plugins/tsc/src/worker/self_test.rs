//! The proof that a worker finds errors, and only where there are some.
//!
//! A compiler that is set up wrongly reports nothing at all, which looks like
//! success. So each new worker must first find two known errors, one in a
//! script and one in a template, and must find nothing in a good file.

use std::time::Duration;

use llmbench_api::{
    Artifact, CallContext, Error, ErrorKind, Findings, FindingsStatus, Project, Result,
};

use super::Worker;
use crate::findings;
use crate::project::Staged;

const GOOD: &str = r#"<script setup lang="ts">
import { computed, ref } from 'vue'

interface Row {
  id: number
  label: string
}

const props = defineProps<{ rows: Row[] }>()
const emit = defineEmits<{ pick: [row: Row] }>()
const query = ref('')
const shown = computed(() => props.rows.filter((row) => row.label.includes(query.value)))
</script>

<template>
  <input v-model="query" />
  <li v-for="row in shown" :key="row.id" @click="emit('pick', row)">{{ row.label }}</li>
</template>
"#;

const BAD: &str = r#"<script setup lang="ts">
const count: number = 'not a number'
</script>

<template>
  <p>{{ count.toUpperCase() }}</p>
</template>
"#;

/// Line and code of each error in [`BAD`].
const EXPECTED: [(u32, &str); 2] = [(2, "TS2322"), (6, "TS2339")];

/// Proves the worker on known files; warms it up on the way.
///
/// # Errors
/// `Unavailable` when it judges one of them wrongly, else as [`Worker::ask`].
pub(crate) fn self_test(worker: &mut Worker, limit: Duration, cx: &CallContext) -> Result<()> {
    let bad = judge(worker, BAD, limit, cx)?;
    let found: Vec<_> = bad.diagnostics.iter().map(|d| (d.line, d.code.as_deref())).collect();
    if !EXPECTED.iter().all(|(line, code)| found.contains(&(Some(*line), Some(code)))) {
        return Err(untrustworthy(&format!(
            "it did not report the errors of a file known to be wrong (expected {EXPECTED:?}, \
             found {found:?}), so whatever it passes proves nothing"
        )));
    }
    let good = judge(worker, GOOD, limit, cx)?;
    if good.status != FindingsStatus::Passed || good.error_count() > 0 {
        let first = good.diagnostics.first();
        let message = first.map_or("no reason given", |diagnostic| diagnostic.message.as_str());
        return Err(untrustworthy(&format!("it rejected a file known to be good: {message}")));
    }
    Ok(())
}

fn judge(worker: &mut Worker, text: &str, limit: Duration, cx: &CallContext) -> Result<Findings> {
    let artifact = Artifact::single("Component.vue", text);
    let staged = Staged::in_memory(&artifact, &Project::default())?;
    let answer = worker.ask(&mut staged.request(), limit, cx)?;
    findings::judge(&answer, &staged)
}

fn untrustworthy(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the type checker failed its self-test: {what}"))
        .with_phase("self_test")
        .with_hint(
            "remove the folder `toolchains` in llmbench's data directory and run \
             `llmbench doctor --fix`; with `tsc.node_modules`, use the pinned versions",
        )
}
