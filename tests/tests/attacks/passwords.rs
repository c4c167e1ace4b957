//! Guessing passwords, on every route that asks for one, and keeping others from logging in. A wrong password counts
//! before it is looked at, so that no number of parallel guesses exceeds the limit; a right one takes back what it
//! counted, so that no number of those locks anybody out.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::user::Role;
use chairbook_tests::turnstile::{TRANSACTION, Turnstile};
use chairbook_tests::{Actor, Answer, Permitted, TestStack, processes};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use reqwest::Method;
use serde_json::json;

const STORM: usize = 48;
const NEW: &str = "seven new horses";

async fn log_in(actor: &Actor, password: &str) -> Answer {
    let body = json!({"email": actor.email, "password": password});
    actor.elsewhere().post("/auth/login", body).await
}

async fn delete_own(actor: &Actor, password: &str) -> Answer {
    let request = actor.request(Method::DELETE, "/profile").json(&json!({"password": password}));
    actor.send(request).await
}

async fn change(actor: &Actor, password: &str, new: &str) -> Answer {
    actor.post("/auth/change-password", json!({"currentPassword": password, "newPassword": new})).await
}

/// A password on each route that asks for one, in turns.
fn on_every_route<'a>(actor: &'a Actor, password: &'a str, place: usize) -> BoxFuture<'a, Answer> {
    match place % 3 {
        0 => log_in(actor, password).boxed(),
        1 => delete_own(actor, password).boxed(),
        _ => change(actor, password, NEW).boxed(),
    }
}

fn status(answer: &Answer) -> u16 {
    answer.status.as_u16()
}

/// The attempts that an account has counted.
async fn counted(stack: &TestStack, actor: &Actor) -> Option<String> {
    let key = HashMap::from([
        ("pk".to_owned(), AttributeValue::S(format!("EMAIL#{}", actor.email))),
        ("sk".to_owned(), AttributeValue::S("CREDENTIALS".to_owned())),
    ]);
    let row = stack.dynamodb().get_item().table_name(stack.table_name("UsersTable")).consistent_read(true);
    let row = row.set_key(Some(key)).send().await.unwrap().item.unwrap();
    row.get("failures").map(|failures| failures.as_n().unwrap().clone())
}

