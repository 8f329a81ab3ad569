//! How far answers to one prompt agree, as text and as Markdown.

use llmbench_api::record::{AgreementSummary, GroupAgreement};

use super::text::{Layout, figure_table, wrapped};
use super::{escape, figures, markdown};
use crate::Report;

/// What the cells mean.
const LEGEND: &str = "Share of the pairs of answers that agree, and (different ones/answers); whether they are right, only `answers /10` tells. Cache: attempts in which one was seen at work; cold is a prompt in no cache, warm one that had just been sent.";

/// One table; `None` for other tests.
pub(super) fn text(report: &Report<'_>, width: u16) -> Option<String> {
    let found = &report.summary.agreements;
    if found.is_empty() {
        return None;
    }
    let rows = found.iter().map(|one| row(one).map(|cell| escape::one_line(&cell)).to_vec());
    let table = figure_table(header(), rows, Layout { names: 2, gap: 1, width });
    Some(format!("{table}\n{}", wrapped(&LEGEND.replace('`', ""), width)))
}

/// The same for `report.md`; empty for other tests.
pub(super) fn section(report: &Report<'_>) -> String {
    let found = &report.summary.agreements;
    if found.is_empty() {
        return String::new();
    }
    let table = markdown::table(&header(), found.iter().map(|one| row(one).to_vec()));
    format!("{LEGEND}\n\n{table}")
}

fn header() -> Vec<String> {
    let names = [
        "Model",
        "Fixture",
        "Temp. 0",
        "One seed",
        "A seed each",
        "Answers /10",
        "Cache",
        "Cold s",
        "Warm s",
    ];
    names.map(str::to_owned).to_vec()
}

fn row(found: &AgreementSummary) -> [String; 9] {
    let group = |group: GroupAgreement| {
        let percent = figures::below(Some(group.agreement_share * 100.0), 100.0, 0);
        format!("{percent} % ({}/{})", group.distinct, group.answers)
    };
    let seen = match (found.cache_seen, found.cache_changes_answer) {
        (None, _) => figures::ABSENT.to_owned(),
        (Some(seen), 0) => format!("{seen}/{}", found.attempts),
        (Some(seen), changed) => {
            format!("{seen}/{}, changed answers in {changed}", found.attempts)
        }
    };
    [
        found.model.clone(),
        found.fixture.clone(),
        group(found.greedy),
        group(found.same_seed),
        group(found.seeds),
        figures::below(found.answer_score, 10.0, 1),
        seen,
        figures::number(found.cold_prefill_sec, 3),
        figures::number(found.warm_prefill_sec, 3),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempts;
    use crate::testing::{manifest, scored};

    #[test]
    fn both_show_every_group() {
        let (manifest, attempts) =
            (manifest(&["m"], &["f"], 1), attempts(&[scored("m", "f", 1, 9.0)]));
        let mut report = Report::new(&manifest, &attempts);
        assert_eq!((text(&report, 120), section(&report)), (None, String::new()));
        let group =
            |distinct, agreement_share| GroupAgreement { answers: 4, distinct, agreement_share };
        report.summary.agreements = vec![AgreementSummary {
            model: "m|x".into(),
            fixture: "f".into(),
            attempts: 3,
            greedy: group(1, 1.0),
            same_seed: group(2, 0.999),
            seeds: group(4, 0.0),
            answer_score: Some(3.25),
            cache_seen: Some(2),
            cache_changes_answer: 1,
            cold_prefill_sec: Some(0.5),
            warm_prefill_sec: None,
        }];
        let text = text(&report, 160).unwrap();
        for part in ["m|x", "100 % (1/4)", "99 % (2/4)", "0 % (4/4)", "2/3, changed answers in 1"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let page = section(&report);
        assert!(page.contains("| m\\|x | f | 100 % (1/4) |"), "{page}");
    }
}
