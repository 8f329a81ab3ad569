//! llmbench test `word-limit`: asks a question and counts the words of the answer.
//!
//! The whole plugin is this file: options, fixture, `next`, and the two lines
//! at the end. It judges the rule, not whether the answer is true.

use llmbench_api::{
    Case, Error, ErrorKind, Fixture, GenerateRequest, Generation, History, Json, Message,
    Reference, Result, Role, Step, TestDescription, TestType, Verdict,
};
use serde::{Deserialize, Serialize};

/// `[plugin.word-limit]` in llmbench.toml, or `--set word-limit.second_chance=true`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    /// Tells the model once what was wrong; the second answer earns half.
    second_chance: bool,
}

/// `rule.json` of a fixture.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    min_words: usize,
    max_words: usize,
    /// Words that the answer has to contain, in any case.
    #[serde(default)]
    must_mention: Vec<String>,
}

/// What [`TestType::next`] needs; the host keeps it as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    question: String,
    rule: Rule,
}

struct WordLimit {
    options: Options,
}

impl WordLimit {
    fn new(settings: Json) -> Result<Self> {
        Ok(Self { options: llmbench_plugin::settings("word-limit", settings)? })
    }

    fn judge(&self, task: &Task, answer: &Generation, attempt: usize) -> Verdict {
        let words = answer.text.split_whitespace().count();
        let errors = task.rule.broken_by(&answer.text);
        let full = if attempt == 1 { 10.0 } else { 5.0 };
        let share = 1.0 - errors.len() as f64 / task.rule.parts() as f64;
        let mut verdict = Verdict::scored(full * share).with_metric("words", words as u64);
        verdict.output = Some(answer.text.clone());
        verdict.errors = errors;
        verdict
    }
}

impl Rule {
    /// Number of things that can be wrong.
    fn parts(&self) -> usize {
        1 + self.must_mention.len()
    }

    /// One sentence for each thing that is wrong.
    fn broken_by(&self, answer: &str) -> Vec<String> {
        let words = answer.split_whitespace().count();
        let (min, max) = (self.min_words, self.max_words);
        let mut errors = Vec::new();
        if !(min..=max).contains(&words) {
            errors.push(format!("the answer has {words} words, not {min} to {max}"));
        }
        let lower = answer.to_lowercase();
        for word in self.must_mention.iter().filter(|word| !lower.contains(&word.to_lowercase())) {
            errors.push(format!("the answer does not mention “{word}”"));
        }
        errors
    }
}

impl TestType for WordLimit {
    fn describe(&self) -> TestDescription {
        TestDescription {
            summary: "answers within a limit of words".into(),
            scoring_version: Some("1".into()),
            ..Default::default()
        }
    }

    fn shipped_fixtures(&self) -> Vec<Fixture> {
        let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        vec![Fixture {
            name: "tea".into(),
            dir: None,
            files: [
                file("question.txt", include_str!("../fixtures/word-limit/tea/question.txt")),
                file("rule.json", include_str!("../fixtures/word-limit/tea/rule.json")),
            ]
            .into(),
        }]
    }

    fn load(&self, fixture: &Fixture) -> Result<Case> {
        let rule: Rule = serde_json::from_str(fixture.file("rule.json")?).map_err(|error| {
            let message = format!("`rule.json` of fixture `{}` is wrong", fixture.name);
            Error::new(ErrorKind::InvalidInput, message).with_cause(&error)
        })?;
        let question = fixture.file("question.txt")?.trim().to_owned();
        Ok(Case::new(fixture, serde_json::json!(Task { question, rule })))
    }

