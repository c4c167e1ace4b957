//! `Idempotency-Key`, on every route that creates something: a repeat finds what it made, however parallel and however
//! late.

use std::collections::BTreeSet;

use chairbook_local::stack::read_template;
use chairbook_local::template::model::Route;
use chairbook_models::user::Role;
use chairbook_tests::{Actor, Answer, TestStack};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

const CUT: &str = "/services/svc_00000000000000000000000001";
const INES: &str = "/experts/exp_00000000000000000000000001";

/// Routes of `POST` that create nothing to be found again.
const CREATE_NOTHING: [&str; 10] = [
    "/auth/change-password",
    "/auth/forgot-password",
    "/auth/login",
    "/auth/logout",
    "/auth/logout-all",
    "/auth/refresh",
    "/auth/resend-verification",
    "/auth/reset-password",
    "/auth/verify-email",
    "/notifications/read-all",
];

/// The members of `data` that tell of what can be asked for by itself.
const ADDRESSED: [&str; 3] = ["service", "expert", "todo"];

/// A route that creates something.
struct Creation {
    /// As in the template, without `/api/v1`.
    route: &'static str,
    path: String,
    body: Value,
    /// A field, and another value of it.
    change: (&'static str, Value),
    /// A field that is absent, which `null` is, too.
    absent: &'static str,
    /// The member of `data`.
    member: &'static str,
}

fn creations() -> Vec<Creation> {
    let creation = |route, path: &str, body, change, absent, member| Creation {
        route,
        path: path.to_owned(),
        body,
        change,
        absent,
        member,
    };
    let name = |name: &str| ("name", json!(name));
    vec![
        creation(
            "/categories",
            "/categories",
            json!({"name": "Nails"}),
            name("Brows"),
            "description",
            "category",
        ),
        creation(
            "/services",
            "/services",
            json!({"categoryId": "cat_00000000000000000000000001", "name": "Manicure", "price": 3000,
                   "durationMinutes": 30}),
            ("price", json!(3100)),
            "description",
            "service",
        ),
        creation(
            "/services/{id}/sub-services",
            &format!("{CUT}/sub-services"),
            json!({"name": "Scalp massage", "price": 900, "durationMinutes": 10}),
            name("Hot towel"),
            "isActive",
            "subService",
        ),
        creation("/experts", "/experts", json!({"name": "Noor"}), name("Sam"), "bio", "expert"),
        creation(
            "/experts/{id}/time-off",
            &format!("{INES}/time-off"),
            json!({"from": "2030-03-04T09:00", "to": "2030-03-04T12:00"}),
            ("reason", json!("Holiday")),
            "reason",
            "timeOff",
        ),
        creation(
            "/offers",
            "/offers",
            json!({"name": "Spring", "percentOff": 10, "code": "SPRING30"}),
            ("percentOff", json!(15)),
            "validFrom",
            "offer",
        ),
        creation(
            "/gallery",
            "/gallery",
            json!({"imageUrl": "https://images.example/1.jpg", "expertId": "exp_00000000000000000000000001"}),
            ("caption", json!("Before")),
            "position",
            "image",
        ),
        creation(
            "/todos",
            "/todos",
            json!({"title": "Order towels", "dueAt": "2030-03-04T09:00:00Z"}),
            ("title", json!("Order gowns")),
            "description",
            "todo",
        ),
    ]
}

async fn keyed(actor: &Actor, path: &str, key: &str, body: &Value) -> Answer {
    actor.send(actor.request(Method::POST, path).header("Idempotency-Key", key).json(body)).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

#[tokio::test]
async fn every_creation_is_made_once() {
    let stack = TestStack::start().await;
    let (admin, owner) = (stack.demo_account(Role::Admin).await, stack.demo_account(Role::Owner).await);
    for Creation { path, body, change, absent, member, .. } in creations() {
        let id = |answer: &Answer| answer.data(201)[member]["id"].as_str().unwrap().to_owned();
        // Twelve at once are one.
        let answers = join_all((0..12).map(|_| keyed(&admin, &path, "once", &body))).await;
        let ids: BTreeSet<_> = answers.iter().map(id).collect();
        assert_eq!(ids.len(), 1, "{path}");
        assert_eq!(answers.iter().filter(|answer| is_replayed(answer)).count(), 11, "{path}");
        let made = answers[0].data(201)[member].clone();
        // It says where it is, if it can be asked for by itself.
        let one = format!("{path}/{}", ids.first().unwrap());
        let location = if ADDRESSED.contains(&member) { format!("/api/v1{one}") } else { String::new() };
        assert!(answers.iter().all(|answer| answer.header("location") == location), "{location}");
        if !location.is_empty() {
            assert_eq!(admin.get(&one).await.data(200)[member]["id"], made["id"], "{location}");
        }

        // Written otherwise it is the same request, with anything changed it is another one.
        let mut otherwise = body.clone();
        otherwise[absent] = Value::Null;
        let again = keyed(&admin, &path, "once", &otherwise).await;
        assert!(is_replayed(&again) && again.data(201)[member] == made, "{path}: {}", again.text);
        let mut changed = body.clone();
        changed[change.0] = change.1.clone();
        keyed(&admin, &path, "once", &changed).await.error(422, "idempotency_key_reused");

        // Another key, and another admin's, are other requests. (A code is given to one offer only.)
        if member == "offer" {
            keyed(&owner, &path, "once", &body).await.error(400, "validation_failed");
        } else {
            for other in
                [keyed(&admin, &path, "twice", &body).await, keyed(&owner, &path, "once", &body).await]
            {
                assert!(!is_replayed(&other) && !ids.contains(&id(&other)), "{path}");
            }
        }
        // What has been deleted is not made again.
        admin.delete(&one).await.data(200);
        let late = keyed(&admin, &path, "once", &body).await;
        late.error(404, "not_found");
        assert!(late.json()["message"].as_str().unwrap().contains("deleted since"), "{}", late.text);
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_repeat_is_known_even_where_the_rules_would_refuse_it_by_now() {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    let body = json!({"name": "Spring", "percentOff": 10, "code": "SPRING30"});
    let first = keyed(&admin, "/offers", "spring", &body).await.data(201);
    // Its own code is taken now, by itself.
    let again = keyed(&admin, "/offers", "spring", &body).await;
    assert!(is_replayed(&again) && again.data(201) == first, "{}", again.text);
    admin.post("/offers", body.clone()).await.error(400, "validation_failed");
    stack.finish().await;
}

#[tokio::test]
async fn a_registration_is_made_once() {
    let stack = TestStack::start().await;
    let ada = stack.visitor();
    let body = json!({"name": "Ada", "email": ada.email, "password": ada.password});
    let answers = join_all((0..6).map(|_| keyed(&ada, "/auth/register", "me", &body))).await;
    let ids: BTreeSet<_> =
        answers.iter().map(|answer| answer.data(201)["user"]["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((ids.len(), answers.iter().filter(|answer| is_replayed(answer)).count()), (1, 5));
    stack.settle().await;
    assert_eq!(stack.mails(&ada.email).len(), 1);

    let mut other = body.clone();
    other["name"] = json!("Eve");
    keyed(&ada, "/auth/register", "me", &other).await.error(422, "idempotency_key_reused");
    keyed(&ada, "/auth/register", "somebody else", &body).await.error(400, "email_taken");
    ada.post("/auth/register", body.clone()).await.error(400, "email_taken");
    // Nothing that a password could be guessed by is kept of the request.
    let mut guess = body.clone();
    guess["password"] = json!("another fine password");
    assert!(is_replayed(&keyed(&ada, "/auth/register", "me", &guess).await));
    stack.finish().await;
}

/// A new route of `POST` is in one of the lists above.
#[test]
fn every_post_either_takes_a_key_or_creates_nothing() {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    let system = read_template(template.as_ref(), &std::collections::BTreeMap::new()).unwrap();
    let posts: BTreeSet<String> = system
        .functions
        .iter()
        .flat_map(|function| function.routes().map(Route::key))
        .filter_map(|key| key.strip_prefix("POST /api/v1").map(str::to_owned))
        .collect();
    let known: BTreeSet<String> = creations()
        .iter()
        .map(|creation| creation.route)
        .chain(["/appointments", "/auth/register"])
        .chain(CREATE_NOTHING)
        .map(str::to_owned)
        .collect();
    let unknown: Vec<_> = posts.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
