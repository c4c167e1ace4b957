//! `GET /users` and `GET /users/{id}`, for admins.

use axum::extract::State;
use chairbook_auth::email_address::EmailAddress;
use chairbook_models::ids::UserId;
use chairbook_models::user::{Profile, Role};
use chairbook_platform::clock;
use chairbook_store::{ListPage, PageKey, StoreError, UsersFrom};
use chairbook_web::fields::format::{Format, one_of};
use chairbook_web::view::{OneUser, User};
use chairbook_web::{
    Admin, Fields, FromFields, Id, Page, Paging, Pending, Query, Reply, RequestError, Web, cursor,
};

use crate::error::FindError;

/// `role`, `email`, `limit`, `cursor`.
pub(crate) struct Filter {
    role: Option<Role>,
    email: Option<EmailAddress>,
    paging: Paging,
}

impl FromFields for Filter {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let role = fields.optional_as("role", one_of(&Role::ALL).about("The role that users are to have."));
        let email = fields.optional("email");
        let paging = Paging::from_fields(fields);
        Some(Self { role: role?, email: email?, paging: paging? })
    }
}

impl Filter {
    fn keeps(&self, profile: &Profile) -> bool {
        self.role.is_none_or(|role| profile.role == role)
    }
}

/// A page's position in a cursor: the last user, or the month that comes next.
fn position(from: &UsersFrom) -> String {
    match from {
        UsersFrom::After(last) => last.to_string(),
        UsersFrom::Month(month) => month.to_string(),
    }
}

fn read_position(text: &str) -> Option<UsersFrom> {
    text.parse().map(UsersFrom::After).ok().or_else(|| text.parse().map(UsersFrom::Month).ok())
}

pub(crate) async fn list(
    State(web): State<Web>,
    admin: Pending<Admin>,
    Query(filter): Query<Filter>,
) -> Result<Reply<Page<User>>, RequestError> {
    let list = format!("users for {} {:?}", admin.user_id(), filter.role);
    let from = filter.paging.start(&list, read_position)?;
    let (_, page) = if let Some(email) = &filter.email {
        admin.admit_with(by_email(&web, email, &filter)).await?
    } else {
        let keep = |profile: &Profile| filter.keeps(profile);
        admin.admit_with(web.reader.users_page(keep, filter.paging.limit(), from, clock::now())).await?
    };
    let cursor = |from: &UsersFrom| cursor::encode(&list, &position(from));
    let after = |user: &Profile| cursor(&UsersFrom::After(PageKey::from(user)));
    let next = page.next.as_ref().map(cursor);
    Ok(Reply::ok("The salon's users.", Page::bounded(&page.items, next, |user| User::from(user), after)?))
}

async fn by_email(
    web: &Web,
    email: &EmailAddress,
    filter: &Filter,
) -> Result<ListPage<Profile, UsersFrom>, StoreError> {
    let profile = match web.reader.account(email.canonical()).await? {
        Some(account) => web.reader.profile(account.user_id).await?,
        None => None,
    };
    Ok(ListPage { items: profile.into_iter().filter(|profile| filter.keeps(profile)).collect(), next: None })
}

pub(crate) async fn one(
    State(web): State<Web>,
    admin: Pending<Admin>,
    Id(id): Id<UserId>,
) -> Result<Reply<OneUser>, FindError> {
    let (_, profile) = admin.admit_with(web.reader.profile(id)).await?;
    let profile = profile.ok_or(FindError::NotFound)?;
    Ok(Reply::ok("The user.", OneUser::from(&profile)))
}
