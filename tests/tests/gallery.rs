//! The gallery: images of experts and services, in order, seen where what they show is seen, gone when it is gone.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_models::user::Role;
use chairbook_tests::{Actor, Json, TestStack};
use reqwest::Method;
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";
const BALAYAGE: &str = "svc_00000000000000000000000007";
const HAIR: &str = "cat_00000000000000000000000001";
const COLOUR: &str = "cat_00000000000000000000000002";
const INES: &str = "exp_00000000000000000000000001";
const YUKI: &str = "exp_00000000000000000000000003";
const NO_IMAGE: &str = "img_0000000000000000000000zzzz";

fn id(thing: &Json) -> String {
    thing["id"].as_str().unwrap().to_owned()
}

async fn add(admin: &Actor, image: Value) -> Json {
    admin.post("/gallery", image).await.data(201)["image"].clone()
}

fn captions(images: &Json) -> Vec<&str> {
    images.as_array().unwrap().iter().map(|image| image["caption"].as_str().unwrap_or("-")).collect()
}

async fn list(actor: &Actor, query: &str) -> Json {
    actor.get(&format!("/gallery?limit=100&{query}")).await.data(200)["items"].clone()
}

fn url(name: &str) -> String {
    format!("https://cdn.example/{name}.jpg")
}

#[tokio::test]
async fn an_owner_hangs_images_and_everybody_sees_them_in_order() {
    let stack = TestStack::start().await;
    let (admin, guest) = (stack.demo_account(Role::Admin).await, stack.visitor());
    assert_eq!(
        captions(&list(&guest, &format!("serviceId={BALAYAGE}")).await),
        ["Before", "Three hours later"]
    );

    // Without a position, the new one comes last; of two at one place, the older is first.
    let of_cut = |name: &str, position: Value| json!({"imageUrl": url(&name.replace(' ', "-")), "caption": name, "serviceId": CUT, "position": position});
    let first = add(&admin, of_cut("first", Value::Null)).await;
    let second = add(&admin, of_cut("second", json!(9))).await;
    add(&admin, of_cut("third", Value::Null)).await;
    add(&admin, of_cut("beside the second", json!(9))).await;
    add(&admin, of_cut("front", json!(0))).await;
    let uncaptioned = add(&admin, json!({"imageUrl": url("plain"), "expertId": INES})).await;
    assert_eq!(
        (uncaptioned["position"].value(), uncaptioned["serviceId"].value()),
        (&json!(3), &Value::Null)
    );
    let order = ["front", "first", "second", "beside the second", "third"];
    let seen = list(&guest, &format!("serviceId={CUT}")).await;
    assert_eq!(captions(&seen), order);
    assert_eq!(
        seen[1],
        json!({
            "id": first["id"], "imageUrl": url("first"), "caption": "first", "position": 1, "expertId": null,
            "serviceId": CUT,
        })
    );
    // The same where the service and the expert are seen, but not in lists of them.
    let cut = guest.get(&format!("/services/{CUT}")).await.data(200)["service"].clone();
    assert_eq!(cut["gallery"], seen);
    let ines = guest.get(&format!("/experts/{INES}")).await.data(200)["expert"].clone();
    assert_eq!(ines["gallery"], list(&guest, &format!("expertId={INES}")).await);
    assert_eq!(captions(&ines["gallery"]), ["Inès at her chair", "A bob, sharp to the millimetre", "-"]);
    for path in ["/services?limit=100", "/experts?limit=100"] {
        for item in guest.get(path).await.data(200)["items"].as_array().unwrap() {
            assert_eq!(item.get("gallery"), None, "{path}");
        }
    }
    // All of them, page by page.
    let all = list(&guest, "").await;
    assert_eq!(all.as_array().unwrap().len(), 13);
    let positions: Vec<_> =
        all.as_array().unwrap().iter().map(|image| image["position"].as_u64().unwrap()).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    let (mut paged, mut query) = (Vec::new(), "limit=4".to_owned());
    loop {
        let page = guest.get(&format!("/gallery?{query}")).await.data(200);
        paged.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        query = format!("limit=4&cursor={cursor}");
    }
    assert_eq!(json!(paged), all);
    let cursor = guest.get("/gallery?limit=1").await.data(200)["nextCursor"].as_str().unwrap().to_owned();
    let elsewhere = guest.get(&format!("/gallery?limit=1&serviceId={CUT}&cursor={cursor}")).await;
    assert_eq!(elsewhere.fields(400, "validation_failed"), ["cursor"]);

    // A change says all of it, but for the position; and may hang it elsewhere.
    let path = format!("/gallery/{}", id(&second));
    let changed = json!({"imageUrl": url("other"), "serviceId": CUT});
    let changed = admin.put(&path, changed).await.data(200)["image"].clone();
    assert_eq!((changed["caption"].value(), changed["position"].value()), (&Value::Null, &json!(9)));
    assert_eq!(
        (&changed["createdAt"], changed["updatedAt"] == second["updatedAt"]),
        (&second["createdAt"], false)
    );
    let moved = json!({"imageUrl": url("other"), "caption": "moved", "expertId": YUKI, "position": 1});
    admin.put(&path, moved).await.data(200);
    assert_eq!(
        captions(&list(&guest, &format!("expertId={YUKI}")).await),
        ["moved", "Copper, painted by hand"]
    );
    assert_eq!(admin.delete(&path).await.data(200), json!({}));
    admin.delete(&path).await.error(404, "not_found");
    assert_eq!(captions(&list(&guest, &format!("expertId={YUKI}")).await), ["Copper, painted by hand"]);

    let text = |value: &AttributeValue| value.as_s().unwrap().clone();
    let events = stack.items("EventsTable").await;
    let changes: BTreeSet<_> = events
        .iter()
        // Not the demo's own, of the whole catalog.
        .filter(|event| event["actor"] == AttributeValue::S(admin.user_id.clone()))
        .filter(|event| text(&event["type"]) == "catalog.changed")
        .map(|event| event["data"].as_m().unwrap())
        .map(|data| format!("{} {}", text(&data["what"]), text(&data["change"])))
        .collect();
    let changes: Vec<_> = changes.iter().map(String::as_str).collect();
    assert_eq!(changes, ["galleryImage created", "galleryImage deleted", "galleryImage updated"]);
    stack.finish().await;
}

