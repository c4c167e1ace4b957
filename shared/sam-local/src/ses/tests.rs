use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::config::{BehaviorVersion, Region};
use aws_sdk_sesv2::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError as SdkSendEmailError;
use aws_sdk_sesv2::operation::send_email::builders::SendEmailFluentBuilder;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{
    Attachment, AttachmentContentDisposition, Body, Content, Destination, EmailContent, Message,
    MessageHeader, MessageTag, RawMessage, Template,
};
use tempfile::TempDir;

use super::router;
use crate::faults::{FaultPlan, Faults, SendEmailError, SendEmailFault};
use crate::mailbox::Mailbox;

const ICS: &[u8] = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:Coupe \xc3\xa0 Paris\r\nEND:VCALENDAR\r\n";

struct Ses {
    client: Client,
    mailbox: Mailbox,
    faults: Faults,
    directory: TempDir,
}

async fn ses() -> Ses {
    let directory = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::open(directory.path()).unwrap();
    let faults = Faults::default();
    let app = router(mailbox.clone(), faults.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/_local/ses", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let config = aws_sdk_sesv2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys("local", "local", None))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint)
        .build();
    Ses { client: Client::from_conf(config), mailbox, faults, directory }
}

fn utf8(text: &str) -> Content {
    Content::builder().data(text).charset("UTF-8").build().unwrap()
}

fn simple() -> aws_sdk_sesv2::types::builders::MessageBuilder {
    Message::builder()
        .subject(utf8("Confirmed: Coupe à Paris"))
        .body(Body::builder().text(utf8("plain é\n")).html(utf8("<p>html é</p>\n")).build())
}

impl Ses {
    fn send(&self, content: EmailContent) -> SendEmailFluentBuilder {
        self.client
            .send_email()
            .from_email_address("=?UTF-8?B?U2Fsb24gTHVtacOocmU=?= <bookings@salon.example>")
            .destination(Destination::builder().to_addresses("ada@customer.example").build())
            .content(content)
    }

    fn send_simple(&self) -> SendEmailFluentBuilder {
        self.send(EmailContent::builder().simple(simple().build()).build())
    }

    fn inject(&self, fault: SendEmailFault) {
        self.faults.set(FaultPlan { send_email: vec![fault], ..FaultPlan::default() });
    }
}

/// The error as the SDK models it.
async fn refusal(request: SendEmailFluentBuilder) -> SdkSendEmailError {
    match request.send().await {
        Err(SdkError::ServiceError(error)) => error.into_err(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_simple_mail_is_captured_whole_and_is_there_after_a_restart() {
    let ses = ses().await;
    let attachment = Attachment::builder()
        .file_name("rendez-vous à Paris.ics")
        .content_type("text/calendar; charset=utf-8; method=REQUEST")
        .content_disposition(AttachmentContentDisposition::Attachment)
        .raw_content(Blob::new(ICS))
        .build()
        .unwrap();
    let header = MessageHeader::builder().name("X-Entity-Ref").value("42").build().unwrap();
    let message = simple().attachments(attachment).headers(header).build();
    let destination = Destination::builder()
        .to_addresses("Ada <ada@customer.example>")
        .cc_addresses("\"Hair, Inc.\" <hair@customer.example>")
        .bcc_addresses("secret@customer.example");
    let sent = ses
        .send(EmailContent::builder().simple(message).build())
        .destination(destination.build())
        .reply_to_addresses("desk@salon.example")
        .email_tags(MessageTag::builder().name("event").value("appointment-confirmed").build().unwrap())
        .send()
        .await
        .unwrap();

    let reopened = Mailbox::open(ses.directory.path()).unwrap().mails();
    assert_eq!(ses.mailbox.mails(), reopened);
    let [mail] = reopened.as_slice() else { panic!("one mail") };
    assert_eq!(Some(mail.id.as_str()), sent.message_id());
    assert_eq!(mail.from, "Salon Lumière <bookings@salon.example>");
    assert_eq!(mail.to, ["ada@customer.example"]);
    assert_eq!(mail.cc, ["hair@customer.example"]);
    assert_eq!(mail.bcc, ["secret@customer.example"]);
    assert_eq!(mail.reply_to, ["desk@salon.example"]);
    assert_eq!(mail.subject, "Confirmed: Coupe à Paris");
    assert_eq!(mail.text.as_deref(), Some("plain é\n"));
    assert_eq!(mail.html.as_deref(), Some("<p>html é</p>\n"));
    let [attachment] = mail.attachments.as_slice() else { panic!("one attachment") };
    assert_eq!(attachment.name, "rendez-vous à Paris.ics");
    assert_eq!(attachment.content_type, "text/calendar; charset=utf-8; method=REQUEST");
    assert_eq!(attachment.content, ICS);
    let file = std::fs::read(ses.directory.path().join(&mail.id).with_extension("eml")).unwrap();
    let file = String::from_utf8(file).unwrap();
    assert!(file.contains("X-Entity-Ref: 42\r\n"), "{file}");
    assert!(file.contains("X-SES-MESSAGE-TAGS: event=appointment-confirmed\r\n"), "{file}");
}

#[tokio::test]
async fn a_mail_may_have_one_text_only() {
    let ses = ses().await;
    for body in
        [Body::builder().text(utf8("only")).build(), Body::builder().html(utf8("<p>only</p>")).build()]
    {
        let message = Message::builder().subject(utf8("s")).body(body).build();
        ses.send(EmailContent::builder().simple(message).build()).send().await.unwrap();
    }
    let mails = ses.mailbox.mails();
    assert_eq!((mails[0].text.as_deref(), mails[0].html.as_deref()), (None, Some("<p>only</p>")));
    assert_eq!((mails[1].text.as_deref(), mails[1].html.as_deref()), (Some("only"), None));
}

#[tokio::test]
async fn a_raw_message_is_kept_as_it_is() {
    let ses = ses().await;
    let message = "From: Salon <bookings@salon.example>\r\nTo: ada@customer.example, bob@customer.example\r\n\
        Subject: =?UTF-8?Q?Caf=C3=A9?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n";
    let raw = RawMessage::builder().data(Blob::new(message)).build().unwrap();
    let content = EmailContent::builder().raw(raw).build();
    let id = ses.client.send_email().content(content.clone()).send().await.unwrap().message_id.unwrap();
    ses.send(content).send().await.unwrap();

    let mails = ses.mailbox.mails();
    assert_eq!(mails[1].id, id);
    assert_eq!((mails[1].subject.as_str(), mails[1].text.as_deref()), ("Café", Some("Hello\n")));
    assert_eq!(mails[1].to, ["ada@customer.example", "bob@customer.example"]);
    assert!(mails[1].went_to("BOB@customer.example"));
    // The second one had a destination of its own, which counts more than the headers.
    assert!(mails[0].went_to("ada@customer.example") && !mails[0].went_to("bob@customer.example"));
    assert_eq!(mails[0].from, "Salon <bookings@salon.example>");
    let file = std::fs::read(ses.directory.path().join(&id).with_extension("eml")).unwrap();
    assert!(file.ends_with(message.as_bytes()));
}

#[tokio::test]
async fn what_ses_would_refuse_is_refused_and_captured_nowhere() {
    let ses = ses().await;
    ses.inject(SendEmailFault::new(SendEmailError::TooManyRequestsException));
    let too_many = Destination::builder()
        .set_to_addresses(Some((0..51).map(|at| format!("c{at}@customer.example")).collect()))
        .build();
    let to = |address: &str| Destination::builder().to_addresses(address).build();
    let content = |message: Message| EmailContent::builder().simple(message).build();
    let header = |name: &str, value: &str| {
        content(simple().headers(MessageHeader::builder().name(name).value(value).build().unwrap()).build())
    };
    let large =
        Attachment::builder().file_name("large.bin").raw_content(Blob::new(vec![0; 32 * 1024 * 1024]));
    let tag = MessageTag::builder().name("event").value("appointment.confirmed").build().unwrap();
    let template = Template::builder().template_name("Welcome").build();
    for (request, said) in vec![
        (ses.send_simple().set_destination(None), "Destination is missing"),
        (ses.send_simple().set_from_email_address(None), "FromEmailAddress is missing"),
        (ses.send_simple().set_content(None), "Content is missing"),
        (ses.send_simple().destination(too_many), "Recipient count exceeds 50"),
        (ses.send_simple().destination(to("nobody")), "ToAddresses[0]: Missing final '@domain'"),
        (ses.send_simple().destination(to("a@b.example, c@d.example")), "is not one e-mail address"),
        (ses.send_simple().destination(to("Hair, Inc. <a@b.example>")), "is not one e-mail address"),
        (ses.send_simple().destination(to("a b@c.example")), "is not"),
        (ses.send_simple().destination(to("é@customer.example")), "outside ASCII"),
        (ses.send_simple().destination(to("ada@bücher.example")), "outside ASCII"),
        (ses.send_simple().from_email_address("Salon <desk@bücher.example>"), "FromEmailAddress has"),
        (ses.send_simple().destination(to("a@b.example\r\nBcc: c@d.example")), "control characters"),
        (ses.send_simple().reply_to_addresses("desk@"), "ReplyToAddresses[0]"),
        (ses.send_simple().email_tags(tag), "EmailTags[0]"),
        (ses.send(content(Message::builder().body(Body::builder().build()).build())), "Subject is missing"),
        (ses.send(content(simple().body(Body::builder().build()).build())), "Body is missing"),
        (ses.send(content(simple().subject(utf8("a\nb")).build())), "line break"),
        (ses.send(header("Bcc", "c@d.example")), "Bcc is written from"),
        (ses.send(header("X: y", "z")), "is not a header's name"),
        (ses.send(header("X", "y\r\nZ: 1")), "line break"),
        (
            ses.send(content(simple().attachments(large.build().unwrap()).build())),
            "Message length is more than",
        ),
        (
            ses.send(EmailContent::builder().template(template).build()),
            "template \"Welcome\") is not supported",
        ),
    ] {
        match refusal(request).await {
            SdkSendEmailError::BadRequestException(error) => {
                let message = error.message().unwrap();
                assert!(message.contains(said), "{message:?} should say {said:?}");
                assert!(!message.contains(".example"), "an address in {message:?}");
            }
            other => panic!("{said}: {other:?}"),
        }
    }
    assert!(ses.mailbox.mails().is_empty());
    assert_eq!(ses.faults.plan().send_email.len(), 1, "refused requests use up no fault");
}

#[tokio::test]
async fn injected_errors_are_modelled_by_the_sdk() {
    let ses = ses().await;
    for (error, status, code) in [
        (SendEmailError::AccountSuspendedException, 400, "AccountSuspendedException"),
        (SendEmailError::BadRequestException, 400, "BadRequestException"),
        (SendEmailError::LimitExceededException, 400, "LimitExceededException"),
        (SendEmailError::MailFromDomainNotVerifiedException, 400, "MailFromDomainNotVerifiedException"),
        (SendEmailError::MessageRejected, 400, "MessageRejected"),
        (SendEmailError::NotFoundException, 404, "NotFoundException"),
        (SendEmailError::SendingPausedException, 400, "SendingPausedException"),
        (SendEmailError::TooManyRequestsException, 429, "TooManyRequestsException"),
        (SendEmailError::InternalFailure, 500, "InternalFailure"),
        (SendEmailError::ServiceUnavailable, 503, "ServiceUnavailable"),
    ] {
        ses.inject(SendEmailFault::new(error));
        let answer = ses.send_simple().send().await.unwrap_err();
        assert_eq!(answer.raw_response().unwrap().status().as_u16(), status, "{code}");
        assert_eq!(answer.code(), Some(code));
        assert_eq!(answer.message(), Some("Injected: nothing was delivered."));
        let is_modelled = !matches!(code, "InternalFailure" | "ServiceUnavailable");
        let is_variant = format!("{:?}", answer.into_service_error()).starts_with(&format!("{code}("));
        assert_eq!(is_variant, is_modelled, "{code}");
    }
    assert!(ses.mailbox.mails().is_empty());
    ses.send_simple().send().await.unwrap();
    assert_eq!(ses.mailbox.mails().len(), 1);
}

#[tokio::test]
async fn a_fault_after_delivery_leaves_the_mail() {
    let ses = ses().await;
    ses.inject(SendEmailFault { after: true, ..SendEmailFault::new(SendEmailError::InternalFailure) });
    assert_eq!(refusal(ses.send_simple()).await.code(), Some("InternalFailure"));
    assert_eq!(ses.mailbox.mails().len(), 1);
}

#[tokio::test]
async fn a_timeout_gives_no_answer_in_time() {
    let ses = ses().await;
    for (after, delivered) in [(false, 0), (true, 1)] {
        ses.inject(SendEmailFault {
            delay_seconds: 60.0,
            after,
            ..SendEmailFault::new(SendEmailError::Timeout)
        });
        let patience = TimeoutConfig::builder().operation_timeout(Duration::from_millis(500)).build();
        let patience = aws_sdk_sesv2::config::Builder::new().timeout_config(patience);
        let answer = ses.send_simple().customize().config_override(patience).send().await;
        assert!(matches!(answer, Err(SdkError::TimeoutError(_))), "{answer:?}");
        assert_eq!(ses.mailbox.mails().len(), delivered);
    }
    ses.inject(SendEmailFault { delay_seconds: 0.05, ..SendEmailFault::new(SendEmailError::Timeout) });
    assert_eq!(refusal(ses.send_simple()).await.code(), Some("ServiceUnavailable"));
}

#[tokio::test]
async fn other_operations_are_named_as_unsupported() {
    let ses = ses().await;
    let answer = ses.client.get_account().send().await.unwrap_err();
    assert_eq!(answer.code(), Some("UnknownOperationException"));
    assert!(answer.message().unwrap().contains("SendEmail only"));
}
