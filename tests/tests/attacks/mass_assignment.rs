//! Members that nobody asked for: every route that reads a body, with what its sender would like to decide.

use std::collections::BTreeSet;

use chairbook_local::template::model::Route;
use chairbook_models::user::Role;
use chairbook_tests::{Actor, TestStack};
use reqwest::Method;
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";
const EXPERT: &str = "exp_00000000000000000000000001";

/// Members that rows, sessions and other routes have, and some that frameworks take for more than data. A response
/// names at most 20 wrong members, so they come in two halves.
const WANTED: [[&str; 18]; 2] = [
    [
        "id",
        "role",
        "roles",
        "isAdmin",
        "is_admin",
        "version",
        "revision",
        "userId",
        "user_id",
        "owner",
        "status",
        "price",
        "totalPrice",
        "total_price",
        "paymentStatus",
        "payment_status",
        "payment",
        "refund",
    ],
    [
        "emailVerified",
        "email_verified",
        "verified",
        "passwordHash",
        "password_hash",
        "logins",
        "failures",
        "createdAt",
        "updatedAt",
        "expiresAt",
        "expires_at",
        "pk",
        "sk",
        "ttl",
        "leaving_since",
        "__proto__",
        "constructor",
        "$set",
    ],
];

/// A route that reads a body, a path that leads to it, a body that it takes, and the wanted members that it knows.
fn routes(
    appointment: &str,
    user: &str,
    slot: &Value,
) -> Vec<(&'static str, String, Value, &'static [&'static str])> {
    let password = "correct horse battery staple";
    let to = |path: &str| path.to_owned();
    let service = json!({
        "categoryId": "cat_00000000000000000000000001", "name": "Eve's", "price": 1, "durationMinutes": 30
    });
    let sub_service = json!({"name": "Eve's", "price": 1, "durationMinutes": 5});
    let offer = json!({"name": "Eve's", "percentOff": 100});
    let image = json!({"imageUrl": "https://eve.example/x.jpg", "serviceId": CUT});
    let booking = json!({"serviceId": CUT, "date": slot["date"], "time": slot["time"]});
    vec![
        (
            "POST /auth/register",
            to("/auth/register"),
            json!({"name": "Eve", "email": "eve@guests.example", "password": password}),
            &[],
        ),
        ("POST /auth/verify-email", to("/auth/verify-email"), json!({"token": "x"}), &[]),
        (
            "POST /auth/resend-verification",
            to("/auth/resend-verification"),
            json!({"email": "eve@guests.example"}),
            &[],
        ),
        (
            "POST /auth/login",
            to("/auth/login"),
            json!({"email": "eve@guests.example", "password": password}),
            &[],
        ),
        ("POST /auth/refresh", to("/auth/refresh"), json!({"refreshToken": "x"}), &[]),
        (
            "POST /auth/forgot-password",
            to("/auth/forgot-password"),
            json!({"email": "eve@guests.example"}),
            &[],
        ),
        (
            "POST /auth/reset-password",
            to("/auth/reset-password"),
            json!({"token": "x", "password": password}),
            &[],
        ),
        (
            "POST /auth/change-password",
            to("/auth/change-password"),
            json!({"currentPassword": password, "newPassword": "seven new horses"}),
            &[],
        ),
        ("PUT /profile", to("/profile"), json!({"name": "Eve"}), &[]),
        ("DELETE /profile", to("/profile"), json!({"password": password}), &[]),
        ("PUT /users/{id}/role", format!("/users/{user}/role"), json!({"role": "user"}), &["role"]),
        ("POST /categories", to("/categories"), json!({"name": "Eve's"}), &[]),
        (
            "PUT /categories/{id}",
            to("/categories/cat_00000000000000000000000001"),
            json!({"name": "Eve's"}),
            &[],
        ),
        ("POST /services", to("/services"), service.clone(), &["price"]),
        ("PUT /services/{id}", format!("/services/{CUT}"), service, &["price"]),
        (
            "POST /services/{id}/sub-services",
            format!("/services/{CUT}/sub-services"),
            sub_service.clone(),
            &["price"],
        ),
        (
            "PUT /services/{id}/sub-services/{subServiceId}",
            format!("/services/{CUT}/sub-services/sub_00000000000000000000000001"),
            sub_service,
            &["price"],
        ),
        ("POST /experts", to("/experts"), json!({"name": "Eve"}), &[]),
        ("PUT /experts/{id}", format!("/experts/{EXPERT}"), json!({"name": "Eve"}), &[]),
        (
            "PUT /experts/{id}/services/{serviceId}",
            format!("/experts/{EXPERT}/services/{CUT}"),
            json!({"price": 1}),
            &["price"],
        ),
        ("PUT /experts/{id}/working-hours", format!("/experts/{EXPERT}/working-hours"), json!({}), &[]),
        (
            "POST /experts/{id}/time-off",
            format!("/experts/{EXPERT}/time-off"),
            json!({"from": "2030-03-02T09:00", "to": "2030-03-03T09:00"}),
            &[],
        ),
        ("POST /offers", to("/offers"), offer.clone(), &[]),
        ("PUT /offers/{id}", to("/offers/ofr_00000000000000000000000001"), offer, &[]),
        ("POST /gallery", to("/gallery"), image.clone(), &[]),
        ("PUT /gallery/{id}", to("/gallery/img_00000000000000000000000001"), image, &[]),
        ("POST /appointments", to("/appointments"), booking, &["userId"]),
        (
            "PUT /appointments/{id}/reschedule",
            format!("/appointments/{appointment}/reschedule"),
            slot.clone(),
            &[],
        ),
        (
            "PUT /appointments/{id}/pay",
            format!("/appointments/{appointment}/pay"),
            json!({"method": "cash"}),
            &[],
        ),
        (
            "PUT /appointments/{id}/status",
            format!("/appointments/{appointment}/status"),
            json!({"status": "cancelled"}),
            &["status"],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_decides_what_they_were_not_asked() {
    let stack = TestStack::start().await;
    stack.keep_secret(["seven new horses".to_owned()]);
    // The owner, who is refused nothing else.
    let (owner, eve) = (stack.demo_account(Role::Owner).await, stack.customer().await);
    let free = eve.later_availability(&format!("serviceId={CUT}")).await;
    let slot = |place: usize| json!({"date": free[place].0, "time": free[place].1});
    let mut order = slot(free.len() / 2);
    order["serviceId"] = json!(CUT);
    let booked = eve.book(order).await.data(201)["appointment"]["id"].as_str().unwrap().to_owned();
    stack.settle().await;

    let settings = owner.get("/settings").await.data(200)["settings"].to_value();
    let mut routes = routes(&booked, &eve.user_id, &slot(free.len() - 1));
    routes.push(("PUT /settings", "/settings".to_owned(), settings, &[]));
    let chosen = owner.get("/notifications/preferences").await.data(200).to_value();
    routes.push(("PUT /notifications/preferences", "/notifications/preferences".to_owned(), chosen, &[]));
    routes.push(("POST /todos", "/todos".to_owned(), json!({"title": "Eve's"}), &["status"]));
    let todo = "/todos/tdo_01jd3x8m4e5zq0v7k2n9r6t1wb";
    routes.push(("PUT /todos/{id}", todo.to_owned(), json!({"title": "Eve's"}), &["status"]));
    let status = json!({"status": "completed"});
    routes.push(("PUT /todos/{id}/status", format!("{todo}/status"), status, &["status"]));
    routes.push(("POST /notifications/read-all", "/notifications/read-all".to_owned(), json!({}), &[]));
    let without_body = [
        "POST /auth/logout",
        "POST /auth/logout-all",
        // These read no body, whatever is sent.
        "DELETE /users/{id}",
        "PUT /notifications/{id}/read",
    ];
    let known: BTreeSet<&str> = routes.iter().map(|(route, ..)| *route).chain(without_body).collect();
    for route in stack.stack.system().functions.iter().flat_map(|function| function.routes().map(Route::key))
    {
        let route = route.replace("/api/v1", "");
        let reads_a_body = route.starts_with("POST") || route.starts_with("PUT");
        assert!(!reads_a_body || known.contains(route.as_str()), "nobody has tried {route}");
    }

    let before = stack.rows().await;
    for (route, path, body, of_it) in &routes {
        let method: Method = route.split(' ').next().unwrap().parse().unwrap();
        for wanted in WANTED {
            let unknown: BTreeSet<_> =
                wanted.into_iter().filter(|name| !of_it.contains(name) && body.get(name).is_none()).collect();
            for value in [json!("owner"), json!(1)] {
                let mut greedy = body.clone();
                for name in &unknown {
                    greedy[*name] = value.clone();
                }
                let answer = owner.send(owner.request(method.clone(), path).json(&greedy)).await;
                let fields = answer.fields(400, "validation_failed");
                let refused: BTreeSet<_> = fields.iter().map(String::as_str).collect();
                assert_eq!(refused, unknown, "{route}");
            }
        }
    }
    inside(&owner).await;
    stack.check_unchanged(&before).await;
    stack.finish().await;
}

/// The same inside what a body holds.
async fn inside(owner: &Actor) {
    let hours = format!("/experts/{EXPERT}/working-hours");
    for name in ["expertId", "price", "__proto__", "id"] {
        let mut span = json!({"from": "09:00", "to": "10:00"});
        span[name] = json!(1);
        let answer = owner.put(&hours, json!({"monday": [span]})).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["monday[0]"], "{name}");
    }
    // What should be one value, and is an object or a list of what its sender would like.
    for value in [json!({"$ne": null}), json!({"S": "owner"}), json!(["owner"]), json!(true)] {
        let answer = owner.post("/auth/login", json!({"email": value, "password": value})).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["email", "password"], "{value}");
        let answer = owner.put("/profile", json!({"name": value})).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["name"], "{value}");
    }
}
