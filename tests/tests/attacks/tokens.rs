//! Forged, altered and borrowed access tokens.
//!
//! The forger has what an attacker has: a token of their own, the published keys, and keys that nobody published. What
//! nobody but the salon can sign is signed by a key that this test publishes, so that each claim is refused for itself
//! and not for its signature.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chairbook_auth::access_token::VerificationKey;
use chairbook_auth::opaque_token::RefreshToken;
use chairbook_models::user::Role;
use chairbook_platform::clock;
use chairbook_tests::{Actor, Answer, TestStack};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

const NO_APPOINTMENT: &str = "/appointments/apt_0000000000000000000000zzzz";

/// A route of each function that asks for a token, and all of those for appointments, by method and path.
const PROTECTED: [(&str, &str); 9] = [
    ("GET", "/appointments/my"),
    ("POST", "/appointments"),
    ("GET", NO_APPOINTMENT),
    ("DELETE", "/appointments/apt_0000000000000000000000zzzz/cancel"),
    ("GET", "/auth/sessions"),
    ("GET", "/profile"),
    ("GET", "/users"),
    ("POST", "/categories"),
    ("GET", "/dashboard/stats"),
];

/// The order of the group of Ed25519, little-endian: a signature whose second half is moved by it says the same, if
/// nobody looks (<https://datatracker.ietf.org/doc/html/rfc8032#section-8.4>).
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(part: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// A key that signs whatever it is given.
struct Key {
    pair: Ed25519KeyPair,
    kid: String,
}

impl Key {
    fn new(kid: &str) -> Self {
        Self { pair: Ed25519KeyPair::generate().unwrap(), kid: kid.to_owned() }
    }

    fn x(&self) -> String {
        encode(self.pair.public_key())
    }

    fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": self.x()})
    }

    fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        format!("{message}.{}", encode(self.pair.sign(message.as_bytes())))
    }

    /// A token with this header beside the right `alg`, `typ` and `kid`.
    fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let header = with(&json!({"alg": "EdDSA", "typ": "JWT", "kid": self.kid}), header);
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({}), claims)
    }
}

/// An object with these members instead, or without those that are null.
fn with(object: &Value, members: &Value) -> Value {
    let mut object = object.as_object().unwrap().clone();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
    Value::Object(object)
}

fn signed_by_hmac(
    algorithm: hmac::Algorithm,
    name: &str,
    kid: &str,
    claims: &Value,
    secret: &[u8],
) -> String {
    let header = json!({"alg": name, "typ": "JWT", "kid": kid}).to_string();
    let message = format!("{}.{}", encode(header), encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
    format!("{message}.{}", encode(tag))
}

/// The texts that a public key is published or kept as, each of which a verifier that believes `alg` would take for the
/// secret of an HMAC.
fn texts_of_key(jwk: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let x = jwk["x"].as_str().unwrap();
    let raw = decode(x);
    let spki = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], &raw].concat();
    let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
    writeln!(pem, "{}\n-----END PUBLIC KEY-----", BASE64_STANDARD.encode(&spki)).unwrap();
    vec![
        ("the key", raw),
        ("its text", x.as_bytes().to_vec()),
        ("its PEM", pem.into_bytes()),
        ("its DER", spki),
        ("its JWK", jwk.to_string().into_bytes()),
        ("nothing", Vec::new()),
    ]
}

/// Adds the group's order to the second half of a signature.
fn malleated(signature: &[u8]) -> Vec<u8> {
    let mut twin = signature.to_vec();
    let mut carry = 0;
    for (byte, order) in twin[32..].iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    twin
}

/// The last character of a text in base64 with a bit set that means nothing.
fn noncanonical(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = text.split_at(text.len() - 1);
    let place = ALPHABET.iter().position(|byte| *byte == last.as_bytes()[0]).unwrap();
    format!("{rest}{}", char::from(ALPHABET[place | 1]))
}

