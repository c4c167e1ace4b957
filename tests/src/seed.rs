//! Randomness that a number decides, so that whatever failed can be done again.

use chairbook_platform::random;
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The seed that an environment variable gives; without one, a new seed, which is printed.
///
/// # Panics
/// When the variable is no whole number.
pub fn seed(variable: &str) -> u64 {
    if let Ok(seed) = std::env::var(variable) {
        return seed.parse().unwrap_or_else(|_| panic!("{variable} must be a whole number"));
    }
    let seed = u64::from_ne_bytes(random::bytes());
    println!("{variable}={seed} does the same again");
    seed
}

/// Random numbers that a seed decides: a stream of their own for each `part` of a test.
pub fn numbers(seed: u64, part: u64) -> TestRng {
    let mut wide = [0; 32];
    wide[..8].copy_from_slice(&seed.to_le_bytes());
    wide[8..16].copy_from_slice(&part.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &wide)
}

/// So many values of a strategy, which `CHAIRBOOK_SEED` decides, or a new seed in each run.
///
/// # Panics
/// When the strategy has no values.
pub fn generated<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let random = numbers(seed("CHAIRBOOK_SEED"), 0);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    proptest::collection::vec(strategy, count).new_tree(&mut runner).unwrap().current()
}
