//! Somebody who calls the API.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chairbook_platform::clock;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use reqwest::header::AUTHORIZATION;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{Answer, Json, conformance};

/// Somebody who calls the API, each from an address of their own (127.x.y.z), so that nobody uses up another's rate
/// limit.
#[derive(Debug, Clone)]
pub struct Actor {
    base: String,
    client: Client,
    /// The e-mail address that they log in with.
    pub email: String,
    /// Their password.
    pub password: String,
    /// Their access token, once they are logged in.
    pub access_token: Option<String>,
    /// Their refresh token, likewise.
    pub refresh_token: Option<String>,
    /// Their user id, likewise.
    pub user_id: String,
}

/// The next address of 127.0.0.0/8, beyond 127.0.0.255.
fn next_address() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let [_, high, middle, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, high + 1, middle, low))
}

impl Actor {
    pub(crate) fn new(url: &str, email: &str, password: &str) -> Self {
        let client = Client::builder()
            .local_address(next_address())
            .timeout(Duration::from_mins(1))
            // Sooner than the local stack ends a connection that nobody uses, which would meet a request on its way.
            .pool_idle_timeout(Duration::from_secs(5))
            .redirect(Policy::none());
        Self {
            base: url.to_owned(),
            client: client.build().unwrap(),
            email: email.to_owned(),
            password: password.to_owned(),
            access_token: None,
            refresh_token: None,
            user_id: String::new(),
        }
    }

