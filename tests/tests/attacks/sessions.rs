//! Sessions that were ended, and refresh tokens that were copied, used before, or made up.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chairbook_models::user::Role;
use chairbook_tests::{Actor, Answer, TestStack};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

const STORM: usize = 48;

/// A route of each function that an admin may ask.
const OF_EACH_FUNCTION: [(&str, &str); 6] = [
    ("GET", "/appointments/my"),
    ("GET", "/auth/sessions"),
    ("GET", "/profile"),
    ("GET", "/users"),
    ("GET", "/dashboard/stats"),
    ("GET", "/categories?includeInactive=true"),
];

async fn ask(actor: &Actor, (method, path): (&str, &str)) -> Answer {
    actor.send(actor.request(method.parse::<Method>().unwrap(), path)).await
}

async fn refresh(actor: &Actor, token: &Value) -> Answer {
    actor.post("/auth/refresh", json!({"refreshToken": token})).await
}

/// An admin of whose session every function has taken note.
async fn admin(stack: &TestStack, owner: &Actor) -> Actor {
    let admin = stack.customer().await;
    owner.put(&format!("/users/{}/role", admin.user_id), json!({"role": "admin"})).await.data(200);
    for route in OF_EACH_FUNCTION {
        ask(&admin, route).await.data(200);
    }
    admin
}

/// The ways in which a session ends.
#[derive(Debug, Clone, Copy)]
enum End {
    LogOut,
    LogOutEverywhere,
    FromAnotherDevice,
    ChangePasswordElsewhere,
    ResetPassword,
    Delete,
    DeletedByTheOwner,
    ReuseRefreshToken,
}

