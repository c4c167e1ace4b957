//! A salon at every limit of its catalog, with the longest texts that are allowed: each GET route still answers, each list
//! to its last page, and no row is larger than DynamoDB takes. And a day on which all of it was booked.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use chairbook_local::template::model::Function;
use chairbook_models::catalog::{
    Category, Expert, GalleryImage, ImageOf, OwnTerms, Service, Settings, SubService, TimeOff,
};
use chairbook_models::catalog_change::{
    MAX_CATEGORIES, MAX_EXPERTS, MAX_IMAGES, MAX_IMAGES_OF_ONE, MAX_OFFERS, MAX_OFFERS_NAMING_ONE,
    MAX_POSITION, MAX_PRICE, MAX_SERVICES, MAX_SERVICES_OF_OFFER, MAX_SUB_SERVICES, MAX_SUB_SERVICES_OF_ONE,
    MAX_TIME_OFF,
};
use chairbook_models::ids::{
    AppointmentId, CategoryId, ExpertId, ImageId, OfferId, ServiceId, SubServiceId, TimeOffId, TodoId,
};
use chairbook_models::offers::{Discount, Offer};
use chairbook_models::user::Role;
use chairbook_models::working_hours::WorkingHours;
use chairbook_platform::clock;
use chairbook_store::CatalogRow;
use chairbook_tests::checker::Item;
use chairbook_tests::{Actor, TestStack};
use futures_util::future::join_all;
use jiff::ToSpan as _;
use jiff::civil::{Weekday, date};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

const OWNER: &str = "owner@salon.example";

/// The longest page of a list, bytes of its body: the documented megabyte of items, and what is around them.
const LONGEST_PAGE: usize = 1024 * 1024 + 1024;

/// The largest row that DynamoDB takes, bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>).
const LARGEST_ITEM: usize = 400 * 1024;

/// More appointments than a page has.
const APPOINTMENTS: usize = 120;

/// The most add-ons of one appointment.
const ADD_ONS: usize = 20;

fn bytes(number: usize) -> [u8; 16] {
    u128::try_from(number + 1).unwrap().to_be_bytes()
}

/// The number of things of each kind whose texts are as long in bytes, too: four for each character. All of them would
/// make the test several times as long.
const WIDE: usize = MAX_SUB_SERVICES_OF_ONE;

/// A text of so many characters that begins with a number.
fn longest(number: usize, characters: usize) -> String {
    let filling = if number < WIDE { '\u{1d11e}' } else { 'x' };
    format!("{number:04}").chars().chain(std::iter::repeat(filling)).take(characters).collect()
}

fn longest_url(number: usize) -> String {
    let start = format!("https://cdn.example/{number:04}");
    let rest = 2_048 - start.len();
    start + &"x".repeat(rest)
}

/// Working hours in as many ranges as a day can have.
fn broken_hours() -> WorkingHours {
    let ranges: Vec<_> = (0..8).map(|place| (place * 180, place * 180 + 175)).collect();
    let days = Weekday::Monday.cycle_forward().take(7);
    WorkingHours::weekly(&days.map(|day| (day, ranges.as_slice())).collect::<Vec<_>>()).unwrap()
}

