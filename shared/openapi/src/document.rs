//! The OpenAPI document of a list of routes.

use std::collections::BTreeMap;

use aide::openapi::{
    Components, Contact, Example, Header, HeaderStyle, Info, License, MediaType, OpenApi, Operation,
    Parameter, ParameterData, ParameterSchemaOrContent, PathItem, PathStyle, Paths, QueryStyle, ReferenceOr,
    RequestBody, Response, Responses, SchemaObject, SecurityRequirement, SecurityScheme, Server, StatusCode,
    Tag,
};
use chairbook_web::contract::{
    Header as DescribedHeader, Limit, Location, Method, Parameter as DescribedParameter, ResponseContent,
    Security,
};
use indexmap::IndexMap;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::errors::{by_status, field_error};
use crate::spec::{Route, Spec};

const JSON: &str = "application/json";

const SCHEME: &str = "accessToken";

const DESCRIPTION: &str = "\
Appointment booking for salons, clinics and studios.

Every JSON response has `success`, a `message` for people and either `data` or `error`. Times are UTC (RFC 3339) unless \
they are called local; local ones are in the salon's time zone. Amounts of money are whole minor units of the salon's \
currency (cents, yen). Lists are paged by `cursor`. A member that has no value is `null`. Responses may gain members: \
clients ignore those that they do not know, while requests with unknown fields are refused.

Errors carry a `code` for programs. Those of API Gateway itself (429 and 503 beyond its throttling limits, 413 beyond 10 \
MB) have no `error`, but only a `message`.";

/// Groups of operations by the first segment of their path: the tag, and a few words about it.
const TAGS: [(&str, &str); 16] = [
    ("auth", "Accounts, logging in and out, sessions, passwords."),
    ("profile", "One's own profile, its export and its deletion."),
    ("users", "People's profiles and roles, for admins and owners."),
    ("categories", "Headings under which services are listed."),
    ("services", "Services and their add-ons."),
    ("experts", "Experts, their services, working hours and time off."),
    ("offers", "Offers that make appointments cheaper."),
    ("gallery", "Images of experts and services."),
    ("settings", "The salon's settings."),
    ("availability", "Free times."),
    ("appointments", "Appointments: booking, paying, moving, cancelling."),
    ("notifications", "One's own notifications, and the choice of them."),
    ("todos", "One's own to-dos."),
    ("dashboard", "The salon's numbers."),
    ("health", "The state of the system's parts."),
    ("docs", "This reference."),
];

/// The document.
pub(crate) fn of(spec: Spec) -> OpenApi {
    let Spec { mut generator, routes } = spec;
    let mut paths: BTreeMap<&'static str, PathItem> = BTreeMap::new();
    let mut used_tags = Vec::new();
    let mut shared = SharedResponses::default();
    for route in routes {
        let tag = tag(route.path);
        used_tags.push(tag);
        let item = paths.entry(route.path).or_default();
        let place = match route.method {
            Method::Get => &mut item.get,
            Method::Post => &mut item.post,
            Method::Put => &mut item.put,
            Method::Delete => &mut item.delete,
        };
        *place = Some(operation(route, tag, &generator, &mut shared));
    }
    let mut schemas: IndexMap<String, SchemaObject> = generator
        .take_definitions(true)
        .into_iter()
        .filter_map(|(name, schema)| Some((name, object(Schema::try_from(schema).ok()?))))
        .collect();
    schemas.insert("FieldError".to_owned(), object(field_error()));
    OpenApi {
        info: Info {
            title: "Chairbook".to_owned(),
            description: Some(DESCRIPTION.to_owned()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            contact: Some(Contact {
                name: Some("The Chairbook contributors".to_owned()),
                ..Contact::default()
            }),
            license: Some(License {
                name: "MIT OR Apache-2.0".to_owned(),
                identifier: Some("MIT OR Apache-2.0".to_owned()),
                ..License::default()
            }),
            ..Info::default()
        },
        servers: vec![Server { url: "/".to_owned(), ..Server::default() }],
        paths: Some(Paths {
            paths: paths.into_iter().map(|(path, item)| (path.to_owned(), ReferenceOr::Item(item))).collect(),
            ..Paths::default()
        }),
        components: Some(Components {
            schemas,
            responses: shared
                .0
                .into_iter()
                .map(|(name, response)| (name, ReferenceOr::Item(response)))
                .collect(),
            headers: common_headers(),
            security_schemes: IndexMap::from([(
                SCHEME.to_owned(),
                ReferenceOr::Item(SecurityScheme::Http {
                    scheme: "bearer".to_owned(),
                    bearer_format: Some("JWT".to_owned()),
                    description: Some("The `accessToken` that `POST /api/v1/auth/login` gives.".to_owned()),
                    extensions: IndexMap::new(),
                }),
            )]),
            ..Components::default()
        }),
        tags: BTreeMap::from(TAGS)
            .into_iter()
            .filter(|(name, _)| used_tags.contains(name))
            .map(|(name, description)| Tag {
                name: name.to_owned(),
                description: Some(description.to_owned()),
                ..Tag::default()
            })
            .collect(),
        ..OpenApi::default()
    }
}

/// The tag of a path.
///
/// # Panics
/// When a new group of paths has no tag yet.
fn tag(path: &str) -> &'static str {
    let segment = path.strip_prefix("/api/v1/").and_then(|rest| rest.split('/').next());
    let name = match segment {
        Some("openapi.json") => "docs",
        Some(segment) => segment,
        None if path.starts_with("/.well-known/") => "auth",
        None => "docs",
    };
    let known = TAGS.iter().find(|(known, _)| *known == name);
    assert!(known.is_some(), "{path} has no tag: add one to TAGS");
    known.map_or("docs", |(known, _)| known)
}

