//! What one row says about one GPU, in the units of the api.

use std::collections::BTreeMap;

use llmbench_api::{Device, DeviceKind, metric, nvidia_clock_reason};

use crate::row::{BadCell, Row, RowError, beginning};

const BYTES_PER_MIB: f64 = 1_048_576.0;

/// Values and facts of one GPU at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reading {
    /// Index of the GPU as nvidia-smi counts.
    pub index: u32,
    /// The device with its facts.
    pub device: Device,
    /// Name → value; what was not reported is not in it.
    pub values: BTreeMap<String, f64>,
    /// Columns that matter to a benchmark and were not reported.
    pub absent: Vec<&'static str>,
    /// Cells that could not be understood; their values are absent.
    pub unreadable: Vec<BadCell>,
}

impl Reading {
    /// What `line` says, as the answer to a query for `columns`.
    ///
    /// # Errors
    /// [`RowError`] when it is not a row of that query, or names no device.
    pub(crate) fn parse(columns: &[String], line: &str) -> Result<Self, RowError> {
        let row = Row::parse(columns, line)?;
        let index = row
            .text("index")
            .and_then(|text| text.parse::<u32>().ok())
            .ok_or_else(|| RowError::NoIndex { line: beginning(line) })?;
        let mut reading = Self { index, ..Self::default() };
        reading.read_values(&row);
        reading.read_device(&row);
        reading.absent = ["utilization.gpu", "utilization.memory", "memory.used", "power.draw"]
            .into_iter()
            .filter(|column| row.is_absent(column))
            .collect();
        Ok(reading)
    }

    /// True when the GPU is split into instances (MIG).
    pub(crate) fn is_split(&self) -> bool {
        self.device.facts.get("mig_mode").is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"))
    }

    /// Sentences about what this GPU does not report, and why where it is known.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let id = &self.device.id;
        let (utilization, other): (Vec<&str>, Vec<&str>) =
            self.absent.iter().partition(|column| column.starts_with("utilization."));
        let mut remarks = Vec::new();
        if !utilization.is_empty() {
            let why = if self.is_split() {
                "MIG is enabled, and the driver reports no utilisation for a GPU that is split \
                 into instances"
            } else {
                "the driver does not report it for this GPU"
            };
            remarks.push(format!("{id}: {} not measured: {why}", utilization.join(", ")));
        }
        if other.contains(&"memory.used") {
            remarks.push(format!(
                "{id}: memory.used not measured: the driver does not report it, as is usual where \
                 GPU and CPU share one memory"
            ));
        }
        if other.contains(&"power.draw") && !self.values.contains_key(metric::POWER_WATTS) {
            remarks.push(format!(
                "{id}: power.draw not measured: the driver does not report it for this GPU"
            ));
        }
        remarks.extend(self.unreadable.iter().map(|cell| format!("{id}: {cell}; not measured")));
        remarks
    }

    fn read_values(&mut self, row: &Row<'_>) {
        self.percent(row, "utilization.gpu", metric::GPU_UTILIZATION_PERCENT);
        self.percent(row, "utilization.memory", metric::GPU_MEMORY_UTILIZATION_PERCENT);
        self.number(row, "memory.total", metric::MEMORY_TOTAL_BYTES, BYTES_PER_MIB);
        self.number(row, "memory.used", metric::MEMORY_USED_BYTES, BYTES_PER_MIB);
        self.number(row, "temperature.gpu", metric::TEMPERATURE_CELSIUS, 1.0);
        self.number(row, "power.draw", metric::POWER_WATTS, 1.0);
        self.number(row, "power.draw.instant", metric::POWER_INSTANT_WATTS, 1.0);
        self.number(row, "clocks.current.sm", metric::CLOCK_SM_MHZ, 1.0);
        self.number(row, "clocks.current.memory", metric::CLOCK_MEMORY_MHZ, 1.0);
        if let Some(&instant) = self.values.get(metric::POWER_INSTANT_WATTS) {
            self.values.entry(metric::POWER_WATTS.to_owned()).or_insert(instant);
        }
        if let Some(state) = row.text("pstate").and_then(|text| text.strip_prefix('P'))
            && let Ok(state) = state.parse::<u8>()
        {
            self.values.insert(metric::PERFORMANCE_STATE.to_owned(), f64::from(state));
        }
        for column in ["clocks_event_reasons.active", "clocks_throttle_reasons.active"] {
            match row.mask(column) {
                Ok(Some(mask)) => self.clock_reasons(mask),
                Ok(None) => {}
                Err(bad) => self.unreadable.push(bad),
            }
        }
    }

    fn read_device(&mut self, row: &Row<'_>) {
        let mut facts = BTreeMap::new();
        for (column, fact) in [
            ("uuid", "uuid"),
            ("driver_version", "driver_version"),
            ("mig.mode.current", "mig_mode"),
        ] {
            if let Some(text) = row.text(column) {
                facts.insert(fact.to_owned(), text.to_owned());
            }
        }
        if let Some(bytes) = self.values.get(metric::MEMORY_TOTAL_BYTES) {
            facts.insert("memory_total_bytes".to_owned(), format!("{bytes:.0}"));
        }
        match row.number("enforced.power.limit") {
            Ok(Some(watts)) => {
                facts.insert("power_limit_watts".to_owned(), watts.to_string());
            }
            Ok(None) => {}
            Err(bad) => self.unreadable.push(bad),
        }
        self.device = Device {
            id: format!("gpu{}", self.index),
            kind: DeviceKind::Gpu,
            name: row.text("name").unwrap_or_default().to_owned(),
            facts,
        };
    }

    fn percent(&mut self, row: &Row<'_>, column: &str, name: &str) {
        match row.number(column) {
            Ok(Some(percent)) if percent <= 100.0 => {
                self.values.insert(name.to_owned(), percent);
            }
            Ok(Some(percent)) => self
                .unreadable
                .push(BadCell { column: column.to_owned(), text: percent.to_string() }),
            Ok(None) => {}
            Err(bad) => self.unreadable.push(bad),
        }
    }

    fn number(&mut self, row: &Row<'_>, column: &str, name: &str, factor: f64) {
        match row.number(column) {
            Ok(Some(number)) => {
                self.values.insert(name.to_owned(), number * factor);
            }
            Ok(None) => {}
            Err(bad) => self.unreadable.push(bad),
        }
    }

    fn clock_reasons(&mut self, mask: u64) {
        let values = nvidia_clock_reason::values(mask);
        self.values.extend(values.map(|(name, value)| (name.to_owned(), value)));
    }
}
