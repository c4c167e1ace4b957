//! Copies of the database that are a set time behind it: what indexes and reads that need not be consistent show.
//!
//! A copy is a database of its own, in memory, to which every write comes when its time has come, so that a query of it
//! is what a query was so long ago, with all its filters and pages. It learns of writes by the front. What dynoxide does
//! by itself, which is to remove items whose time to live is over, it does not learn of: DynamoDB, too, may show those
//! for days.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::{Database, Item};
use serde_json::Value;

use crate::faults::Standing;

/// An item as it is from some moment on.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) table: String,
    pub(super) key: Item,
    /// Nothing where there is none any more.
    pub(super) image: Option<Item>,
}

/// A copy that is a set time behind.
pub(super) struct Replica {
    database: Database,
    lag: Duration,
    /// With the moments at which they are to be seen, the first first.
    changes: VecDeque<(Instant, Arc<Change>)>,
}

impl Replica {
    /// Copies the tables that these requests have created.
    fn of(original: &Database, tables: &[Value], lag: Duration) -> dynoxide::Result<Self> {
        let database = Database::memory()?;
        for table in tables {
            let mut table = table.clone();
            if let Some(table) = table.as_object_mut() {
                table.remove("StreamSpecification");
            }
            let table: CreateTableRequest = serde_json::from_value(table)
                .map_err(|error| dynoxide::DynoxideError::InternalServerError(error.to_string()))?;
            let table_name = table.table_name.clone();
            database.create_table(table)?;
            let mut exclusive_start_key = None;
            loop {
                let page = original.scan(ScanRequest {
                    table_name: table_name.clone(),
                    consistent_read: Some(true),
                    exclusive_start_key,
                    ..ScanRequest::default()
                })?;
                let items = page.items.unwrap_or_default();
                database.import_items(&table_name, items, dynoxide::ImportOptions::default())?;
                exclusive_start_key = page.last_evaluated_key;
                if exclusive_start_key.is_none() {
                    break;
                }
            }
        }
        Ok(Self { database, lag, changes: VecDeque::new() })
    }

    fn push(&mut self, now: Instant, change: Arc<Change>) {
        self.changes.push_back((now + self.lag, change));
        self.catch_up(now);
    }

    /// Applies what is to be seen by now.
    fn catch_up(&mut self, now: Instant) {
        while self.changes.front().is_some_and(|(due, _)| *due <= now) {
            let Some((_, change)) = self.changes.pop_front() else { return };
            let Change { table, key, image } = Change::clone(&change);
            let applied = if let Some(item) = image {
                let request = PutItemRequest { table_name: table, item, ..PutItemRequest::default() };
                self.database.put_item(request).map(drop)
            } else {
                let request = DeleteItemRequest { table_name: table, key, ..DeleteItemRequest::default() };
                self.database.delete_item(request).map(drop)
            };
            if let Err(error) = applied {
                tracing::error!(%error, "a copy of the database could not follow it");
            }
        }
    }

    /// The database as it was.
    pub(super) fn as_it_was(&mut self) -> &Database {
        self.catch_up(Instant::now());
        &self.database
    }
}

/// The copies that a setting asks for.
#[derive(Default)]
pub(super) struct Replicas {
    /// The setting that they are for.
    standing: Option<Arc<Standing>>,
    /// The copy that global secondary indexes show.
    pub(super) indexes: Option<Replica>,
    /// The copy that reads show which need not be consistent.
    pub(super) reads: Option<Replica>,
}

impl Replicas {
    /// Makes the copies that a setting asks for, unless it is the one that they are for.
    pub(super) fn follow(&mut self, standing: Option<&Arc<Standing>>, database: &Database, tables: &[Value]) {
        let is_same = match (&self.standing, standing) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        if is_same {
            return;
        }
        let copy = |millis: u64| {
            let lag = Duration::from_millis(millis);
            let replica = (millis > 0).then(|| Replica::of(database, tables, lag));
            replica.and_then(|replica| {
                replica.inspect_err(|error| tracing::error!(%error, "the database could not be copied")).ok()
            })
        };
        let setting = standing.map(|standing| standing.setting).unwrap_or_default();
        self.indexes = copy(setting.index_lag_millis);
        self.reads = copy(if setting.stale_reads > 0.0 { setting.stale_read_millis } else { 0 });
        self.standing = standing.cloned();
    }

    /// Forgets the copies, so that they are made anew: something was written that they have not learned of.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) const fn are_needed(&self) -> bool {
        self.indexes.is_some() || self.reads.is_some()
    }

    /// Tells the copies of what was written just now.
    pub(super) fn push(&mut self, changes: impl IntoIterator<Item = Change>) {
        let now = Instant::now();
        for change in changes {
            let change = Arc::new(change);
            for replica in [&mut self.indexes, &mut self.reads].into_iter().flatten() {
                replica.push(now, Arc::clone(&change));
            }
        }
    }
}