/// Ends the session of `victim`, who is logged in `elsewhere`, too.
async fn end(how: End, stack: &TestStack, owner: &Actor, victim: &Actor, elsewhere: &Actor) {
    match how {
        End::LogOut => victim.post("/auth/logout", json!({})).await,
        End::LogOutEverywhere => elsewhere.post("/auth/logout-all", json!({})).await,
        End::FromAnotherDevice => {
            let sessions = victim.get("/auth/sessions").await.data(200)["items"].clone();
            let current = sessions.as_array().unwrap().iter().find(|session| session["current"] == true);
            let id = current.unwrap()["id"].as_str().unwrap().to_owned();
            elsewhere.delete(&format!("/auth/sessions/{id}")).await
        }
        End::ChangePasswordElsewhere => {
            let change = json!({"currentPassword": victim.password, "newPassword": "seven new horses"});
            elsewhere.post("/auth/change-password", change).await
        }
        End::ResetPassword => {
            elsewhere.post("/auth/forgot-password", json!({"email": victim.email})).await.data(200);
            let text = stack.mail(&victim.email, "Reset your password").await.text.unwrap();
            let token =
                text.split("/auth/reset-password/").nth(1).unwrap().split_whitespace().next().unwrap();
            stack.keep_secret([token.to_owned()]);
            let reset = json!({"token": token, "password": "seven new horses"});
            elsewhere.post("/auth/reset-password", reset).await
        }
        End::Delete => {
            let request = elsewhere.request(Method::DELETE, "/profile");
            elsewhere.send(request.json(&json!({"password": victim.password}))).await
        }
        End::DeletedByTheOwner => owner.delete(&format!("/users/{}", victim.user_id)).await,
        End::ReuseRefreshToken => {
            let first = json!(victim.refresh_token);
            let second = refresh(victim, &first).await.data(200)["refreshToken"].to_value();
            let third = refresh(victim, &second).await;
            refresh(elsewhere, &first).await.error(401, "session_ended");
            third
        }
    }
    .data(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_session_opens_nothing() {
    let stack = TestStack::start().await;
    stack.keep_secret(["seven new horses".to_owned()]);
    let owner = stack.demo_account(Role::Owner).await;
    for how in [
        End::LogOut,
        End::LogOutEverywhere,
        End::FromAnotherDevice,
        End::ChangePasswordElsewhere,
        End::ResetPassword,
        End::Delete,
        End::DeletedByTheOwner,
        End::ReuseRefreshToken,
    ] {
        let victim = admin(&stack, &owner).await;
        let mut elsewhere = victim.elsewhere();
        elsewhere.log_in().await.data(200);
        end(how, &stack, &owner, &victim, &elsewhere).await;
        for route in OF_EACH_FUNCTION {
            let answer = ask(&victim, route).await;
            assert_eq!(answer.status, 401, "{how:?}, {}: {}", answer.asked, answer.text);
            answer.error(401, "session_ended");
        }
        let answer = refresh(&victim, &json!(victim.refresh_token)).await;
        assert_eq!(answer.status, 401, "{how:?}: {}", answer.text);
    }
    // What only loses its role goes on without it.
    let victim = admin(&stack, &owner).await;
    owner.put(&format!("/users/{}/role", victim.user_id), json!({"role": "user"})).await.data(200);
    for route in OF_EACH_FUNCTION {
        let answer = ask(&victim, route).await;
        let is_for_all = matches!(route.1, "/appointments/my" | "/auth/sessions" | "/profile");
        assert_eq!(answer.status, if is_for_all { 200 } else { 403 }, "{}: {}", answer.asked, answer.text);
    }
    copied_refresh_tokens(&stack).await;
    made_up_refresh_tokens(&stack).await;
    stack.finish().await;
}

/// The tokens that a refresh brought.
fn pair(answer: &Answer, stack: &TestStack) -> (Value, Value) {
    let data = answer.data(200);
    stack.keep_secret(["accessToken", "refreshToken"].map(|name| data[name].as_str().unwrap().to_owned()));
    (data["accessToken"].to_value(), data["refreshToken"].to_value())
}

/// Many who have the same refresh token, or copies of different ages.
async fn copied_refresh_tokens(stack: &TestStack) {
    let mut ada = stack.customer().await;
    let first = json!(ada.refresh_token);
    let answers = join_all((0..STORM).map(|_| refresh(&ada, &first))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        answer.error(409, "already_refreshed");
    }
    let (access, second) = pair(won[0], stack);
    ada.access_token = access.as_str().map(str::to_owned);
    ada.get("/profile").await.data(200);
    let (_, third) = pair(&refresh(&ada, &second).await, stack);

    // The first is two generations old by now. Whoever has a copy and whoever has the real one come at the same time:
    // whatever they were given, nothing of it is worth anything afterwards.
    let answers = join_all((0..STORM).map(|place| match place % 2 {
        0 => refresh(&ada, &first),
        _ => refresh(&ada, &third),
    }))
    .await;
    let mut given = vec![third.clone()];
    for (place, answer) in answers.iter().enumerate() {
        match answer.status.as_u16() {
            200 => given.push(pair(answer, stack).1),
            409 => drop(answer.error(409, "already_refreshed")),
            _ => assert_eq!(answer.status, 401, "{}", answer.text),
        }
        assert!(place % 2 == 1 || answer.status == 401, "an old copy brought {}", answer.text);
    }
    assert!(given.len() <= 2, "one token was good for several");
    for token in &given {
        assert_eq!(refresh(&ada, token).await.status, 401);
    }
    ada.get("/profile").await.error(401, "session_ended");
    stack.mail(&ada.email, "We ended one of your sessions").await;
}

/// Tokens that somebody has made up, for a session whose id they know.
async fn made_up_refresh_tokens(stack: &TestStack) {
    let (ada, eve) = (stack.customer().await, stack.customer().await);
    let bytes = |actor: &Actor| BASE64_URL_SAFE_NO_PAD.decode(actor.refresh_token.as_ref().unwrap()).unwrap();
    let (of_ada, of_eve) = (bytes(&ada), bytes(&eve));
    // A token is a user's id, a session's id and a secret.
    let (ids, secret) = (0..32, 32..64);
    let mut forged = vec![
        [&of_ada[ids.clone()], &[0; 32]].concat(),
        [&of_ada[ids.clone()], &[0xff; 32]].concat(),
        [&of_ada[ids.clone()], &of_eve[secret.clone()]].concat(),
        [&of_ada[..16], &of_eve[16..]].concat(),
        [&of_eve[..16], &of_ada[16..]].concat(),
        [&of_eve[ids], &of_ada[secret]].concat(),
        [&[0; 16], &of_ada[16..]].concat(),
        of_ada[..63].to_vec(),
        [&of_ada[..], &[0]].concat(),
        Vec::new(),
    ];
    for place in [0, 15, 16, 31, 32, 47] {
        let mut flipped = of_ada.clone();
        flipped[place] ^= 1;
        forged.push(flipped);
    }
    for token in forged {
        let token = BASE64_URL_SAFE_NO_PAD.encode(token);
        refresh(&eve, &json!(token)).await.error(401, "invalid_token");
    }
    for token in [json!(ada.access_token), json!(ada.user_id), json!("\u{0}"), json!("../../")] {
        refresh(&eve, &token).await.error(401, "invalid_token");
    }
    for token in [Value::Null, json!(1), json!([ada.refresh_token]), json!({"token": ada.refresh_token})] {
        assert_eq!(refresh(&eve, &token).await.fields(400, "validation_failed"), ["refreshToken"]);
    }
    // None of it has ended anybody's session.
    for actor in [&ada, &eve] {
        actor.get("/profile").await.data(200);
        refresh(actor, &json!(actor.refresh_token)).await.data(200);
    }
}
