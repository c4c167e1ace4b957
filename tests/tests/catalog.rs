//! What the salon offers, as everybody can read it: found, in order, whole, and never older than the last change.

use chairbook_models::catalog::{Category, Service};
use chairbook_models::ids::{CategoryId, ServiceId};
use chairbook_platform::clock;
use chairbook_store::CatalogRow;
use chairbook_tests::{Actor, Answer, Json, TestStack};
use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::IF_NONE_MATCH;
use serde_json::json;

const CUT: &str = "svc_00000000000000000000000001";
const SHORT_CUT: &str = "svc_00000000000000000000000002";
const CHILDRENS_CUT: &str = "svc_00000000000000000000000003";
const MANICURE: &str = "svc_00000000000000000000000008";
const DEEP_CONDITIONING: &str = "sub_00000000000000000000000002";
const HAIR: &str = "cat_00000000000000000000000001";
const NAILS: &str = "cat_00000000000000000000000003";
const INES: &str = "exp_00000000000000000000000001";
const MAREK: &str = "exp_00000000000000000000000002";
const ROSA: &str = "exp_00000000000000000000000004";

/// One member of each item of a list.
async fn list(actor: &Actor, path: &str, member: &str) -> Vec<String> {
    let data = actor.get(path).await.data(200);
    let items = data["items"].as_array().unwrap();
    items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

fn names(items: &Json) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_the_salon_offers() {
    let stack = TestStack::start().await;
    let guest = stack.visitor();

    assert_eq!(list(&guest, "/categories", "name").await, ["Hair", "Colour", "Nails", "Skin & massage"]);
    assert_eq!(
        guest.get("/categories?limit=1").await.data(200)["items"],
        json!([{"id": HAIR, "name": "Hair", "description": "Cuts and styling for everybody", "position": 1}])
    );
    // By category, then by name.
    assert_eq!(
        list(&guest, "/services", "name").await,
        [
            "Blow-dry & styling",
            "Children's cut",
            "Cut & finish",
            "Short cut",
            "Balayage",
            "Full colour",
            "Root touch-up",
            "Gel refill",
            "Manicure",
            "Pedicure",
            "Back massage",
            "Classic facial",
            "Eyebrows & lashes",
            "Full-body massage",
        ]
    );
    assert_eq!(
        list(&guest, "/experts", "name").await,
        ["Inès Laurent", "Jonas Weber", "Leila Haddad", "Marek Nowak", "Rosa Ferreira", "Yuki Tanaka"]
    );
    for (query, expected) in [
        (format!("categoryId={NAILS}"), &["Gel refill", "Manicure", "Pedicure"][..]),
        (format!("expertId={ROSA}"), &["Gel refill", "Manicure", "Pedicure"]),
        (
            format!("expertId={MAREK}&categoryId={HAIR}&q=cut"),
            &["Children's cut", "Cut & finish", "Short cut"],
        ),
        (format!("expertId={INES}&categoryId={NAILS}"), &[]),
        ("q=MASSAGE".to_owned(), &["Back massage", "Classic facial", "Full-body massage"]),
        ("q=%20polish%20".to_owned(), &["Manicure", "Pedicure"]),
        ("q=clippers%20AND%20scissors".to_owned(), &["Short cut"]),
        ("q=wig".to_owned(), &[]),
        ("categoryId=cat_0000000000000000000000zzzz".to_owned(), &[]),
        ("expertId=exp_0000000000000000000000zzzz".to_owned(), &[]),
    ] {
        assert_eq!(list(&guest, &format!("/services?{query}"), "name").await, expected, "{query}");
    }
    assert_eq!(
        list(&guest, &format!("/experts?serviceId={CUT}"), "name").await,
        ["Inès Laurent", "Marek Nowak", "Yuki Tanaka"]
    );
    assert!(list(&guest, "/experts?serviceId=svc_0000000000000000000000zzzz", "name").await.is_empty());

    // A service, whole: add-ons by name, experts by name with their own prices.
    let cut = guest.get(&format!("/services/{CUT}")).await.data(200)["service"].clone();
    let subs = cut["subServices"].as_array().unwrap();
    assert_eq!(names(&cut["subServices"]), ["Deep conditioning", "Fringe trim", "Scalp massage"]);
    assert_eq!(
        subs[0],
        json!({"id": DEEP_CONDITIONING, "name": "Deep conditioning", "description": null, "price": 1_800, "durationMinutes": 15})
    );
    assert_eq!(
        cut["experts"][0],
        json!({"id": INES, "name": "Inès Laurent", "title": "Salon director", "imageUrl": null, "rating": 4.9, "price": 7_200, "durationMinutes": 60})
    );
    assert_eq!(
        (cut["experts"][1]["id"].value(), cut["experts"][1]["price"].value()),
        (&json!(MAREK), &json!(5_800))
    );
    let mut alone = cut.to_value();
    assert_eq!((cut["offers"].value(), cut["gallery"].value()), (&json!([]), &json!([])));
    for list in ["subServices", "experts", "offers", "gallery"] {
        alone.as_object_mut().unwrap().remove(list);
    }
    assert_eq!(
        alone,
        json!({
            "id": CUT, "categoryId": HAIR, "categoryName": "Hair", "name": "Cut & finish",
            "description": "Consultation, wash, cut and blow-dry", "price": 5_800, "currency": "EUR",
            "durationMinutes": 60, "bufferMinutes": 5,
        })
    );
    let found = guest.get("/services?q=finish&limit=1").await.data(200);
    let mut listed = cut.to_value();
    listed.as_object_mut().unwrap().remove("gallery");
    let of_experts: &[_] = &["title", "imageUrl", "rating"];
    for (list, left_out) in [("subServices", &["description"][..]), ("experts", of_experts)] {
        for thing in listed[list].as_array_mut().unwrap() {
            thing.as_object_mut().unwrap().retain(|member, _| !left_out.contains(&member.as_str()));
        }
    }
    assert_eq!(
        found["items"],
        json!([listed]),
        "a list shows the same, without images and what only describes"
    );
    assert_eq!(
        listed["experts"][0],
        json!({"id": INES, "name": "Inès Laurent", "price": 7_200, "durationMinutes": 60})
    );

    let ines = guest.get(&format!("/experts/{INES}")).await.data(200)["expert"].clone();
    assert_eq!(
        ines["services"][0],
        json!({"id": CUT, "name": "Cut & finish", "price": 7_200, "durationMinutes": 60})
    );
    let (tuesday, monday) = (&ines["workingHours"]["tuesday"], &ines["workingHours"]["monday"]);
    let full_day = json!([{"from": "09:00", "to": "12:30"}, {"from": "13:15", "to": "18:00"}]);
    assert_eq!((tuesday.value(), monday.value()), (&full_day, &json!([])));
    assert_eq!(
        (ines["name"].value(), ines["totalReviews"].value(), ines["timeZone"].value()),
        (&json!("Inès Laurent"), &json!(312), &json!("Europe/Paris"))
    );
    stack.finish().await;
}

#[tokio::test]
async fn what_is_not_offered_any_more_is_not_shown() {
    let stack = TestStack::start().await;
    let guest = stack.visitor();
    let catalog = stack.stack.store().catalog().await.unwrap();
    let mut nails = catalog.categories[&NAILS.parse().unwrap()].clone();
    let mut short_cut = catalog.services[&SHORT_CUT.parse().unwrap()].clone();
    let mut conditioning = catalog.sub_services[&DEEP_CONDITIONING.parse().unwrap()].clone();
    let mut ines = catalog.experts[&INES.parse().unwrap()].clone();
    (nails.is_active, short_cut.is_active, conditioning.is_active, ines.is_active) =
        (false, false, false, false);
    stack
        .write_catalog(&[
            CatalogRow::Category(nails),
            CatalogRow::Service(short_cut),
            CatalogRow::SubService(conditioning),
            CatalogRow::Expert(Box::new(ines)),
        ])
        .await;

    assert_eq!(list(&guest, "/categories", "name").await, ["Hair", "Colour", "Skin & massage"]);
    let services = list(&guest, "/services", "id").await;
    assert_eq!(services.len(), 10);
    assert!(!services.iter().any(|id| id == SHORT_CUT || id == MANICURE), "{services:?}");
    for filter in [format!("categoryId={NAILS}"), format!("expertId={INES}"), format!("expertId={ROSA}")] {
        assert!(list(&guest, &format!("/services?{filter}"), "id").await.is_empty(), "{filter}");
    }
    for path in
        [format!("/services/{SHORT_CUT}"), format!("/services/{MANICURE}"), format!("/experts/{INES}")]
    {
        guest.get(&path).await.error(404, "not_found");
    }
    let cut = guest.get(&format!("/services/{CUT}")).await.data(200)["service"].clone();
    assert_eq!(names(&cut["subServices"]), ["Fringe trim", "Scalp massage"]);
    assert_eq!(names(&cut["experts"]), ["Marek Nowak", "Yuki Tanaka"]);
    let marek = guest.get(&format!("/experts/{MAREK}")).await.data(200)["expert"].clone();
    assert_eq!(names(&marek["services"]), ["Cut & finish", "Children's cut", "Blow-dry & styling"]);
    let free = guest.availability(&format!("serviceId={CUT}")).await;
    assert!(!free.is_empty() && free.iter().all(|(_, _, experts)| !experts.iter().any(|id| id == INES)));
    // The salon of somebody who has set nothing up yet.
    let empty = TestStack::builder().without_demo().start().await;
    let guest = empty.visitor();
    for path in ["/categories", "/services", "/experts", "/offers", "/gallery"] {
        assert_eq!(guest.get(path).await.data(200), json!({"items": [], "nextCursor": null}), "{path}");
    }
    guest.get(&format!("/services/{CUT}")).await.error(404, "not_found");
    empty.finish().await;
    stack.finish().await;
}

async fn get_if_none_match(actor: &Actor, path: &str, tag: &str) -> Answer {
    actor.send(actor.request(Method::GET, path).header(IF_NONE_MATCH, tag)).await
}

#[tokio::test]
async fn a_client_that_has_the_answer_is_told_so() {
    let stack = TestStack::start().await;
    let guest = stack.visitor();
    for path in [
        "/categories",
        "/services",
        "/services?q=cut&limit=2",
        "/experts",
        &format!("/services/{CUT}"),
        &format!("/experts/{INES}"),
    ] {
        let first = guest.get(path).await;
        first.data(200);
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{tag}");
        assert_eq!(first.header("cache-control"), "public, no-cache");
        for tags in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = get_if_none_match(&guest, path, &tags).await;
            assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""), "{path} {tags}");
            assert_eq!(
                (again.header("etag"), again.header("cache-control")),
                (tag.as_str(), "public, no-cache")
            );
        }
        get_if_none_match(&guest, path, "\"other\"").await.data(200);
        // A new version of the catalog in which the answer is the same does not change it, and one in which it is not does.
        let catalog = stack.stack.store().catalog().await.unwrap();
        stack.write_catalog(&[CatalogRow::Settings(catalog.settings.clone())]).await;
        assert_eq!(get_if_none_match(&guest, path, &tag).await.status, 304, "{path}");
        let mut category = catalog.categories[&HAIR.parse().unwrap()].clone();
        let mut service = catalog.services[&CUT.parse().unwrap()].clone();
        let mut expert = catalog.experts[&INES.parse().unwrap()].clone();
        category.name = format!("{}!", category.name).parse().unwrap();
        service.name = format!("{}!", service.name).parse().unwrap();
        expert.name = format!("{}!", expert.name).parse().unwrap();
        let rows = [
            CatalogRow::Category(category),
            CatalogRow::Service(service),
            CatalogRow::Expert(Box::new(expert)),
        ];
        stack.write_catalog(&rows).await;
        let changed = get_if_none_match(&guest, path, &tag).await;
        changed.data(200);
        assert_ne!(changed.header("etag"), tag, "{path}");
    }
    // What is not there has no tag, whatever the client has.
    for path in
        ["/services/svc_0000000000000000000000zzzz", "/experts/exp_0000000000000000000000zzzz", "/services/x"]
    {
        let answer = get_if_none_match(&guest, path, "*").await;
        answer.error(404, "not_found");
        assert_eq!((answer.header("etag"), answer.header("cache-control")), ("", "no-store"), "{path}");
    }
    stack.finish().await;
}

