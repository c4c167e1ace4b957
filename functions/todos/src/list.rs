//! `GET /todos`.

use axum::extract::State;
use chairbook_models::ids::TodoId;
use chairbook_models::todo::{self, DueAt, Filter, Priority, Status};
use chairbook_store::PageKey;
use chairbook_web::fields::format::{self, Format as _, one_of, text};
use chairbook_web::view::Todo;
use chairbook_web::{
    Customer, Fields, FromFields, Page, Paging, Pending, Query, Reply, RequestError, Web, cursor,
};
use serde::Serialize;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// By due time, the earliest first.
    Due,
    /// By creation, the latest first.
    Created,
}

/// `status`, `priority`, `dueFrom`, `dueTo`, `order`, `limit`, `cursor`.
pub(crate) struct Request {
    filter: Filter,
    order: Order,
    paging: Paging,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let statuses = format::list::<Status>(Status::ALL.len())
            .about("The statuses that to-dos are to have, with commas between them: `pending,in_progress` for what is open.");
        let statuses = fields.optional_as("status", statuses).map(Option::unwrap_or_default);
        let priorities = format::list::<Priority>(Priority::ALL.len())
            .about("The priorities that to-dos are to have, with commas between them.");
        let priorities = fields.optional_as("priority", priorities).map(Option::unwrap_or_default);
        let due_from = text::<DueAt>().about("The earliest time at which to-dos are due.");
        let due_from = fields.optional_as("dueFrom", due_from);
        let due_to = text::<DueAt>().about("The latest time at which to-dos are due.");
        let due_to = fields.optional_as("dueTo", due_to);
        let order = one_of(&[Order::Due, Order::Created]).about(
            "`due`, the earliest due first and what is never due last, unless given; or `created`, the latest created \
             first.",
        );
        let order = fields.optional_as("order", order);
        let paging = Paging::from_fields(fields);
        if let (Some(Some(from)), Some(Some(to))) = (due_from, due_to)
            && to < from
        {
            fields.refuse("dueTo", "must not be before `dueFrom`");
            return None;
        }
        let filter =
            Filter { statuses: statuses?, priorities: priorities?, due_from: due_from?, due_to: due_to? };
        Some(Self { filter, order: order?.unwrap_or(Order::Due), paging: paging? })
    }
}

pub(crate) async fn list(
    State(web): State<Web>,
    customer: Pending<Customer>,
    Query(Request { filter, order, paging }): Query<Request>,
) -> Result<Reply<Page<Todo>>, RequestError> {
    let (reader, user) = (&web.reader, customer.user_id());
    let list = format!("todos {user} {order:?} {filter:?}");
    let page = match order {
        Order::Due => {
            let after = paging.start(&list, |position| position.parse().ok())?;
            let found = reader.todos_by_due(user, &filter, paging.limit(), after);
            let (_, page) = customer.admit_with(Box::pin(found)).await?;
            let cursor = |key: PageKey<TodoId>| cursor::encode(&list, &key.to_string());
            let next = page.next.map(cursor);
            let after = |last: &todo::Todo| cursor(PageKey::by_due(last));
            Page::bounded(&page.items, next, |kept| Todo::from(kept), after)?
        }
        Order::Created => {
            let after = paging.start(&list, |position| position.parse().ok())?;
            let found = reader.todos_by_creation(user, &filter, paging.limit(), after);
            let (_, page) = customer.admit_with(Box::pin(found)).await?;
            let cursor = |id: TodoId| cursor::encode(&list, &id.to_string());
            let next = page.next.map(cursor);
            Page::bounded(&page.items, next, |kept| Todo::from(kept), |last| cursor(last.id))?
        }
    };
    Ok(Reply::ok("Your to-dos.", page))
}
