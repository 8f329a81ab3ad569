//! Picking the next token from the model's logits.
//!
//! Steps and their order are llama.cpp's: repeat penalty, top-k, top-p, then
//! temperature. The same seed picks the same tokens on every machine that
//! computes the same logits.

use std::collections::HashSet;

use llmbench_api::GenerateOptions;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// Tokens that the repeat penalty looks back at, prompt included; Ollama's and llama.cpp's default.
const PENALTY_WINDOW: usize = 64;

/// Picks tokens for one answer.
#[derive(Debug)]
pub(crate) struct Sampler<'a> {
    options: &'a GenerateOptions,
    random: ChaCha12Rng,
}

impl<'a> Sampler<'a> {
    pub(crate) fn new(options: &'a GenerateOptions) -> Self {
        Self { options, random: ChaCha12Rng::seed_from_u64(options.seed) }
    }

    /// The next token after `history`; `None` when no logit is a number.
    pub(crate) fn pick(&mut self, mut logits: Vec<f32>, history: &[u32]) -> Option<u32> {
        self.penalise(&mut logits, history);
        if self.options.temperature <= 0.0 {
            return greedy(&logits);
        }
        let mut candidates: Vec<(u32, f32)> =
            (0..).zip(logits).filter(|(_, logit)| logit.is_finite()).collect();
        candidates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if self.options.top_k > 0 {
            candidates.truncate(self.options.top_k as usize);
        }
        keep_top_p(&mut candidates, self.options.top_p);
        let weights = softmax(&candidates, self.options.temperature);
        let mut left = self.random.random::<f64>() * weights.iter().sum::<f64>();
        for ((token, _), weight) in candidates.iter().zip(&weights) {
            left -= weight;
            if left < 0.0 {
                return Some(*token);
            }
        }
        candidates.last().map(|(token, _)| *token)
    }

    /// Divides a positive logit, multiplies a negative one (Keskar et al., 2019, section 4.1,
    /// as llama.cpp reads it).
    fn penalise(&self, logits: &mut [f32], history: &[u32]) {
        let penalty = self.options.repeat_penalty as f32;
        if penalty == 1.0 || penalty <= 0.0 {
            return;
        }
        let recent = &history[history.len().saturating_sub(PENALTY_WINDOW)..];
        for token in recent.iter().collect::<HashSet<_>>() {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
            }
        }
    }
}

fn greedy(logits: &[f32]) -> Option<u32> {
    let numbers = (0..).zip(logits).filter(|(_, logit)| !logit.is_nan());
    numbers.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(token, _)| token)
}

/// Keeps the likeliest candidates that together reach `top_p`; they come sorted.
fn keep_top_p(candidates: &mut Vec<(u32, f32)>, top_p: f64) {
    if top_p >= 1.0 {
        return;
    }
    let weights = softmax(candidates, 1.0);
    let enough = top_p * weights.iter().sum::<f64>();
    let mut sum = 0.0;
    let reached = weights.iter().position(|weight| {
        sum += weight;
        sum >= enough
    });
    candidates.truncate(reached.map_or(candidates.len(), |index| index + 1).max(1));
}

/// Not normalised; candidates come sorted, so that the first one's weight is 1.
fn softmax(candidates: &[(u32, f32)], temperature: f64) -> Vec<f64> {
    let most = candidates.first().map_or(0.0, |(_, logit)| f64::from(*logit));
    let weight = |(_, logit): &(u32, f32)| ((f64::from(*logit) - most) / temperature).exp();
    candidates.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [0.0, 3.0, 2.0, f32::NAN, 2.9];

    fn options(temperature: f64) -> GenerateOptions {
        GenerateOptions {
            temperature,
            repeat_penalty: 1.0,
            top_p: 1.0,
            top_k: 0,
            ..Default::default()
        }
    }

    fn picks(options: &GenerateOptions, n: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(options);
        (0..n).map(|_| sampler.pick(LOGITS.to_vec(), &[]).unwrap()).collect()
    }

    #[test]
    fn temperature_zero_takes_the_likeliest() {
        assert_eq!(picks(&options(0.0), 3), [1, 1, 1]);
        assert_eq!(Sampler::new(&options(0.0)).pick(vec![f32::NAN], &[]), None);
        assert_eq!(Sampler::new(&options(1.0)).pick(vec![f32::NAN], &[]), None);
    }

    #[test]
    fn frequencies_follow_the_softmax() {
        let picks = picks(&options(1.0), 20_000);
        let share = |token| picks.iter().filter(|pick| **pick == token).count() as f64 / 20_000.0;
        let weights = [1.0, 3f64.exp(), 2f64.exp(), 0.0, 2.9f64.exp()];
        let total: f64 = weights.iter().sum();
        for (token, weight) in weights.iter().enumerate() {
            // Five standard errors of a share of 20,000 draws.
            assert!((share(token as u32) - weight / total).abs() < 0.018, "token {token}");
        }
    }

    #[test]
    fn top_k_and_top_p_leave_out_the_tail() {
        let top_k = GenerateOptions { top_k: 2, ..options(2.0) };
        assert!(picks(&top_k, 500).iter().all(|token| [1, 4].contains(token)));
        let top_p = GenerateOptions { top_p: 0.4, ..options(2.0) };
        assert!(picks(&top_p, 500).iter().all(|token| *token == 1));
    }

    #[test]
    fn the_seed_decides() {
        let with = |seed| picks(&GenerateOptions { seed, ..options(1.5) }, 30);
        assert_eq!(with(7), with(7));
        assert_ne!(with(7), with(8));
    }

    #[test]
    fn the_penalty_makes_a_recent_token_less_likely() {
        let penalty = GenerateOptions { repeat_penalty: 1.5, ..options(0.0) };
        assert_eq!(Sampler::new(&penalty).pick(LOGITS.to_vec(), &[1]), Some(4));
        // A negative logit moves away from zero as well.
        assert_eq!(Sampler::new(&penalty).pick(vec![-1.0, -1.2], &[0]), Some(1));
        // Farther back than the window: forgotten.
        let old = [&[1][..], &[0; PENALTY_WINDOW]].concat();
        assert_eq!(Sampler::new(&penalty).pick(LOGITS.to_vec(), &old), Some(1));
    }
}
