//! JSON Schemas of the texts and ids that people send and get, for the API's reference.
//!
//! A type whose text is checked when it is read says here what the check asks for, as far as JSON Schema can.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::appointment::payment::PaymentReference;
use crate::money::Currency;
use crate::offers::OfferCode;
use crate::text::{Description, Label, Notes, PersonName, Phone, TodoTitle};

macro_rules! texts {
    ($($type:ident: {$($schema:tt)+};)+) => {
        $(impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", $($schema)+})
            }
        })+
    };
}

texts! {
    PersonName: {
        "description": "A person's name, on one line.",
        "minLength": 1,
        "maxLength": 100,
        "examples": ["Ada Lovelace"],
    };
    Phone: {
        "description": "A telephone number: an optional + and 6 to 20 digits; spaces and punctuation are left out.",
        "minLength": 6,
        "maxLength": 60,
        "examples": ["+44 20 7946 0958"],
    };
    Notes: {
        "description": "Wishes and remarks of the customer for the expert.",
        "minLength": 1,
        "maxLength": 500,
        "examples": ["Please use the side entrance."],
    };
    Label: {
        "description": "A name, on one line.",
        "minLength": 1,
        "maxLength": 100,
    };
    TodoTitle: {
        "description": "What is to be done, on one line.",
        "minLength": 1,
        "maxLength": 200,
        "examples": ["Order towels"],
    };
    Description: {
        "description": "A few sentences; line breaks are kept.",
        "minLength": 1,
        "maxLength": 2000,
    };
    PaymentReference: {
        "description": "Key by which the payment is found elsewhere, such as a receipt's number.",
        "minLength": 1,
        "maxLength": 100,
        "examples": ["receipt 4711"],
    };
    Currency: {
        "description": "An ISO 4217 currency code.",
        "pattern": "^[A-Z]{3}$",
        "examples": ["EUR"],
    };
    OfferCode: {
        "description": "The code of an offer; upper and lower case are the same.",
        "pattern": "^[A-Za-z0-9-]{3,32}$",
        "examples": ["SPRING20"],
    };
}
