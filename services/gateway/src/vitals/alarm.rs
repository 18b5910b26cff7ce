//! What may be too much, from where on, and since when it is. Pure but for the time of an alert.

use std::{collections::BTreeMap, str::FromStr};

use jiff::Timestamp;
use termfleet_proto::rest::measures::Alert;
use termfleet_session::code::{Code, Refusal};

/// What a gateway can be too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Bytes of the process in RAM.
    Memory,
    /// Processors that the process keeps busy.
    Cpu,
    /// Sockets open.
    ActiveConnections,
    /// Refusals told a second.
    ErrorRate,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Memory, Self::Cpu, Self::ActiveConnections, Self::ErrorRate];

    /// Its name, in requests and in configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::ActiveConnections => "activeConnections",
            Self::ErrorRate => "errorRate",
        }
    }
}

impl FromStr for Measure {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        Self::ALL.into_iter().find(|measure| measure.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            // The name is not told back: it may be a mebibyte.
            Refusal::new(
                Code::BadMessage,
                format!("thresholds are of {names}, and of nothing else"),
            )
        })
    }
}

/// From where on something is too much.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thresholds(BTreeMap<Measure, f64>);

impl Thresholds {
    /// Thresholds by the names of what they are of.
    ///
    /// # Errors
    /// `BAD_MESSAGE` for a name that is none, or a number that is not above 0.
    pub fn named_so(named: &BTreeMap<String, f64>) -> Result<Self, Refusal> {
        let checked = named.iter().map(|(name, &threshold)| {
            let measure: Measure = name.parse()?;
            if threshold.is_finite() && threshold > 0.0 {
                return Ok((measure, threshold));
            }
            let text = format!("the threshold of {} must be above 0", measure.name());
            Err(Refusal::new(Code::BadMessage, text))
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    /// The same, for others to read.
    #[must_use]
    pub fn named(&self) -> BTreeMap<String, f64> {
        self.0.iter().map(|(measure, &value)| (measure.name().to_owned(), value)).collect()
    }
}

/// Thresholds, and what is above them.
#[derive(Debug)]
pub(super) struct Alarms {
    thresholds: Thresholds,
    active: BTreeMap<Measure, Alert>,
}

impl Alarms {
    pub(super) fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, active: BTreeMap::new() }
    }

    pub(super) fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    pub(super) fn active(&self) -> Vec<Alert> {
        self.active.values().cloned().collect()
    }

    /// Other thresholds, held against these values at once. What stays above its threshold has been
    /// so since it first was.
    pub(super) fn set(&mut self, thresholds: Thresholds, values: &BTreeMap<Measure, f64>) {
        self.active.retain(|measure, alert| match thresholds.0.get(measure) {
            Some(&threshold) if alert.value > threshold => {
                alert.threshold = threshold;
                true
            }
            _ => false,
        });
        self.thresholds = thresholds;
        self.look(values);
    }

    /// Holds values against the thresholds: above is too much, at it is not.
    pub(super) fn look(&mut self, values: &BTreeMap<Measure, f64>) {
        for (&measure, &value) in values {
            let threshold = self.thresholds.0.get(&measure).copied();
            match threshold.filter(|threshold| value > *threshold) {
                Some(threshold) => self.raise(measure, threshold, value),
                None => {
                    if self.active.remove(&measure).is_some() {
                        tracing::info!(metric = measure.name(), value, "an alert has ended");
                    }
                }
            }
        }
    }

    fn raise(&mut self, measure: Measure, threshold: f64, value: f64) {
        if let Some(alert) = self.active.get_mut(&measure) {
            alert.value = value;
            return;
        }
        tracing::warn!(metric = measure.name(), value, threshold, "above its threshold");
        let (metric, since) = (measure.name().to_owned(), Timestamp::now());
        self.active.insert(measure, Alert { metric, threshold, value, since });
    }
}

#[cfg(test)]
mod tests {
    //! Above, at and below; since the first time; and what is no threshold.

    use super::*;

    fn thresholds(pairs: &[(&str, f64)]) -> Result<Thresholds, Refusal> {
        Thresholds::named_so(&pairs.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect())
    }

    fn connections(value: f64) -> BTreeMap<Measure, f64> {
        BTreeMap::from([(Measure::ActiveConnections, value)])
    }

    #[test]
    fn above_is_an_alert_and_at_or_below_is_none() {
        let mut alarms = Alarms::new(thresholds(&[("activeConnections", 10.0)]).unwrap());
        for (value, alerts) in [(9.0, 0), (10.0, 0), (10.5, 1), (11.0, 1), (10.0, 0)] {
            alarms.look(&connections(value));
            assert_eq!(alarms.active().len(), alerts, "{value}");
        }
    }

    #[test]
    fn an_alert_is_since_its_first_time_and_tells_the_newest_value() {
        let mut alarms = Alarms::new(thresholds(&[("activeConnections", 10.0)]).unwrap());
        alarms.look(&connections(11.0));
        let first = alarms.active();
        alarms.look(&connections(12.0));
        // What is not known ends nothing.
        alarms.look(&BTreeMap::new());
        let later = alarms.active();
        assert_eq!((later[0].since, later[0].value), (first[0].since, 12.0));
        alarms.set(thresholds(&[("activeConnections", 11.5)]).unwrap(), &connections(12.0));
        assert_eq!(
            (alarms.active()[0].since, alarms.active()[0].threshold),
            (first[0].since, 11.5)
        );
        alarms.set(thresholds(&[("cpu", 4.0)]).unwrap(), &connections(12.0));
        assert_eq!(alarms.active(), []);
    }

    #[test]
    fn a_threshold_is_of_something_that_is_measured_and_above_0() {
        for measure in Measure::ALL {
            assert!(thresholds(&[(measure.name(), 0.1)]).is_ok());
        }
        let unknown = thresholds(&[("temperature", 1.0)]).unwrap_err();
        assert!(unknown.text.contains("memory, cpu, activeConnections"), "{unknown}");
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(thresholds(&[("cpu", bad)]).unwrap_err().code, Code::BadMessage, "{bad}");
        }
    }
}
