//! `GET /notifications/preferences` and `PUT /notifications/preferences`.

use axum::extract::State;
use chairbook_models::event::{Category, Event, EventData};
use chairbook_models::ids::EventId;
use chairbook_models::preferences::{Channels, Preferences};
use chairbook_platform::{clock, random};
use chairbook_store::StoreError;
use chairbook_web::fields::format::{Fault, Format, Source};
use chairbook_web::view::NotificationPreferences;
use chairbook_web::{Access, Body, Customer, Fields, FromFields, Pending, Reply, RequestError, Web};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::view::ChosenNotifications;

/// The channels' names, in the order of [`Channels`]'s members.
const CHANNELS: [&str; 2] = ["email", "inApp"];

/// The channels of every category that can be turned off, all of them named.
struct WholeChoice;

impl Format for WholeChoice {
    type Value = Preferences;

    fn read(&self, value: Value, _: Source) -> Result<Preferences, Vec<Fault>> {
        let Value::Object(mut categories) = value else { return Err(vec!["must be an object".into()]) };
        let (mut preferences, mut faults) = (Preferences::default(), Vec::new());
        for category in Category::ALL.into_iter().filter(|category| category.can_be_turned_off()) {
            let place = format!(".{}", category.as_str());
            match categories.remove(category.as_str()) {
                None => faults.push(Fault { place, message: "is required".to_owned() }),
                Some(Value::Object(channels)) => {
                    preferences = preferences.with(category, read_channels(&place, channels, &mut faults));
                }
                Some(_) => faults.push(Fault { place, message: "must be an object".to_owned() }),
            }
        }
        faults.extend(categories.into_iter().map(|(name, _)| {
            let is_fixed = name == Category::Security.as_str();
            let message = if is_fixed { "cannot be turned off: leave it out" } else { "is not known" };
            Fault { place: format!(".{}", shortened(&name)), message: message.to_owned() }
        }));
        if faults.is_empty() { Ok(preferences) } else { Err(faults) }
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<NotificationPreferences>()
    }
}

/// The beginning of a name, as much as a response repeats.
fn shortened(name: &str) -> String {
    name.chars().take(100).collect()
}

fn read_channels(place: &str, mut given: Map<String, Value>, faults: &mut Vec<Fault>) -> Channels {
    let [email, in_app] = CHANNELS.map(|channel| {
        let place = format!("{place}.{channel}");
        match given.remove(channel) {
            Some(Value::Bool(is_on)) => is_on,
            None | Some(Value::Null) => {
                faults.push(Fault { place, message: "is required".to_owned() });
                false
            }
            Some(_) => {
                faults.push(Fault { place, message: "must be true or false".to_owned() });
                false
            }
        }
    });
    faults.extend(given.into_iter().map(|(name, _)| {
        let place = format!("{place}.{}", shortened(&name));
        Fault { place, message: "is not known; these are: email, inApp".to_owned() }
    }));
    Channels { email, in_app }
}

pub(crate) async fn show(
    State(web): State<Web>,
    customer: Pending<Customer>,
) -> Result<Reply<ChosenNotifications>, RequestError> {
    let (_, profile) = customer.admit_with(web.reader.profile(customer.user_id())).await?;
    let profile = profile.ok_or_else(RequestError::session_ended)?;
    Ok(Reply::ok("Your choice of notifications.", ChosenNotifications::from(&profile.preferences)))
}

/// `{preferences}`: the whole of them, as `PUT` says.
pub(crate) struct Request {
    preferences: Preferences,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        fields.required_as("preferences", WholeChoice).map(|preferences| Self { preferences })
    }
}

pub(crate) async fn change(
    State(web): State<Web>,
    customer: Pending<Customer>,
    Body(request): Body<Request>,
) -> Result<Reply<ChosenNotifications>, RequestError> {
    let (customer, profile) = customer.admit_with(web.reader.profile(customer.user_id())).await?;
    let profile = profile.ok_or_else(RequestError::session_ended)?;
    let chosen = request.preferences;
    let response = Reply::ok("Your choice of notifications is kept.", ChosenNotifications::from(&chosen));
    if profile.preferences == chosen {
        return Ok(response);
    }
    let (now, caller) = (clock::now(), customer.caller);
    let data = EventData::UserPreferencesChanged {};
    let id = EventId::new(now, random::bytes());
    let event = Event::about_user(id, data, now, caller.into(), caller.user_id, None);
    match customer.store().change_preferences(caller.user_id, &chosen, &event).await {
        Err(StoreError::Changed) => Err(RequestError::session_ended()),
        other => Ok(other.map(|()| response)?),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whole() -> Value {
        let on = json!({"email": true, "inApp": true});
        json!({
            "appointments": on, "reminders": on, "reviews": on, "courses": on, "todos": on, "logins": on,
            "news": {"email": false, "inApp": false},
        })
    }

    fn places(value: Value) -> Vec<String> {
        let faults = WholeChoice.read(value, Source::Body).unwrap_err();
        faults.into_iter().map(|fault| fault.place).collect()
    }

    #[test]
    fn a_whole_choice_is_read() {
        assert_eq!(WholeChoice.read(whole(), Source::Body), Ok(Preferences::default()));
        let mut changed = whole();
        changed["logins"]["email"] = json!(false);
        let expected = Preferences::default().with(Category::Logins, Channels { email: false, in_app: true });
        assert_eq!(WholeChoice.read(changed, Source::Body), Ok(expected));
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let mut wrong = whole();
        wrong["news"]["email"] = json!("yes");
        wrong["todos"] = json!({"email": true, "sms": true});
        wrong["reviews"] = json!(true);
        wrong["security"] = json!({"email": false, "inApp": false});
        wrong.as_object_mut().unwrap().remove("courses");
        assert_eq!(
            places(wrong),
            [".reviews", ".courses", ".todos.inApp", ".todos.sms", ".news.email", ".security"]
        );
        assert_eq!(places(json!([])), [""]);
    }
}
