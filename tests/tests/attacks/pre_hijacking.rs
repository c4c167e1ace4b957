//! Somebody registers an address that is not theirs, with a password that they know, and waits until its owner, or a
//! program that looks through the owner's mail, confirms it for them.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chairbook_tests::{Actor, Answer, TestStack};
use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

/// What Chromium sends when somebody follows a link.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

/// The event of a request for the link's page, as API Gateway hands it to the function.
fn link_event(method: &str, token: &str, accept: Option<&str>) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("../../../events/auth.json")).unwrap();
    let path = format!("/api/v1/auth/verify-email/{token}");
    event["routeKey"] = json!("GET /api/v1/auth/verify-email/{token}");
    event["rawPath"] = json!(path);
    event["pathParameters"] = json!({"token": token});
    event["headers"] = accept.map_or_else(|| json!({}), |accept| json!({"accept": accept}));
    event["requestContext"]["routeKey"] = event["routeKey"].clone();
    event["requestContext"]["http"]["method"] = json!(method);
    event["requestContext"]["http"]["path"] = json!(path);
    event["body"] = Value::Null;
    event
}

async fn open(actor: &Actor, token: &str, accept: &str) -> Answer {
    let request = actor.request(Method::GET, &format!("/auth/verify-email/{token}"));
    actor.send(request.header(ACCEPT, accept)).await
}

/// A stack on which `attacker` has registered an address, and the token in the mail to it.
async fn hijack(owner: &str, email: &str) -> (TestStack, Actor, String) {
    let stack = TestStack::builder().without_rate_limit().parameter("OwnerEmail", owner).start().await;
    let mut attacker = stack.visitor();
    email.clone_into(&mut attacker.email);
    "the attacker knows this one".clone_into(&mut attacker.password);
    stack.keep_secret([attacker.email.clone(), attacker.password.clone()]);
    attacker.register("A Stranger").await.data(201);
    let token = stack.verification_token(&attacker).await;
    (stack, attacker, token)
}

/// Checks that a page needs nothing but itself, and that its script is the one that its policy allows.
#[track_caller]
fn check_page(page: &Answer, token: &str) {
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{}", page.asked);
    assert_eq!((page.header("cache-control"), page.header("set-cookie")), ("no-store", ""));
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert!(page.text.starts_with("<!doctype html>") && !page.text.contains(token), "{}", page.text);
    for elsewhere in ["http:", "https:", "src=", "href=", "@import", "url("] {
        assert!(!page.text.contains(elsewhere), "{elsewhere}: {}", page.text);
    }
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.ends_with("base-uri 'none'; form-action 'none'; frame-ancestors 'none'"), "{policy}");
    for element in ["style", "script"] {
        let Some((_, rest)) = page.text.split_once(&format!("<{element}>")) else { continue };
        let (inline, _) = rest.split_once(&format!("</{element}>")).unwrap();
        let hash = BASE64_STANDARD.encode(digest(&SHA256, inline.as_bytes()));
        assert!(policy.contains(&format!("{element}-src 'sha256-{hash}';")), "{element}: {policy}");
    }
    // Only the form's script may call us.
    assert_eq!(policy.contains("connect-src 'self'"), page.text.contains("<form>"), "{policy}");
}

