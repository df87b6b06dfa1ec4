use super::*;
use crate::plugin::store::fleet::probe::Probe;
use crate::plugin::store::values::ENTRY_BYTES;

fn shared(probe: &Probe, plugin: &str, bytes: u64, entries: u64) -> Shared {
    Shared::new(probe.fleet(), plugin, &KvQuota { bytes, entries })
}

async fn set(shared: &Shared, key: &str, value: &[u8]) -> Result<Option<u64>, WriteError> {
    shared.write(key, Expected::Any, value, None).await
}

#[test]
fn a_glob_means_its_prefix_alone() {
    assert_eq!(pattern(""), "*");
    assert_eq!(pattern("a*b?[c]\\"), "a\\*b\\?\\[c\\]\\\\*");
}

#[test]
fn what_somebody_else_wrote_is_no_value() {
    assert_eq!(split("7 a b".into()), Some((b"a b".to_vec(), 7)));
    assert_eq!(split("7 ".into()), Some((Vec::new(), 7)));
    for text in ["", "7", "a b", "-1 b", " b"] {
        assert_eq!(split(text.into()), None, "{text}");
    }
}

#[tokio::test]
async fn proxies_see_one_value_with_its_version() {
    let Some(probe) = Probe::start(&[]) else { return };
    let (one, other) = (shared(&probe, "a", 1 << 20, 100), shared(&probe, "a", 1 << 20, 100));
    assert_eq!(one.get("k").await, None);
    let value: Vec<u8> = (0..=255).collect();
    let version = set(&one, "k", &value).await.unwrap().unwrap();
    assert_eq!(other.get("k").await, Some((value, version)));
    assert!((1..1 << 53).contains(&version));

    let write = |shared, expected, value| async move {
        Shared::write(shared, "k", expected, value, None).await.unwrap()
    };
    assert_eq!(write(&other, Expected::Absent, b"x").await, None);
    assert_eq!(write(&other, Expected::Version(version + 1), b"x").await, None);
    let second = write(&other, Expected::Version(version), b"two").await.unwrap();
    assert!(second > version);
    assert!(one.delete("k").await && !other.delete("k").await);
    let third = write(&one, Expected::Absent, b"three").await.unwrap();
    assert!(third > second, "not even after it was deleted");
    assert_eq!(shared(&probe, "b", 1 << 20, 100).get("k").await, None, "another plugin's");
}

#[tokio::test]
async fn no_write_is_lost_among_proxies() {
    let Some(probe) = Probe::start(&[]) else { return };
    let proxies = [(); 3].map(|()| shared(&probe, "a", 1 << 20, 10));
    let increments = proxies.iter().map(|shared| async move {
        for _ in 0..50 {
            loop {
                let (sum, expected) = match shared.get("n").await {
                    Some((value, version)) => {
                        let sum: u64 = std::str::from_utf8(&value).unwrap().parse().unwrap();
                        (sum, Expected::Version(version))
                    }
                    None => (0, Expected::Absent),
                };
                let next = (sum + 1).to_string();
                if shared.write("n", expected, next.as_bytes(), None).await.unwrap().is_some() {
                    break;
                }
            }
        }
    });
    futures_util::future::join_all(increments).await;
    assert_eq!(proxies[0].get("n").await.unwrap().0, b"150");
}

#[tokio::test]
async fn the_quota_counts_what_all_proxies_wrote() {
    let Some(probe) = Probe::start(&[]) else { return };
    let room = 3 * (ENTRY_BYTES + 11);
    let (one, other) = (shared(&probe, "a", room, 100), shared(&probe, "a", room, 100));
    for key in ["a", "b", "c"] {
        set(&one, key, &[0; 10]).await.unwrap();
    }
    assert_eq!(set(&other, "d", b"").await, Err(WriteError::Quota));
    assert_eq!(set(&other, "a", &[0; 11]).await, Err(WriteError::Quota));
    assert_eq!(one.get("a").await.unwrap().0, [0; 10], "the old value stays");
    set(&other, "a", &[0; 9]).await.unwrap();
    set(&other, "b", &[0; 11]).await.unwrap();
    assert!(one.delete("c").await);
    set(&one, "d", &[0; 10]).await.unwrap();
    let long = "k".repeat(KEY_MAX + 1);
    assert_eq!(set(&one, &long, b"").await, Err(WriteError::TooLarge));
    assert_eq!(set(&one, "k", &vec![0; VALUE_MAX + 1]).await, Err(WriteError::TooLarge));

    let few = shared(&probe, "few", 1 << 20, 1);
    few.write("short", Expected::Any, b"v", Some(0)).await.unwrap();
    // Its end comes by Redis's clock, which goes on meanwhile.
    while set(&few, "other", b"v").await.is_err() {}
    assert_eq!(few.get("short").await, None);
    assert_eq!(few.list("", 10).await, ["other"]);
}

#[tokio::test]
async fn keys_are_listed_by_prefix() {
    let Some(probe) = Probe::start(&[]) else { return };
    let shared = shared(&probe, "a", 1 << 24, 10_000);
    let all = (0..3_000).map(|number| {
        let (shared, key) = (&shared, format!("n*/{number}"));
        async move { set(shared, &key, b"").await.unwrap() }
    });
    futures_util::future::join_all(all).await;
    set(&shared, "other", b"").await.unwrap();
    shared.write("lasts", Expected::Any, b"", Some(1_000_000)).await.unwrap();
    shared.write("stays", Expected::Any, b"", Some(u64::MAX)).await.unwrap();
    assert_eq!(shared.list("n*/", 10_000).await.len(), 3_000);
    assert_eq!(shared.list("n*/", 7).await.len(), 7);
    assert_eq!(shared.list("n?", 7).await, [""; 0]);
    assert_eq!(shared.list("o", 7).await, ["other"]);
    assert_eq!(shared.list("", 10_000).await.len(), 3_003);
}

#[tokio::test]
async fn a_redis_without_memory_is_a_quota() {
    let Some(probe) = Probe::start(&["--maxmemory", "1"]) else { return };
    let shared = shared(&probe, "a", 1 << 20, 10);
    assert_eq!(set(&shared, "k", b"v").await, Err(WriteError::Quota));
    assert_eq!(shared.get("k").await, None);
}
