//! From a request to a mail, or to what SES would have against it.
//!
//! Limits: <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>. No message of a refusal repeats an address or a
//! text of the mail: callers log them.

use email_address::EmailAddress;
use mail_parser::MessageParser;

use super::request::{
    Attachment, Body, Destination, Disposition, EmailContent, Message, NameValue, RawMessage,
    SendEmailRequest,
};
use crate::mailbox::{ComposedMail, NewAttachment, NewMail, RawMail};

const MAXIMUM_RECIPIENTS: usize = 50;
const MAXIMUM_MESSAGE_BYTES: usize = 40 * 1024 * 1024;
const MAXIMUM_HEADERS: usize = 15;
const MAXIMUM_TAG_LENGTH: usize = 256;
/// Where tags are kept in a message; SES reads them from there, too.
const TAGS_HEADER: &str = "X-SES-MESSAGE-TAGS";

/// Headers that SES writes itself, from the request's other members.
const OWN_HEADERS: [&str; 12] = [
    "Bcc",
    "Cc",
    "Content-Disposition",
    "Content-Type",
    "Date",
    "From",
    "Message-ID",
    "MIME-Version",
    "Reply-To",
    "Return-Path",
    "Subject",
    "To",
];

/// The mail that a request is for, or the message of the `BadRequestException` that SES would answer with.
pub fn new_mail(request: SendEmailRequest) -> Result<NewMail, String> {
    let unsupported = [
        ("ListManagementOptions", request.list_management_options.is_some()),
        ("EndpointId", request.endpoint_id.is_some()),
        ("TenantName", request.tenant_name.is_some()),
    ];
    if let Some((member, _)) = unsupported.iter().find(|(_, is_there)| *is_there) {
        return Err(format!("{member} is not supported by the local SES."));
    }
    let from = request.from_email_address.filter(|from| !from.is_empty());
    if let Some(from) = &from {
        address("FromEmailAddress", from)?;
    }
    addresses("ReplyToAddresses", &request.reply_to_addresses)?;
    tags(&request.email_tags)?;
    let destination = request.destination.unwrap_or_default();
    let recipients = [
        addresses("Destination.ToAddresses", &destination.to_addresses)?,
        addresses("Destination.CcAddresses", &destination.cc_addresses)?,
        addresses("Destination.BccAddresses", &destination.bcc_addresses)?,
    ]
    .concat();

    match request.content {
        Some(EmailContent { simple: Some(message), raw: None, template: None }) => {
            let from = from.ok_or("FromEmailAddress is missing.")?;
            check_recipients(&recipients)?;
            let mail =
                ComposedMail { from, recipients, reply_to: request.reply_to_addresses, ..Default::default() };
            composed(mail, destination, message, &request.email_tags).map(NewMail::Composed)
        }
        Some(EmailContent { simple: None, raw: Some(message), template: None }) => {
            raw(from, recipients, message).map(NewMail::Raw)
        }
        Some(EmailContent { simple: None, raw: None, template: Some(template) }) => {
            let name = template.template_name.or(template.template_arn);
            let name =
                name.map_or_else(|| "an inline template".to_owned(), |name| format!("template {name:?}"));
            Err(format!(
                "Content.Template ({name}) is not supported by the local SES: send Content.Simple or Content.Raw."
            ))
        }
        None | Some(EmailContent { simple: None, raw: None, template: None }) => {
            Err("Content is missing: it must have Simple or Raw.".to_owned())
        }
        Some(_) => Err("Content must have only one of Simple, Raw and Template.".to_owned()),
    }
}

fn composed(
    mail: ComposedMail,
    destination: Destination,
    message: Message,
    tags: &[NameValue],
) -> Result<ComposedMail, String> {
    let subject = message.subject.ok_or("Content.Simple.Subject is missing.")?.data;
    single_line("Content.Simple.Subject", &subject)?;
    let (text, html) = match message.body {
        Some(Body { text, html }) if text.is_some() || html.is_some() => (text, html),
        _ => return Err("Content.Simple.Body is missing: it must have Text or Html.".to_owned()),
    };
    let mut headers = custom_headers(message.headers)?;
    if !tags.is_empty() {
        let tags: Vec<String> = tags.iter().map(|tag| format!("{}={}", tag.name, tag.value)).collect();
        headers.push((TAGS_HEADER.to_owned(), tags.join(", ")));
    }
    let attachments = message.attachments.into_iter().map(attachment).collect::<Result<Vec<_>, _>>()?;
    let mail = ComposedMail {
        to: destination.to_addresses,
        cc: destination.cc_addresses,
        bcc: destination.bcc_addresses,
        subject,
        text: text.map(|content| content.data),
        html: html.map(|content| content.data),
        headers,
        attachments,
        ..mail
    };
    // Files count as the base64 that they travel in.
    let files = mail.attachments.iter().map(|file| file.content.len().div_ceil(3) * 4);
    let texts = [Some(&mail.subject), mail.text.as_ref(), mail.html.as_ref()];
    check_size(files.sum::<usize>() + texts.into_iter().flatten().map(String::len).sum::<usize>())?;
    Ok(mail)
}

