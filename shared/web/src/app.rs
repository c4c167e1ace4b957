//! The layers in front of every handler, from the outside in: the access log and the answer's common headers; large
//! responses are compressed; panics become 500; the rate limit and the caller's token.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Json;
use axum::Router;
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, post};
use chairbook_platform::meter::Meter;
use chairbook_platform::{clock, configured, ended, env, health_probe};
use chairbook_store::{Reader, Store, Tables};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use jiff::Timestamp;
use lambda_http::request::RequestContext;
use lambda_http::{Adapter, Context, LambdaEvent, RequestExt, Service as _, lambda_runtime, service_fn};
use serde_json::Value;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::{CompressionLayer, Predicate};
use tracing::Instrument as _;

use crate::access::{Client, Gate, claims, no_token};
use crate::admission::{Checks, Learned, Question, source};
use crate::cloudfront::{CloudFront, client_address};
use crate::error::ApiError;
use crate::incoming;
use crate::rate_limit::Policy;
use crate::reply::Large;

/// The characters of a user agent's name that are kept.
const MAX_USER_AGENT: usize = 256;

/// Time before Lambda's deadline at which scheduled work begins nothing more.
const SCHEDULE_RESERVE: Duration = Duration::from_secs(5);

/// Everything that the layers need, the same in every function.
#[derive(Clone)]
pub struct Web {
    /// The tables, read only. To change them takes an admitted caller: see [`crate::access`].
    pub reader: Reader,
    pub(crate) store: Store,
    pub(crate) learned: Arc<Learned>,
    /// The issuer of access tokens (`iss`).
    pub issuer: Arc<str>,
    /// Requests per client and window (`RATE_LIMIT_REQUESTS`).
    pub requests: u64,
    /// Requests per client and window to the endpoints that are worth guessing at
    /// (`AUTH_RATE_LIMIT_REQUESTS`); the same as `requests` in functions that have none.
    pub auth_requests: u64,
    /// The window (`RATE_LIMIT_WINDOW`).
    pub window: Duration,
}

impl Web {
    /// From the environment: `RATE_LIMIT_REQUESTS`, `RATE_LIMIT_WINDOW`, `TOKEN_ISSUER`,
    /// `AUTH_RATE_LIMIT_REQUESTS` and `CLOUDFRONT_SECRET` where there is one, and the tables, of which the function needs
    /// those named by these variables.
    ///
    /// # Errors
    /// [`env::ConfigError`] names what is missing or wrong.
    pub fn from_env(tables: &[&str]) -> Result<Self, env::ConfigError> {
        env::all_set(tables)?;
        CloudFront::from_env()?;
        let requests = env::whole_number("RATE_LIMIT_REQUESTS")?;
        let auth_requests = match env::optional("AUTH_RATE_LIMIT_REQUESTS") {
            Some(_) => env::whole_number("AUTH_RATE_LIMIT_REQUESTS")?,
            None => requests,
        };
        let store = Store::new(chairbook_platform::aws::dynamodb()?, Tables::from_env());
        Ok(Self {
            reader: store.reader().clone(),
            store,
            learned: Arc::default(),
            issuer: env::required("TOKEN_ISSUER")?.into(),
            requests,
            auth_requests,
            window: env::duration("RATE_LIMIT_WINDOW")?,
        })
    }

    /// The policy of routes without a tighter one.
    #[must_use]
    pub const fn default_policy(&self) -> Policy {
        Policy { name: "default", requests: self.requests, window: self.window, is_tight: false }
    }

    /// A tighter policy of that name.
    #[must_use]
    pub const fn auth_policy(&self, name: &'static str) -> Policy {
        Policy { name, requests: self.auth_requests, window: self.window, is_tight: true }
    }

    /// Puts the rate limit and the caller's token in front of one route's methods; without a policy, requests
    /// are not counted.
    pub fn guard<S>(&self, policy: Option<Policy>, methods: MethodRouter<S>) -> MethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        methods.layer(from_fn_with_state((self.clone(), policy), gate))
    }
}

/// Says of an answer that how long it waited for the database is nobody's business: where answers must not tell whether
/// there is an account, the time would.
#[derive(Debug, Clone, Copy)]
struct Untimed;

/// Completes a function's routes: what is not found, what panics, the access log, the health probe.
pub fn router(routes: Router) -> Router {
    complete(routes, post(probe))
}