/// Tokens that no signature of the salon's keys covers, or that do not say so in the way that they are issued.
fn unsigned(ours: &str, jwk: &Value, attacker: &Key, published: &Key) -> Vec<(String, String)> {
    let (message, signature) = ours.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let claims: Value = serde_json::from_slice(&decode(payload)).unwrap();
    let kid = jwk["kid"].as_str().unwrap();
    let mut forged: Vec<(String, String)> = Vec::new();
    let mut add = |what: &str, token: String| forged.push((what.to_owned(), token));
    let unsigned = |header: Value| format!("{}.{payload}.", encode(header.to_string()));

    for alg in ["none", "None", "NONE", "nOnE", "none ", "", "null", "n\u{f6}ne"] {
        add(&format!("alg {alg:?}"), unsigned(json!({"alg": alg, "kid": kid})));
    }
    for alg in [Value::Null, json!(0), json!(false), json!([]), json!(["EdDSA"]), json!({"EdDSA": true})] {
        add(&format!("alg {alg}"), unsigned(json!({"alg": alg, "kid": kid})));
    }
    add("alg none, and a signature", format!("{}{signature}", unsigned(json!({"alg": "none", "kid": kid}))));
    add("no alg", unsigned(json!({"typ": "JWT", "kid": kid})));
    for (what, secret) in texts_of_key(jwk) {
        for (name, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            let token = signed_by_hmac(algorithm, name, kid, &claims, &secret);
            add(&format!("{name} with {what} as secret"), token);
        }
    }
    for alg in ["RS256", "PS256", "ES256", "ES384", "eddsa", "EDDSA", "EdDSA ", "Ed448"] {
        add(&format!("alg {alg} of a good signature"), published.sign_with(&json!({"alg": alg}), &claims));
    }

    add("a key that nobody published", attacker.sign(&claims));
    add("another key under the salon's name", attacker.sign_with(&json!({"kid": kid}), &claims));
    add("no key's name", attacker.sign_with(&json!({"kid": null}), &claims));
    for kid in [
        "",
        "../../KEY",
        "KEY#x",
        "x' OR '1'='1",
        "\u{0}",
        "*",
        "/dev/null",
        "https://attacker.example/jwks.json",
        "${jndi:ldap://attacker.example}",
        &"A".repeat(43),
        &"A".repeat(3_000),
    ] {
        add(
            &format!("kid {:?}", &kid[..kid.len().min(44)]),
            attacker.sign_with(&json!({"kid": kid}), &claims),
        );
    }
    for kid in [json!(1), json!([kid]), json!({"kid": kid})] {
        add(&format!("kid {kid}"), attacker.sign_with(&json!({"kid": kid}), &claims));
    }
    let embedded = attacker.jwk();
    for (what, header) in [
        ("a JWK in the header", json!({"jwk": embedded})),
        (
            "a JWK under the salon's name in the header",
            json!({"kid": kid, "jwk": with(&embedded, &json!({"kid": kid}))}),
        ),
        ("a set of keys in the header", json!({"kid": kid, "jwks": {"keys": [embedded]}})),
        ("a place of keys in the header", json!({"kid": kid, "jku": "https://attacker.example/jwks.json"})),
        ("a certificate in the header", json!({"kid": kid, "x5c": [BASE64_STANDARD.encode("certificate")]})),
        (
            "a place of certificates in the header",
            json!({"kid": kid, "x5u": "https://attacker.example/x.pem"}),
        ),
    ] {
        add(what, attacker.sign_with(&header, &claims));
    }

    let other = with(&claims, &json!({"sub": "usr_0000000000000000000000zzzz"}));
    add("another user under a good signature", format!("{header}.{}.{signature}", encode(other.to_string())));
    let greedy = with(&claims, &json!({"role": "owner"}));
    add("a role under a good signature", format!("{header}.{}.{signature}", encode(greedy.to_string())));
    let forever = with(&claims, &json!({"exp": 253_402_300_799_i64}));
    add(
        "a later end under a good signature",
        format!("{header}.{}.{signature}", encode(forever.to_string())),
    );
    let spaced = String::from_utf8(decode(payload)).unwrap() + " ";
    add("a space more under a good signature", format!("{header}.{}.{signature}", encode(spaced)));

    let bytes = decode(signature);
    add("no signature", format!("{message}."));
    add("neither signature nor dot", message.to_owned());
    add("half a signature", format!("{message}.{}", encode(&bytes[..32])));
    add("a signature of zeros", format!("{message}.{}", encode([0; 64])));
    add("a byte more of signature", format!("{message}.{}", encode([&bytes[..], &[0]].concat())));
    let mut flipped = bytes.clone();
    flipped[40] ^= 1;
    add("another bit in the signature", format!("{message}.{}", encode(flipped)));
    add("a signature and the group's order", format!("{message}.{}", encode(malleated(&bytes))));
    add("a signature's last bits", format!("{message}.{}", noncanonical(signature)));
    add("a padded signature", format!("{ours}=="));
    add(
        "another token's signature",
        format!("{message}.{}", published.sign(&claims).rsplit_once('.').unwrap().1),
    );
    add("one part more", format!("{ours}.{signature}"));
    add("half a token", ours[..ours.len() / 2].to_owned());
    add("a character more", format!("A{ours}"));
    add("dots", "..".to_owned());
    add("garbage", "abc".to_owned());
    add("dotted garbage", "a.b.c".to_owned());
    add("a long text", "A".repeat(6_000));
    add("long parts", format!("{0}.{0}.{0}", "A".repeat(2_000)));
    add("a deep header", format!("{}.{payload}.{signature}", encode("[".repeat(1_500))));
    add("another scheme's words", format!("Bearer {ours}"));
    forged
}

