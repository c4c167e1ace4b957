//! Attempts to get something done before the checks of limit, session and token, or around them.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use chairbook_models::user::Role;
use chairbook_tests::{Actor, TestStack};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

/// A window that does not end while a test runs: 10,000 days, the next of which begins in 2052.
const LONG_WINDOW: &str = "10000d";

/// A password that no list has and that costs an estimate of its strength the most.
const LEET: &str =
    "1337@$$w0rd5!7|-|i5_i5_4_v3ry_l0ng_0n3_1337@$$w0rd5!7|-|i5_i5_4_v3ry_l0ng_0n3_1337@$$w0rd5!7|-|i5";

/// A stack in which each client may make so many requests under a tight policy, and `requests` under the default one.
async fn stack(tight: u32, requests: u32) -> TestStack {
    TestStack::builder()
        .parameter("RateLimitRequests", &requests.to_string())
        .parameter("AuthRateLimitRequests", &tight.to_string())
        .parameter("RateLimitWindow", LONG_WINDOW)
        .max_concurrency(1)
        .start()
        .await
}

/// The failed logins that are kept for an address.
async fn failures(stack: &TestStack, email: &str) -> Option<AttributeValue> {
    let key = AttributeValue::S(format!("EMAIL#{email}"));
    let rows = stack.items("UsersTable").await;
    rows.into_iter().find(|row| row["pk"] == key)?.remove("failures")
}

#[tokio::test]
async fn nobody_is_locked_out_by_logins_beyond_the_limit() {
    let stack = stack(3, 1_000).await;
    let victims: Vec<_> = join_all((0..4).map(|_| stack.customer())).await;
    let attacker = stack.visitor();
    let guess = async |victim: &Actor| {
        attacker.post("/auth/login", json!({"email": victim.email, "password": "a wrong password"})).await
    };
    for _ in 0..2 {
        guess(&victims[0]).await.error(401, "invalid_credentials");
    }
    // The third of them is the last that the limit allows; all others come at once, as they would from a script.
    guess(&victims[0]).await.error(429, "account_locked");
    for refused in join_all((0..36).map(|number| guess(&victims[1 + number % 3]))).await {
        refused.error(429, "rate_limited");
    }
    for victim in &victims[1..] {
        assert_eq!(failures(&stack, &victim.email).await, None);
        victim.elsewhere().log_in().await.data(200);
    }
    stack.finish().await;
}

#[tokio::test]
async fn tokens_do_not_multiply_a_tight_limit() {
    let stack = stack(4, 1_000).await;
    let accounts: Vec<_> = join_all((0..3).map(|_| stack.customer())).await;
    let forgot = json!({"email": "nobody@guests.example"});

    // One address with everybody's tokens, of sessions that live and of one that was logged out.
    let here = stack.visitor();
    let ended = {
        let mut again = accounts[0].elsewhere();
        again.log_in().await.data(200);
        again.post("/auth/logout", json!({})).await.data(200);
        again
    };
    let tokens = [Some(&accounts[0]), Some(&accounts[1]), Some(&ended), None];
    let mut answers = Vec::new();
    for who in tokens.iter().cycle().take(8) {
        let actor = who.map_or_else(|| here.clone(), |who| here.with_token_of(who));
        answers.push(actor.post("/auth/forgot-password", forgot.clone()).await.status.as_u16());
    }
    assert_eq!(answers, [200, 200, 200, 200, 429, 429, 429, 429]);

    // One session at many addresses.
    let mut answers = Vec::new();
    for _ in 0..6 {
        let there = stack.visitor().with_token_of(&accounts[2]);
        answers.push(there.post("/auth/forgot-password", forgot.clone()).await.status.as_u16());
    }
    assert_eq!(answers, [200, 200, 200, 200, 429, 429]);
    stack.finish().await;
}

