//! Requests that are written to be read in two ways, or to be answered at length.

use chairbook_models::user::Role;
use chairbook_tests::{Actor, Answer, TestStack};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

async fn post(actor: &Actor, path: &str, body: &str) -> Answer {
    let request = actor.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
    actor.send(request.body(body.to_owned())).await
}

#[tokio::test]
async fn a_member_that_is_named_twice_is_refused_by_name() {
    let stack = TestStack::start().await;
    let visitor = stack.visitor();
    let twice = r#"{"email":"ada@guests.example","password":"x","email":"owner@aurora.example"}"#;
    assert_eq!(post(&visitor, "/auth/login", twice).await.fields(400, "validation_failed"), ["email"]);
    let escaped = r#"{"email":"ada@guests.example","\u0065mail":"owner@aurora.example","password":"x"}"#;
    assert_eq!(post(&visitor, "/auth/login", escaped).await.fields(400, "validation_failed"), ["email"]);

    let admin = stack.demo_account(Role::Admin).await;
    let nested = r#"{"monday":[{"from":"09:00","to":"10:00","to":"18:00"}],"tuesday":[]}"#;
    let request = admin
        .request(Method::PUT, "/experts/exp_00000000000000000000000001/working-hours")
        .header(CONTENT_TYPE, "application/json")
        .body(nested);
    assert_eq!(admin.send(request).await.fields(400, "validation_failed"), ["monday[0].to"]);
    let query = visitor.get("/services?q=cut&q=colour").await;
    assert_eq!(query.fields(400, "validation_failed"), ["q"]);
    stack.finish().await;
}

#[tokio::test]
async fn a_small_request_does_not_cause_a_large_response() {
    let stack = TestStack::start().await;
    let visitor = stack.visitor();
    let members: Vec<_> = (0..6_000).map(|number| format!("\"m{number}\":0")).collect();
    let body = format!("{{{}}}", members.join(","));
    assert!(body.len() < 65_536);
    let answer = post(&visitor, "/auth/login", &body).await;
    let fields = answer.fields(400, "validation_failed");
    assert_eq!((fields.len(), &fields[..2]), (20, &["email".to_owned(), "password".to_owned()][..]));
    assert!(answer.text.len() < 8_192, "{}", answer.text.len());

    let twice: Vec<_> = (0..2_000).map(|number| format!("\"m{number}\":0,\"m{number}\":1")).collect();
    let answer = post(&visitor, "/auth/login", &format!("{{{}}}", twice.join(","))).await;
    assert_eq!(answer.fields(400, "validation_failed").len(), 20);
    let long = format!("{{\"{}\":0}}", "n".repeat(60_000));
    assert!(post(&visitor, "/auth/login", &long).await.text.len() < 2_048);
    let query: Vec<_> = (0..500).map(|number| format!("p{number}=1")).collect();
    let answer = visitor.get(&format!("/services?{}", query.join("&"))).await;
    assert_eq!(answer.fields(400, "validation_failed").len(), 20);
    assert!(answer.text.len() < 8_192, "{}", answer.text.len());
    stack.finish().await;
}
