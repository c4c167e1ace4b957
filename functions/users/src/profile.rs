//! `GET /profile` and `PUT /profile`.

use axum::extract::State;
use chairbook_models::event::EventData;
use chairbook_models::text::{PersonName, Phone};
use chairbook_platform::clock;
use chairbook_store::StoreError;
use chairbook_web::view::OneUser;
use chairbook_web::{Access, Body, Customer, Fields, FromFields, Pending, Reply, RequestError, Web};

use crate::event;

pub(crate) async fn show(
    State(web): State<Web>,
    customer: Pending<Customer>,
) -> Result<Reply<OneUser>, RequestError> {
    let (_, profile) = customer.admit_with(web.reader.profile(customer.user_id())).await?;
    let profile = profile.ok_or_else(RequestError::session_ended)?;
    Ok(Reply::ok("Your profile.", OneUser::from(&profile)))
}

/// `{name,phone?}`: the whole of what can be changed, as `PUT` says.
pub(crate) struct Request {
    name: PersonName,
    phone: Option<Phone>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let name = fields.required("name");
        let phone = fields.optional("phone");
        Some(Self { name: name?, phone: phone? })
    }
}

pub(crate) async fn change(
    State(web): State<Web>,
    customer: Customer,
    Body(request): Body<Request>,
) -> Result<Reply<OneUser>, RequestError> {
    let (now, caller) = (clock::now(), customer.caller);
    let event = event(EventData::UserProfileChanged {}, caller.user_id, caller.into(), None, now);
    match customer.store().change_profile(caller.user_id, &request.name, request.phone.as_ref(), &event).await
    {
        Err(StoreError::Changed) => return Err(RequestError::session_ended()),
        other => other?,
    }
    let profile = web.reader.profile(caller.user_id).await?;
    let profile = profile.ok_or_else(RequestError::session_ended)?;
    Ok(Reply::ok("Your profile is changed.", OneUser::from(&profile)))
}
