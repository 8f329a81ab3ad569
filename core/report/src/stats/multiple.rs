//! Many tests at once.

/// The p-values adjusted for being many, in the given order.
///
/// S. Holm, “A simple sequentially rejective multiple test procedure”, Scand. J.
/// Stat. 6 (1979), 65–70: the probability that any of the true null hypotheses is
/// rejected at 5 % stays at 5 %, whatever the dependence among the tests.
///
/// # Example
/// ```
/// let adjusted = llmbench_report::stats::holm(&[0.04, 0.01]);
/// assert_eq!(adjusted, [0.04, 0.02]);
/// ```
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut highest = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        highest = highest.max((p_values[index] * factor).min(1.0));
        adjusted[index] = highest;
    }
    adjusted
}