/// Tokens with a good signature whose claims are not good, with the code that they are refused with.
fn badly_claimed(
    published: &Key,
    claims: &Value,
    another: &Value,
    now: i64,
) -> Vec<(String, &'static str, String)> {
    let mut forged: Vec<(String, &'static str, String)> = Vec::new();
    let mut add = |members: Value, code: &'static str| {
        forged.push((members.to_string(), code, published.sign(&with(claims, &members))));
    };
    add(json!({"sub": another["sub"]}), "session_ended");
    add(json!({"sid": another["sid"]}), "session_ended");
    add(json!({"sid": "ses_0000000000000000000000zzzz"}), "session_ended");
    add(json!({"sub": "usr_0000000000000000000000zzzz"}), "session_ended");
    for exp in [now - 1, now - 1_000_000, 0] {
        add(json!({"exp": exp}), "token_expired");
    }
    for exp in [
        json!(null),
        json!("never"),
        json!((now + 60).to_string()),
        json!(1e300),
        json!(-1),
        json!(i64::MIN),
        json!([now + 60]),
        json!(true),
    ] {
        add(json!({"exp": exp}), "invalid_token");
    }
    for iss in [
        json!(null),
        json!(""),
        json!("elsewhere"),
        json!("chairbook "),
        json!("Chairbook"),
        json!(["chairbook"]),
    ] {
        add(json!({"iss": iss}), "invalid_token");
    }
    for sub in
        [json!(null), json!(""), json!(1), json!([claims["sub"]]), claims["sid"].clone(), json!("owner")]
    {
        add(json!({"sub": sub}), "invalid_token");
    }
    for sid in [json!(null), json!(""), claims["sub"].clone(), json!("ses_../PROFILE"), json!("*")] {
        add(json!({"sid": sid}), "invalid_token");
    }
    // Not yet: one day, and the end of all days.
    for (nbf, iat) in [(now + 86_400, now), (now, now + 86_400), (i64::MAX, now), (now, i64::MAX)] {
        add(json!({"nbf": nbf, "iat": iat}), "invalid_token");
    }
    add(json!({"nbf": "now"}), "invalid_token");
    add(json!({"iat": null}), "invalid_token");

    // What is said twice: the one reader's claim is not the other's.
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": published.kid}).to_string();
    let text = claims.to_string();
    for (name, value) in [
        ("sub", &another["sub"]),
        ("sid", &another["sid"]),
        ("exp", &json!(now + 600)),
        ("iss", &claims["iss"]),
    ] {
        for (place, twice) in [
            ("first", format!("{{\"{name}\":{value},{}", &text[1..])),
            ("last", format!("{},\"{name}\":{value}}}", &text[..text.len() - 1])),
        ] {
            let token = published.sign_text(&header, &twice);
            forged.push((format!("{name} twice, {value} {place}"), "invalid_token", token));
        }
    }
    for text in ["", "null", "[]", "\"\"", "{}", "{", "\u{0}"] {
        forged.push((format!("claims {text:?}"), "invalid_token", published.sign_text(&header, text)));
    }
    forged
}