    fn next(&self, case: &Case, history: &History) -> Result<Step> {
        let task = Task::deserialize(&case.data).map_err(|error| {
            Error::new(ErrorKind::Internal, "the case holds no task").with_cause(&error)
        })?;
        let prompt = format!(
            "{}\n\nUse {} to {} words.",
            task.question, task.rule.min_words, task.rule.max_words
        );
        let attempt = history.steps.len();
        if attempt == 0 {
            return Ok(Step::ask(GenerateRequest::user(prompt)));
        }
        let Some(answer) = history.last_answer() else {
            return Ok(Step::done(Verdict::invalid("the request was not answered")));
        };
        let verdict = self.judge(&task, answer, attempt);
        if verdict.errors.is_empty() || !self.options.second_chance || attempt > 1 {
            return Ok(Step::done(verdict));
        }
        let say = |role, content: &str| Message { role, content: content.to_owned() };
        Ok(Step::ask(GenerateRequest::conversation(vec![
            say(Role::User, &prompt),
            say(Role::Assistant, &answer.text),
            say(Role::User, &format!("Not quite: {}. Try again.", verdict.errors.join("; "))),
        ])))
    }

    fn references(&self, _case: &Case) -> Result<Vec<Reference>> {
        let reference = |name: &str, answer: String, score| Reference {
            name: name.into(),
            answer,
            min_score: score,
            max_score: score,
        };
        Ok(vec![
            reference("silence", String::new(), 0.0),
            reference("endless", "tea ".repeat(10_000), 5.0),
        ])
    }
}

llmbench_plugin::register!(
    TestType,
    "word-limit",
    "answers within a limit of words",
    WordLimit::new
);
llmbench_plugin::export_plugin!();

#[cfg(test)]
mod tests {
    use llmbench_api::{Answer, PastStep};
    use serde_json::json;

    use super::*;

    const GOOD: &str = "Pour boiling water over the tea and wait for three minutes.";

    /// The step after `answers`, each given to a request of its own.
    fn step_after(settings: Json, answers: &[&str]) -> Step {
        let test = WordLimit::new(settings).unwrap();
        let case = test.load(&test.shipped_fixtures()[0]).unwrap();
        let steps = answers.iter().map(|text| PastStep::Asked {
            requests: vec![GenerateRequest::user("…")],
            answers: vec![Answer::Answered(Generation {
                text: (*text).into(),
                ..Default::default()
            })],
        });
        test.next(&case, &History { steps: steps.collect(), ..Default::default() }).unwrap()
    }

    fn check(settings: Json, answers: &[&str], expected: Option<f64>) {
        let score = match step_after(settings, answers) {
            Step::Done { verdict } => verdict.score,
            _ => None,
        };
        assert_eq!(score, expected, "{answers:?}");
    }

    #[test]
    fn the_score_follows_the_rule() {
        check(json!({}), &[GOOD], Some(10.0));
        check(json!({}), &["Wait for three minutes and then it is ready to drink."], Some(5.0));
        check(json!({}), &["Tea."], Some(5.0));
        check(json!({}), &[""], Some(0.0));
    }

    #[test]
    fn a_second_chance_is_one_more_question_and_half_the_score() {
        let second_chance = json!({"second_chance": true});
        check(second_chance.clone(), &[], None);
        check(second_chance.clone(), &["Tea."], None);
        check(second_chance.clone(), &["Tea.", GOOD], Some(5.0));
        let Step::Ask { requests, .. } = step_after(second_chance, &["Tea."]) else { panic!() };
        assert!(requests[0].messages[2].content.contains("1 words, not 8 to 20"));
    }

    #[test]
    fn references_score_what_they_promise() {
        let test = WordLimit::new(json!({})).unwrap();
        let case = test.load(&test.shipped_fixtures()[0]).unwrap();
        for reference in test.references(&case).unwrap() {
            check(json!({}), &[&reference.answer], Some(reference.min_score));
        }
    }

    #[test]
    fn a_wrong_fixture_is_named() {
        let test = WordLimit::new(json!({})).unwrap();
        let mut fixture = test.shipped_fixtures().remove(0);
        fixture.files.insert("rule.json".into(), r#"{"min_words": 1}"#.into());
        let error = test.load(&fixture).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidInput);
        assert!(error.to_string().contains("`tea`") && error.to_string().contains("max_words"));
    }
}
