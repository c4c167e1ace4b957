//! Somebody fills another's mailbox, from as many addresses as they have, with mails that anybody can ask for.

use std::collections::BTreeMap;

use chairbook_local::runtime::AccessLog;
use chairbook_models::event::EventType;
use chairbook_models::ids::EventId;
use chairbook_store::MailLimits;
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, Answer, TestStack};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// What anybody can ask for with an address, and the subject of the mail.
const ASKED: [(&str, &str); 2] = [
    ("/auth/resend-verification", "Confirm your e-mail address"),
    ("/auth/forgot-password", "Reset your password"),
];

/// Mails of a kind that an address gets in an hour, as the template has it.
const MAILS_PER_HOUR: usize = 3;

async fn ask(actor: &Actor, path: &str, email: &str) -> Answer {
    actor.post(path, json!({"email": email})).await
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// The kind of mail that an event asks for, if anybody can ask for it.
fn subject(event: &Item) -> Option<&'static str> {
    let (registered, verification, reset) = (
        EventType::UserRegistered.as_str(),
        EventType::UserVerificationRequested.as_str(),
        EventType::UserPasswordResetRequested.as_str(),
    );
    let event_type = text(event, "type");
    if event_type == registered || event_type == verification {
        Some(ASKED[0].1)
    } else {
        (event_type == reset).then_some(ASKED[1].1)
    }
}

/// The costs of a request: calls, calls one after the other, and units.
fn cost(line: &AccessLog) -> (u64, u64, u64, u64) {
    let hundredths = |units: f64| format!("{:.0}", units * 100.0).parse().unwrap();
    (
        line.dynamodb_calls,
        line.dynamodb_round_trips,
        hundredths(line.read_units),
        hundredths(line.write_units),
    )
}

#[tokio::test]
async fn a_mailbox_gets_few_mails_however_many_ask_for_them() {
    let stack = TestStack::start().await;
    let victim = stack.visitor();
    let user = victim.register("A Victim").await.data(201)["user"].clone();
    stack.verification_token(&victim).await;

    // 40 requests from each of 6 addresses, all at once.
    let attackers: Vec<_> = (0..6).map(|_| stack.visitor()).collect();
    for (path, _) in ASKED {
        let requests = attackers.iter().flat_map(|attacker| (0..20).map(move |_| attacker));
        let answers = join_all(requests.map(|attacker| ask(attacker, path, &victim.email))).await;
        let shapes: Vec<_> = answers.iter().map(Answer::impersonal).collect();
        assert_eq!(shapes[0].0, 200);
        assert!(shapes.iter().all(|other| *other == shapes[0]), "the refused can be told from the others");
    }
    stack.settle().await;

    // An hour that ends while they ask begins another share.
    let mut asked: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut outcomes: BTreeMap<(String, String), usize> = BTreeMap::new();
    for event in stack.items("EventsTable").await {
        if user["id"] != text(&event, "recipient") {
            continue;
        }
        if let Some(subject) = subject(&event) {
            *asked.entry((subject, text(&event, "at")[..13].to_owned())).or_default() += 1;
            let outcome = (text(&event, "delivery").to_owned(), text(&event, "delivery_reason").to_owned());
            *outcomes.entry(outcome).or_default() += 1;
        }
    }
    assert_eq!(asked.values().sum::<usize>(), 241);
    let mails = stack.mails(&victim.email);
    for (_, subject) in ASKED {
        let hours = asked.iter().filter(|((other, _), _)| *other == subject);
        let expected: usize = hours.map(|(_, count)| (*count).min(MAILS_PER_HOUR)).sum();
        let sent = mails.iter().filter(|mail| mail.subject.contains(subject)).count();
        assert_eq!(sent, expected, "{subject}: {asked:?}");
        assert!(sent <= 2 * MAILS_PER_HOUR, "{subject}: {asked:?}");
    }
    let skipped = outcomes[&("skipped".to_owned(), "too_many_mails".to_owned())];
    assert_eq!(skipped + mails.len(), 241, "{outcomes:?}");
    // No address is in the counts' keys.
    let limits = stack.items("LimitsTable").await;
    assert!(limits.iter().any(|row| text(row, "pk").starts_with("MAIL#password_reset#")));
    assert!(limits.iter().all(|row| !format!("{row:?}").contains(&victim.email)));

    // Nothing of what was asked so far is taken for what is asked now.
    stack.access_logs("POST", &format!("/api/v1{}", ASKED[1].0), 120).await;

    // Whoever has had enough, whoever has had none, whoever has an account and nobody: the same for who asks.
    let fresh = stack.visitor();
    fresh.register("Another").await.data(201);
    let (verified, nobody) = (stack.customer().await, stack.visitor());
    for (path, _) in ASKED {
        let route = format!("/api/v1{path}");
        let mut seen = Vec::new();
        for (email, times) in
            [(&victim.email, 2), (&fresh.email, 5), (&verified.email, 2), (&nobody.email, 5)]
        {
            for _ in 0..times {
                let answer = ask(&stack.visitor(), path, email).await;
                let lines = stack.access_logs("POST", &route, 1).await;
                assert_eq!(lines.len(), 1);
                seen.push((answer.impersonal(), cost(&lines[0])));
            }
        }
        assert!(seen.iter().all(|other| *other == seen[0]), "{path}: {seen:#?}");
    }
    // Who had no account had no share to be used up.
    nobody.register("Nobody yet").await.data(201);
    stack.verification_token(&nobody).await;
    stack.finish().await;
}

#[tokio::test]
async fn mails_are_counted_exactly_by_hour_and_day() {
    let stack = TestStack::builder().without_demo().start().await;
    let store = stack.stack.store();
    let limits = MailLimits { per_hour: 3, per_day: 10 };
    let begin: Timestamp = "2026-03-01T22:59:59.999Z".parse().unwrap();
    let mut ids = (0_u128..).map(|number| EventId::derived(number.to_be_bytes()));
    let mut within = async |kind: &str, address: &str, count: usize, at: Timestamp| {
        let events: Vec<_> = ids.by_ref().take(count).collect();
        let counted = join_all(
            events
                .iter()
                .map(|event| async { store.count_mail(kind, address, *event, at, limits).await.unwrap() }),
        )
        .await;
        // What was counted once is within the limits for good, and what was not is not.
        for (event, counted) in events.iter().zip(&counted) {
            assert_eq!(store.count_mail(kind, address, *event, at, limits).await.unwrap(), *counted);
        }
        counted.into_iter().filter(|counted| *counted).count()
    };
    assert_eq!(within("verification", "ada", 30, begin).await, 3);
    assert_eq!(within("password_reset", "ada", 30, begin).await, 3);
    assert_eq!(within("verification", "bob", 2, begin).await, 2);
    assert_eq!(within("verification", "bob", 30, begin).await, 1);
    // The next hour of the same day, and the next day.
    assert_eq!(within("verification", "ada", 30, begin + SignedDuration::from_millis(1)).await, 3);
    assert_eq!(within("verification", "ada", 30, begin + SignedDuration::from_hours(2)).await, 3);
    // Ten on a day, in hours that come in any order.
    let days = SignedDuration::from_hours(5 * 24);
    let mut sent = Vec::new();
    for hour in [0, -1, -2, 1, -3] {
        sent.push(within("verification", "ada", 30, begin + days + SignedDuration::from_hours(hour)).await);
    }
    assert_eq!(sent, [3, 3, 3, 1, 0]);
    stack.stack.shutdown().await;
}
