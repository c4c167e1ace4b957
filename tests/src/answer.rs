//! What a request was answered.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::json::Json;

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
    /// What was asked, for the message of a failed test.
    pub asked: String,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Json {
        Json::new(&self.asked, self.value())
    }

    #[track_caller]
    fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{}: not JSON: {}", self.asked, self.text))
    }

    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What is left of a response in JSON without what differs from one to the next: its ids, its time, and the rest of
    /// the asker's own limit.
    pub fn impersonal(&self) -> (u16, Value, BTreeMap<String, String>) {
        let of_its_own = ["x-request-id", "apigw-requestid", "date", "ratelimit", "server-timing"];
        let headers =
            self.headers.keys().map(|name| (name.to_string(), self.header(name.as_str()).to_owned()));
        let headers = headers.filter(|(name, _)| !of_its_own.contains(&name.as_str())).collect();
        let mut body = self.value();
        if body["error"].is_object() {
            body["error"]["requestId"].take();
        }
        (self.status.as_u16(), body, headers)
    }

    /// `data` of an answer that must have this status and be a success.
    #[track_caller]
    pub fn data(&self, status: u16) -> Json {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.asked, self.text);
        let body = self.json();
        assert_eq!(body["success"], true, "{}: {}", self.asked, self.text);
        assert!(body["message"].is_string(), "{}: {}", self.asked, self.text);
        body["data"].clone()
    }

    /// `error` of an answer that must have this status and code, and be a failure in the documented form.
    #[track_caller]
    pub fn error(&self, status: u16, code: &str) -> Json {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.asked, self.text);
        let body = self.json();
        assert_eq!(body["success"], false, "{}: {}", self.asked, self.text);
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{}", self.text);
        assert_eq!(body["error"]["code"], code, "{}: {}", self.asked, self.text);
        assert_eq!(body["error"]["requestId"], self.header("x-request-id"), "{}: {}", self.asked, self.text);
        body["error"].clone()
    }

    /// The fields that an error names, in its order.
    #[track_caller]
    pub fn fields(&self, status: u16, code: &str) -> Vec<String> {
        let error = self.error(status, code);
        let fields = error["fields"].as_array().unwrap();
        assert!(fields.iter().all(|field| field["message"].as_str().is_some_and(|text| !text.is_empty())));
        fields.iter().map(|field| field["field"].as_str().unwrap().to_owned()).collect()
    }
}
