//! Facts that stay true until a known instant, kept in a process so that they are not asked for again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Most facts of one kind that a process keeps: some hundred kilobytes.
const CAPACITY: usize = 4_096;

/// A bounded set of facts, each with the instant (UTC) at which it ends. Forgetting one costs a call, never a wrong
/// response.
#[derive(Debug)]
pub(crate) struct Memory<K>(Mutex<HashMap<K, Timestamp>>);

impl<K> Default for Memory<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Memory<K> {
    /// Keeps a fact until an instant.
    pub(crate) fn keep(&self, fact: K, until: Timestamp, now: Timestamp) {
        let mut facts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if facts.len() >= CAPACITY {
            facts.retain(|_, until| now < *until);
        }
        if facts.len() >= CAPACITY {
            facts.clear();
        }
        facts.insert(fact, until);
    }

    /// Reports whether a fact is known and has not ended.
    pub(crate) fn knows(&self, fact: &K, now: Timestamp) -> bool {
        let facts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        facts.get(fact).is_some_and(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_fact_is_known_until_it_ends() {
        let memory = Memory::default();
        memory.keep("a", at(10), at(0));
        assert!(memory.knows(&"a", at(9)));
        assert!(!memory.knows(&"a", at(10)));
        assert!(!memory.knows(&"b", at(0)));
    }

    #[test]
    fn a_full_memory_forgets_what_has_ended_and_then_everything() {
        let memory = Memory::default();
        for fact in 0..CAPACITY {
            memory.keep(fact, at(if fact % 2 == 0 { 1 } else { 100 }), at(0));
        }
        memory.keep(CAPACITY, at(100), at(50));
        assert!(memory.knows(&1, at(50)) && memory.knows(&CAPACITY, at(50)));
        assert_eq!(memory.0.lock().unwrap().len(), CAPACITY / 2 + 1);
        for fact in 0..CAPACITY {
            memory.keep(CAPACITY + fact, at(100), at(50));
            assert!(memory.0.lock().unwrap().len() <= CAPACITY);
        }
    }
}
