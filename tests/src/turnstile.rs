//! A turnstile between the functions and their tables: it holds a request back at the very moment at which something
//! else is to happen, so that a race goes the same way every time.

use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::TestStackBuilder;

/// The operation that writes all of several items or none.
pub const TRANSACTION: &str = "TransactWriteItems";

/// A request that is to be held back.
struct Trap {
    operation: String,
    /// A text of the request's body.
    text: String,
    /// Requests of that kind to let through before.
    skip: usize,
    arrived: oneshot::Sender<()>,
    release: oneshot::Receiver<()>,
}

#[derive(Default)]
struct Inner {
    target: OnceLock<String>,
    client: reqwest::Client,
    traps: Mutex<Vec<Trap>>,
}

/// A server that hands DynamoDB's requests on, and holds back those that it is told to.
#[derive(Clone)]
pub struct Turnstile {
    url: String,
    inner: Arc<Inner>,
}

/// A request that is held back, or will be. Dropping this loses it.
pub struct Held {
    arrived: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl Held {
    /// Waits until the request is there.
    ///
    /// # Panics
    /// When the turnstile is gone.
    pub async fn arrived(&mut self) {
        (&mut self.arrived).await.unwrap();
    }

    /// Lets the request through.
    pub fn release(self) {
        // Whoever sent it may be gone.
        let _gone = self.release.send(());
    }
}

impl Turnstile {
    /// Serves one; nothing comes through before [`Self::lead_to`].
    pub async fn serve() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let turnstile = Self { url, inner: Arc::default() };
        let router = Router::new().fallback(pass).with_state(turnstile.inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        turnstile
    }

    /// A stack whose functions go through here.
    #[must_use]
    pub fn before(&self, stack: TestStackBuilder) -> TestStackBuilder {
        let every_function = "        CHAIRBOOK_LOG: !Ref LogLevel\n";
        let through = format!("{every_function}        AWS_ENDPOINT_URL_DYNAMODB: {}\n", self.url);
        stack.template_with(every_function, &through)
    }

    /// Says where the tables are.
    ///
    /// # Panics
    /// When it was said before.
    pub fn lead_to(&self, dynamodb_url: &str) {
        self.inner.target.set(dynamodb_url.to_owned()).unwrap();
    }

    /// Holds back the next request of an operation whose body has a text.
    pub fn hold(&self, operation: &str, text: &str) -> Held {
        self.hold_after(0, operation, text)
    }

    /// The same, but for the first so many of them.
    ///
    /// # Panics
    /// When a thread of the turnstile has panicked.
    pub fn hold_after(&self, skip: usize, operation: &str, text: &str) -> Held {
        let (arrive, arrived) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.inner.traps.lock().unwrap().push(Trap {
            operation: operation.to_owned(),
            text: text.to_owned(),
            skip,
            arrived: arrive,
            release: released,
        });
        Held { arrived, release }
    }
}

impl Inner {
    /// The trap that a request runs into, if there is one.
    fn trap(&self, operation: &str, body: &[u8]) -> Option<Trap> {
        let body = String::from_utf8_lossy(body);
        let mut traps = self.traps.lock().unwrap();
        let is_meant = |trap: &Trap| trap.operation == operation && body.contains(&trap.text);
        for place in 0..traps.len() {
            if is_meant(&traps[place]) {
                if traps[place].skip == 0 {
                    return Some(traps.remove(place));
                }
                traps[place].skip -= 1;
            }
        }
        None
    }
}

async fn pass(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let operation = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = operation.rsplit('.').next().unwrap_or_default();
    if let Some(trap) = inner.trap(operation, &body)
        && trap.arrived.send(()).is_ok()
        && trap.release.await.is_err()
    {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let Some(target) = inner.target.get() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let mut request = inner.client.post(target).body(body);
    for (name, value) in
        headers.iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length"))
    {
        request = request.header(name, value);
    }
    let Ok(response) = request.send().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let (status, mut headers) = (response.status(), response.headers().clone());
    headers.remove("transfer-encoding");
    match response.bytes().await {
        Ok(body) => (status, headers, body).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
