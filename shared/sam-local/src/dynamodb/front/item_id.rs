//! The items that a call names.

use std::collections::BTreeMap;

use dynoxide::Item;
use dynoxide::actions::transact_write_items::TransactWriteItem;

use super::call::Call;
use crate::template::model::Table;

/// An item of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ItemId {
    pub(super) table: String,
    /// The attributes of its key, in the order of the table's key schema, each with its type before it, such as `S:abc`.
    pub(super) key: Vec<String>,
}

impl ItemId {
    /// The attributes of its key that are text.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.key.iter().filter_map(|attribute| attribute.strip_prefix("S:"))
    }
}

/// The attributes of each table's key, by the table's name.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySchemas(BTreeMap<String, Vec<String>>);

/// An item that a call names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'c> {
    pub(super) table: &'c str,
    /// Its key, and perhaps more.
    pub(super) item: &'c Item,
    /// Set where the call writes it, and does not only check or read it.
    pub(super) is_written: bool,
}

impl KeySchemas {
    /// Those of the template's tables.
    pub(super) fn of(tables: &[Table]) -> Self {
        let names = |table: &Table| {
            let schema = table.create_table["KeySchema"].as_array().into_iter().flatten();
            schema.filter_map(|attribute| Some(attribute["AttributeName"].as_str()?.to_owned())).collect()
        };
        Self(tables.iter().map(|table| (table.name.clone(), names(table))).collect())
    }

    /// Tells which item this is; `None` of a table that is not known or an item without a whole key.
    pub(super) fn id(&self, named: &Named<'_>) -> Option<ItemId> {
        let key = self.0.get(named.table)?.iter().map(|name| named.item.get(name)?.to_key_string());
        Some(ItemId { table: named.table.to_owned(), key: key.collect::<Option<_>>()? })
    }

    /// The key of an item.
    pub(super) fn key(&self, named: &Named<'_>) -> Option<Item> {
        let attributes = self.0.get(named.table)?.iter();
        attributes.map(|name| Some((name.clone(), named.item.get(name)?.clone()))).collect()
    }
}

impl Call {
    /// The items that it names, those of a transaction in its order.
    pub(super) fn items(&self) -> Vec<Named<'_>> {
        let one = |table, item, is_written| vec![Named { table, item, is_written }];
        match self {
            Self::GetItem(request) => one(&request.table_name, &request.key, false),
            Self::Query(_) => vec![],
            Self::PutItem(request) => one(&request.table_name, &request.item, true),
            Self::UpdateItem(request) => one(&request.table_name, &request.key, true),
            Self::DeleteItem(request) => one(&request.table_name, &request.key, true),
            Self::TransactWriteItems(request) => {
                request.transact_items.iter().filter_map(of_transaction).collect()
            }
            Self::TransactGetItems(request) => request
                .transact_items
                .iter()
                .map(|item| Named { table: &item.get.table_name, item: &item.get.key, is_written: false })
                .collect(),
            Self::BatchGetItem(request) => request
                .request_items
                .iter()
                .flat_map(|(table, keys)| {
                    keys.keys.iter().map(|item| Named { table, item, is_written: false })
                })
                .collect(),
            Self::BatchWriteItem(request) => request
                .request_items
                .iter()
                .flat_map(|(table, writes)| {
                    writes.iter().filter_map(|write| {
                        let item = write.put_request.as_ref().map(|put| &put.item);
                        let item = item.or_else(|| write.delete_request.as_ref().map(|delete| &delete.key));
                        Some(Named { table, item: item?, is_written: true })
                    })
                })
                .collect(),
        }
    }

    /// The names of its tables.
    pub(super) fn tables(&self) -> Vec<&str> {
        match self {
            Self::Query(request) => vec![&request.table_name],
            _ => self.items().into_iter().map(|named| named.table).collect(),
        }
    }
}

fn of_transaction(action: &TransactWriteItem) -> Option<Named<'_>> {
    let TransactWriteItem { put, update, delete, condition_check } = action;
    let put = put.as_ref().map(|put| (&put.table_name, &put.item, true));
    let update = || update.as_ref().map(|update| (&update.table_name, &update.key, true));
    let delete = || delete.as_ref().map(|delete| (&delete.table_name, &delete.key, true));
    let check = || condition_check.as_ref().map(|check| (&check.table_name, &check.key, false));
    let (table, item, is_written) = put.or_else(update).or_else(delete).or_else(check)?;
    Some(Named { table, item, is_written })
}
