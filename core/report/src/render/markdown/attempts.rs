//! Each attempt, and what was wrong with it.

use super::{list, word};
use crate::render::{escape, figures};
use crate::report::AST_HIGHEST;
use crate::{Attempt, Report};

/// Errors of one attempt that are shown; `samples.jsonl` has all.
const MOST_ERRORS: usize = 50;
/// Bytes of an answer that are shown; `samples.jsonl` has all.
const MOST_ANSWER_BYTES: usize = 16_384;
/// Attempts in the table; `samples.csv` has all.
const MOST_ROWS: usize = 1_000;
/// Attempts whose errors are shown; `samples.jsonl` has all.
const MOST_BLOCKS: usize = 200;

pub(super) fn table(report: &Report<'_>) -> String {
    let header = [
        "Attempt",
        "Status",
        "Score",
        "Compiles",
        "AST",
        "tok/s",
        "Duration s",
        "TTFT s",
        "Prompt",
        "Answer",
        "End",
        "GPU avg %",
        "GPU peak GB",
        "Errors",
    ]
    .map(str::to_owned);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| figures::ABSENT.to_owned());
    let rows = report.attempts().iter().take(MOST_ROWS).map(|record| {
        let ttft = figures::number(record.ttft_sec, 3);
        let cached = crate::summary::is_prompt_cached(record) && record.ttft_sec.is_some();
        vec![
            record.id.clone(),
            record.status.as_str().to_owned(),
            figures::below(record.score, report.manifest.max_score, 2),
            or_dash(record.compiles.map(|yes| if yes { "yes" } else { "no" }.to_owned())),
            figures::below(record.ast_score, AST_HIGHEST, 2),
            figures::number(record.tokens_per_sec, 1),
            figures::number(record.duration_sec, 2),
            if cached { format!("{ttft} (cached)") } else { ttft },
            or_dash(record.prompt_tokens.map(|tokens| tokens.to_string())),
            or_dash(record.completion_tokens.map(|tokens| tokens.to_string())),
            or_dash(record.done_reason.as_ref().map(word)),
            figures::number(record.gpu_avg_utilization, 1),
            figures::number(record.gpu_peak_memory_gb, 2),
            record.errors.len().to_string(),
        ]
    });
    let count = report.attempts().len();
    if count == 0 {
        return "No attempt was made.\n".to_owned();
    }
    let mut out = super::table(&header, rows);
    if count > MOST_ROWS {
        out.push_str(&format!(
            "\nThe first {MOST_ROWS} of {count} attempts in the plan's order; samples.csv has all.\n"
        ));
    }
    out
}

/// One folded block for each attempt with errors: the errors, then the answer.
pub(super) fn errors(report: &Report<'_>) -> String {
    let wrong: Vec<_> = report
        .attempts()
        .iter()
        .filter(|record| !record.errors.is_empty() || !record.retries.is_empty())
        .collect();
    let shown = wrong.iter().take(MOST_BLOCKS);
    let mut out = shown.map(|record| block(report, record)).collect::<Vec<_>>().join("\n");
    if wrong.len() > MOST_BLOCKS {
        out.push_str(&format!(
            "\nThe first {MOST_BLOCKS} of {} attempts with errors; samples.jsonl has all.\n",
            wrong.len()
        ));
    }
    out
}

fn block(report: &Report<'_>, record: &Attempt) -> String {
    let summary = format!(
        "{}: {}, {}",
        record.id,
        record.status.as_str(),
        figures::count(record.errors.len(), "error")
    );
    let mut out = format!("<details>\n<summary>{}</summary>\n\n", escape::html(&summary));
    let shown = record.errors.len().min(MOST_ERRORS);
    if shown > 0 {
        out.push_str(&escape::fenced(&record.errors[..shown].join("\n")));
    }
    if shown < record.errors.len() {
        out.push_str(&format!("\n{} more in samples.jsonl.\n", record.errors.len() - shown));
    }
    if !record.retries.is_empty() {
        out.push_str(&format!("\nRetried after:\n\n{}", list(record.retries.iter())));
    }
    let details = if record.output.is_some() { report.details(record) } else { Ok(None) };
    let answer = match details {
        Ok(details) => details.and_then(|details| details.output_code),
        Err(error) => {
            out.push_str(&format!("\nAnswer: {}\n", escape::markdown(&error.to_string())));
            None
        }
    };
    if let Some(answer) = answer.as_deref().filter(|answer| !answer.is_empty()) {
        let head = &answer[..answer.floor_char_boundary(MOST_ANSWER_BYTES)];
        out.push_str(&format!("\nAnswer:\n\n{}", escape::fenced(head)));
        if head.len() < answer.len() {
            let rest = answer.len() - head.len();
            out.push_str(&format!("\n{rest} bytes more in samples.jsonl.\n"));
        }
    }
    out.push_str("\n</details>\n");
    out
}