const fn object(json_schema: Schema) -> SchemaObject {
    SchemaObject { json_schema, external_docs: None, example: None }
}

fn operation(
    route: Route,
    tag: &str,
    generator: &SchemaGenerator,
    shared: &mut SharedResponses,
) -> Operation {
    let callers = match route.security {
        Security::Anybody => "For anybody.",
        Security::Optional => "For anybody; `includeInactive` is for admins.",
        Security::Customer => "For anybody who is logged in.",
        Security::Admin => "For admins and owners.",
        Security::Owner => "For owners.",
    };
    let limit = match route.limit {
        Limit::None => " Requests are not counted.".to_owned(),
        Limit::Default => String::new(),
        Limit::Tight(name) => format!(" Requests count towards the tighter rate limit `{name}`."),
    };
    let description = format!("{callers}{limit}\n\n{}", route.about.description);
    let token = SecurityRequirement::from_iter([(SCHEME.to_owned(), Vec::new())]);
    let security = match route.security {
        Security::Anybody => Vec::new(),
        Security::Optional => vec![SecurityRequirement::default(), token],
        Security::Customer | Security::Admin | Security::Owner => vec![token],
    };
    let is_counted = route.limit != Limit::None;
    let mut responses = IndexMap::new();
    for response in route.responses {
        let headers = response.headers.into_iter().chain(route.headers.iter().cloned());
        let success = Response {
            description: route.about.summary.to_owned() + ": done.",
            headers: headers.map(header).chain(usual_headers(is_counted)).collect(),
            content: response.content.into_iter().filter_map(content).collect(),
            ..Response::default()
        };
        responses.insert(StatusCode::Code(response.status), ReferenceOr::Item(success));
    }
    for (status, refusals) in by_status(route.errors, generator) {
        let examples = refusals.examples.into_iter().map(|(code, value)| {
            (code.to_owned(), ReferenceOr::Item(Example { value: Some(value), ..Example::default() }))
        });
        let media = MediaType {
            schema: Some(object(refusals.schema)),
            examples: examples.collect(),
            ..MediaType::default()
        };
        let mut headers: IndexMap<_, _> = usual_headers(is_counted).collect();
        match status {
            401 => headers.extend([common("WWW-Authenticate")]),
            429 | 503 => headers.extend([common("Retry-After")]),
            _ => {}
        }
        let mut content = IndexMap::from([(JSON.to_owned(), media)]);
        // The rate limit refuses in front of the handler, and knows no pages.
        if route.has_pages && status != 429 {
            content.extend(self::content(ResponseContent::Text("text/html")));
        }
        let response =
            Response { description: refusals.description, headers, content, ..Response::default() };
        responses.insert(StatusCode::Code(status), shared.reference(&refusals.name, response));
    }
    Operation {
        tags: vec![tag.to_owned()],
        summary: Some(route.about.summary.to_owned()),
        description: Some(description.trim().to_owned()),
        operation_id: Some(route.about.operation_id.to_owned()),
        parameters: route
            .parameters
            .into_iter()
            .map(|described| ReferenceOr::Item(parameter(described, generator)))
            .collect(),
        request_body: route.body.map(|schema| {
            ReferenceOr::Item(RequestBody {
                content: IndexMap::from([(JSON.to_owned(), media(schema))]),
                required: true,
                ..RequestBody::default()
            })
        }),
        responses: Some(Responses { responses, ..Responses::default() }),
        security,
        ..Operation::default()
    }
}

/// Refusals that several operations give alike, by their names in the components.
#[derive(Default)]
struct SharedResponses(BTreeMap<String, Response>);

impl SharedResponses {
    /// A reference to a response of this name. Another response that would have the same name gets a number.
    fn reference(&mut self, name: &str, response: Response) -> ReferenceOr<Response> {
        let numbered = (2..).map(|number| format!("{name}{number}"));
        for name in [name.to_owned()].into_iter().chain(numbered) {
            if *self.0.entry(name.clone()).or_insert_with(|| response.clone()) == response {
                return ReferenceOr::ref_(&format!("#/components/responses/{name}"));
            }
        }
        ReferenceOr::Item(response)
    }
}

