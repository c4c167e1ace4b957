//! Many clients at once: whatever they wish for, no two appointments of one expert overlap, nobody is refused without
//! a reason, and nothing fails.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use chairbook_platform::clock;
use chairbook_tests::open_salon::{
    self, GRID, SERVICES, Wish, clock_time, expert, minute, overlap, service, without_overlap,
};
use chairbook_tests::seed::generated;
use chairbook_tests::{Actor, Answer, TestStack};
use futures_util::future::join_all;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use serde_json::json;

const CLIENTS: usize = 64;

/// Hundreds of mails may take longer on a busy machine than one test's.
const PATIENCE: Duration = Duration::from_mins(1);

/// Half an hour off UTC and without daylight saving: each local day lies in two UTC days, and is 24 hours long.
const ZONE: &str = "Asia/Kolkata";

const EXPERTS: u8 = 12;

/// A stack with a salon that never closes, and the local date in so many days.
async fn open() -> (TestStack, impl Fn(i32) -> Date) {
    let stack = TestStack::builder().without_rate_limit().without_demo().max_concurrency(8).start().await;
    let now = clock::now();
    stack.write_catalog(&open_salon::rows(EXPERTS, ZONE, now)).await;
    let today = now.to_zoned(TimeZone::get(ZONE).unwrap()).date();
    (stack, move |days| today + days.days())
}

/// So many clients, each with its own connections and address, of eight customers.
async fn clients(stack: &TestStack, count: usize) -> Vec<Actor> {
    let customers = join_all((0..8).map(|_| stack.customer())).await;
    let client = |customer: &Actor| {
        let mut client = customer.elsewhere();
        client.access_token.clone_from(&customer.access_token);
        client
    };
    customers.iter().cycle().take(count).map(client).collect()
}

/// Wishes that begin within some minutes of the day.
fn wish(minutes: Range<u32>) -> impl Strategy<Value = Wish> {
    let add_ons = prop::sample::subsequence(vec![0, 1], 0..=2);
    (0..4_u8, add_ons, minutes.start / GRID..minutes.end / GRID).prop_map(|(service, add_ons, start)| Wish {
        service,
        add_ons,
        start: start * GRID,
    })
}