/// Completes the routes of a function that a schedule invokes, too: `work` is given the tables, and the instant (UTC)
/// at which to begin nothing more.
pub fn scheduled_router<W, F, E>(web: &Web, routes: Router, work: W) -> Router
where
    W: Fn(Store, Timestamp) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Value, E>> + Send,
    E: IntoResponse,
{
    let store = web.store.clone();
    let invoked = async move |request: Request| {
        if !is_invoked(&request) {
            return ApiError::not_found("Route").into_response();
        }
        let deadline = request.lambda_context_ref().map(Context::deadline);
        let deadline = deadline.map_or(Timestamp::MAX, |end| clock::before_deadline(end, SCHEDULE_RESERVE));
        let event: Result<Json<Value>, _> = Json::from_request(request, &()).await;
        match event {
            Ok(Json(event)) if health_probe::is_probe(&event) => {
                Json(health_probe::response()).into_response()
            }
            _ => work(store.clone(), deadline).await.map(Json).into_response(),
        }
    };
    complete(routes, post(invoked))
}

fn complete(routes: Router, events: MethodRouter) -> Router {
    routes
        .route(incoming::INVOKED, events)
        .route(incoming::MALFORMED, any(malformed))
        .fallback(|| async { ApiError::not_found("Route").into_response() })
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This route does not have that method.",
            )
        })
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            ApiError::bug(&"a handler panicked").into_response()
        }))
        .layer(compression())
        .layer(from_fn(observe))
}

/// Compresses the responses that are marked for it. They are sent once, so that speed comes before size.
fn compression() -> CompressionLayer<impl Predicate> {
    let is_large =
        |_: StatusCode, _: Version, _: &HeaderMap, marks: &Extensions| marks.get::<Large>().is_some();
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(is_large)
}

/// Runs a function: its routes, behind Lambda.
pub async fn run(build: impl FnOnce() -> Result<Router, env::ConfigError>) -> ExitCode {
    let adapter = match configured(build) {
        Ok(router) => Adapter::from(router),
        Err(status) => return status,
    };
    let served = lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let mut adapter = adapter.clone();
        async move {
            let request_id = &event.context.request_id;
            let request = incoming::request(event.payload)
                .inspect_err(|error| tracing::error!(request_id, %error, "the event is not understood"))?;
            let response = adapter.call(LambdaEvent::new(request, event.context)).await;
            response.map_err(lambda_http::Error::from)
        }
    }));
    ended(served.await)
}

/// Returns true if a request came by the Invoke API, and not by HTTP.
fn is_invoked(request: &Request) -> bool {
    matches!(request.extensions().get(), Some(RequestContext::PassThrough))
}

/// A health probe comes by the Invoke API, not by HTTP.
async fn probe(request: Request) -> Response {
    if is_invoked(&request) {
        Json(health_probe::response()).into_response()
    } else {
        ApiError::not_found("Route").into_response()
    }
}

/// Refuses a malformed request.
async fn malformed() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "malformed_request",
        "The request is malformed: its path, its query string or its Host header is not one.",
    )
}

/// Returns true if a request reached the handler of the route that API Gateway chose.
fn is_on_its_route(request: &Request) -> bool {
    let Some(RequestContext::ApiGatewayV2(context)) = request.extensions().get::<RequestContext>() else {
        return true;
    };
    let chosen = context.route_key.as_deref().and_then(|key| key.split_once(' ')).map(|(_, path)| path);
    let reached = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    reached.is_none_or(|reached| Some(reached) == chosen || reached == incoming::MALFORMED)
}

/// Returns true if a request came in the way in which the API is called: by the CloudFront distribution where there is
/// one. The Invoke API is for this account's own.
fn is_let_in(request: &Request) -> bool {
    CloudFront::of_process().is_none_or(|front| is_invoked(request) || front.sent(request.headers()))
}

/// API Gateway's facts about a request that was let in: its id and the client's address.
fn origin(request: &Request) -> (String, Option<String>) {
    let context = request.extensions().get::<RequestContext>();
    let (id, ip) = match context {
        Some(RequestContext::ApiGatewayV2(context)) => {
            (context.request_id.clone(), context.http.source_ip.clone())
        }
        _ => (None, None),
    };
    let ip = match CloudFront::of_process() {
        Some(_) => client_address(request.headers(), ip.as_deref()),
        None => ip,
    };
    let id = id.or_else(|| request.lambda_context_ref().map(|context| context.request_id.clone()));
    (id.unwrap_or_default(), ip)
}