fn raw(from: Option<String>, destination: Vec<String>, message: RawMessage) -> Result<RawMail, String> {
    let message = message.data;
    check_size(message.len())?;
    let parsed = MessageParser::default()
        .parse(&message)
        .filter(|parsed| !parsed.headers().is_empty())
        .ok_or("Content.Raw.Data is not a message (RFC 5322): it has no header.")?;
    let has_from = parsed.from().is_some();
    if !has_from && from.is_none() {
        return Err(
            "The From header is missing from Content.Raw.Data, and there is no FromEmailAddress.".to_owned()
        );
    }
    let recipients = if destination.is_empty() {
        let named: Vec<String> = parsed
            .all_to()
            .chain(parsed.all_cc())
            .chain(parsed.all_bcc())
            .flat_map(|header| header.iter().filter_map(|entry| entry.address()))
            .map(str::to_owned)
            .collect();
        addresses("The recipients in Content.Raw.Data", &named)?
    } else {
        destination
    };
    check_recipients(&recipients)?;
    Ok(RawMail { from: from.filter(|_| !has_from), recipients, message })
}

fn attachment(attachment: Attachment) -> Result<NewAttachment, String> {
    let place = "Content.Simple.Attachments";
    let content_type = attachment.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let one_line = [Some(&attachment.file_name), Some(&content_type), attachment.content_id.as_ref()];
    for value in one_line.into_iter().chain([attachment.content_description.as_ref()]).flatten() {
        single_line(place, value)?;
    }
    if attachment.file_name.is_empty() {
        return Err(format!("{place}: FileName is empty."));
    }
    if !content_type.is_ascii() {
        return Err(format!("{place}: ContentType has characters outside ASCII."));
    }
    Ok(NewAttachment {
        name: attachment.file_name,
        content_type,
        disposition: match attachment.content_disposition {
            Some(Disposition::Inline) => "inline",
            Some(Disposition::Attachment) | None => "attachment",
        },
        content_id: attachment.content_id,
        description: attachment.content_description,
        content: attachment.raw_content,
    })
}

fn custom_headers(headers: Vec<NameValue>) -> Result<Vec<(String, String)>, String> {
    let place = "Content.Simple.Headers";
    if headers.len() > MAXIMUM_HEADERS {
        return Err(format!("{place} has {}; it may have {MAXIMUM_HEADERS}.", headers.len()));
    }
    for header in &headers {
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if header.name.is_empty() || !is_name(&header.name) {
            return Err(format!("{place}: {:?} is not a header's name.", header.name));
        }
        if OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(&header.name)) {
            return Err(format!("{place}: {} is written from the request's other members.", header.name));
        }
        single_line(place, &header.value)?;
    }
    Ok(headers.into_iter().map(|header| (header.name, header.value)).collect())
}

fn tags(tags: &[NameValue]) -> Result<(), String> {
    let is_taken = |text: &str| {
        (1..=MAXIMUM_TAG_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    match tags.iter().position(|tag| !is_taken(&tag.name) || !is_taken(&tag.value)) {
        Some(at) => Err(format!(
            "EmailTags[{at}]: a name and a value have 1 to {MAXIMUM_TAG_LENGTH} letters, digits, _ and - of ASCII."
        )),
        None => Ok(()),
    }
}

/// The addresses without names.
fn addresses(place: &str, texts: &[String]) -> Result<Vec<String>, String> {
    texts.iter().enumerate().map(|(at, text)| address(&format!("{place}[{at}]"), text)).collect()
}

/// The address without its name.
fn address(place: &str, text: &str) -> Result<String, String> {
    if !text.is_ascii() || text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(format!(
            "{place} has control characters or some outside ASCII: a name may have them as encoded words (RFC 2047), \
             a domain in Punycode, and the part before the @ not at all."
        ));
    }
    let header = format!("To: {text}\r\n\r\n");
    let parsed = MessageParser::default().parse(header.as_bytes());
    let parsed: Vec<_> =
        parsed.iter().flat_map(mail_parser::Message::all_to).flat_map(|to| to.iter()).collect();
    match parsed.as_slice() {
        [entry] => match entry.address() {
            Some(address) if EmailAddress::is_valid(address) => Ok(address.to_owned()),
            _ if !text.contains('@') => Err(format!("{place}: Missing final '@domain'.")),
            _ => Err(format!("{place} is not an e-mail address.")),
        },
        _ => {
            Err(format!("{place} is not one e-mail address; a name with special characters must be quoted."))
        }
    }
}

fn check_recipients(recipients: &[String]) -> Result<(), String> {
    match recipients.len() {
        0 => Err("Destination is missing: it must have at least one address.".to_owned()),
        1..=MAXIMUM_RECIPIENTS => Ok(()),
        count => Err(format!("Recipient count exceeds {MAXIMUM_RECIPIENTS}: Destination has {count}.")),
    }
}

fn check_size(bytes: usize) -> Result<(), String> {
    if bytes > MAXIMUM_MESSAGE_BYTES {
        return Err(format!("Message length is more than {MAXIMUM_MESSAGE_BYTES} bytes long: {bytes}."));
    }
    Ok(())
}

fn single_line(place: &str, text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err(format!("{place} has a line break or another control character."));
    }
    Ok(())
}
