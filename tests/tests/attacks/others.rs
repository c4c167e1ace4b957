//! What belongs to others: every route with an id in its path, with the id of somebody else; and cursors that were given
//! to others, or for another list.

use std::collections::BTreeMap;

use chairbook_local::template::model::Route;
use chairbook_models::user::Role;
use chairbook_tests::{Actor, TestStack};
use reqwest::Method;
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";

/// Routes whose path has no id of anything that is somebody's: what everybody may see, and tokens, which are nobody's
/// ids.
const OPEN_TO_ALL: [&str; 5] = [
    "GET /api/v1/docs/{file}",
    "GET /api/v1/services/{id}",
    "GET /api/v1/experts/{id}",
    "GET /api/v1/auth/verify-email/{token}",
    "GET /api/v1/auth/reset-password/{token}",
];

/// A body that a route would take, if it has one.
fn body(route: &str, to: &Value) -> Option<Value> {
    Some(match route.split_once(" /api/v1/").unwrap() {
        ("PUT", "appointments/{id}/reschedule") => to.clone(),
        ("PUT", "appointments/{id}/pay") => json!({"method": "cash"}),
        ("PUT", "appointments/{id}/status") => json!({"status": "cancelled"}),
        ("PUT", "users/{id}/role") => json!({"role": "owner"}),
        ("PUT", "categories/{id}") => json!({"name": "Eve's"}),
        ("PUT", "services/{id}") => json!({
            "categoryId": "cat_00000000000000000000000001", "name": "Eve's", "price": 1, "durationMinutes": 30
        }),
        ("POST" | "PUT", path) if path.contains("sub-services") => {
            json!({"name": "Eve's", "price": 1, "durationMinutes": 5})
        }
        ("PUT", "experts/{id}") => json!({"name": "Eve"}),
        ("PUT", "experts/{id}/services/{serviceId}") => json!({"price": 1}),
        ("PUT", "experts/{id}/working-hours") => json!({}),
        ("POST", "experts/{id}/time-off") => json!({"from": "2030-03-02T09:00", "to": "2030-03-03T09:00"}),
        ("PUT", "offers/{id}") => json!({"name": "Eve's", "percentOff": 100}),
        ("PUT", "gallery/{id}") => json!({"imageUrl": "https://eve.example/x.jpg", "serviceId": CUT}),
        ("PUT", "notifications/{id}/read") => return None,
        ("PUT", "todos/{id}") => json!({"title": "Eve's"}),
        ("PUT", "todos/{id}/status") => json!({"status": "completed"}),
        ("PUT", other) => panic!("nobody has said what to send to {other}"),
        _ => return None,
    })
}

/// An id of the kind that nothing has.
fn of_nobody(id: &str) -> String {
    format!("{}_0000000000000000000000zzzz", id.split('_').next().unwrap())
}

