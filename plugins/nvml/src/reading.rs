//! What one GPU says at one moment, in the units of the api.

use std::collections::{BTreeMap, BTreeSet};

use llmbench_api::{metric, nvidia_clock_reason};
use llmbench_plugin::sampling::drop_what_looks_back;
use nvml_wrapper::Device;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::structs::device::FieldId;

use crate::devices::{Watched, watts};
use crate::failure::{Then, reason, then};

/// Fields that have no function of their own: memory temperature, instant power,
/// bytes sent and received over PCIe. Source: `NVML_FI_DEV_*` in NVIDIA's `nvml.h`.
const FIELDS: [FieldId; 4] = [FieldId(82), FieldId(186), FieldId(197), FieldId(198)];

/// Values that matter to a benchmark, with the words for a remark where they are absent.
const EXPECTED: [(&str, &str); 3] = [
    (metric::GPU_UTILIZATION_PERCENT, "utilisation"),
    (metric::MEMORY_USED_BYTES, "memory in use"),
    (metric::POWER_WATTS, "power"),
];

/// Bytes that went over PCIe since an arbitrary start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PcieCounter {
    pub sent: u64,
    pub received: u64,
}

/// Asks one device, and remembers what it will never answer.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    never: BTreeSet<&'static str>,
    absent: BTreeMap<&'static str, String>,
    was_read: bool,
}

/// One answer to everything.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Name → value; what was not reported is not in it.
    pub values: BTreeMap<String, f64>,
    /// Traffic counters, where the driver keeps them.
    pub pcie: Option<PcieCounter>,
}

impl Reader {
    /// Everything that `watched` reports now.
    ///
    /// # Errors
    /// Only those after which the device, or the library, gives no answers.
    pub(crate) fn read(&mut self, watched: &Watched<'_>) -> Result<Reading, NvmlError> {
        let device = &watched.device;
        let mut reading = Reading::default();
        self.memory(device, &mut reading.values)?;
        if !watched.is_instance {
            self.load(device, &mut reading.values)?;
            self.state(device, &mut reading.values)?;
            self.fields(device, &mut reading)?;
        }
        if !self.was_read {
            self.was_read = true;
            drop_what_looks_back(&mut reading.values);
        }
        Ok(reading)
    }

    /// Sentences about what the device does not report, and why where it is known.
    pub(crate) fn remarks(&self, watched: &Watched<'_>) -> Vec<String> {
        if watched.is_instance {
            return Vec::new();
        }
        let remark = |(name, words): (&'static str, &str)| {
            // What may be answered the next time is no remark on the whole.
            let why = self.absent.get(name).filter(|_| self.never.contains(name))?;
            let why = if watched.is_split && name == metric::GPU_UTILIZATION_PERCENT {
                "MIG is enabled, and the driver reports no utilisation for a GPU that is split into instances"
            } else {
                why
            };
            Some(format!("{}: {words} not measured: {why}", watched.record.id))
        };
        EXPECTED.into_iter().filter_map(remark).collect()
    }

    fn memory(
        &mut self,
        device: &Device<'_>,
        values: &mut BTreeMap<String, f64>,
    ) -> Result<(), NvmlError> {
        if let Some(memory) = self.ask(metric::MEMORY_USED_BYTES, || device.memory_info())? {
            put(values, metric::MEMORY_USED_BYTES, memory.used as f64);
            put(values, metric::MEMORY_TOTAL_BYTES, memory.total as f64);
        }
        Ok(())
    }

    /// Utilisation, power and energy.
    fn load(
        &mut self,
        device: &Device<'_>,
        values: &mut BTreeMap<String, f64>,
    ) -> Result<(), NvmlError> {
        // First, so that it is as close to the sample's instant as can be.
        if let Some(millijoules) =
            self.ask(metric::ENERGY_JOULES, || device.total_energy_consumption())?
        {
            put(values, metric::ENERGY_JOULES, millijoules as f64 / 1e3);
        }
        if let Some(share) =
            self.ask(metric::GPU_UTILIZATION_PERCENT, || device.utilization_rates())?
        {
            for (name, percent) in [
                (metric::GPU_UTILIZATION_PERCENT, share.gpu),
                (metric::GPU_MEMORY_UTILIZATION_PERCENT, share.memory),
            ] {
                // A driver that is at odds with itself has been seen to say more.
                if percent <= 100 {
                    put(values, name, f64::from(percent));
                }
            }
        }
        if let Some(milliwatts) = self.ask(metric::POWER_WATTS, || device.power_usage())? {
            put(values, metric::POWER_WATTS, watts(milliwatts));
        }
        Ok(())
    }

