//! Moments on the command line: a day, a time, or how long ago.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Where a day counts from its start or up to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// `--since`
    Start,
    /// `--until`
    End,
}

/// The moment that `text` means: `2026-03-01` (UTC), `2026-03-01T10:00:00Z`, or `7d`, `12h`, `30m` before `now`.
///
/// # Errors
/// What was expected.
pub(crate) fn parse(text: &str, edge: Edge, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    if let Ok(date) = text.parse::<Date>() {
        let date = match edge {
            Edge::Start => Some(date),
            Edge::End => date.tomorrow().ok(),
        };
        let start = date.and_then(|date| date.to_zoned(TimeZone::UTC).ok());
        return start.map(|start| start.timestamp()).ok_or_else(|| expected(text));
    }
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds: i64 = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        _ => return Err(expected(text)),
    };
    let ago = number.parse::<u32>().ok().and_then(|number| i64::from(number).checked_mul(seconds));
    ago.and_then(|ago| now.checked_sub(jiff::SignedDuration::from_secs(ago)).ok())
        .ok_or_else(|| expected(text))
}

fn expected(text: &str) -> String {
    format!(
        "`{text}` is neither a day (2026-03-01), nor a time (2026-03-01T10:00:00Z), nor an age (7d, 12h, 30m)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, edge: Edge, expected: &str) {
        let now = "2026-03-10T12:00:00Z".parse().unwrap();
        assert_eq!(parse(text, edge, now), Ok(expected.parse().unwrap()), "{text}");
    }

    #[test]
    fn days_times_and_ages() {
        check("2026-03-01", Edge::Start, "2026-03-01T00:00:00Z");
        check("2026-03-01", Edge::End, "2026-03-02T00:00:00Z");
        check("2026-03-01T10:00:00+02:00", Edge::Start, "2026-03-01T08:00:00Z");
        check("7d", Edge::Start, "2026-03-03T12:00:00Z");
        check("36h", Edge::End, "2026-03-09T00:00:00Z");
        check("30m", Edge::Start, "2026-03-10T11:30:00Z");
    }

    #[test]
    fn anything_else_is_named() {
        let now = Timestamp::UNIX_EPOCH;
        for text in ["", "yesterday", "2026-13-01", "d", "-3d", "3w", "é", "99999999999d"] {
            let error = parse(text, Edge::Start, now).unwrap_err();
            assert!(error.contains("2026-03-01"), "{text}: {error}");
        }
    }
}
