//! Many at once on one thing: whatever each of them is told is true, and all of it together is possible.

use std::collections::BTreeMap;

use chairbook_models::user::Role;
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, Answer, Permitted, TestStack};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";
const EXPERT: &str = "exp_00000000000000000000000001";
const STORM: usize = 48;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_each_is_told_what_happened() {
    let stack = TestStack::builder().without_rate_limit().max_concurrency(8).start().await;
    let (admin, ada) = (stack.demo_account(Role::Admin).await, stack.customer().await);
    one_slot(&stack, &ada).await;
    one_appointment(&stack, &admin, &ada).await;
    one_offer(&admin, &ada).await;
    one_role(&stack).await;
    // Of many changes of one account some may be put off, with 503.
    stack.finish_with(Permitted { failed_requests: true, ..Permitted::default() }).await;
}

fn order((date, time, experts): &(String, String, Vec<String>)) -> Value {
    json!({"serviceId": CUT, "expertId": experts[0], "date": date, "time": time})
}

/// Every free start of one expert, who is there as long as the service takes.
async fn free(actor: &Actor) -> Vec<(String, String, Vec<String>)> {
    actor.later_availability(&format!("serviceId={CUT}&expertId={EXPERT}")).await
}

/// Everybody wants the same slot, some with the same key.
async fn one_slot(stack: &TestStack, ada: &Actor) {
    let customers = join_all((0..4).map(|_| stack.customer())).await;
    let slot = order(free(ada).await.last().unwrap());
    let book = async |place: usize| {
        let customer = &customers[place % 4];
        let request = customer.request(reqwest::Method::POST, "/appointments").json(&slot);
        // Half of each one's requests are the same one.
        let key = if place < STORM / 2 { "the same".to_owned() } else { place.to_string() };
        (place, customer.send(request.header("idempotency-key", key)).await)
    };
    let answers = join_all((0..STORM).map(book)).await;
    let mut ids = BTreeMap::new();
    for (place, answer) in &answers {
        if answer.status == 201 {
            let id = answer.data(201)["appointment"]["id"].as_str().unwrap().to_owned();
            let replayed = answer.header("idempotency-replayed") == "true";
            ids.entry((id, place % 4)).or_insert_with(Vec::new).push(replayed);
        } else {
            answer.error(409, "slot_taken");
        }
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
    let firsts = ids.values().flatten().filter(|replayed| !**replayed).count();
    assert_eq!(firsts, 1, "it was booked more than once");
}

fn count(events: &[Item], event_type: &str, appointment: &str) -> usize {
    let is = |event: &&Item| {
        event["type"].as_s().is_ok_and(|text| text == event_type)
            && format!("{event:?}").contains(appointment)
    };
    events.iter().filter(is).count()
}

/// Everybody changes the same appointment: it is paid for once, cancelled once, and never after it was cancelled.
async fn one_appointment(stack: &TestStack, admin: &Actor, ada: &Actor) {
    let slots = free(ada).await;
    let booked = ada.book(order(&slots[slots.len() / 2])).await.data(201)["appointment"].clone();
    let id = booked["id"].as_str().unwrap();
    let path = |action: &str| format!("/appointments/{id}{action}");
    let (cancel, pay, reschedule) = (path("/cancel"), path("/pay"), path("/reschedule"));
    let act = |place: usize| -> BoxFuture<'_, (&str, Answer)> {
        let to = &slots[slots.len() / 2 + 1 + place];
        let to = json!({"date": to.0, "time": to.1});
        let (cancel, pay, reschedule) = (&cancel, &pay, &reschedule);
        match place % 3 {
            // The later ones cancel, so that there is something to race with.
            0 if place > STORM / 2 => async move { ("cancel", ada.delete(cancel).await) }.boxed(),
            0 | 1 => async move { ("pay", admin.put(pay, json!({"method": "cash"})).await) }.boxed(),
            _ => async move { ("move", ada.put(reschedule, to).await) }.boxed(),
        }
    };
    let answers = join_all((0..STORM).map(act)).await;
    let mut done = BTreeMap::from([("cancel", 0), ("pay", 0), ("move", 0)]);
    for (what, answer) in &answers {
        match answer.status.as_u16() {
            200 => *done.get_mut(what).unwrap() += 1,
            409 => {}
            _ => panic!("{}: {}", answer.asked, answer.text),
        }
    }
    assert!(done["cancel"] <= 1 && done["pay"] <= 1, "{done:?}");
    let kept = ada.get(&path("")).await.data(200)["appointment"].clone();
    let (is_cancelled, is_paid) = (done["cancel"] == 1, done["pay"] == 1);
    assert_eq!(kept["status"] == "cancelled", is_cancelled, "{done:?}: {kept}");
    assert_eq!(kept["payment"].is_object(), is_paid, "{done:?}: {kept}");
    assert_eq!(kept["refund"].is_object(), is_cancelled && is_paid, "{done:?}: {kept}");
    stack.settle().await;
    let events = stack.items("EventsTable").await;
    for (event_type, times) in [
        ("appointment.cancelled", done["cancel"]),
        ("appointment.confirmed", done["pay"]),
        ("appointment.rescheduled", done["move"]),
    ] {
        assert_eq!(count(&events, event_type, id), times, "{event_type}: {done:?}");
    }
}

