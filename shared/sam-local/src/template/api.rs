//! `AWS::Serverless::HttpApi`.

use super::document::Kind;
use super::model::{Cors, HttpApi, LeftOut};
use super::properties::Properties;

/// What `AllowMethods` may list.
const METHODS: [&str; 8] = ["*", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "DELETE"];

/// Reads an API's evaluated properties; what of it has no meaning here is added to `left_out`.
pub(super) fn read(logical_id: &str, api: &Properties<'_>, left_out: &mut Vec<LeftOut>) -> HttpApi {
    api.without_meaning_here(&["Description", "FailOnWarnings", "Name", "PropagateTags", "Tags"]);
    for property in ["AccessLogSettings", "DefaultRouteSettings", "RouteSettings"] {
        if api.has(property) {
            left_out.push(LeftOut {
                logical_id: logical_id.to_owned(),
                resource_type: "AWS::Serverless::HttpApi".to_owned(),
                property: Some(property.to_owned()),
            });
        }
    }
    if api.text("StageName").is_some_and(|stage| stage != "$default") {
        api.fault("StageName", "must be $default: any other name becomes part of every path");
    }
    api.refuse("Auth", "it would let everyone in");
    api.refuse("DefinitionBody", "routes are read from the functions' events");
    api.refuse("DefinitionUri", "routes are read from the functions' events");
    api.refuse("DisableExecuteApiEndpoint", "there is no other endpoint here");
    api.refuse("Domain", "there is no custom domain here");
    api.refuse("StageVariables", "use the functions' environment variables");
    let cors = read_cors(api);
    api.close();
    HttpApi { logical_id: logical_id.to_owned(), cors }
}

fn read_cors(api: &Properties<'_>) -> Option<Cors> {
    const NAME: &str = "CorsConfiguration";
    match &api.get(NAME)?.kind {
        // SAM's short forms: every origin, or the one origin.
        Kind::Boolean(true) => return Some(Cors { allow_origins: vec!["*".to_owned()], ..Cors::default() }),
        Kind::Text(origin) => return Some(Cors { allow_origins: vec![origin.clone()], ..Cors::default() }),
        Kind::Boolean(false) => {
            api.fault(NAME, "must be a map, an origin or true; leave it out for no CORS");
            return None;
        }
        _ => {}
    }
    let properties = api.properties(NAME)?;
    let list = |name| properties.texts(name).unwrap_or_default();
    let cors = Cors {
        allow_origins: list("AllowOrigins"),
        allow_methods: list("AllowMethods"),
        allow_headers: list("AllowHeaders"),
        expose_headers: list("ExposeHeaders"),
        allow_credentials: properties.boolean("AllowCredentials").unwrap_or(false),
        max_age: properties.natural("MaxAge", 0..=86_400).map(u64::from),
    };
    for method in cors.allow_methods.iter().filter(|method| !METHODS.contains(&method.as_str())) {
        properties.fault("AllowMethods", format!("must be methods in capitals or *, not '{method}'"));
    }
    for origin in cors.allow_origins.iter().filter(|origin| !is_origin(origin)) {
        properties.fault(
            "AllowOrigins",
            format!("must be origins such as https://www.example.com, or *, not '{origin}'"),
        );
    }
    if cors.allow_credentials && cors.allow_origins.iter().any(|origin| origin == "*") {
        properties.fault("AllowCredentials", "does not go with the origin *");
    }
    properties.close();
    Some(cors)
}

/// A scheme and a host, perhaps with a port, without a path; or one of API Gateway's wildcards `*`, `https://*`.
fn is_origin(origin: &str) -> bool {
    let host = origin.split_once("://").map(|(_, host)| host);
    origin == "*" || host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '?', '#']))
}
