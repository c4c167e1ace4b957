//! Races with roles: whoever is promoted, demoted, logged out or deleted while a request of theirs, or about them, is
//! under way. Each goes the same way every time: a turnstile holds the request's transaction back until the other thing
//! has happened.

use chairbook_models::user::Role;
use chairbook_tests::turnstile::{TRANSACTION, Turnstile};
use chairbook_tests::{Actor, Answer, Json, TestStack};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::Method;
use serde_json::{Value, json};

const CUT: &str = "svc_00000000000000000000000001";
const WISH: &str = "The window seat, as always";

async fn open() -> (TestStack, Turnstile) {
    let turnstile = Turnstile::serve().await;
    let stack = TestStack::builder().without_rate_limit();
    let stack = turnstile.before(stack).start().await;
    turnstile.lead_to(&stack.stack.dynamodb_url());
    (stack, turnstile)
}

/// A reservation with a note.
async fn reserve(customer: &Actor) -> Json {
    let free = customer.availability(&format!("serviceId={CUT}")).await;
    let (date, time, _) = free.last().unwrap();
    let order = json!({"serviceId": CUT, "date": date, "time": time, "notes": WISH});
    customer.book(order).await.data(201)["appointment"].clone()
}

async fn give_role(owner: &Actor, actor: &Actor, role: &str) -> Answer {
    owner.put(&format!("/users/{}/role", actor.user_id), json!({"role": role})).await
}

/// A customer whom the owner has given a role.
async fn with_role(stack: &TestStack, owner: &Actor, role: &str) -> Actor {
    let actor = stack.customer().await;
    give_role(owner, &actor, role).await.data(200);
    actor
}

async fn delete_own(actor: &Actor) -> Answer {
    let request = actor.request(Method::DELETE, "/profile");
    actor.send(request.json(&json!({"password": actor.password}))).await
}

/// Somebody is still there, with their reservation and its note.
async fn assert_untouched(actor: &Actor, reservation: &Json) {
    let path = format!("/appointments/{}", reservation["id"].as_str().unwrap());
    let kept = actor.get(&path).await.data(200)["appointment"].clone();
    assert_eq!(&kept, reservation);
    actor.elsewhere().log_in().await.data(200);
}

