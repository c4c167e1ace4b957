//! Route keys of an HTTP API: the grammar of methods and paths.

use super::model::Route;

/// The methods that an HTTP API routes, besides `ANY`.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// The property that is wrong, and what would be right.
pub(super) type Fault = (&'static str, String);

/// Reads a method and a path as SAM's `HttpApi` event gives them.
pub(super) fn parse(method: &str, path: &str) -> Result<Route, Fault> {
    let upper = method.to_ascii_uppercase();
    let method = match upper.as_str() {
        "ANY" | "*" | "X-AMAZON-APIGATEWAY-ANY-METHOD" => None,
        known if METHODS.contains(&known) => Some(upper),
        _ => return Err(("Method", format!("must be one of {} or ANY, not '{method}'", METHODS.join(", ")))),
    };
    if path == "$default" {
        return match method {
            None => Ok(Route { method: None, path: None }),
            Some(_) => {
                Err(("Path", "$default takes every method: write Method: ANY or leave both out".to_owned()))
            }
        };
    }
    check_path(path)?;
    Ok(Route { method, path: Some(path.to_owned()) })
}

fn check_path(path: &str) -> Result<(), Fault> {
    let fault = |why: &str| Err(("Path", format!("'{path}' {why}")));
    let Some(rest) = path.strip_prefix('/') else { return fault("must begin with a slash, or be $default") };
    if rest.is_empty() {
        return Ok(());
    }
    let segments: Vec<_> = rest.split('/').collect();
    let mut names = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        if segment.is_empty() {
            return fault("has an empty segment; leave out the second slash or the one at its end");
        }
        let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            if !segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@".contains(&byte))
            {
                return fault(
                    "has a character that a path cannot have; a variable fills its whole segment, as in /{id}",
                );
            }
            continue;
        };
        let (name, greedy) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        {
            return fault("has a variable whose name is not letters, digits, hyphens, dots and underscores");
        }
        if names.contains(&name) {
            return fault(&format!("has the variable {name} twice"));
        }
        if greedy && index + 1 != segments.len() {
            return fault("has a greedy variable that is not its last segment");
        }
        names.push(name);
    }
    Ok(())
}

/// The route without its variables' names: two routes of one shape match the same requests.
pub(super) fn shape(route: &Route) -> String {
    let method = route.method.as_deref().unwrap_or("ANY");
    let Some(path) = &route.path else { return "$default".to_owned() };
    let segments: Vec<_> = path
        .split('/')
        .map(|segment| match segment.strip_prefix('{') {
            Some(rest) if rest.ends_with("+}") => "{+}",
            Some(_) => "{}",
            None => segment,
        })
        .collect();
    format!("{method} {}", segments.join("/"))
}

impl Route {
    /// The route key, as API Gateway writes it: `GET /services/{id}`, `ANY /{proxy+}` or `$default`.
    pub fn key(&self) -> String {
        match &self.path {
            Some(path) => format!("{} {path}", self.method.as_deref().unwrap_or("ANY")),
            None => "$default".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_routes() {
        for (method, path, key) in [
            ("get", "/", "GET /"),
            ("GET", "/services/{id}", "GET /services/{id}"),
            ("any", "/{proxy+}", "ANY /{proxy+}"),
            ("DELETE", "/a/{id}/cancel", "DELETE /a/{id}/cancel"),
            ("GET", "/.well-known/jwks.json", "GET /.well-known/jwks.json"),
            ("ANY", "$default", "$default"),
        ] {
            assert_eq!(parse(method, path).unwrap().key(), key);
        }
    }

    #[test]
    fn bad_routes() {
        for (method, path, expected) in [
            ("GTE", "/", "must be one of DELETE, GET"),
            ("GET", "services", "must begin with a slash"),
            ("GET", "/a//b", "empty segment"),
            ("GET", "/a/", "empty segment"),
            ("GET", "/a/{id}x", "a variable fills its whole segment"),
            ("GET", "/a/{}", "variable whose name"),
            ("GET", "/a b", "character that a path cannot have"),
            ("GET", "/{id}/{id}", "the variable id twice"),
            ("GET", "/{all+}/x", "not its last segment"),
            ("GET", "$default", "takes every method"),
        ] {
            let (_, error) = parse(method, path).unwrap_err();
            assert!(error.contains(expected), "{method} {path}: {error}");
        }
    }

    #[test]
    fn shapes_forget_the_names() {
        let shape_of = |path| shape(&parse("GET", path).unwrap());
        assert_eq!(shape_of("/a/{id}"), shape_of("/a/{name}"));
        assert_ne!(shape_of("/a/{id}"), shape_of("/a/{id+}"));
        assert_ne!(shape_of("/a/{id}"), shape_of("/a/id"));
    }
}