/// As many rows as there can be of everything, each as long as it can be.
fn full_catalog() -> Vec<CatalogRow> {
    let now = clock::now();
    let name = |number: usize| longest(number, 100);
    let description = |number: usize| Some(longest(number, 2_000).parse().unwrap());
    let mut rows = vec![CatalogRow::Settings(Settings {
        salon_name: name(0).parse().unwrap(),
        slot_grid_minutes: 5,
        lead_time_minutes: 0,
        horizon_days: 730,
        ..Settings::default()
    })];
    rows.extend((0..MAX_CATEGORIES).map(|number| {
        CatalogRow::Category(Category {
            id: CategoryId::derived(bytes(number)),
            name: name(number).parse().unwrap(),
            description: description(number),
            position: MAX_POSITION,
            is_active: true,
            created_at: now,
            updated_at: now,
        })
    }));
    rows.extend((0..MAX_SERVICES).map(|number| {
        CatalogRow::Service(Service {
            id: ServiceId::derived(bytes(number)),
            category_id: CategoryId::derived(bytes(number % MAX_CATEGORIES)),
            name: name(number).parse().unwrap(),
            description: description(number),
            price: MAX_PRICE,
            duration_minutes: 5,
            buffer_minutes: 0,
            is_active: true,
            created_at: now,
            updated_at: now,
        })
    }));
    // The first service has as many as one can have, the others share the rest.
    rows.extend((0..MAX_SUB_SERVICES).map(|number| {
        let rest = number.checked_sub(MAX_SUB_SERVICES_OF_ONE);
        let service = rest.map_or(0, |rest| 1 + rest % (MAX_SERVICES - 1));
        CatalogRow::SubService(SubService {
            id: SubServiceId::derived(bytes(number)),
            service_id: ServiceId::derived(bytes(service)),
            name: name(number).parse().unwrap(),
            description: description(number),
            price: MAX_PRICE,
            duration_minutes: 0,
            is_active: true,
        })
    }));
    rows.extend((0..MAX_EXPERTS).map(|number| {
        let own = OwnTerms { price: Some(MAX_PRICE), duration_minutes: Some(5) };
        let offered = (0..MAX_SERVICES).map(|service| (ServiceId::derived(bytes(service)), own.clone()));
        let time_off = (0..MAX_TIME_OFF).map(|place| TimeOff {
            id: TimeOffId::derived(bytes(place)),
            from: date(2020, 1, 1).at(0, 0, 0, 0),
            to: date(2020, 1, 1).at(0, 1, 0, 0),
            reason: Some(name(place).parse().unwrap()),
        });
        CatalogRow::Expert(Box::new(Expert {
            id: ExpertId::derived(bytes(number)),
            name: name(number).parse().unwrap(),
            title: Some(name(number).parse().unwrap()),
            bio: description(number),
            image_url: Some(longest_url(number)),
            rating: Some(4.123_456_789),
            total_reviews: u32::MAX,
            is_active: true,
            services: offered.collect(),
            working_hours: broken_hours(),
            time_off: time_off.collect(),
            created_at: now,
            updated_at: now,
        }))
    }));
    rows.extend((0..MAX_OFFERS).map(|number| {
        let named = if number < MAX_OFFERS_NAMING_ONE { MAX_SERVICES_OF_OFFER } else { 0 };
        CatalogRow::Offer(Offer {
            id: OfferId::derived(bytes(number)),
            name: name(number).parse().unwrap(),
            description: description(number),
            discount: Discount::Amount(MAX_PRICE),
            code: None,
            service_ids: (0..named).map(|service| ServiceId::derived(bytes(service))).collect(),
            valid_from: Some(date(2020, 1, 1)),
            valid_to: Some(date(9999, 12, 31)),
            is_active: true,
            created_at: now,
            updated_at: now,
        })
    }));
    rows.extend((0..MAX_IMAGES).map(|number| {
        let whose = number / MAX_IMAGES_OF_ONE;
        let of = if whose.is_multiple_of(2) {
            ImageOf::Service(ServiceId::derived(bytes(whose / 2)))
        } else {
            ImageOf::Expert(ExpertId::derived(bytes(whose / 2)))
        };
        CatalogRow::GalleryImage(GalleryImage {
            id: ImageId::derived(bytes(number)),
            of,
            image_url: longest_url(number),
            caption: Some(name(number).parse().unwrap()),
            position: MAX_POSITION,
            created_at: now,
            updated_at: now,
        })
    }));
    rows
}

/// Fills the catalog, in transactions that stay below DynamoDB's 4 MB.
async fn fill(stack: &TestStack) {
    for rows in full_catalog().chunks(25) {
        stack.write_catalog(rows).await;
    }
}

/// Bytes of a row, as DynamoDB counts them
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
fn size(item: &Item) -> usize {
    fn of(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(digits) => digits.len().div_ceil(2) + 2,
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            AttributeValue::L(items) => 3 + items.iter().map(|item| 1 + of(item)).sum::<usize>(),
            AttributeValue::M(members) => {
                3 + members.iter().map(|(name, member)| 1 + name.len() + of(member)).sum::<usize>()
            }
            AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
            AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
            other => panic!("an attribute of no known size: {other:?}"),
        }
    }
    item.iter().map(|(name, value)| name.len() + of(value)).sum()
}