/// The alternatives that a refusal names: date and minute.
fn alternatives(refusal: &Answer) -> Vec<(Date, u32)> {
    let error = refusal.error(409, "slot_taken");
    let alternatives = error["alternatives"].as_array().unwrap().iter();
    alternatives
        .map(|slot| {
            let date = slot["date"].as_str().unwrap().parse().unwrap();
            (date, minute(slot["time"].as_str().unwrap()))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_refused_has_lost_to_somebody() {
    let (stack, date) = open().await;
    let clients = clients(&stack, CLIENTS).await;
    let (day, one) = (date(3), expert(0));

    // The UTC day changes at 05:30 local time, in the middle of this.
    let wishes = generated(wish(3 * 60..9 * 60), CLIENTS * 3);
    let attempts = clients.iter().zip(wishes.chunks(3)).map(async |(client, wishes)| {
        let mut attempts = Vec::new();
        for wish in wishes {
            let sent = Instant::now();
            let answer = client.book(wish.request(day, Some(one))).await;
            attempts.push((wish.clone(), sent, Instant::now(), answer));
        }
        attempts
    });
    let attempts: Vec<_> = join_all(attempts).await.into_iter().flatten().collect();
    let (booked, refused): (Vec<_>, Vec<_>) =
        attempts.into_iter().partition(|(_, _, _, answer)| answer.status == 201);
    assert!(booked.len() > 3 && refused.len() > CLIENTS, "{} booked", booked.len());
    for (place, (wish, _, _, answer)) in booked.iter().enumerate() {
        let appointment = &answer.data(201)["appointment"];
        assert_eq!(appointment["expertId"], json!(one));
        let (start, end): (Timestamp, Timestamp) = (
            appointment["startsAt"].as_str().unwrap().parse().unwrap(),
            appointment["endsAt"].as_str().unwrap().parse().unwrap(),
        );
        let (_, buffer) = SERVICES[usize::from(wish.service)];
        assert_eq!(end.duration_since(start).as_mins(), i64::from(wish.length() - buffer));
        for (other, ..) in &booked[..place] {
            assert!(!overlap(&wish.span(), &other.span()), "{wish:?} overlaps {other:?}");
        }
    }
    for (wish, sent, _, answer) in &refused {
        let offered = alternatives(answer);
        assert!(
            booked.iter().any(|(winner, ..)| overlap(&wish.span(), &winner.span())),
            "{wish:?} was refused, but nobody has its time"
        );
        assert_eq!(offered.len(), 5, "{wish:?}");
        for (offered_day, start) in offered {
            assert!((offered_day, start) > (day, wish.start), "{wish:?}: an alternative in the past");
            let span = start..start + wish.length();
            for (winner, _, answered, _) in &booked {
                let was_known = answered < sent && offered_day == day;
                assert!(
                    !(was_known && overlap(&span, &winner.span())),
                    "{wish:?} was offered {start}, which {winner:?} had"
                );
            }
        }
    }

    // Each alternative of a refusal can be booked at that moment.
    for (wish, ..) in refused.iter().take(2) {
        for (offered_day, start) in alternatives(&clients[0].book(wish.request(day, Some(one))).await) {
            let wish = Wish { start, ..wish.clone() };
            let made = clients[0].book(wish.request(offered_day, Some(one))).await.data(201);
            let id = made["appointment"]["id"].as_str().unwrap();
            clients[0].delete(&format!("/appointments/{id}/cancel")).await.data(200);
        }
    }
    stack.settle_within(PATIENCE).await;
    stack.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fits_is_booked() {
    let (stack, date) = open().await;
    let clients = clients(&stack, 96).await;

    // Wishes that do not overlap all come true, however many are sent at once.
    let day = date(3);
    let (fitting, rest) = without_overlap(generated(wish(0..24 * 60), 300));
    assert!(fitting.len() >= 20, "{}", fitting.len());
    let book = async |wish: &Wish, client: &Actor| client.book(wish.request(day, Some(expert(0)))).await;
    let answers =
        join_all(fitting.iter().zip(clients.iter().cycle()).map(|(wish, client)| book(wish, client)));
    for (answer, wish) in answers.await.into_iter().zip(&fitting) {
        let appointment = &answer.data(201)["appointment"];
        assert_eq!(appointment["time"], clock_time(wish.start));
    }
    let answers = join_all(rest.iter().take(32).zip(&clients).map(|(wish, client)| book(wish, client)));
    for answer in answers.await {
        answer.error(409, "slot_taken");
    }

    // A whole day, to the last minute.
    let day = date(4);
    let query = format!("serviceId={}&expertId={}&from={day}&to={day}", service(4), expert(1));
    let quarter = |place: u32| Wish { service: 4, add_ons: Vec::new(), start: place * 15 };
    let book =
        async |place: u32, client: &Actor| client.book(quarter(place).request(day, Some(expert(1)))).await;
    assert_eq!(clients[0].availability(&query).await.len(), 24 * 12, "from midnight on the grid of the day");
    for answer in join_all((0..96).zip(&clients).map(|(place, client)| book(place, client))).await {
        answer.data(201);
    }
    assert_eq!(clients[0].availability(&query).await, []);
    for answer in join_all((0..96).step_by(12).zip(&clients).map(|(place, client)| book(place, client))).await
    {
        let offered = alternatives(&answer);
        assert_eq!(offered.first(), Some(&(day.tomorrow().unwrap(), 0)), "the first free start");
    }

    // Nobody in particular: as many as there are experts who are free.
    let day = date(5);
    let wish = |start: u32| Wish { service: 3, add_ons: vec![0], start };
    let busy: BTreeMap<_, _> =
        [(0, 7 * 60), (3, 8 * 60 + 10), (4, 9 * 60), (7, 9 * 60 + 30), (11, 11 * 60)].into();
    for (place, start) in &busy {
        clients[0].book(wish(*start).request(day, Some(expert(*place)))).await.data(201);
    }
    let request = wish(9 * 60).request(day, None);
    let answers = join_all(clients.iter().take(CLIENTS / 2).map(|client| client.book(request.clone()))).await;
    let mut taken = BTreeMap::new();
    for answer in &answers {
        if answer.status == 201 {
            let expert = answer.data(201)["appointment"]["expertId"].as_str().unwrap().to_owned();
            *taken.entry(expert).or_insert(0) += 1;
        } else {
            answer.error(409, "slot_taken");
        }
    }
    let is_free =
        |place: &u8| busy.get(place).is_none_or(|start| !overlap(&wish(*start).span(), &wish(9 * 60).span()));
    let free: BTreeMap<_, _> =
        (0..EXPERTS).filter(is_free).map(|place| (expert(place).to_string(), 1)).collect();
    assert_eq!(free.len(), 9);
    assert_eq!(taken, free);
    stack.settle_within(PATIENCE).await;
    stack.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cancelled_is_free_and_nothing_else_is() {
    const ROUNDS: usize = 3;
    let (stack, date) = open().await;
    let clients = clients(&stack, CLIENTS).await;
    let (day, one) = (date(3), expert(0));

    let plans = generated((wish(4 * 60..7 * 60), prop::bool::weighted(0.15)), CLIENTS * ROUNDS);
    let stories = clients.iter().zip(plans.chunks(ROUNDS)).map(async |(client, plans)| {
        let (mut kept, mut cancelled) = (Vec::new(), Vec::new());
        for (wish, stays) in plans {
            let answer = client.book(wish.request(day, Some(one))).await;
            if answer.status != 201 {
                answer.error(409, "slot_taken");
                continue;
            }
            let id = answer.data(201)["appointment"]["id"].as_str().unwrap().to_owned();
            if *stays {
                kept.push((id, wish.span()));
                continue;
            }
            // Twice at once: one of the two does it.
            let path = format!("/appointments/{id}/cancel");
            let (first, second) = futures_util::join!(client.delete(&path), client.delete(&path));
            let (done, late) = if first.status == 200 { (first, second) } else { (second, first) };
            assert_eq!(done.data(200)["appointment"]["status"], "cancelled");
            late.error(409, "invalid_transition");
            cancelled.push(id);
        }
        (kept, cancelled)
    });
    let (kept, cancelled): (Vec<_>, Vec<_>) = join_all(stories).await.into_iter().unzip();

    for (client, (kept, cancelled)) in clients.iter().zip(kept.iter().zip(&cancelled)) {
        let kept = kept.iter().map(|(id, _)| (id, "confirmed"));
        for (id, status) in kept.chain(cancelled.iter().map(|id| (id, "cancelled"))) {
            let appointment = client.get(&format!("/appointments/{id}")).await.data(200);
            assert_eq!(appointment["appointment"]["status"], status);
        }
    }
    let spans: Vec<_> = kept.iter().flatten().map(|(_, span)| span.clone()).collect();
    let shortest = Wish { service: 0, add_ons: Vec::new(), start: 0 }.length();
    let free: Vec<_> = (0..24 * 60)
        .step_by(GRID as usize)
        .filter(|start| spans.iter().all(|span| !overlap(&(*start..start + shortest), span)))
        .map(clock_time)
        .collect();
    let query = format!("serviceId={}&expertId={one}&from={day}&to={day}", service(0));
    let offered: Vec<_> =
        clients[0].availability(&query).await.into_iter().map(|(_, time, _)| time).collect();
    assert_eq!(offered, free);

    stack.settle_within(PATIENCE).await;
    let mails = stack.stack.mailbox().mails();
    let about = |subject: &str| mails.iter().filter(|mail| mail.subject.starts_with(subject)).count();
    let cancelled = cancelled.iter().flatten().count();
    assert!(cancelled > 1, "{cancelled} cancelled");
    assert_eq!(about("Cancelled: "), cancelled);
    // Whoever cancelled before it was sent did not get it.
    let booked = spans.len() + cancelled;
    assert!((spans.len()..=booked).contains(&about("Confirmed: ")), "{} of {booked}", about("Confirmed: "));
    stack.finish().await;
}
