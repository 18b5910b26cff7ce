//! What happens once happens once for all gateways: tickets, and messages that come again. Three
//! stores share one Redis here; their keys stand where a cluster wants them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use termfleet_runtime::Tasks;
use termfleet_session::role::Role;
use termfleet_store::{
    Bearer, Heard, Message, Messages, StoreError, Ticket, Tickets,
    messages::MESSAGE_MS,
    redis::{Options, RedisStore},
    tickets::TICKET_MS,
};

use crate::servers::{Cluster, Server};

pub(crate) struct Three {
    pub(crate) stores: Vec<Arc<RedisStore>>,
    pub(crate) clock: Arc<AtomicU64>,
}

impl Three {
    pub(crate) async fn of(url: &str) -> Self {
        let (clock, tasks) = (Arc::<AtomicU64>::default(), Tasks::new());
        let mut stores = Vec::new();
        for _ in 0..3 {
            let options = Options { ahead_ms: clock.clone(), ..Options::default() };
            stores.push(Arc::new(RedisStore::connect(url, options, &tasks).await.unwrap()));
        }
        Self { stores, clock }
    }

    /// Does something a hundred times at once, on each store in turn.
    async fn race<T: Send + 'static>(
        &self,
        act: impl Fn(Arc<RedisStore>) -> std::pin::Pin<Box<dyn Future<Output = T> + Send>>,
    ) -> Vec<T> {
        let racing = (0..99).map(|n| act(self.stores[n % 3].clone()));
        futures_util::future::join_all(racing).await
    }
}

fn bearer() -> Bearer {
    let token_id = Some("a \"token\"\n".to_owned());
    Bearer { role: Role::User, expires_at: Some(1_800_000_000), token_id }
}

fn ticket(user: &str) -> Ticket {
    let (tenant, user) = ("acme".parse().unwrap(), user.parse().unwrap());
    Ticket { tenant, user, digest: [1; 32] }
}

fn message(id: &str) -> Message {
    let session = format!("{}-{}", "a".repeat(8), "b".repeat(26)).parse().unwrap();
    Message { session, id: id.parse().unwrap(), body: [1; 32] }
}

async fn tickets_are_taken_once(three: &Three) {
    let [one, two, _] = &three.stores[..] else { panic!() };
    one.issue(&ticket("ann"), &bearer()).await.unwrap();
    assert_eq!(two.redeem(&ticket("eve")).await, Ok(None));
    let taken = three
        .race(|store| Box::pin(async move { store.redeem(&ticket("ann")).await.unwrap() }))
        .await;
    assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [bearer()]);
    one.issue(&ticket("ann"), &bearer()).await.unwrap();
    three.clock.fetch_add(TICKET_MS, Ordering::SeqCst);
    assert_eq!(two.redeem(&ticket("ann")).await, Ok(None), "late");
}

async fn messages_are_heard_once(three: &Three) {
    let [one, two, _] = &three.stores[..] else { panic!() };
    let heard = three
        .race(|store| Box::pin(async move { store.hear(&message("m:{1}")).await.unwrap() }))
        .await;
    assert_eq!(heard.iter().filter(|heard| **heard == Heard::First).count(), 1);
    assert_eq!(heard.iter().filter(|heard| **heard == Heard::UnderWay).count(), 98);
    let answer = "{\"payload\":\"under way, again \\n é\"}";
    one.answer(&message("m:{1}"), answer).await.unwrap();
    assert_eq!(two.hear(&message("m:{1}")).await, Ok(Heard::Again(answer.to_owned())));
    let other = Message { body: [2; 32], ..message("m:{1}") };
    assert_eq!(two.hear(&other).await, Err(StoreError::KeyReused));
    three.clock.fetch_add(MESSAGE_MS, Ordering::SeqCst);
    assert_eq!(two.hear(&other).await, Ok(Heard::First), "forgotten in time");
    two.unhear(&other).await.unwrap();
    assert_eq!(one.hear(&message("m:{1}")).await, Ok(Heard::First));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_on_one_redis_take_and_hear_once() {
    let server = Server::start("").await;
    let three = Three::of(&server.url()).await;
    tickets_are_taken_once(&three).await;
    messages_are_heard_once(&three).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_on_a_cluster_take_and_hear_once() {
    let cluster = Cluster::start().await;
    let three = Three::of(&cluster.url()).await;
    tickets_are_taken_once(&three).await;
    messages_are_heard_once(&three).await;
}