#[derive(Deserialize)]
struct Envelope {
    data: List,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    items: Vec<Listed>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(flatten)]
    _rest: IgnoredAny,
}

/// The number of items of a list, read to its last page.
async fn read_all(actor: &Actor, path: &str) -> usize {
    let (mut seen, mut items, mut cursor) = (BTreeSet::new(), 0, String::new());
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let answer = actor.get(&format!("{path}{separator}limit=100{cursor}")).await;
        assert_eq!(answer.status, 200, "{}: {}", answer.asked, answer.text);
        assert!(answer.text.len() <= LONGEST_PAGE, "{}: {} bytes", answer.asked, answer.text.len());
        let Envelope { data: page } = serde_json::from_str(&answer.text).unwrap();
        items += page.items.len();
        seen.extend(page.items.into_iter().map(|item| item.id));
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), items, "{path} shows something twice");
    items
}

/// A salon at every limit, its owner, and a customer.
struct FullSalon {
    stack: TestStack,
    owner: Actor,
    customer: Actor,
    /// The local date of every appointment.
    date: String,
    /// One of the customer's appointments.
    appointment: String,
    /// One of the customer's to-dos.
    todo: String,
}

impl FullSalon {
    async fn open() -> Self {
        let stack = TestStack::builder()
            .without_demo()
            .parameter("OwnerEmail", OWNER)
            .without_rate_limit()
            .max_concurrency(1)
            .start()
            .await;
        fill(&stack).await;
        let (owner, mut customer) = (stack.owner(OWNER).await, stack.visitor());
        customer.become_customer(&longest(1, 100)).await;
        let (date, appointment) = Self::book(&customer).await;
        let todo = Self::add_todo(&customer).await;
        let salon = Self { stack, owner, customer, date, appointment, todo };
        salon.copy_the_appointment().await;
        salon.copy_the_todo().await;
        salon
    }

    /// Books a service with as many add-ons and as long notes as there can be.
    async fn book(customer: &Actor) -> (String, String) {
        let service = ServiceId::derived(bytes(0));
        let add_ons: Vec<_> = (0..ADD_ONS).map(|number| SubServiceId::derived(bytes(number))).collect();
        let (date, time) = ((clock::now() + 48.hours()).strftime("%Y-%m-%d").to_string(), "12:00");
        let request = json!({
            "serviceId": service, "subServiceIds": add_ons, "expertId": ExpertId::derived(bytes(0)), "date": date,
            "time": time, "notes": longest(0, 500), "payNow": true,
        });
        let booked = customer.book(request).await.data(201);
        (date, booked["appointment"]["id"].as_str().unwrap().to_owned())
    }

    /// Makes more appointments than a page has, each as long as the one that was booked.
    async fn copy_the_appointment(&self) {
        let text = |text: String| AttributeValue::S(text);
        let items = self.stack.items("AppointmentsTable").await;
        let key = text(format!("APT#{}", self.appointment));
        let booked = items.iter().find(|item| item["pk"] == key).unwrap();
        let copies = (1..APPOINTMENTS).map(|number| {
            let id = AppointmentId::derived(bytes(number));
            let at = clock::now() + jiff::SignedDuration::from_secs(i64::try_from(number).unwrap());
            let mut copy = booked.clone();
            copy.insert("pk".to_owned(), text(format!("APT#{id}")));
            copy.insert("id".to_owned(), text(id.to_string()));
            copy.insert("created_at".to_owned(), text(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()));
            copy
        });
        self.stack.put_items("AppointmentsTable", copies).await;
    }

    /// Adds a to-do with as long texts as there can be.
    async fn add_todo(customer: &Actor) -> String {
        let todo = json!({
            "title": longest(0, 200), "description": longest(0, 2_000), "priority": "high",
            "dueAt": "2099-12-31T23:59:59.999Z",
        });
        let added = customer.post("/todos", todo).await.data(201);
        added["todo"]["id"].as_str().unwrap().to_owned()
    }