    /// Clocks, temperature, and what holds the clocks down.
    fn state(
        &mut self,
        device: &Device<'_>,
        values: &mut BTreeMap<String, f64>,
    ) -> Result<(), NvmlError> {
        let celsius =
            self.ask(metric::TEMPERATURE_CELSIUS, || device.temperature(TemperatureSensor::Gpu))?;
        let sm_mhz = self.ask(metric::CLOCK_SM_MHZ, || device.clock_info(Clock::SM))?;
        let memory_mhz = self.ask(metric::CLOCK_MEMORY_MHZ, || device.clock_info(Clock::Memory))?;
        for (name, number) in [
            (metric::TEMPERATURE_CELSIUS, celsius),
            (metric::CLOCK_SM_MHZ, sm_mhz),
            (metric::CLOCK_MEMORY_MHZ, memory_mhz),
        ] {
            if let Some(number) = number {
                put(values, name, f64::from(number));
            }
        }
        if let Some(state) = self.ask(metric::PERFORMANCE_STATE, || device.performance_state())? {
            let number = state.as_c();
            if number <= 15 {
                put(values, metric::PERFORMANCE_STATE, f64::from(number));
            }
        }
        let mask = || device.current_throttle_reasons();
        if let Some(mask) = self.ask(metric::CLOCK_REASONS_MASK, mask)? {
            for (name, value) in nvidia_clock_reason::values(ThrottleReasons::bits(&mask)) {
                put(values, name, value);
            }
        }
        Ok(())
    }

    fn fields(&mut self, device: &Device<'_>, reading: &mut Reading) -> Result<(), NvmlError> {
        let Some(fields) = self.ask("fields", || device.field_values_for(&FIELDS))? else {
            return Ok(());
        };
        let mut numbers = fields.into_iter().map(|field| number(&field.ok()?.value.ok()?));
        let mut next = || numbers.next().flatten();
        let (celsius, milliwatts, sent, received) = (next(), next(), next(), next());
        // A GPU without the sensor may say 0.
        if let Some(celsius) = celsius.filter(|celsius| *celsius > 0.0) {
            put(&mut reading.values, metric::MEMORY_TEMPERATURE_CELSIUS, celsius);
        }
        if let Some(milliwatts) = milliwatts.filter(|milliwatts| *milliwatts > 0.0) {
            put(&mut reading.values, metric::POWER_INSTANT_WATTS, milliwatts / 1e3);
        }
        reading.pcie = sent
            .zip(received)
            .map(|(sent, received)| PcieCounter { sent: sent as u64, received: received as u64 });
        Ok(())
    }

    /// The answer to one question, `None` when there is none.
    fn ask<T>(
        &mut self,
        name: &'static str,
        question: impl FnOnce() -> Result<T, NvmlError>,
    ) -> Result<Option<T>, NvmlError> {
        if self.never.contains(name) {
            return Ok(None);
        }
        match question() {
            Ok(answer) => {
                self.absent.remove(name);
                Ok(Some(answer))
            }
            Err(error) => match then(&error) {
                Then::DeviceLost | Then::Reopen => Err(error),
                after => {
                    if after == Then::Never {
                        self.never.insert(name);
                    }
                    self.absent.insert(name, reason(&error));
                    Ok(None)
                }
            },
        }
    }
}

fn put(values: &mut BTreeMap<String, f64>, name: &str, value: f64) {
    values.insert(name.to_owned(), value);
}

fn number(value: &SampleValue) -> Option<f64> {
    let number = match *value {
        SampleValue::F64(number) => number,
        SampleValue::U32(number) => f64::from(number),
        SampleValue::U64(number) => number as f64,
        SampleValue::I64(number) => number as f64,
    };
    Some(number).filter(|number| number.is_finite() && *number >= 0.0)
}
