//! Which columns are asked for, and what happens when a driver does not know one.

/// Every column with its spellings, newest first.
///
/// The first entry, `index`, ties a row to a device and cannot be left out.
const COLUMNS: &[&[&str]] = &[
    &["index"],
    &["uuid"],
    &["name"],
    &["driver_version"],
    &["mig.mode.current"],
    &["pstate"],
    &["utilization.gpu"],
    &["utilization.memory"],
    &["memory.total"],
    &["memory.used"],
    &["temperature.gpu"],
    &["power.draw"],
    &["power.draw.instant"],
    &["enforced.power.limit"],
    &["clocks.current.sm"],
    &["clocks.current.memory"],
    &["clocks_event_reasons.active", "clocks_throttle_reasons.active"],
];

/// The columns of one query, in the order in which nvidia-smi prints them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    columns: Vec<String>,
    notes: Vec<String>,
    unmeasured: Vec<String>,
}

impl Query {
    /// All columns this plugin can use, in their newest spelling.
    pub(crate) fn full() -> Self {
        Self {
            columns: COLUMNS.iter().map(|names| names[0].to_owned()).collect(),
            notes: Vec::new(),
            unmeasured: Vec::new(),
        }
    }

    /// The columns, in the order of the cells in a row.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// What was changed since [`Query::full`], for the user.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Columns that were given up, because no spelling of them is known to the driver.
    pub(crate) fn unmeasured(&self) -> &[String] {
        &self.unmeasured
    }

    /// The arguments that make nvidia-smi answer once.
    pub(crate) fn arguments(&self) -> Vec<String> {
        vec![
            format!("--query-gpu={}", self.columns.join(",")),
            "--format=csv,noheader,nounits".to_owned(),
        ]
    }

    /// The query after the tool refused the column `rejected`: under its older
    /// name if there is one, otherwise without it.
    ///
    /// `None` when the query cannot do without it, or never asked for it.
    pub(crate) fn without(&self, rejected: &str) -> Option<Self> {
        let position = self.columns.iter().position(|column| column == rejected)?;
        if rejected == "index" {
            return None;
        }
        let mut next = self.clone();
        match older_spelling(rejected) {
            Some(older) => {
                next.columns[position] = older.to_owned();
                next.notes.push(format!(
                    "this nvidia-smi does not know `{rejected}`; asked for `{older}` instead"
                ));
            }
            None => {
                next.columns.remove(position);
                next.unmeasured.push(rejected.to_owned());
                next.notes
                    .push(format!("this nvidia-smi does not know `{rejected}`; not measured"));
            }
        }
        Some(next)
    }
}

fn older_spelling(name: &str) -> Option<&'static str> {
    COLUMNS.iter().find_map(|names| {
        let position = names.iter().position(|known| *known == name)?;
        names.get(position + 1).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_column_is_asked_for_by_its_old_name_and_then_left_out() {
        let older = Query::full().without("clocks_event_reasons.active").unwrap();
        assert_eq!(older.columns().last().unwrap(), "clocks_throttle_reasons.active");
        assert_eq!(older.columns().len(), Query::full().columns().len());
        assert!(older.unmeasured().is_empty());
        let none = older.without("clocks_throttle_reasons.active").unwrap();
        assert_eq!(none.columns().last().unwrap(), "clocks.current.memory");
        assert_eq!(none.unmeasured(), ["clocks_throttle_reasons.active"]);
        assert_eq!(none.notes().len(), 2);
    }

    #[test]
    fn the_index_cannot_be_left_out() {
        assert_eq!(Query::full().without("index"), None);
    }

    #[test]
    fn a_column_that_was_not_asked_for_cannot_be_left_out() {
        assert_eq!(Query::full().without("fan.speed"), None);
    }
}
