//! Profiles, roles, export and erasure.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::user::Role;
use chairbook_tests::{Actor, TestStack};
use futures_util::future::join_all;
use serde_json::json;

const CUT: &str = "svc_00000000000000000000000001";

async fn book(actor: &Actor, pay_now: bool) -> String {
    let free = actor.later_availability(&format!("serviceId={CUT}")).await;
    let (date, time, _) = free.last().unwrap().clone();
    let body =
        json!({"serviceId": CUT, "date": date, "time": time, "payNow": pay_now, "notes": "My secret wish"});
    actor.book(body).await.data(201)["appointment"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn people_keep_their_own_profile() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let before = ada.get("/profile").await.data(200)["user"].clone();
    assert_eq!((before["email"].as_str(), before["role"].as_str()), (Some(ada.email.as_str()), Some("user")));
    let changed =
        ada.put("/profile", json!({"name": "Ada King", "phone": "+44 20 7946 0958"})).await.data(200);
    assert_eq!(changed["user"]["phone"], "+442079460958");
    assert_eq!(ada.get("/profile").await.data(200)["user"], changed["user"]);
    let without = ada.put("/profile", json!({"name": "Ada"})).await.data(200);
    assert_eq!(without["user"]["phone"], json!(null));
    assert_eq!(
        ada.put("/profile", json!({"phone": "x", "role": "owner"})).await.fields(400, "validation_failed"),
        ["name", "phone", "role"]
    );
    stack.finish().await;
}

#[tokio::test]
async fn admins_find_people() {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    let guests = join_all((0..5).map(|_| stack.customer())).await;

    let mut found = Vec::new();
    let mut path = "/users?limit=3".to_owned();
    loop {
        let page = admin.get(&path).await.data(200);
        found.extend(
            page["items"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/users?limit=3&cursor={cursor}");
    }
    let mut unique = found.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((found.len(), unique.len()), (8, 8), "everybody once");

    let page = admin.get("/users?limit=3").await.data(200);
    let cursor = page["nextCursor"].as_str().unwrap();
    let next = format!("/users?limit=3&cursor={cursor}");
    admin.get(&next).await.data(200);
    let owner = stack.demo_account(Role::Owner).await;
    assert_eq!(owner.get(&next).await.fields(400, "validation_failed"), ["cursor"], "another's cursor");
    assert_eq!(admin.get(&format!("{next}&role=user")).await.fields(400, "validation_failed"), ["cursor"]);

    let owners = admin.get("/users?role=owner").await.data(200);
    assert_eq!(owners["items"].as_array().unwrap().len(), 1);
    let by_email = admin.get(&format!("/users?email={}", guests[0].email.to_uppercase())).await.data(200);
    assert_eq!(by_email["items"][0]["id"], guests[0].user_id.as_str());
    assert_eq!(admin.get("/users?email=nobody@guests.example").await.data(200)["items"], json!([]));
    let one = admin.get(&format!("/users/{}", guests[1].user_id)).await.data(200);
    assert_eq!(one["user"]["email"], guests[1].email.as_str());
    admin.get("/users/usr_01jd3x8m4e5zq0v7k2n9r6t1wb").await.error(404, "not_found");
    guests[0].get("/users").await.error(403, "forbidden");
    guests[0].get(&format!("/users/{}", guests[0].user_id)).await.error(403, "forbidden");
    stack.finish().await;
}

#[tokio::test]
async fn a_role_is_in_force_at_once_and_the_last_owner_stays() {
    let stack = TestStack::start().await;
    let owner = stack.demo_account(Role::Owner).await;
    let admin = stack.demo_account(Role::Admin).await;
    let ada = stack.customer().await;
    let role = |role: &str| json!({"role": role});
    let of_ada = format!("/users/{}/role", ada.user_id);

    ada.get("/users").await.error(403, "forbidden");
    admin.put(&of_ada, role("admin")).await.error(403, "forbidden");
    assert_eq!(owner.put(&of_ada, role("admin")).await.data(200)["user"]["role"], "admin");
    ada.get("/users").await.data(200);
    stack.mail(&ada.email, "Your role at Salon Aurora has changed").await;
    owner.put(&of_ada, role("user")).await.data(200);
    ada.get("/users").await.error(403, "forbidden");
    assert_eq!(owner.put(&of_ada, role("king")).await.fields(400, "validation_failed"), ["role"]);

    let of_owner = format!("/users/{}/role", owner.user_id);
    owner.put(&of_owner, role("admin")).await.error(409, "last_owner");
    owner
        .send(owner.request(reqwest::Method::DELETE, "/profile").json(&json!({"password": owner.password})))
        .await
        .error(409, "last_owner");
    owner.put(&of_ada, role("owner")).await.data(200);
    // Two owners who step down at the same moment: one stays.
    let (one, other) =
        futures_util::join!(owner.put(&of_owner, role("user")), ada.put(&of_ada, role("user")));
    let down = [&one, &other].iter().filter(|answer| answer.status == 200).count();
    assert_eq!(down, 1, "{} and {}", one.text, other.text);
    stack.finish().await;
}

#[tokio::test]
async fn whoever_leaves_takes_what_is_known_of_them_along() {
    let stack = TestStack::start().await;
    let ada = stack.customer().await;
    let id = book(&ada, true).await;
    stack.mail(&ada.email, "Confirmed").await;
    stack.settle().await;

    let export = ada.get("/profile/export").await;
    assert!(export.header("content-disposition").starts_with("attachment"));
    let export = export.data(200);
    assert_eq!(export["user"]["email"], ada.email.as_str());
    assert_eq!(export["appointments"][0]["id"], id.as_str());
    assert_eq!(export["appointments"][0]["notes"], "My secret wish");
    assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
    let types: Vec<_> =
        export["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert!(types.contains(&"appointment.confirmed") && types.contains(&"user.logged_in"), "{types:?}");
    assert!(!export.to_string().contains("argon2"));

    let delete = |password: &str| {
        ada.request(reqwest::Method::DELETE, "/profile").json(&json!({"password": password}))
    };
    ada.send(delete("not mine")).await.error(400, "wrong_password");
    ada.send(delete(&ada.password)).await.data(200);
    ada.get("/profile").await.error(401, "session_ended");
    ada.elsewhere().log_in().await.error(401, "invalid_credentials");

    let admin = stack.demo_account(Role::Admin).await;
    admin.get(&format!("/users/{}", ada.user_id)).await.error(404, "not_found");
    let kept = admin.get(&format!("/appointments/{id}")).await.data(200)["appointment"].clone();
    assert_eq!((kept["status"].as_str(), kept["notes"].is_null()), (Some("cancelled"), true));
    assert_ne!(kept["userId"], ada.user_id.as_str());
    stack.settle().await;
    for table in ["UsersTable", "AppointmentsTable", "EventsTable"] {
        for row in stack.items(table).await {
            let row = format!("{row:?}");
            assert!(!row.contains("My secret wish"), "{table}: {row}");
            // The day's failures of an address that nobody has any more are forgotten tomorrow.
            let is_failures = row.contains("EMAIL#") && !row.contains("password_hash");
            assert!(is_failures || !row.contains(&ada.email), "{table}: {row}");
            let is_told = row.contains("recipient") && row.contains(&ada.user_id);
            assert!(!is_told, "{table}: {row}");
        }
    }
    // The address is free again.
    ada.elsewhere().register("Ada again").await.data(201);
    stack.finish().await;
}

#[tokio::test]
async fn what_an_index_shows_late_is_forgotten_too() {
    let stack = TestStack::start().await;
    let (ada, bob) = (stack.customer().await, stack.customer().await);
    let id = book(&bob, true).await;
    stack.settle().await;
    let client = stack.dynamodb();
    let text = |text: String| AttributeValue::S(text);
    let appear = async || {
        let profile = client.get_item().table_name(stack.table_name("UsersTable")).consistent_read(true);
        let profile =
            profile.key("pk", text(format!("USER#{}", ada.user_id))).key("sk", text("PROFILE".to_owned()));
        let is_leaving =
            async || profile.clone().send().await.unwrap().item.unwrap().contains_key("leaving_since");
        while !is_leaving().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // For want of an index that lags, the row itself comes after the first look.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let row = client.update_item().table_name(stack.table_name("AppointmentsTable"));
        row.key("pk", text(format!("APT#{id}")))
            .key("sk", text("APT".to_owned()))
            .update_expression("SET user_id = :ada")
            .expression_attribute_values(":ada", text(ada.user_id.clone()))
            .send()
            .await
            .unwrap();
    };
    let delete = ada.request(reqwest::Method::DELETE, "/profile").json(&json!({"password": ada.password}));
    let (answer, ()) = futures_util::join!(ada.send(delete), appear());
    answer.data(200);
    let admin = stack.demo_account(Role::Admin).await;
    let kept = admin.get(&format!("/appointments/{id}")).await.data(200)["appointment"].clone();
    assert_eq!((kept["status"].as_str(), kept["notes"].is_null()), (Some("cancelled"), true));
    assert_ne!(kept["userId"], ada.user_id.as_str());
    stack.finish().await;
}

#[tokio::test]
async fn admins_delete_customers_and_owners_delete_admins() {
    let stack = TestStack::start().await;
    let owner = stack.demo_account(Role::Owner).await;
    let admin = stack.demo_account(Role::Admin).await;
    let ada = stack.customer().await;
    let path = |actor: &Actor| format!("/users/{}", actor.user_id);
    ada.delete(&path(&admin)).await.error(403, "forbidden");
    admin.delete(&path(&owner)).await.error(403, "forbidden");
    admin.delete(&path(&ada)).await.data(200);
    ada.get("/profile").await.error(401, "session_ended");
    admin.delete(&path(&ada)).await.error(404, "not_found");
    owner.delete(&path(&admin)).await.data(200);
    admin.get("/users").await.error(401, "session_ended");
    stack.finish().await;
}

#[tokio::test]
async fn the_first_owner_is_who_the_template_names() {
    let stack =
        TestStack::builder().without_demo().parameter("OwnerEmail", "Guest1@Guests.example").start().await;
    let (mut other, mut boss) = (stack.visitor(), stack.visitor());
    assert_eq!(boss.email, "guest1@guests.example");
    for guest in [&mut other, &mut boss] {
        guest.register("A Guest").await.data(201);
    }
    let token = stack.verification_token(&other).await;
    other.verify_email(&token).await.data(200);
    let token = stack.verification_token(&boss).await;
    boss.verify_owner(&token).await.data(200);
    for guest in [&mut other, &mut boss] {
        guest.log_in().await.data(200);
    }
    assert_eq!(other.get("/profile").await.data(200)["user"]["role"], "user");
    assert_eq!(boss.get("/profile").await.data(200)["user"]["role"], "owner");
    boss.put(&format!("/users/{}/role", boss.user_id), json!({"role": "user"}))
        .await
        .error(409, "last_owner");
    boss.put(&format!("/users/{}/role", other.user_id), json!({"role": "admin"})).await.data(200);
    stack.finish().await;
}