fn bearing(actor: &Actor, token: &str) -> Actor {
    let mut bearing = actor.clone();
    bearing.access_token = Some(token.to_owned());
    bearing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_tokens_open_nothing() {
    let stack = TestStack::start().await;
    // An admin, so that every route would open.
    let (ada, eve, nobody) = (stack.demo_account(Role::Admin).await, stack.customer().await, stack.visitor());
    let claims_of = |actor: &Actor| -> Value {
        let token = actor.access_token.as_deref().unwrap();
        serde_json::from_slice(&decode(token.split('.').nth(1).unwrap())).unwrap()
    };
    let (ours, claims, of_eve) = (ada.access_token.clone().unwrap(), claims_of(&ada), claims_of(&eve));
    let jwks = nobody.get("/.well-known/jwks.json").await.json().to_value();
    let jwk = &jwks["keys"][0];
    assert_eq!(
        [&jwk["kty"], &jwk["alg"], &jwk["crv"]],
        [&json!("OKP"), &json!("EdDSA"), &json!("Ed25519")],
        "what the forgeries are made from"
    );

    // Published as the function does it, this key's tokens are as good as the salon's: whatever else is refused, is
    // refused for the fault that it has.
    let published = Key::new(&encode([7; 32]));
    let row = VerificationKey { kid: published.kid.clone(), x: published.x() };
    stack.stack.store().publish_verification_key(&row, clock::now()).await.unwrap();
    let twin = bearing(&nobody, &published.sign(&claims));
    for (method, path) in
        PROTECTED.into_iter().filter(|(method, path)| *method == "GET" && *path != NO_APPOINTMENT)
    {
        twin.send(twin.request(method.parse().unwrap(), path)).await.data(200);
    }

    nobody.is_refused(PROTECTED, None, "unauthorized", "no token").await;
    for header in ["Basic YWRhOng=", "Bearer", "Token abc", &ours, "Bearer\u{9}x", "Digest username=\"ada\""]
    {
        nobody.is_refused(PROTECTED, Some(header), "unauthorized", header).await;
    }
    let attacker = Key::new(&encode([9; 32]));
    let mut forged: Vec<_> = unsigned(&ours, jwk, &attacker, &published)
        .into_iter()
        .map(|(what, token)| (what, "invalid_token", token))
        .collect();
    let refresh_token = ada.refresh_token.clone().unwrap();
    assert_eq!(
        json!(RefreshToken::decode(&refresh_token).unwrap().session_id),
        claims["sid"],
        "it names the session, and is yet no access token"
    );
    forged.push(("the refresh token".to_owned(), "invalid_token", refresh_token));
    forged.extend(badly_claimed(&published, &claims, &of_eve, clock::now().as_second()));
    assert!(forged.len() > 120, "{}", forged.len());
    // All routes have the same check in front of them, so three of them see each token, and each route a third of all.
    for (place, (what, code, token)) in forged.iter().enumerate() {
        let routes = PROTECTED.into_iter().cycle().skip(place % PROTECTED.len()).step_by(3).take(3);
        nobody.is_refused(routes, Some(&format!("Bearer {token}")), code, what).await;
    }
    stack.keep_secret(forged.into_iter().map(|(_, _, token)| token).filter(|token| token.len() > 60));

    // A good token, but not where a token belongs.
    for (what, answer) in [
        ("in the query", nobody.get(&format!("/profile?access_token={ours}")).await),
        (
            "in a cookie",
            with_header(&nobody, "cookie", &format!("authorization=Bearer {ours}; access_token={ours}"))
                .await,
        ),
        ("in a header of its own", with_header(&nobody, "x-access-token", &ours).await),
        ("for a proxy", with_header(&nobody, "proxy-authorization", &format!("Bearer {ours}")).await),
    ] {
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    }
    // Nobody's token is looked at where none is needed.
    let request = nobody.request(Method::GET, "/categories").header(AUTHORIZATION, "Bearer abc");
    nobody.send(request).await.data(200);
    ada.get("/users").await.data(200);
    stack.finish().await;
}

async fn with_header(actor: &Actor, name: &str, value: &str) -> Answer {
    actor.send(actor.request(Method::GET, "/profile").header(name, value)).await
}
