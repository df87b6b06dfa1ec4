use super::*;
use crate::plugin::store::fleet::probe::Probe;

fn shared(probe: &Probe, plugin: &str, names: u64) -> Shared {
    Shared::new(probe.fleet(), plugin, &CounterQuota { names })
}

#[tokio::test]
async fn proxies_add_to_one_number() {
    let Some(probe) = Probe::start(&[]) else { return };
    let (one, other) = (shared(&probe, "a", 10), shared(&probe, "a", 10));
    assert_eq!(one.get("n").await, 0);
    assert_eq!(one.add("n", 3).await, Ok(3));
    assert_eq!(other.add("n", -5).await, Ok(-2));
    assert_eq!(one.get("n").await, -2);
    assert_eq!(other.reset("n").await, -2);
    assert_eq!((one.get("n").await, one.reset("never").await), (0, 0));
    assert_eq!(shared(&probe, "b", 10).add("n", 1).await, Ok(1), "another plugin's");
}

#[tokio::test]
async fn a_number_has_64_bits_and_wraps_around() {
    let Some(probe) = Probe::start(&[]) else { return };
    let shared = shared(&probe, "a", 10);
    assert_eq!(shared.add("n", i64::MAX).await, Ok(i64::MAX));
    assert_eq!(shared.add("n", 1).await, Ok(i64::MIN));
    assert_eq!(shared.add("n", -1).await, Ok(i64::MAX));
    assert_eq!(shared.add("n", -2).await, Ok(i64::MAX - 2), "exact beyond 53 bits");
    assert_eq!(shared.reset("n").await, i64::MAX - 2);
}

#[tokio::test]
async fn no_addition_is_lost_not_even_where_it_wraps() {
    let Some(probe) = Probe::start(&[]) else { return };
    let proxies = [(); 3].map(|()| shared(&probe, "a", 10));
    proxies[0].add("n", i64::MAX - 70).await.unwrap();
    let additions = proxies.iter().map(|shared| async move {
        for _ in 0..50 {
            shared.add("n", 1).await.unwrap();
        }
    });
    futures_util::future::join_all(additions).await;
    assert_eq!(proxies[0].get("n").await, (i64::MAX - 70).wrapping_add(150));
}

#[tokio::test]
async fn the_quota_bounds_names_over_all_proxies() {
    let Some(probe) = Probe::start(&[]) else { return };
    let (one, other) = (shared(&probe, "a", 2), shared(&probe, "a", 2));
    assert!(one.add("a", 1).await.is_ok() && other.add("b", 1).await.is_ok());
    assert_eq!(one.add("c", 1).await, Err(AddError::Quota));
    assert_eq!(other.add("a", 1).await, Ok(2));
    assert_eq!(one.add(&"x".repeat(NAME_MAX + 1), 1).await, Err(AddError::Quota));
}
