//! A person as the API shows them: to themselves and to admins.

use chairbook_models::user::Profile;
use serde_json::{Value, json};

pub(crate) fn user(profile: &Profile) -> Value {
    json!({
        "id": profile.id,
        "name": profile.name,
        "email": profile.email,
        "phone": profile.phone,
        "role": profile.role,
        "emailVerified": profile.email_verified,
        "createdAt": profile.created_at,
        "updatedAt": profile.updated_at,
    })
}
