//! Small pages for people who follow a link in a mail with a browser. Titles and texts are ours, never a visitor's.
//!
//! Opening a page changes nothing, since programs that look through mail for malware open links too: its button does.

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chairbook_web::ApiError;
use http::{HeaderValue, StatusCode, header};

const STYLE: &str = "*{box-sizing:border-box}body{font:18px/1.5 system-ui,sans-serif;margin:0 auto;\
    max-width:30rem;padding:10vh 1.5rem 2rem;color:#1f2933;background:#fff;overflow-wrap:anywhere}\
    h1{font-size:1.6rem;line-height:1.25;margin:0 0 1rem}p{margin:0 0 1rem}\
    label{display:block;font-weight:600;margin:1.5rem 0 .35rem}\
    input,button{font:inherit;width:100%;padding:.65rem .8rem;border-radius:.4rem;border:1px solid #7b8794}\
    input{color:inherit;background:#fff}button{margin:1rem 0 1.25rem;border-color:#1f2933;background:#1f2933;\
    color:#fff;font-weight:600;cursor:pointer}button:disabled{opacity:.6;cursor:default}\
    :focus-visible{outline:3px solid #2186eb;outline-offset:2px}.hint{color:#52606d;font-size:.95rem}input+.hint{margin:.6rem 0 1.25rem}\
    [role=status]{font-weight:600}@media(prefers-color-scheme:dark){:root{color-scheme:dark}\
    body{color:#e4e7eb;background:#1f2933}input{background:#323f4b}.hint{color:#cbd2d9}\
    button{border-color:#e4e7eb;background:#e4e7eb;color:#1f2933}}";

/// Posts a form as JSON, as every client does, with the token from the page's own address, to that address without it.
const SCRIPT: &str = r#"const form=document.querySelector("form"),button=form.querySelector("button"),
status=document.querySelector("[role=status]");
form.addEventListener("submit",async event=>{event.preventDefault();
const [,route,token]=location.pathname.match(/^(.*)\/([^/]*)$/);
const fields={token:decodeURIComponent(token),...Object.fromEntries(new FormData(form))};
button.disabled=true;status.textContent="One moment …";
try{const response=await fetch(route,{method:"POST",headers:{"content-type":"application/json"},
body:JSON.stringify(fields)});const body=await response.json();
status.textContent=body.error?.fields?.find(({field})=>field==="password")?.message.replace(/^/,"This password ")
??body.message;if(response.ok)form.parentElement.hidden=true;}
catch{status.textContent="We could not be reached. Please try again.";}
button.disabled=false;});"#;

/// The field for a new password. Its limits are those of [`crate::password::Password`].
const PASSWORD_FIELD: &str = r#"<label for="password">New password</label><input id="password" name="password" type="password" autocomplete="new-password" minlength="8" maxlength="128" required autofocus aria-describedby="hint"><p class="hint" id="hint">At least 8 characters; a few unrelated words are a good password.</p>"#;

/// A form's page: what it says, the form's fields, and its button.
struct Form<'t> {
    title: &'t str,
    text: &'t str,
    fields: &'t str,
    button: &'t str,
}

/// A source of a Content-Security-Policy that allows one inline style sheet or script.
fn source(inline: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(digest(&SHA256, inline.as_bytes())))
}

fn document(status: StatusCode, title: &str, body: &str, sources: &str) -> Response {
    let html = format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"#
    );
    let policy = format!(
        "default-src 'none'; style-src {};{sources} base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source(STYLE)
    );
    let mut response = (status, Html(html)).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn form(form: &Form<'_>) -> Response {
    let Form { title, text, fields, button } = form;
    let body = format!(
        r#"<section>{text}<form>{fields}<button>{button}</button></form></section><p role="status" aria-live="polite"></p><noscript><p>This page needs JavaScript, which is turned off in your browser.</p></noscript><script>{SCRIPT}</script>"#
    );
    let sources = format!(" script-src {}; connect-src 'self';", source(SCRIPT));
    document(StatusCode::OK, title, &body, &sources)
}

/// The page that says why a link did not work.
pub(crate) fn failure(error: &ApiError) -> Response {
    document(error.status, "That did not work", &format!("<p>{}</p>", error.message), "")
}

/// The page where somebody confirms that an address is theirs.
pub(crate) fn verification_form() -> Response {
    form(&Form {
        title: "Confirm your e-mail address",
        text: "<p>Somebody registered with this e-mail address. If it was you, confirm that the address is yours; then \
               you can log in.</p><p class=\"hint\">If it was not you, do not confirm and close this page: until the \
               address is confirmed, nobody can use the account.</p>",
        fields: "",
        button: "Confirm the address",
    })
}

/// The same for the address whose account becomes the owner's, which is done by whoever knows the new password, and
/// not by whoever registered.
pub(crate) fn owner_verification_form() -> Response {
    form(&Form {
        title: "Become the salon’s owner",
        text: "<p>The account with this e-mail address becomes the salon’s owner. Choose its password here: it replaces \
               the one that was given at registration.</p><p class=\"hint\">If you did not expect this, close this page \
               and tell whoever runs the salon’s booking system: until a password is chosen here, nobody can use the \
               account.</p>",
        fields: PASSWORD_FIELD,
        button: "Confirm the address and set the password",
    })
}

/// The page where a new password is typed.
pub(crate) fn reset_form() -> Response {
    form(&Form {
        title: "Choose a new password",
        text: "<p>You will be logged out everywhere, and can log in with the new password.</p>",
        fields: PASSWORD_FIELD,
        button: "Set the password",
    })
}
