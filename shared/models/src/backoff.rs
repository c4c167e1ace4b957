//! Exponential backoff with jitter: the pause before a retry is anything up to a ceiling that grows, so that those who failed
//! together do not come again together
//! (<https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/>).

use std::time::Duration;

/// A series of growing pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The ceiling of the first pause.
    pub first: Duration,
    /// The factor by which the ceiling grows.
    pub factor: u32,
    /// The highest ceiling.
    pub longest: Duration,
}

impl Backoff {
    /// The ceiling of the pause after so many failures, from 1.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let factor = self.factor.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// The pause after so many failures, from 1: nothing for a `random` of 0, all of the ceiling for the largest.
    #[must_use]
    pub fn pause(&self, failures: u32, random: u32) -> Duration {
        jitter(self.ceiling(failures), random)
    }

    /// The same, but never less than half of the ceiling: where retries are counted, a series of short pauses would use
    /// them up.
    #[must_use]
    pub fn pause_of_half_at_least(&self, failures: u32, random: u32) -> Duration {
        let half = self.ceiling(failures) / 2;
        half + jitter(half, random)
    }
}

/// A part of a duration: nothing of it for a `random` of 0, all of it for the largest.
#[must_use]
pub fn jitter(longest: Duration, random: u32) -> Duration {
    longest.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { first: Duration::from_secs(5), factor: 4, longest: Duration::from_mins(15) };

    #[test]
    fn ceilings_grow_to_their_bound() {
        let seconds = [0, 1, 2, 3, 4, 5, 6, 40].map(|failures| BACKOFF.ceiling(failures).as_secs());
        assert_eq!(seconds, [5, 5, 20, 80, 320, 900, 900, 900]);
    }

    #[test]
    fn a_pause_is_anything_up_to_the_ceiling() {
        assert_eq!(BACKOFF.pause(3, 0), Duration::ZERO);
        assert_eq!(BACKOFF.pause(3, u32::MAX), Duration::from_secs(80));
        assert_eq!(BACKOFF.pause(3, u32::MAX / 2).as_secs(), 39);
        assert_eq!(BACKOFF.pause_of_half_at_least(3, 0), Duration::from_secs(40));
        assert_eq!(BACKOFF.pause_of_half_at_least(3, u32::MAX), Duration::from_secs(80));
    }
}
