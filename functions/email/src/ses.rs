//! Sending by Amazon SES, and what its refusals mean.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{BuildError, ProvideErrorMetadata as _, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{
    Attachment, AttachmentContentDisposition, AttachmentContentTransferEncoding, Body, Content, Destination,
    EmailContent, Message, MessageTag,
};
use chairbook_mail::{Mailbox, Rendered};
use chairbook_models::event::EventType;

/// What a failure means for the mail. Each carries SES's error code, never an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendFailure {
    /// Too many at once: SES certainly did not send it, and will in a moment.
    Throttled(String),
    /// It may succeed later; SES may even have sent it.
    Temporary(String),
    /// It will never succeed.
    Permanent(String),
}

/// Sends a mail to an address in ASCII; answers with SES's message id.
pub async fn send(
    client: &Client,
    from: &Mailbox,
    to: &str,
    event_type: EventType,
    mail: &Rendered,
) -> Result<String, SendFailure> {
    let unbuildable = |_: BuildError| SendFailure::Permanent("unbuildable".to_owned());
    let sent = client
        .send_email()
        .from_email_address(from.header())
        .destination(Destination::builder().to_addresses(to).build())
        .content(content(mail).map_err(unbuildable)?)
        .email_tags(tag(event_type).map_err(unbuildable)?)
        .send()
        .await
        .map_err(|error| failure(&error))?;
    // A mail without an id has been sent all the same.
    Ok(sent.message_id.unwrap_or_default())
}

fn failure(error: &SdkError<SendEmailError>) -> SendFailure {
    let status = error.raw_response().map(|response| response.status().as_u16());
    match error {
        SdkError::ConstructionFailure(_) => SendFailure::Permanent("unbuildable".to_owned()),
        SdkError::TimeoutError(_) => SendFailure::Temporary("timeout".to_owned()),
        SdkError::DispatchFailure(_) => SendFailure::Temporary("no_connection".to_owned()),
        SdkError::ServiceError(_) => classify(error.code(), status),
        _ => SendFailure::Temporary("no_readable_answer".to_owned()),
    }
}

/// What SES's answer means, from its error code and HTTP status
/// (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors>).
fn classify(code: Option<&str>, status: Option<u16>) -> SendFailure {
    let name = code.map_or_else(|| format!("http_{}", status.unwrap_or_default()), str::to_owned);
    match (code, status) {
        (Some("TooManyRequestsException" | "ThrottlingException" | "Throttling"), _) => {
            SendFailure::Throttled(name)
        }
        // The account's quota, or a pause that somebody ends: nothing that the mail can help.
        (Some("LimitExceededException" | "SendingPausedException"), _) => SendFailure::Temporary(name),
        (
            Some(
                "AccountSuspendedException"
                | "BadRequestException"
                | "MailFromDomainNotVerifiedException"
                | "MessageRejected"
                | "NotFoundException",
            ),
            _,
        ) => SendFailure::Permanent(name),
        (_, Some(429)) => SendFailure::Throttled(name),
        // Credentials or permissions: the deployment's fault, and to be sent once that is put right.
        (_, Some(401 | 403)) => SendFailure::Temporary(name),
        (_, Some(400..=499)) => SendFailure::Permanent(name),
        _ => SendFailure::Temporary(name),
    }
}

fn utf8(text: &str) -> Result<Content, BuildError> {
    Content::builder().data(text).charset("UTF-8").build()
}

fn content(mail: &Rendered) -> Result<EmailContent, BuildError> {
    let body = Body::builder().text(utf8(&mail.text)?).html(utf8(&mail.html)?).build();
    let mut message = Message::builder().subject(utf8(&mail.subject)?).body(body);
    for attachment in &mail.attachments {
        let attachment = Attachment::builder()
            .file_name(&attachment.filename)
            .content_type(&attachment.content_type)
            .content_disposition(AttachmentContentDisposition::Attachment)
            .content_transfer_encoding(AttachmentContentTransferEncoding::Base64)
            .raw_content(Blob::new(attachment.content.clone()))
            .build()?;
        message = message.attachments(attachment);
    }
    Ok(EmailContent::builder().simple(message.build()).build())
}

