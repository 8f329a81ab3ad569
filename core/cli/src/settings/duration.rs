//! Durations as people write them.

use std::time::Duration;

use jiff::SignedDuration;

/// `30s`, `2m`, `1m 30s`, `500ms`; a plain number means seconds.
///
/// # Errors
/// What was wrong with the text.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let duration = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds > 0.0 && seconds < 1e9 => {
            return Ok(Duration::from_secs_f64(seconds));
        }
        Ok(_) => None,
        Err(_) => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok()),
    };
    duration
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "must be a positive duration, for example `30s`, `2m` or `500ms`".to_owned())
}

/// The one way in which results write a duration: `30s`, else `500ms`, else `1500ns`.
pub(crate) fn shown(duration: Duration) -> String {
    match duration.as_nanos() {
        whole if whole.is_multiple_of(1_000_000_000) => format!("{}s", whole / 1_000_000_000),
        whole if whole.is_multiple_of(1_000_000) => format!("{}ms", whole / 1_000_000),
        nanoseconds => format!("{nanoseconds}ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_that_is_written_reads_as_itself() {
        for text in ["30s", "500ms", "90s", "1500ms", "1500ns"] {
            assert_eq!(shown(parse(text).unwrap()), text);
        }
        assert_eq!(shown(parse("2m").unwrap()), "120s");
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        let check = |text: &str, milliseconds: u64| {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}")
        };
        check("30s", 30_000);
        check("30", 30_000);
        check("0.5", 500);
        check("500ms", 500);
        check("2m", 120_000);
        check("1m 30s", 90_000);
        for bad in ["", "0", "0s", "-1", "-3s", "soon", "NaN", "inf", "30 parsecs"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