async fn book(customer: &Actor) -> String {
    let free = customer.later_availability(&format!("serviceId={CUT}")).await;
    let (date, time, _) = free.last().unwrap();
    let order = json!({"serviceId": CUT, "date": date, "time": time, "notes": "For nobody's eyes"});
    customer.book(order).await.data(201)["appointment"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_others_is_as_if_it_were_not_there() {
    let stack = TestStack::start().await;
    let (ada, eve) = (stack.customer().await, stack.customer().await);
    let (admin, owner) = (stack.demo_account(Role::Admin).await, stack.demo_account(Role::Owner).await);
    let appointments = [book(&ada).await, book(&ada).await];
    for _ in 0..2 {
        book(&eve).await;
        eve.elsewhere().log_in().await.data(200);
        ada.elsewhere().log_in().await.data(200);
        for person in [&ada, &eve] {
            person.post("/todos", json!({"title": "For nobody's eyes"})).await.data(201);
        }
    }
    stack.settle().await;
    every_route(&stack, &ada, &eve, &appointments[0]).await;
    // Enough for a second page.
    admin.post("/offers", json!({"name": "Early spring", "percentOff": 1})).await.data(201);
    cursors(&stack, &[("ada", &ada), ("eve", &eve), ("the admin", &admin), ("the owner", &owner)]).await;
    stack.finish().await;
}

async fn every_route(stack: &TestStack, ada: &Actor, eve: &Actor, appointment: &str) {
    let session = ada.get("/auth/sessions").await.data(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let notification =
        ada.get("/notifications").await.data(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let todo = ada.get("/todos").await.data(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let public =
        async |path: &str| eve.get(path).await.data(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let ids = BTreeMap::from([
        ("appointments", appointment.to_owned()),
        ("auth/sessions", session),
        ("users", ada.user_id.clone()),
        ("notifications", notification.clone()),
        ("todos", todo.clone()),
        ("categories", public("/categories").await),
        ("services", CUT.to_owned()),
        ("experts", public("/experts").await),
        ("offers", public("/offers").await),
        ("gallery", public("/gallery").await),
    ]);
    let free = eve.later_availability(&format!("serviceId={CUT}")).await;
    let to = json!({"date": free[0].0, "time": free[0].1});
    let before = stack.rows().await;
    let routes: Vec<_> = stack
        .stack
        .system()
        .functions
        .iter()
        .flat_map(|function| function.routes().map(Route::key))
        .filter(|route| route.contains('{') && !OPEN_TO_ALL.contains(&route.as_str()))
        .collect();
    assert!(routes.len() > 25, "{routes:?}");
    for route in &routes {
        let (method, path) = route.split_once(" /api/v1").unwrap();
        let (group, _) = path.trim_start_matches('/').split_once("/{").unwrap();
        let id = &ids[group];
        let path = path
            .replace("{serviceId}", CUT)
            .replace("{subServiceId}", "sub_00000000000000000000000001")
            .replace("{timeOffId}", "tof_00000000000000000000000001");
        let ask = async |id: &str| {
            let request = eve.request(method.parse::<Method>().unwrap(), &path.replace("{id}", id));
            eve.send(match body(route, &to) {
                Some(body) => request.json(&body),
                None => request,
            })
            .await
        };
        let (theirs, nobodys) = (ask(id).await, ask(&of_nobody(id)).await);
        assert!(matches!(theirs.status.as_u16(), 403 | 404), "{route}: {} {}", theirs.status, theirs.text);
        assert_eq!(theirs.impersonal(), nobodys.impersonal(), "{route} tells what there is");
        // An id of another kind is no id.
        let other = if id.starts_with("usr") { appointment } else { ada.user_id.as_str() };
        let other = ask(other).await;
        assert!(matches!(other.status.as_u16(), 403 | 404), "{route}: {} {}", other.status, other.text);
    }
    // In the body, where only the front desk may say for whom.
    for user in [&ada.user_id, &of_nobody(&ada.user_id)] {
        let order = json!({"serviceId": CUT, "date": free[0].0, "time": free[0].1, "userId": user});
        eve.book(order).await.error(403, "forbidden");
    }
    stack.check_unchanged(&before).await;
    // And what is one's own shows nobody else's.
    for path in [
        "/appointments/my?limit=100",
        "/profile",
        "/profile/export",
        "/auth/sessions",
        "/notifications",
        "/todos",
        "/todos?order=created",
    ] {
        let shown = eve.get(path).await;
        shown.data(200);
        for of_ada in [ada.user_id.as_str(), &ada.email, appointment, &notification, &todo] {
            assert!(!shown.text.contains(of_ada), "{path}: {}", shown.text);
        }
    }
}

/// Each cursor where it was given, and everywhere else.
async fn cursors(stack: &TestStack, callers: &[(&str, &Actor)]) {
    const CATALOG: [&str; 8] = [
        "/categories?limit=1",
        "/services?limit=1",
        "/services?q=cut&limit=1",
        "/experts?limit=1",
        "/experts?serviceId=svc_00000000000000000000000001&limit=1",
        "/offers?limit=1",
        "/gallery?limit=1",
        "/categories?includeInactive=true&limit=1",
    ];
    const OWN: [&str; 10] = [
        "/notifications?limit=1",
        "/notifications?unread=true&limit=1",
        "/todos?limit=1",
        "/todos?status=pending&limit=1",
        "/todos?order=created&limit=1",
        "/appointments/my?limit=1",
        "/appointments/my?status=reserved&limit=1",
        "/auth/sessions?limit=1",
        "/users?limit=1",
        "/users?role=user&limit=1",
    ];
    let lists: Vec<&str> = CATALOG.into_iter().chain(OWN).collect();
    let mut given = Vec::new();
    for (who, caller) in callers {
        for list in &lists {
            let answer = caller.get(list).await;
            if answer.status == 403 {
                continue;
            }
            if let Some(cursor) = answer.data(200)["nextCursor"].as_str() {
                given.push((*who, *list, cursor.to_owned()));
            }
        }
    }
    for list in &lists {
        assert!(given.iter().any(|(_, of, _)| of == list), "{list} has one page only");
    }
    let visitor = stack.visitor();
    let (mut good, mut bad) = (0, 0);
    for (giver, of, cursor) in &given {
        for (who, caller) in callers {
            // Everywhere at the same place, and at the cursor's own with its own caller.
            for list in lists.iter().filter(|list| **list != *of || who != giver) {
                let answer = caller.get(&format!("{list}&cursor={cursor}")).await;
                if answer.status == 403 {
                    continue;
                }
                // The catalog is the same for everybody who may see it.
                if list == of && CATALOG.contains(list) {
                    answer.data(200);
                    good += 1;
                } else {
                    let fields = answer.fields(400, "validation_failed");
                    assert_eq!(fields, ["cursor"], "{list} for {who}, with a cursor of {of} for {giver}");
                    bad += 1;
                }
            }
            if who == giver {
                caller.get(&format!("{of}&cursor={cursor}")).await.data(200);
            }
        }
        visitor.get(&format!("/appointments/my?limit=1&cursor={cursor}")).await.error(401, "unauthorized");
    }
    assert!(good > 10 && bad > 200, "{good} taken, {bad} refused");
}