/// Lets a request wait before its first transaction with a text until something else is done.
async fn interrupted(
    turnstile: &Turnstile,
    text: &str,
    request: impl Future<Output = Answer>,
    meanwhile: impl Future<Output = ()>,
) -> Answer {
    let mut held = turnstile.hold(TRANSACTION, text);
    let interruption = async {
        held.arrived().await;
        meanwhile.await;
        held.release();
    };
    let (answer, ()) = futures_util::join!(request, interruption);
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_holds_until_the_change_is_written() {
    let (stack, turnstile) = open().await;
    let owner = stack.demo_account(Role::Owner).await;
    let admin = stack.demo_account(Role::Admin).await;
    deletions(&stack, &turnstile, &owner, &admin).await;
    owners_against_each_other(&stack, &turnstile, &owner).await;
    grants_and_the_catalog(&stack, &turnstile, &owner).await;
    the_front_desk(&stack, &turnstile, &owner).await;
    whoever_is_leaving(&stack, &turnstile, &owner).await;
    stack.finish().await;
}

async fn deletions(stack: &TestStack, turnstile: &Turnstile, owner: &Actor, admin: &Actor) {
    // An admin deletes a customer, who becomes an admin, or an owner, at that moment.
    for role in ["admin", "owner"] {
        let ada = stack.customer().await;
        let reservation = reserve(&ada).await;
        let answer =
            interrupted(turnstile, &ada.user_id, admin.delete(&format!("/users/{}", ada.user_id)), async {
                give_role(owner, &ada, role).await.data(200);
            })
            .await;
        answer.error(403, "forbidden");
        assert_untouched(&ada, &reservation).await;
        ada.get("/users").await.data(200);
        give_role(owner, &ada, "user").await.data(200);
    }
    // Whoever deletes is demoted, or logged out, at that moment.
    let bob = stack.customer().await;
    let reservation = reserve(&bob).await;
    let path = format!("/users/{}", bob.user_id);
    let eve = with_role(stack, owner, "admin").await;
    let answer = interrupted(turnstile, &bob.user_id, eve.delete(&path), async {
        give_role(owner, &eve, "user").await.data(200);
    })
    .await;
    answer.error(403, "forbidden");
    assert_untouched(&bob, &reservation).await;
    give_role(owner, &eve, "admin").await.data(200);
    let answer = interrupted(turnstile, &bob.user_id, eve.delete(&path), async {
        eve.post("/auth/logout-all", json!({})).await.data(200);
    })
    .await;
    answer.error(401, "session_ended");
    assert_untouched(&bob, &reservation).await;
    // Somebody logs in at that moment, which is no reason to refuse; what follows is decided and done.
    let answer = interrupted(turnstile, &bob.user_id, admin.delete(&path), async {
        bob.elsewhere().log_in().await.data(200);
    })
    .await;
    answer.data(200);
    bob.elsewhere().log_in().await.error(401, "invalid_credentials");

    // Somebody deletes their own account with a password that is another one at that moment.
    let mut cleo = stack.customer().await;
    let reservation = reserve(&cleo).await;
    let answer = interrupted(turnstile, &cleo.user_id, delete_own(&cleo), async {
        let change = json!({"currentPassword": cleo.password, "newPassword": "seven new horses"});
        cleo.post("/auth/change-password", change).await.data(200);
    })
    .await;
    answer.error(409, "changed_meanwhile");
    "seven new horses".clone_into(&mut cleo.password);
    stack.keep_secret([cleo.password.clone()]);
    assert_untouched(&cleo, &reservation).await;
}

/// Two owners who delete each other, or both themselves: one is left, with all that is theirs.
async fn owners_against_each_other(stack: &TestStack, turnstile: &Turnstile, owner: &Actor) {
    let reservation = reserve(owner).await;
    // The demo's owner is faster each time.
    let other = with_role(stack, owner, "owner").await;
    let kept = reserve(&other).await;
    let answer =
        interrupted(turnstile, &owner.user_id, other.delete(&format!("/users/{}", owner.user_id)), async {
            give_role(owner, &other, "admin").await.data(200);
        })
        .await;
    answer.error(403, "forbidden");
    assert_untouched(owner, &reservation).await;
    give_role(owner, &other, "owner").await.data(200);
    let answer = interrupted(turnstile, &owner.user_id, delete_own(owner), async {
        delete_own(&other).await.data(200);
    })
    .await;
    answer.error(409, "last_owner");
    assert_untouched(owner, &reservation).await;
    other.elsewhere().log_in().await.error(401, "invalid_credentials");
    let admin = stack.demo_account(Role::Admin).await;
    let path = format!("/appointments/{}", kept["id"].as_str().unwrap());
    assert_eq!(admin.get(&path).await.data(200)["appointment"]["notes"], Value::Null);

    let other = with_role(stack, owner, "owner").await;
    let answer =
        interrupted(turnstile, &owner.user_id, other.delete(&format!("/users/{}", owner.user_id)), async {
            owner.delete(&format!("/users/{}", other.user_id)).await.data(200);
        })
        .await;
    answer.error(401, "session_ended");
    assert_untouched(owner, &reservation).await;
    // Twice the same, and one's own account by the other route.
    let other = with_role(stack, owner, "owner").await;
    let path = format!("/users/{}", other.user_id);
    let (once, twice) = futures_util::join!(other.delete(&path), owner.delete(&path));
    assert!(once.status == 200 || once.status == 401, "{}", once.text);
    assert!(twice.status == 200, "{}", twice.text);
    owner.delete(&path).await.error(404, "not_found");
    owner.delete(&format!("/users/{}", owner.user_id)).await.error(409, "last_owner");
    assert_untouched(owner, &reservation).await;
}

async fn grants_and_the_catalog(stack: &TestStack, turnstile: &Turnstile, owner: &Actor) {
    let (mallory, carol) = (with_role(stack, owner, "owner").await, stack.customer().await);
    // An owner who is demoted makes nobody an owner any more, and does not get back by themselves.
    for target in [&carol, &mallory] {
        let answer =
            interrupted(turnstile, "user.role_changed", give_role(&mallory, target, "admin"), async {
                give_role(owner, &mallory, "user").await.data(200);
            })
            .await;
        answer.error(403, "forbidden");
        let of_target = owner.get(&format!("/users/{}", target.user_id)).await.data(200);
        assert_eq!(of_target["user"]["role"], "user");
        give_role(owner, &mallory, "owner").await.data(200);
    }
    // Nor does an admin change the catalog any more.
    let before = owner.get("/categories?limit=100").await.data(200);
    for refused in [(403, "forbidden"), (401, "session_ended")] {
        let change = mallory.post("/categories", json!({"name": "Mallory's"}));
        let answer = interrupted(turnstile, "catalog.changed", change, async {
            if refused.0 == 403 {
                give_role(owner, &mallory, "user").await.data(200);
            } else {
                mallory.post("/auth/logout", json!({})).await.data(200);
            }
        })
        .await;
        answer.error(refused.0, refused.1);
        if refused.0 == 403 {
            give_role(owner, &mallory, "owner").await.data(200);
        }
    }
    assert_eq!(owner.get("/categories?limit=100").await.data(200), before);
    give_role(owner, &mallory, "user").await.data(200);

    // A password is not changed by a session that has ended.
    let elsewhere = {
        let mut elsewhere = carol.elsewhere();
        elsewhere.log_in().await.data(200);
        elsewhere
    };
    let change = json!({"currentPassword": carol.password, "newPassword": "seven new horses"});
    let answer =
        interrupted(turnstile, "user.password_changed", carol.post("/auth/change-password", change), async {
            elsewhere.post("/auth/logout-all", json!({})).await.data(200);
        })
        .await;
    answer.error(401, "session_ended");
    carol.elsewhere().log_in().await.data(200);
}

/// A request about an appointment, by its path; the last argument is where to move it.
type Action = fn(&Actor, String, Value) -> BoxFuture<'_, Answer>;

/// What the front desk does with an appointment is decided again, caller and all, when the appointment has changed.
async fn the_front_desk(stack: &TestStack, turnstile: &Turnstile, owner: &Actor) {
    let (eve, ada) = (with_role(stack, owner, "admin").await, stack.customer().await);
    let cases: [Action; 4] = [
        |eve, path, _| {
            async move { eve.put(&format!("{path}/pay"), json!({"method": "cash"})).await }.boxed()
        },
        |eve, path, _| {
            async move { eve.put(&format!("{path}/status"), json!({"status": "cancelled"})).await }.boxed()
        },
        |eve, path, _| async move { eve.delete(&format!("{path}/cancel")).await }.boxed(),
        |eve, path, to| async move { eve.put(&format!("{path}/reschedule"), to).await }.boxed(),
    ];
    for case in cases {
        let reservation = reserve(&ada).await;
        let id = reservation["id"].as_str().unwrap();
        // Its event is counted by then: that is a transaction about it, too.
        stack.settle().await;
        let path = format!("/appointments/{id}");
        let free = ada.availability(&format!("serviceId={CUT}")).await;
        let place =
            |nth: usize| json!({"date": free[nth].0, "time": free[nth].1, "expertId": free[nth].2[0]});
        let answer = interrupted(turnstile, id, case(&eve, path.clone(), place(0)), async {
            let moved = ada.put(&format!("{path}/reschedule"), place(free.len() / 2)).await;
            moved.data(200);
            give_role(owner, &eve, "user").await.data(200);
        })
        .await;
        assert!(matches!(answer.status.as_u16(), 403 | 404), "{}: {}", answer.asked, answer.text);
        let kept = ada.get(&path).await.data(200)["appointment"].clone();
        let of = |thing: &Json| [&thing["status"], &thing["date"], &thing["time"]].map(Json::to_value);
        let placed = place(free.len() / 2);
        assert_eq!(
            of(&kept),
            [json!("reserved"), placed["date"].clone(), placed["time"].clone()],
            "{}",
            answer.asked
        );
        ada.delete(&format!("{path}/cancel")).await.data(200);
        give_role(owner, &eve, "admin").await.data(200);
    }
}

/// While an account is being erased it is nobody's, and its address is not for anybody else yet.
async fn whoever_is_leaving(stack: &TestStack, turnstile: &Turnstile, owner: &Actor) {
    let ada = stack.customer().await;
    reserve(&ada).await;
    stack.settle().await;
    let nobody = stack.visitor();
    let mut held = turnstile.hold(TRANSACTION, "attribute_exists(leaving_since)");
    let meanwhile = async {
        held.arrived().await;
        ada.get("/profile").await.error(401, "session_ended");
        let token = json!({"refreshToken": ada.refresh_token});
        ada.post("/auth/refresh", token).await.error(401, "invalid_token");
        ada.elsewhere().log_in().await.error(401, "invalid_credentials");
        for path in ["/auth/forgot-password", "/auth/resend-verification"] {
            let known = nobody.post(path, json!({"email": ada.email})).await;
            let unknown = nobody.post(path, json!({"email": nobody.email})).await;
            assert_eq!(
                (known.data(200), known.json()["message"].clone()),
                (unknown.data(200), unknown.json()["message"].clone())
            );
        }
        assert_eq!(ada.elsewhere().register("Ada again").await.fields(400, "email_taken"), ["email"]);
        let path = format!("/users/{}", ada.user_id);
        owner.get(&path).await.error(404, "not_found");
        give_role(owner, &ada, "owner").await.error(404, "not_found");
        assert_eq!(owner.get(&format!("/users?email={}", ada.email)).await.data(200)["items"], json!([]));
        let listed = owner.get("/users?limit=100").await.data(200);
        assert!(!listed.to_string().contains(&ada.user_id));
        let free = ada.availability(&format!("serviceId={CUT}")).await;
        let order = json!({"serviceId": CUT, "date": free[0].0, "time": free[0].1, "userId": ada.user_id});
        let refused = owner.book(order).await;
        assert_eq!(refused.fields(400, "unknown_customer"), ["userId"], "{}", refused.text);
        let mails = stack.mails(&ada.email).len();
        stack.settle().await;
        assert_eq!(stack.mails(&ada.email).len(), mails, "somebody who leaves gets no mail");
        held.release();
    };
    let (answer, ()) = futures_util::join!(delete_own(&ada), meanwhile);
    answer.data(200);
    ada.elsewhere().register("Ada again").await.data(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_owners_who_delete_each_other_one_stays_with_all_that_is_theirs() {
    let stack = TestStack::start().await;
    let owner = stack.demo_account(Role::Owner).await;
    let mut last = owner;
    for round in 0..8 {
        let other = with_role(&stack, &last, "owner").await;
        let (of_last, of_other) = (reserve(&last).await, reserve(&other).await);
        let answers = if round % 2 == 0 {
            let paths = [&other, &last].map(|actor| format!("/users/{}", actor.user_id));
            futures_util::join!(last.delete(&paths[0]), other.delete(&paths[1]))
        } else {
            futures_util::join!(delete_own(&last), delete_own(&other))
        };
        let done = [&answers.0, &answers.1].into_iter().filter(|answer| answer.status == 200).count();
        assert_eq!(done, 1, "{} and {}", answers.0.text, answers.1.text);
        let last_stays = (answers.0.status == 200) == (round % 2 == 0);
        let (stays, theirs) = if last_stays { (last, of_last) } else { (other, of_other) };
        assert_untouched(&stays, &theirs).await;
        let owners = stays.get("/users?role=owner&limit=100").await.data(200);
        let ids: Vec<_> = owners["items"].as_array().unwrap().iter().map(|user| user["id"].clone()).collect();
        assert_eq!(ids, [json!(stays.user_id)]);
        last = stays;
    }
    stack.finish().await;
}
