use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{ComposedMail, Mailbox, NewAttachment, NewMail, RawMail, router};

fn mailbox() -> (Mailbox, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (Mailbox::open(&directory.path().join("mail")).unwrap(), directory)
}

fn mail(to: &str, subject: &str) -> ComposedMail {
    ComposedMail {
        from: "Salon <bookings@salon.example>".to_owned(),
        to: vec![to.to_owned()],
        recipients: vec![to.to_owned()],
        subject: subject.to_owned(),
        text: Some("Plain text\n".to_owned()),
        html: Some("<h1>Rich text</h1>".to_owned()),
        ..ComposedMail::default()
    }
}

fn attachment(name: &str, content_type: &str, content: &[u8]) -> NewAttachment {
    NewAttachment {
        name: name.to_owned(),
        content_type: content_type.to_owned(),
        disposition: "attachment",
        content_id: None,
        description: None,
        content: content.to_vec(),
    }
}

async fn call(mailbox: &Mailbox, method: &str, uri: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    let response = router(mailbox.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

async fn page(mailbox: &Mailbox, uri: &str) -> String {
    String::from_utf8(call(mailbox, "GET", uri).await.2).unwrap()
}

async fn json_of(mailbox: &Mailbox, uri: &str) -> Value {
    serde_json::from_slice(&call(mailbox, "GET", uri).await.2).unwrap()
}

#[tokio::test]
async fn the_json_has_everything_and_the_newest_first() {
    let (mailbox, _directory) = mailbox();
    let first = mailbox.deliver(NewMail::Composed(mail("ada@customer.example", "First"))).unwrap();
    let mut second = mail("bob@customer.example", "Second");
    second.bcc = vec!["Carla@customer.example".to_owned()];
    second.recipients.push("Carla@customer.example".to_owned());
    second.attachments = vec![attachment("a.bin", "application/octet-stream", &[0, 255, 13, 10, 10])];
    let second = mailbox.deliver(NewMail::Composed(second)).unwrap();

    let mut mails = json_of(&mailbox, "/_local/mail.json").await;
    let sent_at = mails[0].as_object_mut().unwrap().remove("sentAt").unwrap();
    assert!(sent_at.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{sent_at}");
    assert_eq!(
        mails[0],
        json!({
            "id": second,
            "to": ["bob@customer.example"],
            "cc": [],
            "bcc": ["Carla@customer.example"],
            "from": "Salon <bookings@salon.example>",
            "replyTo": [],
            "subject": "Second",
            "text": "Plain text\n",
            "html": "<h1>Rich text</h1>",
            "attachments": [{
                "name": "a.bin",
                "contentType": "application/octet-stream",
                "content": STANDARD.encode([0, 255, 13, 10, 10]),
            }],
        })
    );
    assert_eq!(mails[1]["id"], first.as_str());
    assert_eq!(mails.as_array().unwrap().len(), 2);

    for (filter, expected) in [
        ("to=ada@customer.example", vec![&first]),
        ("to=carla%40CUSTOMER.example", vec![&second]),
        ("to=nobody@customer.example", vec![]),
        (&format!("after={first}"), vec![&second]),
        ("after=", vec![&second, &first]),
    ] {
        let mails = json_of(&mailbox, &format!("/_local/mail.json?{filter}")).await;
        let ids: Vec<&str> =
            mails.as_array().unwrap().iter().map(|mail| mail["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{filter}");
    }
}

#[test]
fn mails_outlive_the_process_and_half_written_ones_do_not() {
    let (mailbox, directory) = mailbox();
    for subject in ["one", "two", "three"] {
        mailbox.deliver(NewMail::Composed(mail("ada@customer.example", subject))).unwrap();
    }
    let mails = mailbox.mails();
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(subjects, ["three", "two", "one"]);

    let directory = directory.path().join("mail");
    let unfinished = directory.join("01ARZ3NDEKTSV4RRFFQ69G5FAV.part");
    std::fs::write(&unfinished, "Subject: cut o").unwrap();
    std::fs::write(directory.join("notes.eml"), "Subject: not the mailbox's\r\n\r\n").unwrap();
    let reopened = Mailbox::open(&directory).unwrap();
    assert_eq!(reopened.mails(), mails);
    assert!(!unfinished.exists());
    assert!(directory.join("notes.eml").exists());

    let next = reopened.deliver(NewMail::Composed(mail("ada@customer.example", "four"))).unwrap();
    assert!(next > mails[0].id);
    assert_eq!(reopened.mails()[0].id, next);
}

#[test]
fn ids_rise_even_when_the_clock_does_not() {
    let now = "2026-01-02T03:04:05Z".parse().unwrap();
    let one = super::following(ulid::Ulid::nil(), now);
    let two = super::following(one, now);
    let three = super::following(two, now - jiff::SignedDuration::from_hours(1));
    assert!(one < two && two < three);
    assert_eq!(one.timestamp_ms(), 1_767_323_045_000);
}

#[test]
fn a_message_without_headers_of_its_own_is_kept() {
    let (mailbox, directory) = mailbox();
    let mail =
        RawMail { from: None, recipients: vec!["a@b.example".to_owned()], message: b"\r\nhello".to_vec() };
    mailbox.deliver(NewMail::Raw(mail)).unwrap();
    assert_eq!(mailbox.mails()[0].to, ["a@b.example"]);
    assert_eq!(Mailbox::open(&directory.path().join("mail")).unwrap().mails(), mailbox.mails());
}

#[tokio::test]
async fn deleting_empties_the_mailbox_and_its_directory() {
    let (mailbox, directory) = mailbox();
    mailbox.deliver(NewMail::Composed(mail("ada@customer.example", "one"))).unwrap();
    mailbox.deliver(NewMail::Composed(mail("ada@customer.example", "two"))).unwrap();
    assert_eq!(call(&mailbox, "DELETE", "/_local/mail").await.0, StatusCode::NO_CONTENT);
    assert_eq!(json_of(&mailbox, "/_local/mail.json").await, json!([]));
    assert_eq!(std::fs::read_dir(directory.path().join("mail")).unwrap().count(), 0);
}

#[tokio::test]
async fn an_empty_mailbox_says_what_will_come() {
    let (mailbox, _directory) = mailbox();
    let (status, headers, body) = call(&mailbox, "GET", "/_local/mail").await;
    let body = String::from_utf8(body).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(body.contains("No mail yet") && body.contains("lands here by itself"));
    assert!(body.contains("data-newest=\"\""));
}

#[tokio::test]
async fn a_hostile_mail_is_text_everywhere_but_in_its_sandbox() {
    let (mailbox, _directory) = mailbox();
    let hostile = "</title><script>alert(1)</script>\"onload='x'";
    let mut sent = mail("ada@customer.example", hostile);
    sent.from = format!("\"{}\" <evil@salon.example>", hostile.replace('"', "\\\""));
    sent.text = Some(hostile.to_owned());
    sent.html = Some("<script>alert(2)</script><a href=\"https://salon.example\">Salon</a>".to_owned());
    sent.headers = vec![("X-Evil".to_owned(), hostile.to_owned())];
    sent.attachments =
        vec![attachment(&format!("{hostile}.html"), "text/html", b"<script>alert(3)</script>")];
    let id = mailbox.deliver(NewMail::Composed(sent)).unwrap();

    let mut paths = vec!["/_local/mail".to_owned()];
    paths
        .extend(["html", "text", "headers", "nonsense"].map(|view| format!("/_local/mail/{id}?view={view}")));
    for path in paths {
        let (status, headers, body) = call(&mailbox, "GET", &path).await;
        let body = String::from_utf8(body).unwrap();
        assert_eq!(status, StatusCode::OK);
        assert!(!body.contains("alert(2)") && !body.contains("<script>"), "{path}");
        assert!(!body.contains("\"onload"), "{path}");
        assert!(body.contains("&#60;script&#62;alert(1)"), "{path}");
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        let (_, nonce) = policy.split_once("script-src 'nonce-").unwrap();
        let nonce = nonce.split_once('\'').unwrap().0;
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(body.matches(&format!("nonce=\"{nonce}\"")).count(), 2, "{path}");
    }

    let open = page(&mailbox, &format!("/_local/mail/{id}")).await;
    assert!(open.contains(&format!("src=\"/_local/mail/{id}/html\"")));
    assert!(open.contains("sandbox=\"allow-popups allow-popups-to-escape-sandbox\""));

    let (_, headers, body) = call(&mailbox, "GET", &format!("/_local/mail/{id}/html")).await;
    let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("sandbox allow-popups") && !policy.contains("allow-scripts"), "{policy}");
    assert!(String::from_utf8(body).unwrap().ends_with("<base target=\"_blank\">"));

    let (_, headers, body) = call(&mailbox, "GET", &format!("/_local/mail/{id}/attachments/0")).await;
    assert_eq!(body, b"<script>alert(3)</script>");
    assert!(
        headers[CONTENT_DISPOSITION]
            .to_str()
            .unwrap()
            .starts_with("attachment; filename*=UTF-8''%3C%2Ftitle")
    );
    assert!(headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("sandbox;"));
}

#[tokio::test]
async fn every_part_of_a_mail_can_be_had() {
    let (mailbox, _directory) = mailbox();
    let mut sent = mail("ada@customer.example", "Confirmed");
    // Not UTF-8, whatever it says: a file is bytes.
    sent.attachments =
        vec![attachment("a.ics", "text/calendar; charset=utf-8; method=REQUEST", b"BEGIN\r\n\xff\n")];
    let id = mailbox.deliver(NewMail::Composed(sent)).unwrap();

    let open = page(&mailbox, &format!("/_local/mail/{id}?view=headers")).await;
    for expected in
        ["Confirmed", "bookings@salon.example", "ada@customer.example", "a.ics", "9 bytes", "Message-ID: "]
    {
        assert!(open.contains(expected), "{expected}");
    }
    assert!(!open.contains("<iframe"));
    assert!(page(&mailbox, &format!("/_local/mail/{id}?view=text")).await.contains("<pre>Plain text"));

    for (part, content_type, expected) in [
        ("html", "text/html; charset=utf-8", &b"<h1>Rich text</h1>"[..]),
        ("text", "text/plain; charset=utf-8", b"Plain text\n"),
        ("raw", "message/rfc822", b"X-Envelope-To: ada@customer.example\r\n"),
        ("attachments/0", "text/calendar; charset=utf-8; method=REQUEST", b"BEGIN\r\n\xff\n"),
    ] {
        let (status, headers, body) = call(&mailbox, "GET", &format!("/_local/mail/{id}/{part}")).await;
        assert_eq!(status, StatusCode::OK, "{part}");
        assert_eq!(headers[CONTENT_TYPE], content_type);
        assert!(body.starts_with(expected), "{part}: {}", String::from_utf8_lossy(&body));
    }
    for missing in [format!("{id}/attachments/1"), "nonsense".to_owned(), "..%2Fsecrets/raw".to_owned()] {
        assert_eq!(call(&mailbox, "GET", &format!("/_local/mail/{missing}")).await.0, StatusCode::NOT_FOUND);
    }
    assert!(page(&mailbox, "/_local/mail/nonsense").await.contains("This mail is not here"));
}