#[tokio::test]
async fn no_process_shows_an_older_catalog_than_the_last_that_was_written() {
    let stack =
        TestStack::builder().parameter("RateLimitRequests", "100000").max_concurrency(3).start().await;
    let guest = stack.visitor();
    let catalog = stack.stack.store().catalog().await.unwrap();
    let mut cut = catalog.services[&CUT.parse().unwrap()].clone();
    // Busy at once, so that there are several processes, each with its own copy.
    join_all((0..12).map(async |_| guest.get("/services").await.data(200))).await;
    for price in 1..=12 {
        cut.price = price;
        stack.write_catalog(&[CatalogRow::Service(cut.clone())]).await;
        let seen = join_all((0..6).map(async |_| {
            let service = guest.get(&format!("/services/{CUT}")).await.data(200)["service"].clone();
            service["price"].as_i64().unwrap()
        }))
        .await;
        assert!(seen.iter().all(|seen| *seen == price), "after {price} was written: {seen:?}");
    }

    // New rows, and those that move, too; and in the function that books.
    let now = clock::now();
    let wigs = Category {
        id: CategoryId::derived([9; 16]),
        name: "Wigs".parse().unwrap(),
        description: None,
        position: 0,
        is_active: true,
        created_at: now,
        updated_at: now,
    };
    let fitting = Service {
        id: ServiceId::derived([9; 16]),
        category_id: wigs.id,
        name: "Fitting".parse().unwrap(),
        ..catalog.services[&CHILDRENS_CUT.parse().unwrap()].clone()
    };
    let path = format!("/availability?serviceId={}", fitting.id);
    guest.get(&path).await.fields(400, "unknown_service");
    let mut marek = catalog.experts[&MAREK.parse().unwrap()].clone();
    marek.services.insert(fitting.id, chairbook_models::catalog::OwnTerms::default());
    let rows =
        [CatalogRow::Category(wigs), CatalogRow::Service(fitting), CatalogRow::Expert(Box::new(marek))];
    stack.write_catalog(&rows).await;
    assert_eq!(list(&guest, "/categories", "name").await[0], "Wigs");
    assert_eq!(list(&guest, "/services", "name").await[0], "Fitting");
    guest.get(&path).await.data(200);
    stack.finish().await;
}
