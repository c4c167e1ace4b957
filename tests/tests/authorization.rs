//! Every route of the template as everybody who might try it. A route that is not in the table below fails.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chairbook_auth::access_token::{Claims, Signer};
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_tests::{Actor, Answer, TestStack};
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";
const NOBODY: &str = "usr_01jd3x8m4e5zq0v7k2n9r6t1wb";

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Anybody,
    User,
    Admin,
    Owner,
}

/// Route key, who may call it, the path to call with `{apt}` for the user's appointment, a body that is well-formed.
fn routes() -> Vec<(&'static str, Who, &'static str, Option<Value>)> {
    let none: Option<Value> = None;
    let channels = json!({"email": true, "inApp": true});
    let preferences = json!({"preferences": {
        "appointments": channels, "reminders": channels, "reviews": channels, "courses": channels,
        "todos": channels, "logins": channels, "news": channels,
    }});
    let booking = json!({"serviceId": CUT, "date": "2020-01-01", "time": "10:00"});
    vec![
        ("POST /api/v1/auth/register", Who::Anybody, "/auth/register", Some(json!({}))),
        ("GET /api/v1/auth/verify-email/{token}", Who::Anybody, "/auth/verify-email/x", none.clone()),
        ("POST /api/v1/auth/verify-email", Who::Anybody, "/auth/verify-email", Some(json!({}))),
        ("POST /api/v1/auth/resend-verification", Who::Anybody, "/auth/resend-verification", Some(json!({}))),
        ("POST /api/v1/auth/login", Who::Anybody, "/auth/login", Some(json!({}))),
        ("POST /api/v1/auth/refresh", Who::Anybody, "/auth/refresh", Some(json!({}))),
        ("POST /api/v1/auth/logout", Who::User, "/auth/logout", none.clone()),
        ("POST /api/v1/auth/logout-all", Who::User, "/auth/logout-all", none.clone()),
        ("GET /api/v1/auth/sessions", Who::User, "/auth/sessions", none.clone()),
        (
            "DELETE /api/v1/auth/sessions/{id}",
            Who::User,
            "/auth/sessions/ses_01jd3x8m4e5zq0v7k2n9r6t1wb",
            none.clone(),
        ),
        ("POST /api/v1/auth/forgot-password", Who::Anybody, "/auth/forgot-password", Some(json!({}))),
        ("GET /api/v1/auth/reset-password/{token}", Who::Anybody, "/auth/reset-password/x", none.clone()),
        ("POST /api/v1/auth/reset-password", Who::Anybody, "/auth/reset-password", Some(json!({}))),
        (
            "POST /api/v1/auth/change-password",
            Who::User,
            "/auth/change-password",
            Some(json!({"currentPassword": "x", "newPassword": "password"})),
        ),
        ("GET /.well-known/jwks.json", Who::Anybody, "/.well-known/jwks.json", none.clone()),
        ("GET /api/v1/profile", Who::User, "/profile", none.clone()),
        ("PUT /api/v1/profile", Who::User, "/profile", Some(json!({"name": "Somebody"}))),
        // An empty password is wrong, and counts as a guess: two of them do not lock anybody out.
        ("DELETE /api/v1/profile", Who::User, "/profile", Some(json!({"password": ""}))),
        ("GET /api/v1/profile/export", Who::User, "/profile/export", none.clone()),
        ("GET /api/v1/notifications", Who::User, "/notifications", none.clone()),
        ("GET /api/v1/notifications/unread-count", Who::User, "/notifications/unread-count", none.clone()),
        (
            "PUT /api/v1/notifications/{id}/read",
            Who::User,
            "/notifications/evt_01jd3x8m4e5zq0v7k2n9r6t1wb/read",
            none.clone(),
        ),
        ("POST /api/v1/notifications/read-all", Who::User, "/notifications/read-all", Some(json!({}))),
        ("GET /api/v1/notifications/preferences", Who::User, "/notifications/preferences", none.clone()),
        ("PUT /api/v1/notifications/preferences", Who::User, "/notifications/preferences", Some(preferences)),
        ("GET /api/v1/todos", Who::User, "/todos", none.clone()),
        ("POST /api/v1/todos", Who::User, "/todos", Some(json!({"title": ""}))),
        ("GET /api/v1/todos/{id}", Who::User, "/todos/tdo_01jd3x8m4e5zq0v7k2n9r6t1wb", none.clone()),
        (
            "PUT /api/v1/todos/{id}",
            Who::User,
            "/todos/tdo_01jd3x8m4e5zq0v7k2n9r6t1wb",
            Some(json!({"title": "Towels"})),
        ),
        ("DELETE /api/v1/todos/{id}", Who::User, "/todos/tdo_01jd3x8m4e5zq0v7k2n9r6t1wb", none.clone()),
        (
            "PUT /api/v1/todos/{id}/status",
            Who::User,
            "/todos/tdo_01jd3x8m4e5zq0v7k2n9r6t1wb/status",
            Some(json!({"status": "completed"})),
        ),
        ("GET /api/v1/users", Who::Admin, "/users", none.clone()),
        ("GET /api/v1/users/{id}", Who::Admin, "/users/usr_01jd3x8m4e5zq0v7k2n9r6t1wb", none.clone()),
        ("DELETE /api/v1/users/{id}", Who::Admin, "/users/usr_01jd3x8m4e5zq0v7k2n9r6t1wb", none.clone()),
        (
            "PUT /api/v1/users/{id}/role",
            Who::Owner,
            "/users/usr_01jd3x8m4e5zq0v7k2n9r6t1wb/role",
            Some(json!({"role": "user"})),
        ),
        ("GET /api/v1/categories", Who::Anybody, "/categories", none.clone()),
        ("GET /api/v1/services", Who::Anybody, "/services", none.clone()),
        ("GET /api/v1/services/{id}", Who::Anybody, "/services/svc_00000000000000000000000001", none.clone()),
        ("GET /api/v1/experts", Who::Anybody, "/experts", none.clone()),
        ("GET /api/v1/experts/{id}", Who::Anybody, "/experts/exp_00000000000000000000000001", none.clone()),
        ("POST /api/v1/categories", Who::Admin, "/categories", Some(json!({}))),
        (
            "PUT /api/v1/categories/{id}",
            Who::Admin,
            "/categories/cat_01jd3x8m4e5zq0v7k2n9r6t1wb",
            Some(json!({})),
        ),
        (
            "DELETE /api/v1/categories/{id}",
            Who::Admin,
            "/categories/cat_01jd3x8m4e5zq0v7k2n9r6t1wb",
            none.clone(),
        ),
        ("POST /api/v1/services", Who::Admin, "/services", Some(json!({}))),
        (
            "PUT /api/v1/services/{id}",
            Who::Admin,
            "/services/svc_01jd3x8m4e5zq0v7k2n9r6t1wb",
            Some(json!({})),
        ),
        (
            "DELETE /api/v1/services/{id}",
            Who::Admin,
            "/services/svc_01jd3x8m4e5zq0v7k2n9r6t1wb",
            none.clone(),
        ),
        (
            "POST /api/v1/services/{id}/sub-services",
            Who::Admin,
            "/services/svc_00000000000000000000000001/sub-services",
            Some(json!({})),
        ),
        (
            "PUT /api/v1/services/{id}/sub-services/{subServiceId}",
            Who::Admin,
            "/services/svc_00000000000000000000000001/sub-services/sub_01jd3x8m4e5zq0v7k2n9r6t1wb",
            Some(json!({})),
        ),
        (
            "DELETE /api/v1/services/{id}/sub-services/{subServiceId}",
            Who::Admin,
            "/services/svc_00000000000000000000000001/sub-services/sub_01jd3x8m4e5zq0v7k2n9r6t1wb",
            none.clone(),
        ),
        ("POST /api/v1/experts", Who::Admin, "/experts", Some(json!({}))),
        ("PUT /api/v1/experts/{id}", Who::Admin, "/experts/exp_01jd3x8m4e5zq0v7k2n9r6t1wb", Some(json!({}))),
        ("DELETE /api/v1/experts/{id}", Who::Admin, "/experts/exp_01jd3x8m4e5zq0v7k2n9r6t1wb", none.clone()),
        (
            "PUT /api/v1/experts/{id}/services/{serviceId}",
            Who::Admin,
            "/experts/exp_01jd3x8m4e5zq0v7k2n9r6t1wb/services/svc_00000000000000000000000001",
            Some(json!({})),
        ),
        (
            "DELETE /api/v1/experts/{id}/services/{serviceId}",
            Who::Admin,
            "/experts/exp_01jd3x8m4e5zq0v7k2n9r6t1wb/services/svc_00000000000000000000000001",
            none.clone(),
        ),
        (
            "PUT /api/v1/experts/{id}/working-hours",
            Who::Admin,
            "/experts/exp_01jd3x8m4e5zq0v7k2n9r6t1wb/working-hours",
            Some(json!({})),
        ),
        (
            "POST /api/v1/experts/{id}/time-off",
            Who::Admin,
            "/experts/exp_01jd3x8m4e5zq0v7k2n9r6t1wb/time-off",
            Some(json!({})),
        ),
        (
            "DELETE /api/v1/experts/{id}/time-off/{timeOffId}",
            Who::Admin,
            "/experts/exp_01jd3x8m4e5zq0v7k2n9r6t1wb/time-off/tof_01jd3x8m4e5zq0v7k2n9r6t1wb",
            none.clone(),
        ),
        ("GET /api/v1/offers", Who::Anybody, "/offers", none.clone()),
        ("POST /api/v1/offers", Who::Admin, "/offers", Some(json!({}))),
        ("PUT /api/v1/offers/{id}", Who::Admin, "/offers/ofr_01jd3x8m4e5zq0v7k2n9r6t1wb", Some(json!({}))),
        ("DELETE /api/v1/offers/{id}", Who::Admin, "/offers/ofr_01jd3x8m4e5zq0v7k2n9r6t1wb", none.clone()),
        ("GET /api/v1/gallery", Who::Anybody, "/gallery", none.clone()),
        ("POST /api/v1/gallery", Who::Admin, "/gallery", Some(json!({}))),
        ("PUT /api/v1/gallery/{id}", Who::Admin, "/gallery/img_01jd3x8m4e5zq0v7k2n9r6t1wb", Some(json!({}))),
        ("DELETE /api/v1/gallery/{id}", Who::Admin, "/gallery/img_01jd3x8m4e5zq0v7k2n9r6t1wb", none.clone()),
        ("GET /api/v1/settings", Who::Anybody, "/settings", none.clone()),
        ("PUT /api/v1/settings", Who::Admin, "/settings", Some(json!({}))),
        (
            "GET /api/v1/availability",
            Who::Anybody,
            "/availability?serviceId=svc_00000000000000000000000001",
            none.clone(),
        ),
        ("POST /api/v1/appointments", Who::User, "/appointments", Some(booking)),
        ("GET /api/v1/appointments/my", Who::User, "/appointments/my", none.clone()),
        ("GET /api/v1/appointments", Who::Admin, "/appointments", none.clone()),
        (
            "GET /api/v1/appointments/{id}/calendar.ics",
            Who::User,
            "/appointments/{apt}/calendar.ics",
            none.clone(),
        ),
        (
            "PUT /api/v1/appointments/{id}/reschedule",
            Who::User,
            "/appointments/{apt}/reschedule",
            Some(json!({"date": "2020-01-01", "time": "10:00"})),
        ),
        (
            "PUT /api/v1/appointments/{id}/pay",
            Who::Admin,
            "/appointments/{apt}/pay",
            Some(json!({"method": "cash"})),
        ),
        (
            "PUT /api/v1/appointments/{id}/status",
            Who::Admin,
            "/appointments/{apt}/status",
            Some(json!({"status": "completed"})),
        ),
        ("GET /api/v1/appointments/{id}", Who::User, "/appointments/{apt}", none.clone()),
        ("DELETE /api/v1/appointments/{id}/cancel", Who::User, "/appointments/{apt}/cancel", none.clone()),
        ("GET /api/v1/dashboard/stats", Who::Admin, "/dashboard/stats", none.clone()),
        ("GET /api/v1/health", Who::Anybody, "/health", none.clone()),
        ("GET /", Who::Anybody, "/", none.clone()),
        ("GET /api/v1/openapi.json", Who::Anybody, "/openapi.json", none.clone()),
        ("GET /api/v1/docs", Who::Anybody, "/docs", none.clone()),
        ("GET /api/v1/docs/{file}", Who::Anybody, "/docs/page.js", none),
    ]
}

