//! How long a message waits before it comes again.

use jiff::SignedDuration;

/// The first wait is short: most troubles pass in seconds, and somebody waits for a verification mail.
const FIRST: SignedDuration = SignedDuration::from_secs(5);

/// Each wait may be so many times as long as the one before: few deliveries have to outlast an outage.
const FACTOR: i32 = 4;

/// No wait is longer.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// No wait is shorter.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);

/// The longest wait after a message was received so often (from 1) without success.
fn longest(receive_count: u32) -> SignedDuration {
    let factor = FACTOR.checked_pow(receive_count.saturating_sub(1)).unwrap_or(i32::MAX);
    FIRST.checked_mul(factor).unwrap_or(LONGEST).min(LONGEST)
}

/// The wait: full jitter, some time between nothing and the longest, so that messages which failed together do
/// not come again together (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
pub fn pause(receive_count: u32, random: u32) -> SignedDuration {
    jitter(longest(receive_count), random).max(SHORTEST)
}

/// A part of a duration: none of it for 0, all of it for the largest number.
pub fn jitter(longest: SignedDuration, random: u32) -> SignedDuration {
    longest.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound() {
        let seconds: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 40].map(|count| longest(count).as_secs()).to_vec();
        assert_eq!(seconds, [5, 5, 20, 80, 320, 900, 900, 900]);
    }

    #[test]
    fn a_wait_is_anything_up_to_the_longest_and_never_nothing() {
        assert_eq!(pause(3, 0), SHORTEST);
        assert_eq!(pause(3, u32::MAX), SignedDuration::from_secs(80));
        let half = pause(3, u32::MAX / 2).as_secs();
        assert!((39..=40).contains(&half), "{half}");
    }
}