/// Says in SES's own statistics what a mail was about. A tag's value has letters, digits, `_` and `-` only.
fn tag(event_type: EventType) -> Result<MessageTag, BuildError> {
    MessageTag::builder().name("event").value(event_type.as_str().replace('.', "-")).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_and_what_cannot_is_not() {
        let throttled = |code: &str| SendFailure::Throttled(code.to_owned());
        let temporary = |code: &str| SendFailure::Temporary(code.to_owned());
        let permanent = |code: &str| SendFailure::Permanent(code.to_owned());
        for (code, status, expected) in [
            (Some("TooManyRequestsException"), Some(429), throttled("TooManyRequestsException")),
            (Some("ThrottlingException"), Some(400), throttled("ThrottlingException")),
            (None, Some(429), throttled("http_429")),
            (Some("LimitExceededException"), Some(400), temporary("LimitExceededException")),
            (Some("SendingPausedException"), Some(400), temporary("SendingPausedException")),
            (Some("InternalFailure"), Some(500), temporary("InternalFailure")),
            (Some("ServiceUnavailable"), Some(503), temporary("ServiceUnavailable")),
            (None, Some(502), temporary("http_502")),
            (None, None, temporary("http_0")),
            (Some("AccessDeniedException"), Some(403), temporary("AccessDeniedException")),
            (Some("ExpiredTokenException"), Some(403), temporary("ExpiredTokenException")),
            (Some("MessageRejected"), Some(400), permanent("MessageRejected")),
            (Some("BadRequestException"), Some(400), permanent("BadRequestException")),
            (
                Some("MailFromDomainNotVerifiedException"),
                Some(400),
                permanent("MailFromDomainNotVerifiedException"),
            ),
            (Some("AccountSuspendedException"), Some(400), permanent("AccountSuspendedException")),
            (Some("NotFoundException"), Some(404), permanent("NotFoundException")),
            (Some("ValidationException"), Some(400), permanent("ValidationException")),
            (None, Some(413), permanent("http_413")),
        ] {
            assert_eq!(classify(code, status), expected, "{code:?} {status:?}");
        }
    }

    #[test]
    fn a_mail_goes_out_with_both_texts_and_its_attachments() {
        let mail = Rendered {
            subject: "Confirmed: Coupe à Paris".to_owned(),
            text: "plain\n".to_owned(),
            html: "<p>html</p>".to_owned(),
            attachments: vec![chairbook_mail::Attachment {
                filename: "appointment.ics".to_owned(),
                content_type: "text/calendar; charset=utf-8; method=REQUEST".to_owned(),
                content: b"BEGIN:VCALENDAR".to_vec(),
            }],
        };
        let content = content(&mail).unwrap();
        let message = content.simple().unwrap();
        let subject = message.subject().unwrap();
        assert_eq!((subject.data(), subject.charset()), ("Confirmed: Coupe à Paris", Some("UTF-8")));
        assert_eq!(message.body().unwrap().text().unwrap().data(), "plain\n");
        assert_eq!(message.body().unwrap().html().unwrap().data(), "<p>html</p>");
        let [attachment] = message.attachments() else { panic!("one attachment") };
        assert_eq!(attachment.file_name(), "appointment.ics");
        assert_eq!(attachment.content_type(), Some("text/calendar; charset=utf-8; method=REQUEST"));
        assert_eq!(attachment.raw_content().as_ref(), b"BEGIN:VCALENDAR");
        assert_eq!(attachment.content_disposition(), Some(&AttachmentContentDisposition::Attachment));
    }

    #[test]
    fn tags_have_only_characters_that_ses_takes() {
        for event_type in EventType::ALL {
            let tag = tag(event_type).unwrap();
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            assert!(tag.value().chars().all(allowed), "{}", tag.value());
        }
    }
}
