//! Digests that another implementation computed.

use std::collections::BTreeMap;

use super::super::MessageAttribute;
use super::super::message::{md5_of_attributes, md5_of_body};

#[test]
fn of_a_body() {
    assert_eq!(md5_of_body("hello world"), "5eb63bbbe01eeed093cb22bb8f5acdc3");
    assert_eq!(md5_of_body("é"), "66ddcd97cfdeabb2f6fb8a999b4bc76f");
}

#[test]
fn of_attributes() {
    let text = |data_type: &str, value: &str| MessageAttribute {
        data_type: data_type.to_owned(),
        string_value: Some(value.to_owned()),
        binary_value: None,
    };
    let binary = MessageAttribute {
        data_type: "Binary.png".to_owned(),
        string_value: None,
        binary_value: Some("AAH/".to_owned()),
    };
    let attributes = BTreeMap::from([
        ("zeta".to_owned(), text("String", "é")),
        ("alpha".to_owned(), text("Number.int", "42")),
        ("blob".to_owned(), binary),
    ]);
    assert_eq!(md5_of_attributes(&attributes).as_deref(), Some("1029eff34e0de6ea6891c6d40d63740d"));
    assert_eq!(md5_of_attributes(&BTreeMap::new()), None);
}
