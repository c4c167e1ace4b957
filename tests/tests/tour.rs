//! The main job, as a newcomer goes through it: register, verify, log in, look around, book, cancel.

use chairbook_tests::TestStack;
use serde_json::json;

const CUT: &str = "svc_00000000000000000000000001";
const SCALP_MASSAGE: &str = "sub_00000000000000000000000001";

#[tokio::test]
async fn from_registration_to_cancellation() {
    let stack = TestStack::start().await;
    let mut ada = stack.visitor();

    let user = ada.register("Ada Lovelace").await.data(201)["user"].clone();
    assert_eq!(
        (user["email"].as_str(), user["emailVerified"].as_bool()),
        (Some(ada.email.as_str()), Some(false))
    );
    ada.log_in().await.error(403, "email_not_verified");
    let token = stack.verification_token(&ada).await;
    ada.verify_email(&token).await.data(200);
    ada.verify_email(&token).await.error(400, "invalid_token");
    let welcome = stack.mail(&ada.email, "Welcome to Salon Aurora").await;
    assert!(welcome.html.is_some() && welcome.text.is_some());
    ada.log_in().await.data(200);
    stack.mail(&ada.email, "Welcome back").await;

    let services = ada.get("/services?q=finish").await.data(200);
    assert_eq!(services["items"][0]["id"], CUT);
    let free = ada.later_availability(&format!("serviceId={CUT}&subServiceIds={SCALP_MASSAGE}")).await;
    let (date, time, experts) = free.last().unwrap().clone();
    let request = json!({
        "serviceId": CUT, "subServiceIds": [SCALP_MASSAGE], "date": date, "time": time,
        "expertId": experts[0], "payNow": true, "notes": "By the window, please.",
    });
    let booked = ada.book(request.clone()).await;
    let appointment = booked.data(201)["appointment"].clone();
    let id = appointment["id"].as_str().unwrap();
    assert_eq!(booked.header("location"), format!("/api/v1/appointments/{id}"));
    for (field, value) in [
        ("status", json!("confirmed")),
        ("paymentStatus", json!("paid")),
        (
            "payment",
            json!({
                "method": "unverified", "reference": null, "amount": appointment["totalPrice"],
                "at": appointment["createdAt"],
            }),
        ),
        ("expiresAt", json!(null)),
        ("date", json!(date)),
        ("time", json!(time)),
        ("userId", json!(ada.user_id)),
        ("durationMinutes", json!(70)),
        ("timeZone", json!("Europe/Paris")),
        ("notes", json!("By the window, please.")),
    ] {
        assert_eq!(appointment[field], value, "{field}");
    }
    let mail = stack.mail(&ada.email, "Confirmed: Cut & finish").await;
    assert_eq!(mail.attachments[0].content_type.split(';').next(), Some("text/calendar"));
    assert!(mail.text.unwrap().contains(&time));

    let again =
        ada.availability(&format!("serviceId={CUT}&expertId={}&from={date}&to={date}", experts[0])).await;
    assert!(again.iter().all(|(_, other, _)| *other != time), "a taken slot is offered");
    let taken = ada.book(request).await.error(409, "slot_taken");
    assert!(taken["alternatives"].as_array().is_some());

    assert_eq!(ada.get(&format!("/appointments/{id}")).await.data(200)["appointment"], appointment);
    assert_eq!(ada.get("/appointments/my").await.data(200)["items"], json!([appointment]));
    assert_eq!(ada.get("/appointments/my?status=cancelled").await.data(200)["items"], json!([]));
    let stranger = stack.customer().await;
    stranger.get(&format!("/appointments/{id}")).await.error(404, "not_found");
    stranger.delete(&format!("/appointments/{id}/cancel")).await.error(404, "not_found");

    let cancelled = ada.delete(&format!("/appointments/{id}/cancel")).await.data(200)["appointment"].clone();
    assert_eq!(
        (cancelled["status"].as_str(), cancelled["paymentStatus"].as_str()),
        (Some("cancelled"), Some("unpaid"))
    );
    assert_eq!(cancelled["refund"], json!(null), "nobody has seen any money");
    stack.mail(&ada.email, "Cancelled: Cut & finish").await;
    ada.delete(&format!("/appointments/{id}/cancel")).await.error(409, "invalid_transition");
    let free =
        ada.availability(&format!("serviceId={CUT}&expertId={}&from={date}&to={date}", experts[0])).await;
    assert!(free.iter().any(|(_, other, _)| *other == time), "a freed slot is not offered");

    ada.post("/auth/logout", json!({})).await.data(200);
    ada.get("/appointments/my").await.error(401, "session_ended");
    stack.finish().await;
}
