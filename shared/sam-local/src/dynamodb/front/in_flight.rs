//! The items of transactions that are under way.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::item_id::ItemId;

/// The items that transactions have at the moment. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight {
    items: Arc<Mutex<HashSet<ItemId>>>,
}

/// The items of one transaction, for as long as it is under way.
#[derive(Debug)]
pub(super) struct Held {
    all: InFlight,
    own: Vec<ItemId>,
}

impl InFlight {
    /// Takes the items of a transaction.
    ///
    /// # Errors
    /// Which of them another transaction has; then none is taken.
    pub(super) fn take(&self, items: &[ItemId]) -> Result<Held, Vec<bool>> {
        let mut taken = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let conflicts: Vec<bool> = items.iter().map(|item| taken.contains(item)).collect();
        if conflicts.contains(&true) {
            return Err(conflicts);
        }
        taken.extend(items.iter().cloned());
        Ok(Held { all: self.clone(), own: items.to_vec() })
    }

    /// Which of some items a transaction has.
    pub(super) fn conflicts(&self, items: &[ItemId]) -> Vec<bool> {
        let taken = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.iter().map(|item| taken.contains(item)).collect()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut taken = self.all.items.lock().unwrap_or_else(PoisonError::into_inner);
        for item in &self.own {
            taken.remove(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_one_transactions_until_it_ends() {
        let item = |key: &str| ItemId { table: "t".to_owned(), key: vec![key.to_owned()] };
        let in_flight = InFlight::default();
        let first = in_flight.take(&[item("a"), item("b")]).unwrap();
        assert_eq!(in_flight.take(&[item("c"), item("b")]).unwrap_err(), [false, true]);
        assert_eq!(in_flight.conflicts(&[item("a"), item("c")]), [true, false], "c was not taken");
        drop(first);
        let _second = in_flight.take(&[item("c"), item("b")]).unwrap();
        assert_eq!(in_flight.conflicts(&[item("a"), item("b")]), [false, true]);
    }
}