/// Everybody books with the code of an offer that is being deleted.
async fn one_offer(admin: &Actor, ada: &Actor) {
    let offer = json!({"name": "Storm", "percentOff": 50, "code": "STORM50"});
    let offer = admin.post("/offers", offer).await.data(201)["offer"].clone();
    let path = format!("/offers/{}", offer["id"].as_str().unwrap());
    let slots = free(ada).await;
    let book = async |place: usize| {
        let mut order = order(&slots[place * 3]);
        order["offerCode"] = json!("storm50");
        ada.book(order).await
    };
    let (before, during) = (book(0).await, join_all((1..STORM).map(book)));
    assert_eq!(before.data(201)["appointment"]["offer"]["code"], "STORM50");
    let (deleted, during) = futures_util::join!(admin.delete(&path), during);
    deleted.data(200);
    for answer in &during {
        match answer.status.as_u16() {
            201 => {
                let made = answer.data(201)["appointment"].clone();
                assert_eq!(made["offer"]["id"], offer["id"]);
                // Half, rounded in the customer's favour.
                let (total, discount) = (made["totalPrice"].as_i64(), made["offer"]["discount"].as_i64());
                assert!((0..=1).contains(&(discount.unwrap() - total.unwrap())), "{made}");
            }
            400 => assert_eq!(answer.fields(400, "unknown_offer"), ["offerCode"]),
            _ => drop(answer.error(409, "slot_taken")),
        }
    }
    // Whoever comes after the deletion was acknowledged does not get it.
    for answer in join_all((0..4).map(book)).await {
        assert_eq!(answer.fields(400, "unknown_offer"), ["offerCode"]);
    }
}

/// Everybody is made an owner and taken for one at once; the last one stays.
async fn one_role(stack: &TestStack) {
    let owner = stack.demo_account(Role::Owner).await;
    let others = join_all((0..3).map(|_| stack.customer())).await;
    let everybody: Vec<&Actor> = others.iter().chain([&owner]).collect();
    let change = async |place: usize| {
        let role = if place.is_multiple_of(2) { "owner" } else { "user" };
        let target = everybody[place / 2 % everybody.len()];
        let by = everybody[place / 8 % everybody.len()];
        by.put(&format!("/users/{}/role", target.user_id), json!({"role": role})).await
    };
    for answer in join_all((0..STORM).map(change)).await {
        let status = answer.status.as_u16();
        // So many changes of the same account may be too many for one of them.
        assert!(matches!(status, 200 | 403 | 409 | 503), "{}: {}", answer.asked, answer.text);
    }
    let mut owners = Vec::new();
    for actor in &everybody {
        let role = actor.get("/profile").await.data(200)["user"]["role"].clone();
        if role == "owner" {
            owners.push(actor.user_id.clone());
        }
        // What the profile says is what the session may do.
        let users = actor.get("/users").await.status;
        assert_eq!(users == 200, role != "user", "{role}");
    }
    assert!(!owners.is_empty(), "the salon has no owner");
    let rows = stack.items("UsersTable").await;
    let row = rows.iter().find(|row| row["pk"].as_s().is_ok_and(|pk| pk == "OWNERS")).unwrap();
    let mut listed = row["ids"].as_ss().unwrap().clone();
    listed.sort_unstable();
    owners.sort_unstable();
    assert_eq!(listed, owners, "whoever is an owner is listed as one");
}
