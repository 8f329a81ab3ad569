//! A row of small bars.

/// Lowest to highest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same for terminals that show ASCII only: the later, the more ink.
const ASCII: [char; 8] = ['_', '.', '-', ':', '=', '+', '*', '#'];

/// One character for each value between `low` and `high`, a space for what was not measured.
///
/// Values beyond the limits count as the limits. Without any distance between
/// the limits every value gets the middle bar.
///
/// # Example
/// ```
/// use llmbench_report::render::sparkline;
/// assert_eq!(sparkline(&[Some(0.0), None, Some(5.0), Some(10.0)], 0.0, 10.0, false), "▁ ▅█");
/// ```
pub fn sparkline(values: &[Option<f64>], low: f64, high: f64, ascii: bool) -> String {
    let bars = if ascii { ASCII } else { BARS };
    let highest = (bars.len() - 1) as f64;
    let bar = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        bars[(share.clamp(0.0, 1.0) * highest).round() as usize]
    };
    values.iter().map(|value| value.filter(|value| value.is_finite()).map_or(' ', bar)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_for_values_and_spaces_for_none() {
        let values: Vec<_> = (0..8).map(|value| Some(f64::from(value))).collect();
        assert_eq!(sparkline(&values, 0.0, 7.0, false), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&values, 0.0, 7.0, true), "_.-:=+*#");
        assert_eq!(sparkline(&[None, Some(f64::NAN)], 0.0, 1.0, false), "  ");
        assert_eq!(sparkline(&[Some(-5.0), Some(500.0)], 0.0, 1.0, false), "▁█");
        assert_eq!(sparkline(&[Some(3.0)], 3.0, 3.0, false), "▅");
    }
}
