//! Sessions, passwords and what guards them.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::ids::SessionId;
use chairbook_models::user::Role;
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, TestStack};
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

fn refresh_body(actor: &Actor) -> Value {
    json!({"refreshToken": actor.refresh_token})
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_copy_ends_the_session() {
    let stack = TestStack::start().await;
    let mut ada = stack.customer().await;
    let first = refresh_body(&ada);

    let second = ada.post("/auth/refresh", first.clone()).await.data(200);
    assert_eq!(second["tokenType"], "Bearer");
    assert_ne!(second["refreshToken"], first["refreshToken"]);
    // A double click: the other answer has the tokens, and nothing ends.
    ada.post("/auth/refresh", first.clone()).await.error(409, "already_refreshed");
    ada.access_token = second["accessToken"].as_str().map(str::to_owned);
    ada.get("/appointments/my").await.data(200);

    // Once more: by now the first token is two generations old, so a copy of it is about.
    let third = ada.post("/auth/refresh", json!({"refreshToken": second["refreshToken"]})).await.data(200);
    ada.post("/auth/refresh", first).await.error(401, "session_ended");
    ada.get("/appointments/my").await.error(401, "session_ended");
    ada.post("/auth/refresh", json!({"refreshToken": third["refreshToken"]}))
        .await
        .error(401, "invalid_token");
    stack.mail(&ada.email, "We ended one of your sessions").await;

    // What was never a token of the session ends nothing.
    ada.log_in().await.data(200);
    let token = ada.refresh_token.clone().unwrap();
    let made_up = format!("{}{}", &token[..token.len() - 30], "A".repeat(30));
    ada.post("/auth/refresh", json!({"refreshToken": made_up})).await.error(401, "invalid_token");
    ada.post("/auth/refresh", json!({"refreshToken": ada.access_token})).await.error(401, "invalid_token");
    ada.get("/appointments/my").await.data(200);
    for secret in [&second, &third] {
        stack.keep_secret(
            ["accessToken", "refreshToken"].map(|name| secret[name].as_str().unwrap().to_owned()),
        );
    }
    stack.finish().await;
}

#[tokio::test]
async fn the_finest_log_shows_no_secret_either() {
    let stack = TestStack::builder().parameter("LogLevel", "trace").start().await;
    let ada = stack.customer().await;
    ada.post("/auth/forgot-password", json!({"email": ada.email})).await.data(200);
    let token = reset_token(&stack, &ada).await;
    stack.keep_secret(["nine new horses".to_owned()]);
    let reset = json!({"token": token, "password": "nine new horses"});
    ada.post("/auth/reset-password", reset).await.data(200);
    stack.mail(&ada.email, "was changed").await;
    stack.finish().await;
}

#[tokio::test]
async fn of_parallel_refreshes_exactly_one_wins() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let answers = join_all((0..8).map(|_| ada.post("/auth/refresh", refresh_body(&ada)))).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1);
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        lost.error(409, "already_refreshed");
    }
    ada.post("/auth/refresh", json!({"refreshToken": won[0].data(200)["refreshToken"]})).await.data(200);
    stack.finish().await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_at_once_in_every_function() {
    let stack = TestStack::start().await;
    let phone = stack.customer().await;
    let mut laptop = phone.elsewhere();
    laptop.log_in().await.data(200);
    let mut tablet = phone.elsewhere();
    tablet.log_in().await.data(200);

    let sessions = laptop.get("/auth/sessions").await.data(200)["items"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 3);
    let current: Vec<_> = sessions.iter().filter(|session| session["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert!(current[0]["ip"].as_str().unwrap().starts_with("127."));
    let page = laptop.get("/auth/sessions?limit=2").await.data(200);
    let rest =
        laptop.get(&format!("/auth/sessions?limit=2&cursor={}", page["nextCursor"].as_str().unwrap())).await;
    assert_eq!(
        (page["items"].as_array().unwrap().len(), rest.data(200)["items"].as_array().unwrap().len()),
        (2, 1)
    );

    let seen = phone.get("/auth/sessions").await.data(200)["items"].clone();
    let of_phone =
        seen.as_array().unwrap().iter().find(|session| session["current"] == true).unwrap().clone();
    let path = format!("/auth/sessions/{}", of_phone["id"].as_str().unwrap());
    let stranger = stack.customer().await;
    stranger.delete(&path).await.error(404, "not_found");
    laptop.delete(&path).await.data(200);
    laptop.delete(&path).await.error(404, "not_found");
    for path in ["/appointments/my", "/auth/sessions", "/profile"] {
        phone.get(path).await.error(401, "session_ended");
        laptop.get(path).await.data(200);
    }
    phone.post("/auth/refresh", refresh_body(&phone)).await.error(401, "invalid_token");

    assert_eq!(laptop.post("/auth/logout-all", json!({})).await.data(200)["endedSessions"], 2);
    for gone in [&laptop, &tablet] {
        gone.get("/profile").await.error(401, "session_ended");
    }
    stranger.get("/profile").await.data(200);
    stack.finish().await;
}

#[tokio::test]
async fn many_sessions_are_listed_page_by_page() {
    const SESSIONS: u128 = 600;
    /// Of a page: a fraction of what all of their rows would be, at half a kilobyte each.
    const MOST_READ_UNITS: f64 = 40.0;

    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let text = |text: String| AttributeValue::S(text);
    let user = text(format!("USER#{}", ada.user_id));
    let rows = stack.items("UsersTable").await;
    let is_session = |row: &&Item| row["pk"] == user && row["sk"].as_s().unwrap().starts_with("SESSION#");
    let opened = rows.iter().find(is_session).unwrap();
    // Others, opened long before; two of three have expired, and their rows are still there.
    let is_live = |number: &u128| number.is_multiple_of(3);
    let id = |number: u128| SessionId::derived(number.to_be_bytes()).to_string();
    stack
        .put_items(
            "UsersTable",
            (1..=SESSIONS).map(|number| {
                let mut row = opened.clone();
                row.insert("sk".to_owned(), text(format!("SESSION#{}", id(number))));
                row.insert("id".to_owned(), text(id(number)));
                if !is_live(&number) {
                    row.insert("expires_at".to_owned(), text("2026-01-01T00:00:00.000Z".to_owned()));
                }
                row
            }),
        )
        .await;

    let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = ada.get(&format!("/auth/sessions?limit=30{cursor}")).await.data(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 30);
        found.extend(items.iter().map(|session| session["id"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let mut expected = vec![opened["id"].as_s().unwrap().clone()];
    expected.extend((1..=SESSIONS).rev().filter(is_live).map(id));
    assert_eq!(found, expected, "those that live, the latest opened first");
    // No page reads them all.
    let lines = stack.access_logs("GET", "/api/v1/auth/sessions", pages).await;
    for line in lines {
        assert!(line.read_units < MOST_READ_UNITS, "{line:?}");
    }

    assert_eq!(ada.post("/auth/logout-all", json!({})).await.data(200)["endedSessions"], 601);
    stack.finish().await;
}

#[tokio::test]
async fn a_changed_password_ends_all_other_sessions() {
    let stack = TestStack::start().await;
    let mut ada = stack.customer().await;
    let mut elsewhere = ada.elsewhere();
    elsewhere.log_in().await.data(200);

    let change = |current: &str, new: &str| json!({"currentPassword": current, "newPassword": new});
    let old = ada.password.clone();
    let fields =
        ada.post("/auth/change-password", change(&old, "password1")).await.fields(400, "validation_failed");
    assert_eq!(fields, ["newPassword"]);
    let wrong = ada.post("/auth/change-password", change("not that one", "seven new horses")).await;
    assert_eq!(wrong.error(400, "wrong_password")["attemptsRemaining"], 2);
    ada.post("/auth/change-password", change(&old, "seven new horses")).await.data(200);
    ada.get("/profile").await.data(200);
    elsewhere.get("/profile").await.error(401, "session_ended");
    elsewhere.post("/auth/refresh", refresh_body(&elsewhere)).await.error(401, "invalid_token");
    stack.mail(&ada.email, "Your password for Salon Aurora was changed").await;
    elsewhere.log_in().await.error(401, "invalid_credentials");
    "seven new horses".clone_into(&mut ada.password);
    stack.keep_secret([ada.password.clone()]);
    ada.log_in().await.data(200);

    // Wrong guesses by somebody who is logged in lock the account, too.
    for _ in 0..2 {
        ada.post("/auth/change-password", change("wrong", "eight new horses"))
            .await
            .error(400, "wrong_password");
    }
    let locked = ada.post("/auth/change-password", change("wrong", "eight new horses")).await;
    locked.error(429, "account_locked");
    assert_eq!(locked.header("retry-after"), "30");
    stack.finish().await;
}

async fn reset_token(stack: &TestStack, actor: &Actor) -> String {
    let mail = stack.mail(&actor.email, "Reset your password").await;
    let text = mail.text.unwrap();
    let (_, rest) = text.split_once("/auth/reset-password/").unwrap();
    let token: String = rest.chars().take_while(|c| !c.is_whitespace()).collect();
    stack.keep_secret([token.clone()]);
    token
}

#[tokio::test]
async fn a_forgotten_password_is_reset_by_mail_even_while_the_account_is_locked() {
    let stack = TestStack::start().await;
    let mut ada = stack.customer().await;
    let mut guesser = ada.elsewhere();
    "a wrong guess".clone_into(&mut guesser.password);
    for _ in 0..2 {
        guesser.log_in().await.error(401, "invalid_credentials");
    }
    guesser.log_in().await.error(429, "account_locked");
    ada.log_in().await.error(429, "account_locked");

    let known = ada.post("/auth/forgot-password", json!({"email": ada.email})).await;
    let unknown = ada.post("/auth/forgot-password", json!({"email": "nobody@guests.example"})).await;
    assert_eq!(
        (known.data(200), known.json()["message"].clone()),
        (unknown.data(200), unknown.json()["message"].clone())
    );
    let token = reset_token(&stack, &ada).await;
    let page = ada
        .send(
            ada.request(reqwest::Method::GET, &format!("/auth/reset-password/{token}"))
                .header("accept", "text/html"),
        )
        .await;
    assert!(
        page.text.contains("<form>") && page.header("content-type").starts_with("text/html"),
        "{}",
        page.text
    );

    let reset = |token: &str, password: &str| json!({"token": token, "password": password});
    let weak =
        ada.post("/auth/reset-password", reset(&token, "12345678")).await.fields(400, "validation_failed");
    assert_eq!(weak, ["password"]);
    ada.post("/auth/reset-password", reset("no such token", "nine new horses"))
        .await
        .error(400, "invalid_token");
    let answers =
        join_all((0..4).map(|_| ada.post("/auth/reset-password", reset(&token, "nine new horses")))).await;
    let set = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(set, 1, "the token works once");
    ada.get("/profile").await.error(401, "session_ended");
    stack.mail(&ada.email, "was changed").await;
    ada.log_in().await.error(401, "invalid_credentials");
    "nine new horses".clone_into(&mut ada.password);
    stack.keep_secret([ada.password.clone()]);
    ada.log_in().await.data(200);
    stack.finish().await;
}

#[tokio::test]
async fn whoever_verifies_by_a_reset_is_welcomed_and_counted_once() {
    let stack = TestStack::start().await;
    let mut ada = stack.visitor();
    ada.register("Ada Lovelace").await.data(201);
    let link = stack.verification_token(&ada).await;
    let events = async |event_type: &str| {
        let is = |event: &Item| event.get("type") == Some(&AttributeValue::S(event_type.to_owned()));
        stack.items("EventsTable").await.iter().filter(|event| is(event)).count()
    };
    let welcomes = async || {
        stack.settle().await;
        stack.mails(&ada.email).iter().filter(|mail| mail.subject.starts_with("Welcome to")).count()
    };

    let mut tokens = Vec::new();
    for password in ["nine new horses", "ten new horses"] {
        ada.post("/auth/forgot-password", json!({"email": ada.email})).await.data(200);
        stack.settle().await;
        let token = reset_token(&stack, &ada).await;
        let reset = json!({"token": token, "password": password});
        ada.post("/auth/reset-password", reset).await.data(200);
        tokens.push(token);
        assert_eq!((welcomes().await, events("user.verified").await), (1, 1));
    }
    assert_ne!(tokens[0], tokens[1]);
    // The link of the first mail has nothing left to verify.
    ada.verify_email(&link).await.error(400, "invalid_token");
    assert_eq!((welcomes().await, events("user.password_changed").await), (1, 2));
    "ten new horses".clone_into(&mut ada.password);
    ada.log_in().await.data(200);
    assert_eq!(ada.get("/profile").await.data(200)["user"]["emailVerified"], true);

    // Both at once: whichever comes first, the other finds the address verified.
    let bob = stack.visitor();
    bob.register("Bob").await.data(201);
    let link = stack.verification_token(&bob).await;
    bob.post("/auth/forgot-password", json!({"email": bob.email})).await.data(200);
    let token = reset_token(&stack, &bob).await;
    let reset = json!({"token": token, "password": "twelve new horses"});
    let (_, set) = futures_util::join!(bob.verify_email(&link), bob.post("/auth/reset-password", reset));
    set.data(200);
    stack.settle().await;
    assert_eq!(events("user.verified").await, 2);
    let admin = stack.demo_account(Role::Admin).await;
    assert_eq!(admin.get("/dashboard/stats").await.data(200)["totals"]["newCustomers"], 2);
    stack.finish().await;
}

#[tokio::test]
async fn an_older_link_is_worth_nothing_after_a_reset() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    ada.post("/auth/forgot-password", json!({"email": ada.email})).await.data(200);
    let first = reset_token(&stack, &ada).await;
    ada.post("/auth/forgot-password", json!({"email": ada.email})).await.data(200);
    let second = loop {
        let token = reset_token(&stack, &ada).await;
        if token != first {
            break token;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    ada.post("/auth/reset-password", json!({"token": second, "password": "ten new horses"})).await.data(200);
    let late =
        ada.post("/auth/reset-password", json!({"token": first, "password": "eleven new horses"})).await;
    late.error(400, "invalid_token");
    stack.finish().await;
}

#[tokio::test]
async fn parallel_guesses_cannot_exceed_the_limit() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    for email in [ada.email.clone(), "nobody@guests.example".to_owned()] {
        let answers = join_all((0..100).map(|number| {
            let guesser = ada.elsewhere();
            let body = json!({"email": email, "password": format!("guess {number}")});
            async move { guesser.post("/auth/login", body).await }
        }))
        .await;
        let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
        for answer in &answers {
            *seen.entry(answer.status.as_u16()).or_default() += 1;
        }
        assert_eq!(seen, BTreeMap::from([(401, 2), (429, 98)]), "{email}");
        for locked in answers.iter().filter(|answer| answer.status == 429) {
            let seconds: u64 = locked.header("retry-after").parse().unwrap();
            assert!((1..=30).contains(&seconds), "{seconds}");
        }
    }
    stack.finish().await;
}

#[tokio::test]
async fn failures_are_forgotten_after_a_day_with_or_without_an_account() {
    let stack = TestStack::start().await;
    let mut known = stack.customer().await;
    let unknown = stack.visitor();
    let let_hours_pass =
        async |email: &str, hours| stack.last_attempted(email, SignedDuration::from_hours(hours)).await;
    for email in [known.email.clone(), unknown.email.clone()] {
        let guess = async || {
            let body = json!({"email": email, "password": "a wrong guess"});
            unknown.elsewhere().post("/auth/login", body).await
        };
        let left =
            async || guess().await.error(401, "invalid_credentials")["attemptsRemaining"].as_u64().unwrap();
        assert_eq!((left().await, left().await), (2, 1));
        let_hours_pass(&email, 24).await;
        assert_eq!(left().await, 2, "{email}");
        let_hours_pass(&email, 23).await;
        assert_eq!(left().await, 1, "{email}");
        guess().await.error(429, "account_locked");

        // Many at once after a day: three looks, as ever.
        let_hours_pass(&email, 30).await;
        let answers = join_all((0..20).map(|_| guess())).await;
        let statuses = answers.iter().filter(|answer| answer.status == 401).count();
        assert_eq!((statuses, answers.len()), (2, 20), "{email}");
        let_hours_pass(&email, 24).await;
    }
    known.log_in().await.data(200);
    stack.finish().await;
}

#[tokio::test]
async fn one_address_registers_once() {
    let stack = TestStack::start().await;
    let ada = stack.visitor();
    let spellings = [ada.email.clone(), ada.email.to_uppercase(), format!(" {} ", ada.email)];
    let answers = join_all((0..6).map(|number| {
        let body = json!({"name": "Ada", "email": spellings[number % 3], "password": ada.password});
        let visitor = ada.elsewhere();
        async move { visitor.post("/auth/register", body).await }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.fields(400, "email_taken"), ["email"]);
    }
    let rows = stack.items("UsersTable").await;
    let of = |prefix: &str, sk: &str| {
        rows.iter()
            .filter(|row| row["pk"].as_s().unwrap().starts_with(prefix) && row["sk"].as_s().unwrap() == sk)
            .count()
    };
    // The demo's three accounts, and this one: the losers left nothing behind.
    assert_eq!((of("USER#", "PROFILE"), of("EMAIL#", "CREDENTIALS"), of("TOKEN#", "TOKEN")), (4, 4, 1));
    stack.finish().await;
}

#[tokio::test]
async fn a_weaker_hash_is_replaced_at_the_next_login() {
    let stack = TestStack::start().await;
    let mut ada = stack.customer().await;
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(1_024, 1, 1, None).unwrap());
    let weak = weak.hash_password_with_salt(ada.password.as_bytes(), &[7; 16]).unwrap().to_string();
    let key = HashMap::from([
        ("pk".to_owned(), AttributeValue::S(format!("EMAIL#{}", ada.email))),
        ("sk".to_owned(), AttributeValue::S("CREDENTIALS".to_owned())),
    ]);
    let table = stack.table_name("UsersTable");
    let client = stack.dynamodb();
    client
        .update_item()
        .table_name(table)
        .set_key(Some(key.clone()))
        .update_expression("SET password_hash = :weak")
        .expression_attribute_values(":weak", AttributeValue::S(weak.clone()))
        .send()
        .await
        .unwrap();
    let hash = async || {
        let row = client.get_item().table_name(table).set_key(Some(key.clone())).send().await.unwrap();
        row.item.unwrap()["password_hash"].as_s().unwrap().clone()
    };
    ada.log_in().await.data(200);
    let stronger = hash().await;
    assert!(stronger.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stronger}");
    ada.log_in().await.data(200);
    assert_eq!(hash().await, stronger, "a strong one stays");
    stack.finish().await;
}

#[tokio::test]
async fn mail_to_and_from_a_domain_beyond_ascii_goes_to_its_punycode() {
    let stack = TestStack::builder()
        .parameter("MailFrom", "Salon <termine@bücher.example>")
        .parameter("OwnerEmail", "Chef@Bücher.example")
        .start()
        .await;
    let mut owner = stack.visitor();
    "Chef@Bücher.example".clone_into(&mut owner.email);
    let mut mailbox = owner.elsewhere();
    "chef@xn--bcher-kva.example".clone_into(&mut mailbox.email);
    stack.keep_secret([owner.email.clone(), mailbox.email.clone()]);

    let user = owner.register("Die Chefin").await.data(201)["user"].clone();
    assert_eq!(user["email"], "Chef@Bücher.example");
    let token = stack.verification_token(&mailbox).await;
    owner.verify_owner(&token).await.data(200);
    owner.log_in().await.data(200);
    assert_eq!(owner.get("/profile").await.data(200)["user"]["role"], "owner");
    let mail = stack.mail(&mailbox.email, "Welcome to").await;
    assert_eq!(mail.to, ["Chef@xn--bcher-kva.example"]);
    assert_eq!(mail.from, "Salon <termine@xn--bcher-kva.example>");
    mailbox.elsewhere().log_in().await.data(200);
    stack.finish().await;
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
async fn answers_do_not_tell_who_has_an_account() {
    let stack = TestStack::start().await;
    let known = join_all((0..9).map(|_| stack.customer())).await;
    let unknown: Vec<_> = (0..9).map(|_| stack.visitor()).collect();
    let guess = async |actor: &Actor| {
        let body = json!({"email": actor.email, "password": "a wrong guess"});
        let answer = actor.elsewhere().post("/auth/login", body).await;
        assert_eq!(answer.error(401, "invalid_credentials")["attemptsRemaining"], 2);
        let mut names: Vec<_> = answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        (answer.json()["message"].clone(), names)
    };
    assert_eq!(guess(&known[0]).await, guess(&unknown[0]).await);
    let ask = async |actor: &Actor, path: &str| {
        let answer = actor.elsewhere().post(path, json!({"email": actor.email})).await;
        answer.data(200);
        answer.json()["message"].clone()
    };
    for path in ["/auth/forgot-password", "/auth/resend-verification"] {
        assert_eq!(ask(&known[0], path).await, ask(&unknown[0], path).await);
    }
    // As much work for both: twice the time would show that one does more. In turns, so that a slow moment of the
    // machine is one of both.
    let time = async |what: &str, actor: &Actor| {
        let begun = Instant::now();
        match what {
            "login" => drop(guess(actor).await),
            path => drop(ask(actor, path).await),
        }
        begun.elapsed()
    };
    for what in ["login", "/auth/forgot-password"] {
        let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
        for (someone, nobody) in known.iter().zip(&unknown).skip(1) {
            of_known.push(time(what, someone).await);
            of_unknown.push(time(what, nobody).await);
        }
        let (of_known, of_unknown) = (median(of_known), median(of_unknown));
        let is_near = of_known < of_unknown * 2 && of_unknown < of_known * 2;
        assert!(is_near, "{what}: {of_known:?} for an account, {of_unknown:?} for none");
    }
    stack.finish().await;
}
