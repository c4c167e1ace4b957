//! Small pages for people who follow a link in a mail with a browser. Titles and texts are ours, never a visitor's.

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, StatusCode, header};

const STYLE: &str = "body{font:18px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:26rem;padding:0 1.5rem;\
    text-align:center;color:#1f2933;background:#fff}form{text-align:left}label{display:block;margin:1rem 0 .25rem}\
    input,button{font:inherit;box-sizing:border-box;width:100%;padding:.6rem .8rem;border-radius:.4rem;\
    border:1px solid #9aa5b1}button{margin-top:1rem;border:0;background:#1f2933;color:#fff;cursor:pointer}\
    [role=status]{margin-top:1rem;min-height:1.5em}@media(prefers-color-scheme:dark){body{color:#e4e7eb;\
    background:#1f2933}input{background:#323f4b;color:inherit}button{background:#e4e7eb;color:#1f2933}}";

/// The form that asks for a new password. It posts JSON, as every client does, with the token from its own address.
const RESET_SCRIPT: &str = r#"const form=document.querySelector("form"),status=document.querySelector("[role=status]");
form.addEventListener("submit",async event=>{event.preventDefault();status.textContent="One moment …";
const token=location.pathname.split("/").pop(),password=form.password.value;
try{const answer=await fetch(location.pathname.replace(/\/[^/]*$/,""),{method:"POST",
headers:{"content-type":"application/json"},body:JSON.stringify({token,password})});
const body=await answer.json();status.textContent=body.message;if(answer.ok)form.hidden=true;}
catch{status.textContent="We could not be reached. Please try again.";}});"#;

fn document(status: StatusCode, title: &str, body: &str, policy: &str) -> Response {
    let html = format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"#
    );
    let mut response = (status, Html(html)).into_response();
    if let Ok(policy) = HeaderValue::from_str(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A page that says something.
pub(crate) fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    document(status, title, &format!("<p>{text}</p>"), policy)
}

/// The page where a new password is typed.
pub(crate) fn reset_form() -> Response {
    let body = format!(
        r#"<form><label for="password">New password</label><input id="password" name="password" type="password" autocomplete="new-password" minlength="8" maxlength="128" required autofocus><button>Set it</button></form><p role="status" aria-live="polite"></p><script>{RESET_SCRIPT}</script>"#
    );
    let hash = BASE64_STANDARD.encode(digest(&SHA256, RESET_SCRIPT.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; connect-src 'self'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    document(StatusCode::OK, "Choose a new password", &body, &policy)
}
