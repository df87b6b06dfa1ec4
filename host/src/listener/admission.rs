//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Locks are for one accept each, and addresses spread over these.
const SHARDS: usize = 16;

/// Counts the connections of all workers.
pub struct Admission {
    total: AtomicUsize,
    freed: Notify,
    hasher: RandomState,
    shards: [Mutex<HashMap<IpAddr, usize>>; SHARDS],
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            total: AtomicUsize::new(0),
            freed: Notify::new(),
            hasher: RandomState::new(),
            shards: Default::default(),
        }
    }
}

/// One connection, counted until it is dropped.
pub struct Admitted {
    admission: Arc<Admission>,
    key: IpAddr,
}

impl Admission {
    /// Waits until there are fewer than `limit` connections.
    pub async fn room(&self, limit: usize) {
        loop {
            let freed = self.freed.notified();
            if self.total.load(Ordering::Relaxed) < limit {
                return;
            }
            freed.await;
        }
    }

    /// Counts a connection; none when its address has `limit` already.
    pub fn admit(self: &Arc<Self>, address: IpAddr, limit: usize) -> Option<Admitted> {
        let key = key(address);
        let mut shard = self.shard(&key);
        let count = shard.entry(key).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(shard);
        self.total.fetch_add(1, Ordering::Relaxed);
        Some(Admitted { admission: Arc::clone(self), key })
    }

    fn shard(&self, key: &IpAddr) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut shard = self.admission.shard(&self.key);
        if let Some(count) = shard.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                shard.remove(&self.key);
            }
        }
        drop(shard);
        self.admission.total.fetch_sub(1, Ordering::Relaxed);
        // One for each worker would do; waiting is rare and waking cheap.
        self.admission.freed.notify_waiters();
    }
}

/// An IPv6 client commonly has a /64 to itself and could use any address of it.
fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_no_more() {
        let admission = Arc::new(Admission::default());
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let other: IpAddr = "192.0.2.2".parse().unwrap();
        let first = admission.admit(one, 2).expect("room");
        let _second = admission.admit(one, 2).expect("room");
        assert!(admission.admit(one, 2).is_none());
        assert!(admission.admit(other, 2).is_some());
        drop(first);
        assert!(admission.admit(one, 2).is_some());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let admission = Arc::new(Admission::default());
        let _one = admission.admit("2001:db8::1".parse().unwrap(), 1).expect("room");
        assert!(admission.admit("2001:db8::ffff:2".parse().unwrap(), 1).is_none());
        assert!(admission.admit("2001:db8:0:1::1".parse().unwrap(), 1).is_some());
    }

    #[tokio::test]
    async fn whoever_waits_for_room_gets_it_when_a_connection_ends() {
        let admission = Arc::new(Admission::default());
        let only = admission.admit("192.0.2.1".parse().unwrap(), 9).expect("room");
        let waiting = admission.room(1);
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            () = &mut waiting => panic!("there is no room yet"),
            () = tokio::task::yield_now() => {}
        }
        drop(only);
        waiting.await;
    }
}