    /// The same person on another device: another address, nobody logged in.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        Self { user_id: self.user_id.clone(), ..Self::new(&self.base, &self.email, &self.password) }
    }

    /// The same client, with somebody else's access token.
    #[must_use]
    pub fn with_token_of(&self, other: &Self) -> Self {
        Self { access_token: other.access_token.clone(), ..self.clone() }
    }

    /// The same, at a stack that has started anew on another port.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self { base: url.to_owned(), ..self.clone() }
    }

    /// A request to a path below `/api/v1` (or to a whole path, if it is `/` or begins with `/.` or `/_`), with the access
    /// token if there is one.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let prefix =
            if path == "/" || path.starts_with("/.") || path.starts_with("/_") { "" } else { "/api/v1" };
        let request = self.client.request(method, format!("{}{prefix}{path}", self.base));
        match &self.access_token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    /// Sends a request.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// Sends a request that may find nobody there. A response that the API's reference does not allow fails the test.
    ///
    /// # Errors
    /// When there was no answer.
    pub async fn try_send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let request = request.build()?;
        let asked = format!("{} {}", request.method(), request.url());
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.client.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        conformance::check(&method, &path, status, &headers, &text);
        Ok(Answer { status, headers, text, asked })
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// `PUT` with a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Changes one of the salon's settings.
    ///
    /// # Panics
    /// When it may not be changed, or something else changes.
    pub async fn change_setting(&self, setting: &str, value: Value) {
        let mut settings = self.get("/settings").await.data(200)["settings"].to_value();
        settings[setting] = value;
        let changed = self.put("/settings", settings.clone()).await.data(200)["settings"].clone();
        assert_eq!(changed, settings);
    }

    /// Asks routes, by method and path, with an `Authorization` header or without one; each refuses it with 401, this
    /// code and the challenge of RFC 6750, section 3. `what` says what is tried.
    ///
    /// # Panics
    /// When one of them does not.
    pub async fn is_refused<'r>(
        &self,
        routes: impl IntoIterator<Item = (&'r str, &'r str)>,
        authorization: Option<&str>,
        code: &str,
        what: &str,
    ) {
        for (method, path) in routes {
            let mut request = self.request(method.parse().unwrap(), path);
            if let Some(authorization) = authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            if path == "/appointments" {
                let service = "svc_00000000000000000000000001";
                request = request.json(&json!({"serviceId": service, "date": "2026-03-03", "time": "10:00"}));
            }
            let answer = self.send(request).await;
            assert_eq!(answer.status, 401, "{what}, {}: {}", answer.asked, answer.text);
            answer.error(401, code);
            let challenge = match code {
                "unauthorized" => r#"Bearer realm="chairbook""#,
                _ => r#"Bearer realm="chairbook", error="invalid_token""#,
            };
            assert_eq!(answer.header("www-authenticate"), challenge, "{what}");
        }
    }

    /// Registers.
    pub async fn register(&self, name: &str) -> Answer {
        let body = json!({"name": name, "email": self.email, "password": self.password});
        self.post("/auth/register", body).await
    }

    /// Confirms an address with the token from its mail, as the page that the mail leads to does.
    pub async fn verify_email(&self, token: &str) -> Answer {
        self.post("/auth/verify-email", json!({"token": token})).await
    }

    /// Confirms the owner's address, which sets the account's password to the actor's.
    pub async fn verify_owner(&self, token: &str) -> Answer {
        self.post("/auth/verify-email", json!({"token": token, "password": self.password})).await
    }

    /// Logs in and keeps the tokens.
    pub async fn log_in(&mut self) -> Answer {
        let answer = self.post("/auth/login", json!({"email": self.email, "password": self.password})).await;
        if answer.status.is_success() {
            let data = answer.data(200);
            self.access_token = data["accessToken"].as_str().map(str::to_owned);
            self.refresh_token = data["refreshToken"].as_str().map(str::to_owned);
            data["user"]["id"].as_str().unwrap().clone_into(&mut self.user_id);
        }
        answer
    }

    /// The mails to this actor, newest first, as the mailbox lists them; waits until there are so many.
    pub async fn mails(&self, count: usize) -> Vec<Json> {
        loop {
            let mails = self.get(&format!("/_local/mail.json?to={}", self.email)).await.json();
            let mails = mails.as_array().unwrap();
            if mails.len() >= count {
                return mails.clone();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Registers and returns the token in the mail that asks to confirm the address.
    async fn token_of_registration(&self, name: &str) -> String {
        self.register(name).await.data(201);
        let mails = self.mails(1).await;
        let (_, rest) = mails[0]["text"].as_str().unwrap().split_once("/auth/verify-email/").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// Registers, confirms the address by the mail and logs in.
    pub async fn become_customer(&mut self, name: &str) {
        let token = self.token_of_registration(name).await;
        self.verify_email(&token).await.data(200);
        self.log_in().await.data(200);
    }

    /// The same with the address of the template's owner.
    pub async fn become_owner(&mut self, name: &str) {
        let token = self.token_of_registration(name).await;
        self.verify_owner(&token).await.data(200);
        self.log_in().await.data(200);
    }

    /// Books; `body` is the request.
    pub async fn book(&self, body: Value) -> Answer {
        self.post("/appointments", body).await
    }

    /// Every free start of two weeks, as [`Self::availability`] gives them, the first of them at least a day ahead: beyond
    /// the lead time of bookings and the window in which nobody can cancel, whatever the hour.
    pub async fn later_availability(&self, query: &str) -> Vec<(String, String, Vec<String>)> {
        let today = clock::now().to_zoned(TimeZone::UTC).date();
        let (from, to) = (today + 2.days(), today + 15.days());
        self.availability(&format!("{query}&from={from}&to={to}")).await
    }

    /// Every free start of a service, as `(date, time, expert ids)`; the first of them may begin within the hour.
    pub async fn availability(&self, query: &str) -> Vec<(String, String, Vec<String>)> {
        let data = self.get(&format!("/availability?{query}")).await.data(200);
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        data["days"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|day| day["slots"].as_array().unwrap().iter().map(move |slot| (day, slot)))
            .map(|(day, slot)| {
                let experts = slot["expertIds"].as_array().unwrap().iter().map(text).collect();
                (text(&day["date"]), text(&slot["time"]), experts)
            })
            .collect()
    }
}
