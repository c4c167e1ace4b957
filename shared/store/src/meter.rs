//! The capacity units that DynamoDB says a call consumed, for the meter of the request.

use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::ConsumedCapacity;
use chairbook_platform::meter::{self, Units};

/// A call's answer, which says what it cost.
pub(crate) trait Consumed {
    fn units(&self) -> Units;
}

fn total<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) -> f64 {
    consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum()
}

macro_rules! consumed {
    ($kind:ident: $($output:ty),+) => {
        $(impl Consumed for $output {
            fn units(&self) -> Units {
                Units { $kind: total(self.consumed_capacity()), ..Units::default() }
            }
        })+
    };
}

consumed!(read: BatchGetItemOutput, GetItemOutput, QueryOutput);
consumed!(write: DeleteItemOutput, PutItemOutput, UpdateItemOutput, TransactWriteItemsOutput);

/// Makes a call and counts it for the request or invocation in whose scope it is made.
pub(crate) fn metered<T, E, F>(call: F) -> impl Future<Output = Result<T, E>> + use<T, E, F>
where
    F: Future<Output = Result<T, E>>,
    T: Consumed,
{
    meter::metered(call, T::units)
}
