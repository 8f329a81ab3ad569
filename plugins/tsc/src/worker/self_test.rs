//! The proof that a worker finds errors, and only where there are some.
//!
//! A compiler that is set up wrongly reports nothing at all, which looks like
//! success. So each new worker must first find two known errors, one in a
//! script and one in a template, and a variable of type `any`, and must find nothing in a good file.

use std::time::Duration;

use llmbench_api::{
    Artifact, CallContext, Error, ErrorKind, Findings, FindingsStatus, Project, Result,
};

use super::{Outcome, Request, SourceFile, Worker};
use crate::findings;
use crate::project::Staged;

/// Uses what most components use, so that the worker is warm for them.
const GOOD: &str = r#"<script setup lang="ts">
import { computed, onMounted, ref, watch } from 'vue'

interface Row {
  id: number
  label: string
  tags: string[]
  due: string | null
}

type Order = 'label' | 'id'

const props = withDefaults(defineProps<{ rows: Row[]; limit?: number }>(), { limit: 10 })
const emit = defineEmits<{ pick: [row: Row]; search: [text: string] }>()
const query = ref('')
const order = ref<Order>('id')
const picked = ref<Row | null>(null)
const shown = computed<Row[]>(() =>
  props.rows
    .filter((row) => row.label.includes(query.value) || row.tags.some((tag) => tag === query.value))
    .sort((a, b) => (order.value === 'id' ? a.id - b.id : a.label.localeCompare(b.label)))
    .slice(0, props.limit),
)

function due(row: Row): string {
  return row.due === null ? 'never' : new Date(row.due).toLocaleDateString()
}

function pick(row: Row): void {
  picked.value = row
  emit('pick', row)
}

watch(query, (text) => emit('search', text))
onMounted(() => {
  const stored: unknown = JSON.parse(localStorage.getItem('order') ?? 'null')
  if (stored === 'label' || stored === 'id') order.value = stored
})
</script>

<template>
  <section :class="{ 'is-empty': shown.length === 0 }">
    <input v-model="query" type="search" />
    <p v-if="shown.length === 0">Nothing</p>
    <ul v-else>
      <li v-for="row in shown" :key="row.id" :class="{ active: picked?.id === row.id }">
        <button type="button" @click="pick(row)">{{ row.label }} {{ due(row) }}</button>
      </li>
    </ul>
  </section>
</template>
"#;

/// Checks of [`GOOD`] after which a further one gets no faster; measured with
/// the example `warm_vs_cold`: about 0.2 s at first, about 0.1 s then.
const WARM_UP_ROUNDS: u32 = 12;

/// Requests that a new worker answers before it judges anything: a bad file, a
/// good one, and the rounds that warm it up.
pub const SELF_TEST_REQUESTS: u32 = 2 + WARM_UP_ROUNDS;

const BAD: &str = r#"<script setup lang="ts">
const count: number = 'not a number'
const loose: ReturnType<typeof JSON.parse> = count
</script>

<template>
  <p>{{ count.toUpperCase() }}{{ loose }}</p>
</template>
"#;

/// Line and code of what is wrong in [`BAD`].
const EXPECTED: [(u32, &str); 4] = [(2, "TS2322"), (3, "ANY"), (7, "ANY"), (7, "TS2339")];

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
    let typed = good.measurements.get("type_coverage") == Some(&1.0);
    if good.status != FindingsStatus::Passed || good.error_count() > 0 || !typed {
        let first = good.diagnostics.first();
        let message = first.map_or("no reason given", |diagnostic| diagnostic.message.as_str());
        return Err(untrustworthy(&format!("it rejected a file known to be good: {message}")));
    }
    for round in 0..WARM_UP_ROUNDS {
        judge(worker, &format!("{GOOD}<!-- {round} -->\n"), limit, cx)?;
    }
    Ok(())
}

/// Proves a worker for an npm project on files that are laid into it, after it
/// has looked at the project as it stands.
///
/// # Errors
/// `InvalidInput` when the project's own check cannot be made, `Unavailable`
/// when it overlooks errors, else as [`Worker::ask`].
pub(crate) fn project_self_test(
    worker: &mut Worker,
    inputs: Vec<SourceFile>,
    limit: Duration,
    cx: &CallContext,
) -> Result<()> {
    let mut request =
        Request { id: 0, answer: Vec::new(), files: inputs, roots: Vec::new(), baseline: true };
    if let Outcome::Crashed { crash } = worker.ask(&mut request, limit, cx)?.types {
        let first = crash.lines().next().unwrap_or_default();
        let message = first.strip_prefix("Error: ").unwrap_or(first);
        return Err(Error::new(ErrorKind::InvalidInput, message).with_phase("self_test"));
    }
    let bad = judge_in_project(worker, BAD_IN_PROJECT, limit, cx)?;
    let found: Vec<_> = bad.diagnostics.iter().map(|d| (d.line, d.code.as_deref())).collect();
    if !EXPECTED_IN_PROJECT.iter().all(|(line, code)| found.contains(&(Some(*line), Some(code)))) {
        return Err(untrustworthy(&format!(
            "it did not report the errors of a file known to be wrong (expected \
             {EXPECTED_IN_PROJECT:?}, found {found:?}), so whatever it passes proves nothing"
        )));
    }
    let good = judge_in_project(
        worker,
        &BAD_IN_PROJECT.replace("'x'", "1").replace("nope", "toFixed"),
        limit,
        cx,
    )?;
    if good.status != FindingsStatus::Passed {
        let first = good.diagnostics.first();
        let message = first.map_or("no reason given", |diagnostic| diagnostic.message.as_str());
        return Err(untrustworthy(&format!("it rejected a file known to be good: {message}")));
    }
    Ok(())
}

const BAD_IN_PROJECT: &str = "<script setup lang=\"ts\">
const count: number = 'x'
</script>

<template>
  <p>{{ count.nope() }}</p>
</template>
";

const EXPECTED_IN_PROJECT: [(u32, &str); 2] = [(2, "TS2322"), (6, "TS2339")];

fn judge_in_project(
    worker: &mut Worker,
    text: &str,
    limit: Duration,
    cx: &CallContext,
) -> Result<Findings> {
    let artifact = Artifact::single("llmbench-self-test.vue", text);
    let staged = Staged::in_memory(&artifact, &Project::default())?.in_npm_project();
    let mut request = staged.request();
    request.roots.push(staged.entry.clone());
    let answer = worker.ask(&mut request, limit, cx)?;
    findings::judge(&answer, &staged)
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
