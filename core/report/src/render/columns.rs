//! A table with one line for each row, whatever the width: cells are shortened, then columns left out.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Between two columns.
const GAP: usize = 2;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Its head.
    pub(super) title: &'static str,
    /// Whether its cells stand on the right.
    pub(super) right: bool,
    /// Columns to which its cells may be shortened; `None` when they may not.
    pub(super) shortest: Option<usize>,
    /// Which column goes first where there is no room: the highest; those with 0 stay.
    pub(super) drop: u8,
}

/// The lines of the table, the head first. Without `width` nothing is shortened.
pub(super) fn lines(
    columns: &[Column],
    rows: &[Vec<String>],
    width: Option<usize>,
    ascii: bool,
) -> Vec<String> {
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let cells = rows.iter().map(|row| row[index].width());
            cells.chain([column.title.width()]).max().unwrap_or(0)
        })
        .collect();
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    // What nobody fills in tells nothing.
    shown.retain(|index| {
        columns[*index].drop == 0
            || rows.is_empty()
            || rows.iter().any(|row| !row[*index].is_empty())
    });
    if let Some(width) = width {
        fit(columns, &mut widths, &mut shown, width);
    }
    let head: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
    std::iter::once(&head)
        .chain(rows)
        .map(|row| {
            let cells = shown.iter().map(|index| {
                let cell = shorten(&row[*index], widths[*index], ascii);
                let padding = " ".repeat(widths[*index].saturating_sub(cell.width()));
                if columns[*index].right { padding + &cell } else { cell + &padding }
            });
            cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
        })
        .collect()
}

fn fit(columns: &[Column], widths: &mut [usize], shown: &mut Vec<usize>, width: usize) {
    let total = |widths: &[usize], shown: &[usize]| {
        shown.iter().map(|index| widths[*index] + GAP).sum::<usize>().saturating_sub(GAP)
    };
    // Columns go until the rest fits in its shortest form; what is then free is shared out.
    let natural = widths.to_vec();
    for (width, column) in widths.iter_mut().zip(columns) {
        *width = (*width).min(column.shortest.unwrap_or(*width).max(column.title.width()));
    }
    while total(widths, shown) > width {
        let last = shown.iter().copied().filter(|index| columns[*index].drop > 0);
        let Some(last) = last.max_by_key(|index| columns[*index].drop) else { break };
        shown.retain(|index| *index != last);
    }
    while total(widths, shown) < width {
        // The narrowest first, so that the room is shared.
        let wanting = shown.iter().copied().filter(|index| widths[*index] < natural[*index]);
        let Some(index) = wanting.min_by_key(|index| widths[*index]) else { break };
        widths[index] += 1;
    }
}

/// The text in at most `width` columns, its end replaced by an ellipsis where it is longer.
pub(super) fn shorten(text: &str, width: usize, ascii: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mark = if ascii { '~' } else { '…' };
    let mut short = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        short.push(character);
    }
    if width > 0 {
        short.push(mark);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { title: "Run", right: false, shortest: None, drop: 0 },
        Column { title: "Models", right: false, shortest: Some(8), drop: 1 },
        Column { title: "Score", right: true, shortest: None, drop: 2 },
    ];

    fn check(width: Option<usize>, expected: &[&str]) {
        let rows = [
            vec!["first".to_owned(), "a-long-name:7b".to_owned(), "8.0".to_owned()],
            vec!["2nd".to_owned(), "b".to_owned(), "10.0".to_owned()],
        ];
        assert_eq!(lines(&COLUMNS, &rows, width, false), expected);
    }

    #[test]
    fn cells_shrink_before_columns_go() {
        let whole = ["Run    Models          Score", "first  a-long-name:7b    8.0"];
        check(None, &[whole[0], whole[1], "2nd    b                10.0"]);
        check(Some(28), &[whole[0], whole[1], "2nd    b                10.0"]);
        check(
            Some(24),
            &["Run    Models      Score", "first  a-long-na…    8.0", "2nd    b            10.0"],
        );
        check(Some(18), &["Run    Models", "first  a-long-nam…", "2nd    b"]);
        check(Some(6), &["Run", "first", "2nd"]);
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(shorten("模型模型", 5, false), "模型…");
        assert_eq!(shorten("模型", 4, false), "模型");
        assert_eq!(shorten("abc", 2, true), "a~");
        assert_eq!(shorten("abc", 0, false), "");
    }
}