    /// Makes more to-dos than a page has, each as long as the one that was added.
    async fn copy_the_todo(&self) {
        let items = self.stack.items("TodosTable").await;
        let added = items.iter().find(|item| item["sk"].as_s() == Ok(&self.todo)).unwrap();
        let copies = (1..APPOINTMENTS).map(|number| {
            let id = TodoId::derived(bytes(number)).to_string();
            let order = added["due_order"].as_s().unwrap().replace(&self.todo, &id);
            let mut copy = added.clone();
            for (name, value) in [("sk", id.clone()), ("id", id), ("due_order", order)] {
                copy.insert(name.to_owned(), AttributeValue::S(value));
            }
            copy
        });
        self.stack.put_items("TodosTable", copies).await;
    }

    /// Checks that the largest rows, which are the first of their kinds, are not too large.
    async fn check_sizes(&self) {
        let first = |prefix: &str| format!("{prefix}_{:026}", 1);
        let mut rows = [
            ("CATEGORY", first("cat")),
            ("SERVICE", first("svc")),
            ("SERVICE", format!("{}#{}", first("svc"), first("sub"))),
            ("EXPERT", first("exp")),
            ("OFFER", first("ofr")),
            ("GALLERY", first("img")),
        ]
        .map(|(pk, sk)| ("CatalogTable", pk.to_owned(), sk))
        .to_vec();
        rows.push(("AppointmentsTable", format!("APT#{}", self.appointment), "APT".to_owned()));
        rows.push(("TodosTable", format!("USER#{}", self.customer.user_id), self.todo.clone()));
        let client = self.stack.dynamodb();
        for (table, pk, sk) in rows {
            let found = client.get_item().table_name(self.stack.table_name(table));
            let found = found.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk.clone()));
            let item = found.send().await.unwrap().item.unwrap_or_else(|| panic!("no row {sk}"));
            assert!(size(&item) < LARGEST_ITEM, "{sk}: {} bytes", size(&item));
        }
    }

    /// What is asked of a GET route: by whom, where, and the number of items, if it is a list whose number is known.
    fn questions(&self, route: &str) -> Vec<(&Actor, String, Option<usize>)> {
        let Self { owner, customer, date, appointment, todo, .. } = self;
        let (service, expert) = (ServiceId::derived(bytes(0)), ExpertId::derived(bytes(0)));
        let of_the_catalog = |list: &str, count| {
            let all = format!("/{list}?includeInactive=true");
            vec![(customer, format!("/{list}"), Some(count)), (owner, all, Some(count))]
        };
        let one_of_the_catalog = |path: String| {
            let whole = format!("{path}?includeInactive=true");
            vec![(customer, path, None), (owner, whole, None)]
        };
        let one = |actor, path: &str| vec![(actor, path.to_owned(), None)];
        match route {
            "/.well-known/jwks.json" => one(customer, "/.well-known/jwks.json"),
            "/api/v1/auth/verify-email/{token}" | "/api/v1/auth/reset-password/{token}" => {
                // Their pages hold nothing of the catalog's, and a token that they would take.
                vec![]
            }
            "/api/v1/auth/sessions" => vec![(customer, "/auth/sessions".to_owned(), Some(1))],
            "/api/v1/profile" => one(customer, "/profile"),
            // Its pages are another kind of list, which tests/users.rs reads to the end.
            "/api/v1/profile/export" => one(customer, "/profile/export"),
            // Its events are of a few kinds, each as long as a service's name.
            "/api/v1/notifications" => vec![(customer, "/notifications".to_owned(), None)],
            "/api/v1/notifications/unread-count" => one(customer, "/notifications/unread-count"),
            "/api/v1/notifications/preferences" => one(customer, "/notifications/preferences"),
            "/api/v1/todos" => [
                ("/todos", APPOINTMENTS),
                ("/todos?order=created", APPOINTMENTS),
                ("/todos?status=pending&priority=high", APPOINTMENTS),
                ("/todos?order=created&status=completed", 0),
            ]
            .map(|(path, count)| (customer, path.to_owned(), Some(count)))
            .to_vec(),
            "/api/v1/todos/{id}" => one(customer, &format!("/todos/{todo}")),
            "/api/v1/users" => vec![(owner, "/users".to_owned(), Some(2))],
            "/api/v1/users/{id}" => one(owner, &format!("/users/{}", customer.user_id)),
            "/api/v1/categories" => of_the_catalog("categories", MAX_CATEGORIES),
            "/api/v1/services" => of_the_catalog("services", MAX_SERVICES),
            "/api/v1/services/{id}" => one_of_the_catalog(format!("/services/{service}")),
            "/api/v1/experts" => of_the_catalog("experts", MAX_EXPERTS),
            "/api/v1/experts/{id}" => one_of_the_catalog(format!("/experts/{expert}")),
            "/api/v1/offers" => of_the_catalog("offers", MAX_OFFERS),
            "/api/v1/gallery" => of_the_catalog("gallery", MAX_IMAGES),
            "/api/v1/settings" => one(customer, "/settings"),
            "/api/v1/availability" => {
                let to: jiff::civil::Date = date.parse().unwrap();
                let to = to + 1.day();
                one(customer, &format!("/availability?serviceId={service}&from={date}&to={to}"))
            }
            "/api/v1/appointments/my" => vec![(customer, "/appointments/my".to_owned(), Some(APPOINTMENTS))],
            "/api/v1/appointments" => {
                vec![(owner, format!("/appointments?from={date}&to={date}"), Some(APPOINTMENTS))]
            }
            "/api/v1/appointments/{id}" => one(customer, &format!("/appointments/{appointment}")),
            "/api/v1/appointments/{id}/calendar.ics" => {
                one(customer, &format!("/appointments/{appointment}/calendar.ics"))
            }
            "/api/v1/dashboard/stats" => one(owner, "/dashboard/stats"),
            "/api/v1/health" => one(customer, "/health"),
            "/api/v1/openapi.json" => one(customer, "/openapi.json"),
            "/api/v1/docs" => one(customer, "/docs"),
            "/api/v1/docs/{file}" => one(customer, "/docs/swagger-ui-bundle.js"),
            // It leads to the page.
            "/" => vec![],
            other => panic!("{other}: what a salon at every limit makes of it is to be said here"),
        }
    }
}

