//! Function `todos`: people's own to-dos, which nobody else sees, whatever their role.

mod create;
mod error;
mod fields;
mod list;
mod one;
mod view;

use axum::Router;
use chairbook_web::{Api, Limit, Live, Web, about};

/// The group's routes.
pub fn api<A: Api<Web>>(api: A) -> A {
    api.get(
        "/api/v1/todos",
        about("listTodos", "List one's own to-dos").described(
            "By due time, or by creation. A to-do that has just been written may stand in the order of due times as it \
             was before for a moment.",
        ),
        Limit::Default,
        list::list,
    )
    .post(
        "/api/v1/todos",
        about("createTodo", "Add a to-do").described("A person has at most 1,000 that are open: `pending` or `in_progress`."),
        Limit::Default,
        create::create,
    )
    .get("/api/v1/todos/{id}", about("getTodo", "Get one of one's own to-dos"), Limit::Default, one::show)
    .put(
        "/api/v1/todos/{id}",
        about("updateTodo", "Change one of one's own to-dos")
            .described("An absent description or due time is removed; an absent status stays."),
        Limit::Default,
        one::change,
    )
    .delete(
        "/api/v1/todos/{id}",
        about("deleteTodo", "Delete one of one's own to-dos"),
        Limit::Default,
        one::delete,
    )
    .put(
        "/api/v1/todos/{id}/status",
        about("setTodoStatus", "Change the status of one of one's own to-dos"),
        Limit::Default,
        one::set_status,
    )
}

/// The function's routes.
pub fn router(web: Web) -> Router {
    chairbook_web::router(api(Live::new(web.clone())).into_routes(web))
}