fn media(schema: Schema) -> MediaType {
    MediaType { schema: Some(object(schema)), ..MediaType::default() }
}

/// A response's content by its media type; `None` for nothing.
fn content(content: ResponseContent) -> Option<(String, MediaType)> {
    Some(match content {
        ResponseContent::Nothing => return None,
        ResponseContent::Json(schema) => (JSON.to_owned(), media(schema)),
        ResponseContent::Text(media_type) => (media_type.to_owned(), media(json_schema!({"type": "string"}))),
        ResponseContent::Enveloped(schema) => {
            let envelope = json_schema!({
                "type": "object",
                "properties": {
                    "success": {"type": "boolean", "const": true},
                    "message": {"type": "string", "description": "A message for people."},
                    "data": schema,
                },
                "required": ["success", "message", "data"],
            });
            (JSON.to_owned(), media(envelope))
        }
    })
}

fn parameter(parameter: DescribedParameter, generator: &SchemaGenerator) -> Parameter {
    let DescribedParameter { name, location, is_required, mut schema } = parameter;
    let own = schema.remove("description");
    let item = schema.get("items").cloned().and_then(|item| Schema::try_from(item).ok());
    let description = own
        .or_else(|| described_by_reference(&schema, generator))
        .or_else(|| described_by_reference(&item?, generator))
        .and_then(|text| text.as_str().map(str::to_owned));
    let is_list = schema.get("type").is_some_and(|kind| kind == "array");
    let parameter_data = ParameterData {
        name,
        description,
        required: is_required,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(object(schema)),
        example: None,
        examples: IndexMap::new(),
        // A list is one value with commas in it.
        explode: (location == Location::Query && is_list).then_some(false),
        extensions: IndexMap::new(),
    };
    match location {
        Location::Path => Parameter::Path { parameter_data, style: PathStyle::Simple },
        Location::Header => Parameter::Header { parameter_data, style: HeaderStyle::Simple },
        Location::Query => Parameter::Query {
            parameter_data,
            allow_reserved: false,
            style: QueryStyle::Form,
            allow_empty_value: None,
        },
    }
}

/// The description of the component that a schema refers to.
fn described_by_reference(schema: &Schema, generator: &SchemaGenerator) -> Option<Value> {
    let name = schema.get("$ref")?.as_str()?.rsplit('/').next()?;
    generator.definitions().get(name)?.get("description").cloned()
}

fn header(described: DescribedHeader) -> (String, ReferenceOr<Header>) {
    let DescribedHeader { name, description, schema, is_required } = described;
    (name.to_owned(), ReferenceOr::Item(header_of(description, schema, is_required)))
}

fn header_of(description: &str, schema: Schema, required: bool) -> Header {
    Header {
        description: Some(description.to_owned()),
        style: HeaderStyle::Simple,
        required,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(object(schema)),
        example: None,
        examples: IndexMap::new(),
        extensions: IndexMap::new(),
    }
}

/// A reference to one of the headers that many responses have.
fn common(name: &str) -> (String, ReferenceOr<Header>) {
    (name.to_owned(), ReferenceOr::ref_(&format!("#/components/headers/{name}")))
}

/// Headers of every response, or of every one of a route whose requests are counted.
fn usual_headers(is_counted: bool) -> impl Iterator<Item = (String, ReferenceOr<Header>)> {
    let counted = is_counted.then(|| [common("RateLimit"), common("RateLimit-Policy")]);
    [common("X-Request-Id")].into_iter().chain(counted.into_iter().flatten())
}

fn common_headers() -> IndexMap<String, ReferenceOr<Header>> {
    let text = |examples: Value| json_schema!({"type": "string", "examples": examples});
    [
        (
            "X-Request-Id",
            "The id of the request, by which it is found in the log.",
            text(json!(["Zk3vLhTJliAEPEg="])),
        ),
        (
            "RateLimit",
            "The policy, the requests that are left (`r`) and the seconds until the window ends (`t`), as in \
             draft-ietf-httpapi-ratelimit-headers.",
            text(json!(["\"default\";r=99;t=840"])),
        ),
        (
            "RateLimit-Policy",
            "The policy, its requests (`q`) and its window in seconds (`w`).",
            text(json!(["\"default\";q=100;w=900"])),
        ),
        (
            "Retry-After",
            "Seconds after which it makes sense to try again.",
            json_schema!({"type": "integer", "minimum": 0, "examples": [30]}),
        ),
        (
            "WWW-Authenticate",
            "The challenge (RFC 6750).",
            text(json!(["Bearer realm=\"chairbook\", error=\"invalid_token\""])),
        ),
    ]
    .into_iter()
    .map(|(name, description, schema)| {
        (name.to_owned(), ReferenceOr::Item(header_of(description, schema, false)))
    })
    .collect()
}
