//! A group's routes, listed once for all who make something of them.

use axum::Router;
use axum::routing::{MethodFilter, on};

use super::endpoint::Endpoint;
use crate::app::Web;
use crate::rate_limit::Policy;

/// The text about a route in the API's reference.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The operation's id, such as `payAppointment`: the name that generated clients give it.
    pub operation_id: &'static str,
    /// A few words.
    pub summary: &'static str,
    /// More about it, in Markdown; perhaps nothing.
    pub description: &'static str,
}

/// The text about a route: its operation's id and a few words.
#[must_use]
pub const fn about(operation_id: &'static str, summary: &'static str) -> About {
    About { operation_id, summary, description: "" }
}

impl About {
    /// With more about it, in Markdown.
    #[must_use]
    pub const fn described(self, description: &'static str) -> Self {
        Self { description, ..self }
    }
}

/// The rate limit of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// None: requests are not counted.
    None,
    /// The policy of most routes.
    Default,
    /// A tighter policy of this name, for what can be guessed at or sends mail.
    Tight(&'static str),
}

/// The method of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `DELETE`.
    Delete,
}

impl Method {
    /// The method as OpenAPI names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }

    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// A list of routes in the making; `S` is the state that its handlers share.
pub trait Api<S>: Sized {
    /// Adds a route. Path parameters are written `{id}`.
    #[must_use]
    fn route<T, H>(self, method: Method, path: &'static str, about: About, limit: Limit, handler: H) -> Self
    where
        H: Endpoint<T, S>,
        T: 'static;

    /// Adds a `GET` route.
    #[must_use]
    fn get<T: 'static, H: Endpoint<T, S>>(
        self,
        path: &'static str,
        about: About,
        limit: Limit,
        handler: H,
    ) -> Self {
        self.route(Method::Get, path, about, limit, handler)
    }

    /// Adds a `POST` route.
    #[must_use]
    fn post<T: 'static, H: Endpoint<T, S>>(
        self,
        path: &'static str,
        about: About,
        limit: Limit,
        handler: H,
    ) -> Self {
        self.route(Method::Post, path, about, limit, handler)
    }

    /// Adds a `PUT` route.
    #[must_use]
    fn put<T: 'static, H: Endpoint<T, S>>(
        self,
        path: &'static str,
        about: About,
        limit: Limit,
        handler: H,
    ) -> Self {
        self.route(Method::Put, path, about, limit, handler)
    }

    /// Adds a `DELETE` route.
    #[must_use]
    fn delete<T: 'static, H: Endpoint<T, S>>(
        self,
        path: &'static str,
        about: About,
        limit: Limit,
        handler: H,
    ) -> Self {
        self.route(Method::Delete, path, about, limit, handler)
    }
}

/// The routes of a running function, each behind its rate limit and the check of the caller.
pub struct Live<S> {
    web: Web,
    routes: Router<S>,
}

impl<S: Clone + Send + Sync + 'static> Live<S> {
    /// No routes yet.
    #[must_use]
    pub fn new(web: Web) -> Self {
        Self { web, routes: Router::new() }
    }

    /// The routes, with the state that their handlers share.
    pub fn into_routes(self, state: S) -> Router {
        self.routes.with_state(state)
    }
}

impl<S: Clone + Send + Sync + 'static> Api<S> for Live<S> {
    fn route<T, H>(self, method: Method, path: &'static str, _: About, limit: Limit, handler: H) -> Self
    where
        H: Endpoint<T, S>,
        T: 'static,
    {
        let Self { web, routes } = self;
        let policy: Option<Policy> = match limit {
            Limit::None => None,
            Limit::Default => Some(web.default_policy()),
            Limit::Tight(name) => Some(web.auth_policy(name)),
        };
        let guarded = web.guard(policy, on(method.filter(), handler));
        Self { routes: routes.route(path, guarded), web }
    }
}