async fn gate(State((web, policy)): State<(Web, Option<Policy>)>, request: Request, next: Next) -> Response {
    let now = clock::now();
    let is_tight = policy.is_some_and(|policy| policy.is_tight);
    let (_, ip) = origin(&request);
    let (mut parts, body) = request.into_parts();
    let claims = match policy {
        Some(_) => claims(&parts, &web.reader, &web.issuer, now).await,
        // A route that counts nobody asks nobody who they are.
        None => Err(no_token()),
    };
    let store = web.store.clone();
    let question = Question { web, policy, claims: claims.clone(), source: source(ip.as_deref()), now };
    let mut response = if let Some(standing) = question.known_to_be_exhausted() {
        standing.respond()
    } else {
        let checking = question.checking();
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let user_agent = user_agent.map(|agent| agent.chars().take(MAX_USER_AGENT).collect());
        parts.extensions.insert(Client { ip, user_agent });
        parts.extensions.insert(Gate { store, claims, checking: checking.clone() });
        let request = Request::from_parts(parts, body);
        // Side by side: a handler that only reads need not wait for the checks, since a refusal replaces its response.
        let (checks, response) = futures_util::join!(checking, next.run(request));
        match checks {
            Ok(Checks { standing: Some(standing), .. }) => standing.complete(response),
            Ok(_) => response,
            Err(error) => error.into_response(),
        }
    };
    if is_tight {
        response.extensions_mut().insert(Untimed);
    }
    response
}

/// Every line that is logged meanwhile has the request's id.
async fn observe(request: Request, next: Next) -> Response {
    let (request_id, _) = origin(&request);
    let span = tracing::error_span!("request", request_id);
    observed(request, next, &request_id).instrument(span).await
}

async fn observed(request: Request, next: Next, request_id: &str) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    // The route, not the path: a path can carry a one-time token.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let meter = Arc::new(Meter::default());
    let mut response = if !is_let_in(&request) {
        ApiError::forbidden("This address does not serve the API. Please call it by its own domain.")
            .into_response()
    } else if is_on_its_route(&request) {
        meter.scope(next.run(request)).await
    } else {
        ApiError::not_found("Route").into_response()
    };
    let reading = meter.reading();
    let is_timed = response.extensions_mut().remove::<Untimed>().is_none();

    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        if let Some(cause) = &error.cause {
            cause.log();
        }
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        let body = Json(error.body(request_id)).into_response().into_body();
        response = Response::from_parts(parts, body);
    }
    let waited = format!("db;dur={:.1}", reading.waited.as_secs_f64() * 1_000.0);
    common_headers(response.headers_mut(), request_id, is_timed.then_some(waited.as_str()));
    tracing::info!(
        access_log = true,
        method = %method,
        route = route.as_deref().unwrap_or("unmatched"),
        status = response.status().as_u16(),
        duration_ms = begun.elapsed().as_secs_f64() * 1_000.0,
        dynamodb_calls = reading.calls,
        dynamodb_round_trips = reading.round_trips,
        read_units = reading.read_units,
        write_units = reading.write_units,
        "request"
    );
    response
}

/// `STRICT_TRANSPORT_SECURITY`; whether it may bind subdomains is for the deployment to say.
fn transport_security() -> Option<&'static HeaderValue> {
    static VALUE: OnceLock<Option<HeaderValue>> = OnceLock::new();
    let read = || HeaderValue::from_str(&env::optional("STRICT_TRANSPORT_SECURITY")?).ok();
    VALUE.get_or_init(read).as_ref()
}

/// The headers that every answer has (<https://owasp.org/www-project-secure-headers/>).
fn common_headers(headers: &mut HeaderMap, request_id: &str, server_timing: Option<&str>) {
    if let Some(value) = transport_security() {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert_with(|| value.clone());
    }
    for (name, value) in [
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("x-request-id", request_id),
    ]
    .into_iter()
    .chain(server_timing.map(|server_timing| ("server-timing", server_timing)))
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.entry(HeaderName::from_static(name)).or_insert(value);
        }
    }
}
