//! Which route of the API a request takes, by API Gateway's order: a full match wins over a greedy one, and that over
//! `$default`; among full matches a fixed segment wins over a variable, and a method over `ANY`.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::template::model::Route;

/// The routes of an API.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    routes: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    method: Option<String>,
    /// `None` is `$default`.
    segments: Option<Vec<Segment>>,
    key: String,
    function: String,
}

/// Ordered by precedence, so that the smaller of two ways to match is the better.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Fixed(String),
    Variable(String),
    Greedy(String),
}

/// The route that a request takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match<'r> {
    /// The route key, such as `GET /services/{id}`.
    pub key: &'r str,
    /// The logical id of the function behind it.
    pub function: &'r str,
    /// The values of the path's variables, decoded.
    pub parameters: BTreeMap<String, String>,
}

/// How well a route fits; smaller is better.
type Rank = (bool, bool, Vec<u8>, bool);

impl Routes {
    /// Adds a route that leads to a function.
    pub fn add(&mut self, route: &Route, function: &str) {
        let segments = route.path.as_deref().map(|path| segments(path).map(parse_segment).collect());
        self.routes.push(Entry {
            method: route.method.clone(),
            segments,
            key: route.key(),
            function: function.to_owned(),
        });
    }

    /// The route for a request's method and its path as sent, still percent-encoded.
    pub fn find(&self, method: &str, path: &str) -> Option<Match<'_>> {
        let requested: Vec<String> = segments(path)
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let fitting = self.routes.iter().filter_map(|entry| {
            let (rank, parameters) = entry.fits(method, &requested)?;
            Some((rank, entry, parameters))
        });
        let (_, entry, parameters) = fitting.min_by(|(left, ..), (right, ..)| left.cmp(right))?;
        Some(Match { key: &entry.key, function: &entry.function, parameters })
    }
}

impl Entry {
    fn fits(&self, method: &str, requested: &[String]) -> Option<(Rank, BTreeMap<String, String>)> {
        let any = self.method.is_none();
        if !any && self.method.as_deref() != Some(method) {
            return None;
        }
        let Some(segments) = &self.segments else {
            return Some(((true, true, Vec::new(), any), BTreeMap::new()));
        };
        let mut parameters = BTreeMap::new();
        let mut kinds = Vec::with_capacity(segments.len());
        let mut rest = requested;
        for segment in segments {
            let (first, others) = rest.split_first()?;
            match segment {
                Segment::Fixed(text) if text == first => kinds.push(0),
                Segment::Variable(name) if !first.is_empty() => {
                    parameters.insert(name.clone(), first.clone());
                    kinds.push(1);
                }
                Segment::Greedy(name) if !first.is_empty() => {
                    parameters.insert(name.clone(), rest.join("/"));
                    kinds.push(2);
                    rest = &[];
                    continue;
                }
                _ => return None,
            }
            rest = others;
        }
        if !rest.is_empty() {
            return None;
        }
        let greedy = kinds.last() == Some(&2);
        Some(((false, greedy, kinds, any), parameters))
    }
}

fn segments(path: &str) -> std::str::Split<'_, char> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

fn parse_segment(text: &str) -> Segment {
    match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Segment::Greedy(name.to_owned()),
            None => Segment::Variable(name.to_owned()),
        },
        None => Segment::Fixed(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(keys: &[&str]) -> Routes {
        let mut routes = Routes::default();
        for key in keys {
            let route = match key.split_once(' ') {
                Some((method, path)) => Route {
                    method: (method != "ANY").then(|| method.to_owned()),
                    path: Some(path.to_owned()),
                },
                None => Route { method: None, path: None },
            };
            routes.add(&route, "F");
        }
        routes
    }

    #[test]
    fn the_documented_example() {
        let routes = routes(&[
            "$default",
            "ANY /{proxy+}",
            "GET /pets/{proxy+}",
            "GET /pets/dog/{id}",
            "GET /pets/dog/1",
        ]);
        for (method, path, key) in [
            ("GET", "/pets/dog/1", "GET /pets/dog/1"),
            ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
            ("GET", "/pets/cat/1", "GET /pets/{proxy+}"),
            ("POST", "/test/5", "ANY /{proxy+}"),
            ("GET", "/", "$default"),
        ] {
            assert_eq!(routes.find(method, path).unwrap().key, key, "{method} {path}");
        }
    }

    #[test]
    fn a_fixed_segment_wins_over_a_variable_and_a_method_over_any() {
        let routes =
            routes(&["GET /a/{id}", "GET /a/my", "ANY /a/my", "ANY /a/{id}", "DELETE /a/{id}/cancel"]);
        for (method, path, key) in [
            ("GET", "/a/my", "GET /a/my"),
            ("PUT", "/a/my", "ANY /a/my"),
            ("GET", "/a/1", "GET /a/{id}"),
            ("PUT", "/a/1", "ANY /a/{id}"),
            ("DELETE", "/a/my/cancel", "DELETE /a/{id}/cancel"),
        ] {
            assert_eq!(routes.find(method, path).unwrap().key, key, "{method} {path}");
        }
    }

    #[test]
    fn what_fits_nothing_finds_nothing() {
        let routes = routes(&["GET /a/{id}", "GET /b/{rest+}"]);
        for (method, path) in [
            ("POST", "/a/1"),
            ("GET", "/a"),
            ("GET", "/a/"),
            ("GET", "/a/1/"),
            ("GET", "/a/1/2"),
            ("GET", "/A/1"),
            ("GET", "/b"),
            ("GET", "/b/"),
            ("GET", "/"),
        ] {
            assert_eq!(routes.find(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn variables_are_decoded_after_the_path_is_cut() {
        let routes = routes(&["GET /a/{id}", "GET /b/{rest+}"]);
        let value = |path: &str, name: &str| routes.find("GET", path).unwrap().parameters[name].clone();
        assert_eq!(value("/a/x%20y", "id"), "x y");
        assert_eq!(value("/a/x%2Fy", "id"), "x/y");
        assert_eq!(value("/a/%C3%A9", "id"), "é");
        assert_eq!(value("/b/1/2/3", "rest"), "1/2/3");
    }
}
