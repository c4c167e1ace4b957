//! The one place that draws randomness.

/// `N` bytes from the operating system's generator, fit for keys and tokens.
///
/// # Panics
/// If the operating system has no randomness to give: nothing safe could follow.
#[must_use]
#[expect(clippy::expect_used, reason = "a machine without randomness must not go on")]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}
