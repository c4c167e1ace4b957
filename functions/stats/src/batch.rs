//! One batch of the stream.

use std::collections::BTreeMap;

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use chairbook_models::ids::{AppointmentId, EventId};
use chairbook_platform::COUNTED;
use chairbook_store::{APPOINTMENTS_AT_ONCE, Store, StoreError};
use futures_util::TryFutureExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lambda_runtime::Error;
use tracing::Instrument as _;

use crate::record::{Record, Subject};

/// The outcome of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    counted: usize,
    unchanged: usize,
    /// The places of the records that could not be handled.
    failed: Vec<usize>,
}

/// Counts what a batch's records are about, each thing once. Says from where on the stream has to give it again.
pub async fn count(store: &Store, records: &[Record]) -> Result<DynamoDbEventResponse, Error> {
    let mut outcome = Outcome::default();
    count_appointments(store, records, &mut outcome).await;
    count_new_customers(store, records, &mut outcome).await;
    tracing::info!(
        target: COUNTED,
        counted = outcome.counted,
        unchanged = outcome.unchanged,
        failed = outcome.failed.len(),
        "events counted"
    );
    response(records, &outcome.failed)
}

/// The appointments of some records, each with the place of its first record, in the order of those.
fn appointments(records: &[Record]) -> Vec<(usize, AppointmentId)> {
    let mut first = BTreeMap::new();
    for (place, record) in records.iter().enumerate() {
        if let Subject::Appointment(id) = record.subject {
            first.entry(id).or_insert(place);
        }
    }
    let mut appointments: Vec<_> = first.into_iter().map(|(id, place)| (place, id)).collect();
    appointments.sort_unstable();
    appointments
}

async fn count_appointments(store: &Store, records: &[Record], outcome: &mut Outcome) {
    // One transaction after the other: most of a batch is about the same few days, whose rows they share.
    for chunk in appointments(records).chunks(APPOINTMENTS_AT_ONCE) {
        let ids: Vec<_> = chunk.iter().map(|(_, id)| *id).collect();
        match store.count_appointments(&ids).await {
            Ok(counted) => {
                outcome.counted += counted;
                outcome.unchanged += ids.len() - counted;
            }
            Err(error) => {
                tracing::warn!(%error, appointments = ids.len(), "appointments could not be counted");
                outcome.failed.extend(chunk.iter().map(|(place, _)| *place));
            }
        }
    }
}

async fn count_new_customers(store: &Store, records: &[Record], outcome: &mut Outcome) {
    let new_customers = records.iter().enumerate().filter_map(|(place, record)| match record.subject {
        Subject::NewCustomer { event, at } => Some((place, event, at)),
        Subject::Appointment(_) => None,
    });
    let new_customers: Vec<_> = new_customers.collect();
    if new_customers.is_empty() {
        return;
    }
    let zone = match zone(store).await {
        Ok(zone) => zone,
        Err(error) => {
            tracing::warn!(%error, customers = new_customers.len(), "new customers could not be counted");
            outcome.failed.extend(new_customers.iter().map(|(place, ..)| *place));
            return;
        }
    };
    for (place, event, at) in new_customers {
        let span = tracing::error_span!("event", event_id = %event);
        let counted = count_new_customer(store, event, at, &zone);
        match counted.inspect_err(log_new_customer).instrument(span).await {
            Ok(true) => outcome.counted += 1,
            Ok(false) => outcome.unchanged += 1,
            Err(_) => outcome.failed.push(place),
        }
    }
}

fn log_new_customer(error: &StoreError) {
    tracing::warn!(%error, "a new customer could not be counted");
}

async fn count_new_customer(
    store: &Store,
    event: EventId,
    at: Timestamp,
    zone: &TimeZone,
) -> Result<bool, StoreError> {
    store.count_new_customer(event, at, at.to_zoned(zone.clone()).date()).await
}

async fn zone(store: &Store) -> Result<TimeZone, StoreError> {
    let settings = store.settings().await?;
    TimeZone::get(&settings.time_zone)
        .map_err(|_| StoreError::Malformed("the salon's settings name an unknown time zone".to_owned()))
}

/// The response to the stream. It goes on from the lowest sequence number that is reported, and gives everything from
/// there on again, so that one is enough
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>).
fn response(records: &[Record], failed: &[usize]) -> Result<DynamoDbEventResponse, Error> {
    let mut response = DynamoDbEventResponse::default();
    if let Some(first) = failed.iter().min().and_then(|&place| records.get(place)) {
        if first.sequence_number.is_none() {
            return Err("a record could not be handled and has no sequence number".into());
        }
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier.clone_from(&first.sequence_number);
        response.batch_item_failures.push(failure);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(byte: u8, sequence_number: Option<&str>) -> Record {
        Record {
            subject: Subject::Appointment(AppointmentId::derived([byte; 16])),
            sequence_number: sequence_number.map(str::to_owned),
        }
    }

    #[test]
    fn an_appointment_is_looked_at_once_and_stands_for_its_first_record() {
        let customer = Record {
            subject: Subject::NewCustomer { event: EventId::derived([9; 16]), at: Timestamp::UNIX_EPOCH },
            sequence_number: None,
        };
        let records = [of(7, None), customer, of(3, None), of(7, None), of(5, None), of(3, None)];
        let id = |byte| AppointmentId::derived([byte; 16]);
        assert_eq!(appointments(&records), [(0, id(7)), (2, id(3)), (4, id(5))]);
    }

    #[test]
    fn the_stream_goes_on_from_the_first_that_failed() {
        let records = ["100", "101", "102"].map(|number| of(1, Some(number)));
        for (failed, told) in [
            (&[][..], json!({"batchItemFailures": []})),
            (&[2, 1][..], json!({"batchItemFailures": [{"itemIdentifier": "101"}]})),
        ] {
            assert_eq!(serde_json::to_value(response(&records, failed).unwrap()).unwrap(), told);
        }
        assert!(response(&[of(1, None)], &[0]).is_err(), "the whole batch is given back");
    }
}