#[tokio::test]
async fn a_salon_at_every_limit_answers() {
    let salon = FullSalon::open().await;
    salon.check_sizes().await;
    let functions = &salon.stack.stack.system().functions;
    let routes = functions.iter().flat_map(Function::routes);
    for route in routes.filter(|route| route.method.as_deref() == Some("GET")) {
        let path = route.path.as_deref().unwrap();
        let questions = salon.questions(path).into_iter().map(async |(actor, path, count)| {
            match count {
                Some(count) => assert_eq!(read_all(actor, &path).await, count, "{path}"),
                // The stack refuses what Lambda would: what is longer than 6 MB, or takes longer than it may.
                None => assert_eq!(actor.get(&path).await.status, 200, "{path}"),
            }
        });
        join_all(questions).await;
    }
    salon.stack.stack.shutdown().await;
}

/// The largest response that Lambda gives, bytes of its JSON, in which a body is a string
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const LARGEST_RESPONSE: usize = 6 * 1024 * 1024;

/// Books every service and every expert that a salon can have on one day, and counts them: under the longest names, at the
/// highest price, which was paid. Returns the day's row of statistics.
async fn full_day(stack: &TestStack, admin: &Actor) -> Item {
    const CUT: &str = "svc_00000000000000000000000001";

    let text = |text: String| AttributeValue::S(text);
    let (date, time, _) = admin.later_availability(&format!("serviceId={CUT}")).await.remove(0);
    let reserved = admin.book(json!({"serviceId": CUT, "date": date, "time": time})).await.data(201);
    let booked = reserved["appointment"]["id"].as_str().unwrap();
    admin.put(&format!("/appointments/{booked}/pay"), json!({"method": "card"})).await.data(200);
    stack.settle().await;
    let rows = stack.items("AppointmentsTable").await;
    let of_booking = rows.iter().find(|row| row["pk"] == text(format!("APT#{booked}"))).unwrap();
    let price = AttributeValue::N(MAX_PRICE.to_string());
    let copies = (0..MAX_SERVICES).map(|number| {
        let mut copy = of_booking.clone();
        let id = AppointmentId::derived(bytes(number)).to_string();
        let mut payment = copy["payment"].as_m().unwrap().clone();
        payment.insert("amount".to_owned(), price.clone());
        copy.extend(
            [
                ("pk", text(format!("APT#{id}"))),
                ("id", text(id)),
                ("service_id", text(ServiceId::derived(bytes(1_000 + number)).to_string())),
                ("service_name", text(longest(0, 100))),
                ("expert_id", text(ExpertId::derived(bytes(1_000 + number % MAX_EXPERTS)).to_string())),
                ("expert_name", text(longest(0, 100))),
                ("total_price", price.clone()),
                ("payment", AttributeValue::M(payment)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        copy
    });
    stack.put_items("AppointmentsTable", copies).await;
    let rebuilt = stack.invoke("StatsFunction", json!({"rebuild": {"from": date, "to": date}})).await;
    assert_eq!(rebuilt["miscounted"], MAX_SERVICES);
    let rows = stack.items("AppointmentsTable").await;
    let key = text(format!("DAY#{date}"));
    let is_day = |row: &&Item| row["sk"] == key && row["pk"].as_s().unwrap().starts_with("STATS#");
    rows.iter().find(is_day).unwrap().clone()
}

#[tokio::test]
async fn a_report_of_many_full_days_is_bounded() {
    // Days of which the first few make a report, and all are too many.
    const DAYS: i32 = 40;
    const REPORTED: i32 = 28;
    // The documented 10 MiB, and the query that was one too many.
    const MOST_READ_UNITS: f64 = 1_280.0 + 180.0;

    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    let day = full_day(&stack, &admin).await;
    assert!(size(&day) < LARGEST_ITEM, "{} bytes", size(&day));

    let first = date(2025, 1, 15);
    let copies = (0..DAYS).map(|place| {
        let date = first + place.days();
        let mut copy = day.clone();
        copy.insert("pk".to_owned(), AttributeValue::S(date.strftime("STATS#%Y-%m").to_string()));
        copy.insert("sk".to_owned(), AttributeValue::S(format!("DAY#{date}")));
        copy
    });
    stack.put_items("AppointmentsTable", copies).await;
    let report = async |days: i32| {
        let (from, to) = (first, first + (days - 1).days());
        admin.get(&format!("/dashboard/stats?from={from}&to={to}")).await
    };
    let answer = report(REPORTED).await;
    let found = answer.data(200);
    // Of the booking that was there before, too.
    assert_eq!(found["byService"].as_array().unwrap().len(), MAX_SERVICES + 1);
    assert_eq!(found["byExpert"].as_array().unwrap().len(), MAX_EXPERTS + 1);
    let services = i64::try_from(MAX_SERVICES).unwrap();
    assert_eq!(found["byService"][0]["bookings"], REPORTED);
    assert_eq!(found["byService"][0]["revenue"], i64::from(REPORTED) * MAX_PRICE);
    let revenue = found["totals"]["revenue"].as_i64().unwrap() / i64::from(REPORTED);
    assert!((services * MAX_PRICE..(services + 1) * MAX_PRICE).contains(&revenue), "{revenue}");
    let shown = json!(answer.text).to_string().len();
    assert!(shown < LARGEST_RESPONSE, "{shown} bytes");
    for days in [DAYS, 366] {
        assert_eq!(report(days).await.fields(400, "too_many_statistics"), ["to"], "{days} days");
    }
    for line in stack.access_logs("GET", "/api/v1/dashboard/stats", 3).await {
        assert!(line.read_units < MOST_READ_UNITS, "{line:?}");
    }
    // No cells belong to the copies.
    stack.stack.shutdown().await;
}
