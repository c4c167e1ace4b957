//! Somebody wants to know who has an account, by whatever a response says or shows besides.

use chairbook_tests::{Actor, Answer, TestStack};
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;

#[tokio::test]
async fn no_response_tells_who_has_an_account() {
    let stack = TestStack::start().await;
    let (verified, unverified, nobody) = (stack.customer().await, stack.visitor(), stack.visitor());
    unverified.register("Not yet").await.data(201);
    stack.verification_token(&unverified).await;
    let addresses = [&verified.email, &unverified.email, &nobody.email];
    let guess = async |email: &str| {
        let body = json!({"email": email, "password": "a wrong guess"});
        stack.visitor().post("/auth/login", body).await
    };
    let is_one = |answers: &[Answer]| {
        let shapes: Vec<_> = answers.iter().map(Answer::impersonal).collect();
        assert!(shapes.iter().all(|other| *other == shapes[0]), "{shapes:#?}");
        assert!(answers.iter().all(|answer| answer.header("server-timing").is_empty()));
    };

    // Through two locks, and on after a day.
    for (seconds, lock) in [(0, 30), (31, 60), (61, 120), (24 * 60 * 60, 30)] {
        if seconds > 0 {
            let ago = SignedDuration::from_secs(seconds);
            join_all(addresses.map(|email| stack.last_attempted(email, ago))).await;
        }
        for left in [2, 1] {
            let answers = join_all(addresses.map(|email| guess(email))).await;
            assert_eq!(answers[0].error(401, "invalid_credentials")["attemptsRemaining"], left);
            is_one(&answers);
        }
        let answers = join_all(addresses.map(|email| guess(email))).await;
        answers[0].error(429, "account_locked");
        assert_eq!(answers[0].header("retry-after"), lock.to_string());
        is_one(&answers);
    }
    for path in ["/auth/forgot-password", "/auth/resend-verification"] {
        let ask = async |email: &String| stack.visitor().post(path, json!({"email": email})).await;
        let answers = join_all(addresses.map(ask)).await;
        answers[0].data(200);
        is_one(&answers);
    }

    // Tokens that are made up, for somebody and for nobody.
    let refresh = async |actor: &Actor| {
        let token = actor.refresh_token.as_deref().unwrap();
        let made_up = format!("{}{}", &token[..token.len() - 43], "A".repeat(43));
        stack.visitor().post("/auth/refresh", json!({"refreshToken": made_up})).await
    };
    let mut stranger = verified.elsewhere();
    stranger.refresh_token = Some("A".repeat(86));
    let answers = join_all([&verified, &stranger].map(refresh)).await;
    answers[0].error(401, "invalid_token");
    assert_eq!(answers[0].impersonal(), answers[1].impersonal());
    verified.get("/profile").await.data(200);
    stack.finish().await;
}

#[tokio::test]
async fn attempts_start_over_with_the_right_password_and_that_is_all_that_a_guesser_sees() {
    let stack = TestStack::start().await;
    let (mut known, nobody) = (stack.customer().await, stack.visitor());
    let left = async |email: &str| {
        let body = json!({"email": email, "password": "a wrong guess"});
        let answer = stack.visitor().post("/auth/login", body).await;
        answer.error(401, "invalid_credentials")["attemptsRemaining"].as_u64().unwrap()
    };
    assert_eq!((left(&known.email).await, left(&nobody.email).await), (2, 2));
    known.log_in().await.data(200);
    // As docs/security.md says: whoever goes on guessing learns that somebody has logged in.
    assert_eq!((left(&known.email).await, left(&nobody.email).await), (2, 1));
    stack.finish().await;
}