async fn call(actor: &Actor, key: &str, path: &str, body: Option<&Value>) -> Answer {
    let method: Method = key.split(' ').next().unwrap().parse().unwrap();
    let request = actor.request(method, path);
    actor
        .send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
}

fn bearing(actor: &Actor, token: &str) -> Actor {
    let mut bearing = actor.clone();
    bearing.access_token = Some(token.to_owned());
    bearing
}

/// Tokens that are worth nothing, by what is wrong with them.
async fn bad_tokens(stack: &TestStack, ada: &Actor) -> Vec<(&'static str, String)> {
    let token = ada.access_token.clone().unwrap();
    let claims: Claims = {
        let part = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let jwks = ada.get("/.well-known/jwks.json").await.json();
    let (kid, x) = (jwks["keys"][0]["kid"].as_str().unwrap(), jwks["keys"][0]["x"].as_str().unwrap());
    let public_key = BASE64_URL_SAFE_NO_PAD.decode(x).unwrap();
    let secrets: Value =
        serde_json::from_slice(&std::fs::read(stack.stack.data_directory().join("secrets.json")).unwrap())
            .unwrap();
    let secret = secrets["SigningSecret"]["value"].as_str().unwrap();
    let ours = Signer::from_secret(secret, "chairbook").unwrap();
    let other_issuer = Signer::from_secret(secret, "elsewhere").unwrap();
    let unpublished = Signer::from_secret("a secret of this test", "chairbook").unwrap();
    let past = clock::now() - SignedDuration::from_hours(1);
    let mut hs256 = Header::new(Algorithm::HS256);
    hs256.kid = Some(kid.to_owned());
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let none = format!(
        "{}.{}.",
        encode(&json!({"alg": "none", "kid": kid})),
        encode(&serde_json::to_value(&claims).unwrap())
    );
    vec![
        ("expired", ours.sign(claims.sub, claims.sid, past, 60).unwrap()),
        ("wrong issuer", other_issuer.sign(claims.sub, claims.sid, clock::now(), 60).unwrap()),
        ("unknown kid", unpublished.sign(claims.sub, claims.sid, clock::now(), 60).unwrap()),
        ("alg=none", none),
        (
            "HS256 with the public key",
            jsonwebtoken::encode(&hs256, &claims, &EncodingKey::from_secret(&public_key)).unwrap(),
        ),
        ("another's signature", format!("{}.{}", token.rsplit_once('.').unwrap().0, "A".repeat(86))),
        ("refresh token", ada.refresh_token.clone().unwrap()),
    ]
}

#[tokio::test]
async fn every_route_as_everybody() {
    let stack = TestStack::start().await;
    let anonymous = stack.visitor();
    let (user, another) = (stack.customer().await, stack.customer().await);
    let (admin, owner) = (stack.demo_account(Role::Admin).await, stack.demo_account(Role::Owner).await);
    let logged_out = stack.customer().await;
    logged_out.post("/auth/logout", json!({})).await.data(200);
    let deleted = stack.customer().await;
    admin.delete(&format!("/users/{}", deleted.user_id)).await.data(200);
    let bad_tokens = bad_tokens(&stack, &user).await;
    stack.keep_secret(bad_tokens.iter().map(|(_, token)| token.clone()));

    let free = user.later_availability(&format!("serviceId={CUT}")).await;
    let (date, time, _) = free.last().unwrap();
    let booked = user.book(json!({"serviceId": CUT, "date": date, "time": time, "payNow": true})).await;
    let appointment = booked.data(201)["appointment"]["id"].as_str().unwrap().to_owned();

    let table: BTreeMap<_, _> = routes().into_iter().map(|route| (route.0, route)).collect();
    let system = stack.stack.system();
    let of_template: Vec<String> = system
        .functions
        .iter()
        .flat_map(|function| function.routes().map(chairbook_local::template::model::Route::key))
        .collect();
    for key in &of_template {
        assert!(
            table.contains_key(key.as_str()),
            "{key} is in the template, but nobody has said who may call it"
        );
    }
    assert_eq!(table.len(), of_template.len(), "a route of the table is not in the template");

    for (key, who, path, body) in table.values() {
        let path = path.replace("{apt}", &appointment);
        let body = body.as_ref();
        let unwelcome = [("anonymous", &anonymous), ("logged out", &logged_out), ("deleted", &deleted)];
        let bad: Vec<_> =
            bad_tokens.iter().map(|(what, token)| (*what, bearing(&anonymous, token))).collect();
        let strangers = unwelcome.into_iter().chain(bad.iter().map(|(what, actor)| (*what, actor)));
        for (what, stranger) in strangers {
            let answer = call(stranger, key, &path, body).await;
            let is_refused = answer.status == 401;
            assert_eq!(
                is_refused,
                *who != Who::Anybody,
                "{key} as {what}: {} {}",
                answer.status,
                answer.text
            );
        }
        for (role, actor) in
            [(Who::User, &user), (Who::User, &another), (Who::Admin, &admin), (Who::Owner, &owner)]
        {
            // What ends sessions is called from a session of its own.
            let mut other_session = actor.elsewhere();
            let actor = if key.contains("/logout") {
                other_session.log_in().await.data(200);
                &other_session
            } else {
                actor
            };
            if key.ends_with("/logout-all") {
                continue;
            }
            let answer = call(actor, key, &path, body).await;
            let is_forbidden = answer.status == 403;
            assert_eq!(is_forbidden, role < *who, "{key} as {role:?}: {} {}", answer.status, answer.text);
            assert_ne!(answer.status, 401, "{key} as {role:?}: {}", answer.text);
            assert!(answer.status.as_u16() < 500, "{key} as {role:?}: {}", answer.text);
            if key.contains("/appointments/{id}") && *who == Who::User {
                let is_strangers = actor.user_id == another.user_id;
                assert_eq!(answer.status == 404, is_strangers, "{key} as {role:?}: {}", answer.text);
            }
        }
    }
    user.post("/auth/logout-all", json!({})).await.data(200);
    user.get("/profile").await.error(401, "session_ended");
    another.get("/profile").await.data(200);
    owner.put(&format!("/users/{NOBODY}/role"), json!({"role": "user"})).await.error(404, "not_found");
    stack.finish().await;
}