#[tokio::test]
async fn an_image_is_seen_and_goes_with_what_it_shows() {
    let stack = TestStack::start().await;
    let (admin, ada, guest) =
        (stack.demo_account(Role::Admin).await, stack.customer().await, stack.visitor());
    let (of_ines, of_balayage) = (format!("expertId={INES}"), format!("serviceId={BALAYAGE}"));
    let none = json!([]);

    // Inactive experts, and services that cannot be booked, hide theirs from everybody but admins who ask.
    admin.delete(&format!("/experts/{INES}")).await.data(200);
    let colour = format!("/categories/{COLOUR}");
    admin.put(&colour, json!({"name": "Colour", "isActive": false})).await.data(200);
    for query in [&of_ines, &of_balayage] {
        assert_eq!(list(&guest, query).await, none, "{query}");
        assert_eq!(list(&admin, query).await, none, "{query}");
        let all = list(&admin, &format!("{query}&includeInactive=true")).await;
        assert_eq!(all.as_array().unwrap().len(), 2, "{query}");
        assert!(all[0]["createdAt"].is_string(), "{query}");
        guest.get(&format!("/gallery?{query}&includeInactive=true")).await.error(401, "unauthorized");
        ada.get(&format!("/gallery?{query}&includeInactive=true")).await.error(403, "forbidden");
    }
    assert_eq!(list(&guest, "").await.as_array().unwrap().len(), 3);
    admin.put(&format!("/experts/{INES}"), json!({"name": "Inès", "isActive": true})).await.data(200);
    admin.put(&colour, json!({"name": "Colour", "isActive": true})).await.data(200);
    assert_eq!(list(&guest, "").await.as_array().unwrap().len(), 7);

    // What is deleted takes its images along.
    let nia = id(&admin.post("/experts", json!({"name": "Nia"})).await.data(201)["expert"]);
    let service = json!({"categoryId": HAIR, "name": "Wigs", "price": 1, "durationMinutes": 10});
    let wigs = id(&admin.post("/services", service).await.data(201)["service"]);
    for _ in 0..3 {
        add(&admin, json!({"imageUrl": url("nia"), "expertId": nia})).await;
        add(&admin, json!({"imageUrl": url("wig"), "serviceId": wigs})).await;
    }
    assert_eq!(list(&guest, "").await.as_array().unwrap().len(), 13);
    for path in [format!("/experts/{nia}"), format!("/services/{wigs}")] {
        assert_eq!(admin.delete(&path).await.data(200), json!({}));
    }
    assert_eq!(list(&admin, "includeInactive=true").await.as_array().unwrap().len(), 7);
    let rows = stack.items("CatalogTable").await;
    let images = rows.iter().filter(|row| row["pk"] == AttributeValue::S("GALLERY".to_owned())).count();
    assert_eq!(images, 7);
    stack.finish().await;
}

