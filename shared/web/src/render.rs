//! What several functions show in the same way.

use chairbook_models::user::Profile;
use serde_json::{Value, json};

/// A person, as they see themselves and admins see them.
#[must_use]
pub fn user(profile: &Profile) -> Value {
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