/// The attempts left after one wrong guess.
async fn left_after_a_guess(actor: &Actor) -> u64 {
    log_in(actor, "a wrong guess").await.error(401, "invalid_credentials")["attemptsRemaining"]
        .as_u64()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn right_passwords_lock_nobody_out_and_wrong_ones_do() {
    let turnstile = Turnstile::serve().await;
    let stack = TestStack::builder().without_rate_limit().max_concurrency(8);
    let stack = turnstile.before(stack).start().await;
    turnstile.lead_to(&stack.stack.dynamodb_url());
    stack.keep_secret([NEW.to_owned()]);
    right_ones(&stack).await;
    wrong_ones(&stack).await;
    both(&stack).await;
    verdicts_are_waited_for(&stack, &turnstile).await;
    stack.finish_with(Permitted { failed_requests: true, ..Permitted::default() }).await;
}

async fn right_ones(stack: &TestStack) {
    // The last owner cannot leave, with the right password as often as they like.
    let owner = stack.demo_account(Role::Owner).await;
    for _ in 0..7 {
        delete_own(&owner, &owner.password).await.error(409, "last_owner");
        assert_eq!(counted(stack, &owner).await, None);
    }
    assert_eq!(left_after_a_guess(&owner).await, 2);
    delete_own(&owner, &owner.password).await.error(409, "last_owner");
    assert_eq!(left_after_a_guess(&owner).await, 2, "the right one started over");

    let answers = join_all((0..STORM).map(|place| match place % 2 {
        0 => log_in(&owner, &owner.password).boxed(),
        _ => delete_own(&owner, &owner.password).boxed(),
    }));
    for (place, answer) in answers.await.iter().enumerate() {
        let expected = if place % 2 == 0 { 200 } else { 409 };
        assert_eq!(status(answer), expected, "{}: {}", answer.asked, answer.text);
    }
    assert_eq!(counted(stack, &owner).await, None);
    assert_eq!(left_after_a_guess(&owner).await, 2);

    // Passwords that change beside logins. Each change ends the sessions of the others.
    let mut ada = stack.customer().await;
    let sessions = join_all((0..4).map(async |_| {
        let mut session = ada.elsewhere();
        session.log_in().await.data(200);
        session
    }))
    .await;
    let logins = join_all((0..12).map(|_| log_in(&ada, &ada.password)));
    let changes = join_all(sessions.iter().map(|session| change(session, &ada.password, NEW)));
    let (logins, changes) = futures_util::join!(logins, changes);
    assert!(changes.iter().any(|answer| answer.status == 200));
    for answer in changes {
        // Whoever came after another's change was logged out by it, or gave a password that was the old one by then.
        assert!(matches!(status(&answer), 200 | 400 | 401 | 409), "{}: {}", answer.asked, answer.text);
    }
    for answer in logins {
        assert!(matches!(status(&answer), 200 | 401 | 429), "{}: {}", answer.asked, answer.text);
    }
    NEW.clone_into(&mut ada.password);
}

async fn wrong_ones(stack: &TestStack) {
    let ada = stack.customer().await;
    let answers = join_all((0..STORM).map(|place| on_every_route(&ada, "a wrong guess", place))).await;
    let looked_at = answers.iter().filter(|answer| status(answer) != 429).count();
    // The third locks the account, and says so as all that follow do.
    assert_eq!(looked_at, 2);
    for locked in answers.iter().filter(|answer| status(answer) == 429) {
        locked.error(429, "account_locked");
    }
    for place in 0..3 {
        on_every_route(&ada, &ada.password, place).await.error(429, "account_locked");
    }
    assert_eq!(counted(stack, &ada).await.as_deref(), Some("3"));
}

async fn both(stack: &TestStack) {
    let ada = stack.customer().await;
    let guesses = async |place: usize| {
        let is_right = place.is_multiple_of(2);
        let password = if is_right { ada.password.as_str() } else { "a wrong guess" };
        (is_right, log_in(&ada, password).await)
    };
    let answers = join_all((0..STORM).map(guesses)).await;
    let came_in = answers.iter().filter(|(_, answer)| status(answer) == 200).count();
    assert!(answers.iter().all(|(is_right, answer)| *is_right || status(answer) != 200));
    let told = answers.iter().filter(|(_, answer)| status(answer) == 401).count();
    assert!(
        told <= 2 * (came_in + 1),
        "{told} guesses were looked at beside {came_in} logins, and did not lock"
    );
    assert!(answers.iter().all(|(_, answer)| matches!(status(answer), 200 | 401 | 429)));
}

/// While a password is being looked at that may lock the account, the next one waits for the verdict.
async fn verdicts_are_waited_for(stack: &TestStack, turnstile: &Turnstile) {
    for third_is_right in [true, false] {
        let ada = stack.customer().await;
        assert_eq!((left_after_a_guess(&ada).await, left_after_a_guess(&ada).await), (2, 1));
        let (mut third, password) = if third_is_right {
            (turnstile.hold(TRANSACTION, "user.logged_in"), ada.password.clone())
        } else {
            (turnstile.hold("UpdateItem", "ADD settled"), "a wrong guess".to_owned())
        };
        let third_login = {
            let (ada, password) = (ada.clone(), password.clone());
            tokio::spawn(async move { log_in(&ada, &password).await })
        };
        third.arrived().await;
        // It asks again and again.
        let mut again = turnstile.hold_after(3, "UpdateItem", &format!("EMAIL#{}", ada.email));
        let fourth_login = {
            let ada = ada.clone();
            tokio::spawn(async move { log_in(&ada, &ada.password).await })
        };
        again.arrived().await;
        assert!(!third_login.is_finished() && !fourth_login.is_finished());
        third.release();
        let third_answer = third_login.await.unwrap();
        again.release();
        let fourth_answer = fourth_login.await.unwrap();
        if third_is_right {
            third_answer.data(200);
            fourth_answer.data(200);
            assert_eq!(left_after_a_guess(&ada).await, 2);
        } else {
            third_answer.error(429, "account_locked");
            fourth_answer.error(429, "account_locked");
        }
    }

    // What dies before its verdict counts as wrong.
    let ada = stack.customer().await;
    let mut held = turnstile.hold("UpdateItem", "ADD settled");
    let power_failure = async {
        held.arrived().await;
        for process in stack.stack.runtime().process_ids("AuthFunction") {
            processes::kill(process);
        }
        drop(held);
    };
    let (lost, ()) = futures_util::join!(log_in(&ada, "a wrong guess"), power_failure);
    assert!(lost.status.is_server_error(), "{}", lost.text);
    // A request may still be given to a process that is dead already.
    let answer = loop {
        let answer = log_in(&ada, "a wrong guess").await;
        if !answer.status.is_server_error() {
            break answer;
        }
    };
    assert_eq!(answer.error(401, "invalid_credentials")["attemptsRemaining"], 1);
    log_in(&ada, &ada.password).await.data(200);
    assert_eq!(left_after_a_guess(&ada).await, 2);
}
