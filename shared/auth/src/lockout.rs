//! The lockout: three wrong passwords in a row lock an account for 30 seconds, and each further three for twice
//! as long as before, up to 15 minutes. A right password starts over.
//!
//! An attempt is counted before its password is looked at, so that parallel guesses cannot exceed the limit:
//! from the third on, the account is locked from the moment the attempt was counted, until a right password takes it
//! back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The number of attempts between two locks.
pub const ATTEMPTS: u32 = 3;

const FIRST_LOCK: Duration = Duration::from_secs(30);
const LONGEST_LOCK: Duration = Duration::from_mins(15);

/// From this many failures on every attempt locks: by then an account was locked 20 times without one right
/// password in between.
pub const EVERY_ATTEMPT_LOCKS_FROM: u32 = 60;

/// Returns the duration of the lock of an account once so many attempts have failed in a row, if it is locked.
#[must_use]
pub fn lock_after(failures: u32) -> Option<Duration> {
    if failures == 0 || (!failures.is_multiple_of(ATTEMPTS) && failures < EVERY_ATTEMPT_LOCKS_FROM) {
        return None;
    }
    let doublings = (failures / ATTEMPTS - 1).min(10);
    Some((FIRST_LOCK * 2_u32.pow(doublings)).min(LONGEST_LOCK))
}

/// Until when the account is locked, given how many attempts have failed and when the last was counted.
#[must_use]
pub fn locked_until(failures: u32, attempted_at: Timestamp) -> Option<Timestamp> {
    let lock = SignedDuration::try_from(lock_after(failures)?).ok()?;
    attempted_at.checked_add(lock).ok()
}

/// Returns the number of attempts that are left before the next lock.
#[must_use]
pub const fn attempts_remaining(failures: u32) -> u32 {
    if failures >= EVERY_ATTEMPT_LOCKS_FROM { 0 } else { (ATTEMPTS - failures % ATTEMPTS) % ATTEMPTS }
}

/// The locks, shortest first, each with the numbers of failures below [`EVERY_ATTEMPT_LOCKS_FROM`] that bring
/// it about: what a database condition needs to know.
#[must_use]
pub fn locks() -> Vec<(Duration, Vec<u32>)> {
    let mut locks: Vec<(Duration, Vec<u32>)> = Vec::new();
    for failures in (1..EVERY_ATTEMPT_LOCKS_FROM).filter(|failures| failures % ATTEMPTS == 0) {
        let Some(lock) = lock_after(failures) else { continue };
        match locks.last_mut() {
            Some((last, numbers)) if *last == lock => numbers.push(failures),
            _ => locks.push((lock, vec![failures])),
        }
    }
    locks
}

/// The longest lock: what follows from [`EVERY_ATTEMPT_LOCKS_FROM`] failures on.
#[must_use]
pub const fn longest() -> Duration {
    LONGEST_LOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_third_failure_locks_twice_as_long_up_to_fifteen_minutes() {
        for (failures, seconds) in [
            (0, None),
            (1, None),
            (2, None),
            (3, Some(30)),
            (4, None),
            (6, Some(60)),
            (9, Some(120)),
            (12, Some(240)),
            (15, Some(480)),
            (18, Some(900)),
            (20, None),
            (21, Some(900)),
            (60, Some(900)),
            (61, Some(900)),
            (u32::MAX, Some(900)),
        ] {
            assert_eq!(lock_after(failures), seconds.map(Duration::from_secs), "{failures} failures");
        }
    }

    #[test]
    fn the_attempts_left_count_down_to_the_lock() {
        let left: Vec<u32> = (1..=7).map(attempts_remaining).collect();
        assert_eq!(left, [2, 1, 0, 2, 1, 0, 2]);
        assert_eq!(attempts_remaining(61), 0);
    }

    #[test]
    fn the_list_of_locks_says_the_same_as_the_rule() {
        let locks = locks();
        assert_eq!(locks.len(), 6);
        for (lock, failures) in locks {
            for failures in failures {
                assert_eq!(lock_after(failures), Some(lock));
            }
        }
    }
}
