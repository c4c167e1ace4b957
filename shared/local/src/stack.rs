//! Chairbook's stack: that of its template, with its tables as `shared/store` sees them, and the demo in them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;

use chairbook_store::{Store, StoreError, Tables};
use sam_local::stack;
use sam_local::template::REGION;
use sam_local::template::model::System;

use crate::demo;

pub use sam_local::stack::Options;

/// `AWS::StackName` on this machine.
pub const NAME: &str = "chairbook";

/// The format of the tables' rows: 2 since experts' busy times are kept by week.
pub const DATA_FORMAT: u32 = 2;

/// Credentials that the embedded DynamoDB takes, as it takes any.
const CREDENTIAL: &str = "local";

/// Why a stack did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The stack itself did not.
    #[error(transparent)]
    Stack(#[from] stack::StartError),
    /// The demo could not be written.
    #[error("the demo's data could not be written: {0}")]
    Demo(#[from] StoreError),
}

/// Reads Chairbook's template as the local stack would run it, with secrets that are nobody's.
///
/// # Errors
/// [`stack::StartError`] when it cannot be read or is at fault.
pub fn read_template(
    path: &Path,
    parameters: &BTreeMap<String, String>,
) -> Result<System, stack::StartError> {
    stack::read_template(path, NAME, parameters)
}

/// The tables of a system, as its embedded DynamoDB at this URL has them.
#[must_use]
pub fn store(system: &System, dynamodb_url: &str) -> Store {
    let name = |logical_id: &str| {
        let table = system.tables.iter().find(|table| table.logical_id == logical_id);
        table.map(|table| table.name.clone())
    };
    let tables = Tables {
        users: name("UsersTable"),
        catalog: name("CatalogTable"),
        appointments: name("AppointmentsTable"),
        todos: name("TodosTable"),
        events: name("EventsTable"),
        limits: name("LimitsTable"),
    };
    Store::new(chairbook_platform::aws::local_dynamodb(dynamodb_url, REGION, CREDENTIAL), tables)
}

/// A running stack of Chairbook, which can do what every stack can.
pub struct Stack(stack::Stack);

impl Deref for Stack {
    type Target = stack::Stack;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Stack {
    /// Starts everything; with the demo, an empty catalog is filled with its salon and accounts before.
    ///
    /// # Errors
    /// [`StartError`] says what to do about it.
    pub async fn start(options: Options, with_demo: bool) -> Result<Self, StartError> {
        let prepared = stack::Stack::prepare(options).await?;
        if with_demo {
            demo::fill(&store(prepared.system(), &prepared.dynamodb_url()), sam_local::clock::now()).await?;
        }
        Ok(Self(prepared.start()?))
    }

    /// The tables, as the functions see them.
    #[must_use]
    pub fn store(&self) -> Store {
        store(self.system(), &self.dynamodb_url())
    }

    /// Ends everything: what is under way has a few seconds.
    pub async fn shutdown(self) {
        self.0.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_taken() {
        let template = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml"));
        let parameters = BTreeMap::from([("ReservationHold".to_owned(), "5s".to_owned())]);
        let system = read_template(template, &parameters).unwrap();
        let function =
            |binary: &str| system.functions.iter().find(|function| function.binary == binary).unwrap();
        assert_eq!(
            (&*function("auth").logical_id, &*function("auth").name),
            ("AuthFunction", "chairbook-auth")
        );
        assert_eq!(function("auth").environment["SIGNING_SECRET"], "not a secret");
        assert_eq!(function("appointments").environment["RESERVATION_HOLD"], "5s");
        assert!(system.left_out.iter().any(|left| left.resource_type == "AWS::CloudWatch::Alarm"));
        assert!(system.tables.iter().all(|table| table.create_table["TableName"] == table.name));
        assert_eq!(system.tables.iter().filter(|table| table.has_stream).count(), 1);
    }
}