#[tokio::test]
async fn an_ended_session_neither_has_a_limit_of_its_own_nor_uses_up_its_users() {
    let stack = stack(1_000, 6).await;
    let owner = stack.demo_account(Role::User).await;
    let mut lost = owner.elsewhere();
    lost.password.clone_from(&owner.password);
    lost.log_in().await.data(200);
    lost.post("/auth/logout", json!({})).await.data(200);

    // Counted by the address: five that are left of six, with the token as without it.
    let thief = stack.visitor().with_token_of(&lost);
    let mut anonymous = thief.clone();
    anonymous.access_token = None;
    let mut answers = Vec::new();
    for number in 0..8 {
        let actor = if number % 2 == 0 { &thief } else { &anonymous };
        answers.push(actor.get("/categories").await.status.as_u16());
    }
    assert_eq!(answers, [200, 200, 200, 200, 200, 200, 429, 429]);
    thief.get("/appointments/my").await.error(429, "rate_limited");

    // Logging out was one request of the user, and what the thief did none.
    for remaining in (0..5).rev() {
        let answer = owner.get("/appointments/my").await;
        answer.data(200);
        assert!(
            answer.header("ratelimit").contains(&format!("r={remaining};")),
            "{}",
            answer.header("ratelimit")
        );
    }
    owner.get("/appointments/my").await.error(429, "rate_limited");
    stack.finish().await;
}

#[tokio::test]
async fn a_request_that_is_known_to_be_over_the_limit_makes_no_call() {
    let stack = stack(2, 3).await;
    let ada = stack.demo_account(Role::User).await;
    for _ in 0..3 {
        ada.get("/profile").await.data(200);
    }
    // The first over the limit is counted, the others are not looked at.
    let route = "/api/v1/profile/export";
    for _ in 0..3 {
        ada.get("/profile/export").await.error(429, "rate_limited");
    }
    let costs: Vec<_> =
        stack.access_logs("GET", route, 3).await.iter().map(|line| line.dynamodb_calls).collect();
    assert!(costs[0] <= 2, "{costs:?}");
    assert_eq!(costs[1..], [0, 0]);

    let visitor = stack.visitor();
    let reset = json!({"token": "made up", "password": LEET});
    for _ in 0..2 {
        visitor.post("/auth/reset-password", reset.clone()).await.error(400, "invalid_token");
    }
    for _ in 0..3 {
        visitor.post("/auth/reset-password", reset.clone()).await.error(429, "rate_limited");
    }
    let lines = stack.access_logs("POST", "/api/v1/auth/reset-password", 5).await;
    assert_eq!(lines.iter().map(|line| line.dynamodb_calls).skip(3).collect::<Vec<_>>(), [0, 0]);
    stack.finish().await;
}

#[tokio::test]
async fn nothing_is_computed_before_limit_and_token_are_checked() {
    let stack = stack(2, 1_000).await;
    let visitor = stack.visitor();
    // A password that would be refused: whoever is told of its weakness has had it estimated.
    let weak = "password";
    for _ in 0..2 {
        let body = json!({"token": "made up", "password": weak});
        visitor.post("/auth/reset-password", body).await.error(400, "invalid_token");
        let body = json!({"name": "Ada", "email": visitor.email, "password": weak});
        assert_eq!(visitor.post("/auth/register", body).await.fields(400, "validation_failed"), ["password"]);
    }
    for path in ["/auth/reset-password", "/auth/register"] {
        let body = json!({"token": "made up", "name": "Ada", "email": visitor.email, "password": weak});
        visitor.post(path, body).await.error(429, "rate_limited");
    }
    stack.finish().await;
}

#[tokio::test]
async fn public_keys_are_given_without_a_look_at_the_token() {
    let stack = stack(2, 1_000).await;
    let visitor = stack.visitor();
    let token = |kid: &str| {
        let header = BASE64.encode(json!({"alg": "EdDSA", "typ": "JWT", "kid": kid}).to_string());
        let payload = BASE64.encode(Value::Object(serde_json::Map::new()).to_string());
        format!("{header}.{payload}.{}", BASE64.encode([0; 64]))
    };
    for number in 0..3 {
        let request = visitor
            .request(Method::GET, "/.well-known/jwks.json")
            .bearer_auth(token(&format!("unknown-{number}")));
        assert_eq!(visitor.send(request).await.status, 200);
    }
    for line in stack.access_logs("GET", "/.well-known/jwks.json", 3).await {
        assert_eq!(line.dynamodb_calls, 1, "{line:?}");
    }
    stack.finish().await;
}