#[tokio::test]
async fn every_wrong_field_of_an_image_is_named() {
    let stack = TestStack::start().await;
    let (admin, guest) = (stack.demo_account(Role::Admin).await, stack.visitor());
    let before = stack.stack.store().catalog().await.unwrap();
    let good = json!({"imageUrl": url("one"), "expertId": INES});
    let with = |members: Value| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    let path = format!("/gallery/{}", before.gallery.keys().next().unwrap());
    for (body, expected) in [
        (json!({}), &["imageUrl", "expertId"][..]),
        (
            json!({
                "imageUrl": "one.jpg", "caption": "two\nlines", "position": -1, "expertId": CUT, "serviceId": "cut",
                "isActive": true,
            }),
            &["imageUrl", "caption", "position", "expertId", "serviceId", "isActive"],
        ),
        (with(json!({"imageUrl": "javascript:alert(1)"})), &["imageUrl"]),
        (with(json!({"caption": "x".repeat(101)})), &["caption"]),
        (with(json!({"position": 10_001})), &["position"]),
        (with(json!({"expertId": null})), &["expertId"]),
        (with(json!({"serviceId": CUT})), &["serviceId"]),
        (with(json!({"expertId": "exp_0000000000000000000000zzzz"})), &["expertId"]),
        (with(json!({"expertId": null, "serviceId": "svc_0000000000000000000000zzzz"})), &["serviceId"]),
    ] {
        let expected: BTreeSet<_> = expected.iter().map(|&field| field.to_owned()).collect();
        for (method, path) in [(Method::POST, "/gallery"), (Method::PUT, &path)] {
            let answer = admin.send(admin.request(method, path).json(&body)).await;
            let found: BTreeSet<_> = answer.fields(400, "validation_failed").into_iter().collect();
            assert_eq!(found, expected, "{body}");
        }
    }
    for path in [&format!("/gallery/{NO_IMAGE}"), "/gallery/1", &format!("/gallery/{CUT}")] {
        admin.put(path, good.clone()).await.error(404, "not_found");
        admin.delete(path).await.error(404, "not_found");
    }
    for (query, field) in [
        (format!("expertId={INES}&serviceId={CUT}"), "serviceId"),
        ("expertId=ines".to_owned(), "expertId"),
        ("serviceId=".to_owned(), "serviceId"),
        ("includeInactive=yes".to_owned(), "includeInactive"),
    ] {
        let answer = guest.get(&format!("/gallery?{query}")).await;
        assert_eq!(answer.fields(400, "validation_failed"), [field], "{query}");
    }
    assert_eq!(list(&guest, "expertId=exp_0000000000000000000000zzzz").await, json!([]));
    assert_eq!(stack.stack.store().catalog().await.unwrap().version, before.version, "nothing was written");
    stack.finish().await;
}