#[tokio::test]
async fn opening_the_link_in_a_mail_changes_nothing() {
    let (stack, mut attacker, token) = hijack("", "victim@guests.example").await;
    let before = (stack.items("UsersTable").await, stack.items("EventsTable").await.len());

    let accepts = ["*/*", "", BROWSER, "image/*", "application/json;q=0.5, text/html", "application/*"];
    for accept in accepts {
        let page = open(&attacker.elsewhere(), &token, accept).await;
        assert_eq!(page.status, 200, "{accept}: {}", page.text);
        check_page(&page, &token);
        for promise in ["<form><button>", "If it was not you, do not confirm"] {
            assert!(page.text.contains(promise), "{accept}: {}", page.text);
        }
        assert!(!page.text.contains("type=\"password\""), "{accept}: {}", page.text);
    }
    // API Gateway has no route for HEAD; the function would not verify either.
    let head = attacker.request(Method::HEAD, &format!("/auth/verify-email/{token}"));
    assert_eq!(attacker.send(head.header(ACCEPT, "application/json")).await.status, 404);
    for (method, accept) in [("GET", None), ("HEAD", None), ("HEAD", Some("application/json"))] {
        let answer = stack.invoke("AuthFunction", link_event(method, &token, accept)).await;
        assert_eq!(answer["statusCode"], 200, "{method} {accept:?}: {answer}");
    }
    assert_eq!((stack.items("UsersTable").await, stack.items("EventsTable").await.len()), before);
    attacker.log_in().await.error(403, "email_not_verified");

    // The button posts, once.
    let pressed = join_all((0..4).map(|_| attacker.verify_email(&token))).await;
    let verified: Vec<_> = pressed.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!((verified.len(), verified[0].data(200).to_value()), (1, json!({"verified": true})));
    for late in pressed.iter().filter(|answer| answer.status != 200) {
        late.error(400, "invalid_token");
    }
    let page = open(&attacker, &token, BROWSER).await;
    assert_eq!(page.status, 400, "{}", page.text);
    assert!(page.text.contains("used already") && !page.text.contains("<form>"), "{}", page.text);
    check_page(&page, &token);
    stack.finish().await;
}

#[tokio::test]
async fn a_program_that_asks_for_json_verifies_by_the_link_and_anybody_may_replace_the_password() {
    let (stack, attacker, token) = hijack("", "victim@guests.example").await;
    assert_eq!(open(&attacker, &token, "application/json").await.data(200), json!({"verified": true}));
    open(&attacker, &token, "application/json").await.error(400, "invalid_token");
    attacker.elsewhere().log_in().await.data(200);

    // Whoever has the mail may also put a password of their own in the place of the registrant's.
    let registrant = stack.visitor();
    registrant.register("A Stranger").await.data(201);
    let token = stack.verification_token(&registrant).await;
    let mut reader = registrant.elsewhere();
    "four unrelated garden chairs".clone_into(&mut reader.password);
    stack.keep_secret([reader.password.clone()]);
    reader.verify_owner(&token).await.data(200);
    registrant.elsewhere().log_in().await.error(401, "invalid_credentials");
    reader.log_in().await.data(200);
    assert_eq!(reader.get("/profile").await.data(200)["user"]["role"], "user");
    stack.finish().await;
}

#[tokio::test]
async fn whoever_becomes_owner_has_read_the_mail() {
    let (stack, attacker, token) = hijack("Boss@guests.example", "boss@guests.example").await;
    let before = stack.items("UsersTable").await;
    let page = open(&attacker, &token, BROWSER).await;
    check_page(&page, &token);
    assert!(page.text.contains("type=\"password\"") && page.text.contains("owner"), "{}", page.text);

    // Nothing without the password, whoever asks.
    open(&attacker, &token, "application/json").await.error(400, "password_required");
    for password in [json!(null), json!("short"), json!("password1")] {
        let body = json!({"token": token, "password": password});
        let refused = attacker.post("/auth/verify-email", body).await;
        assert_eq!(refused.fields(400, "validation_failed"), ["password"], "{password}");
    }
    // A wrong token is refused before its password is looked at.
    let body = json!({"token": "no such token", "password": "password1"});
    attacker.post("/auth/verify-email", body).await.error(400, "invalid_token");
    assert_eq!(stack.items("UsersTable").await, before);
    attacker.elsewhere().log_in().await.error(403, "email_not_verified");

    // The owner chooses; a second choice comes too late.
    let mut boss = attacker.elsewhere();
    "four unrelated garden chairs".clone_into(&mut boss.password);
    stack.keep_secret([boss.password.clone()]);
    let chosen = join_all((0..4).map(|_| boss.verify_owner(&token))).await;
    assert_eq!(chosen.iter().filter(|answer| answer.status == 200).count(), 1);
    for late in chosen.iter().filter(|answer| answer.status != 200) {
        late.error(400, "invalid_token");
    }
    attacker.elsewhere().log_in().await.error(401, "invalid_credentials");
    boss.log_in().await.data(200);
    assert_eq!(boss.get("/profile").await.data(200)["user"]["role"], "owner");
    stack.finish().await;
}
