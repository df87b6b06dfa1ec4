//! Compiled plugins are kept on disk, and nothing depends on it.

use std::fs;
use std::path::Path;

use harness::{Origin, Proxy, guest};

fn config(origin: &Origin, cache: &str) -> String {
    format!(
        "{cache}\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.trivial]\nsource = \"trivial.wasm\"\n\
         [[route]]\nplugins = [\"trivial\"]\ncluster = \"app\"\n",
        origin.url()
    )
}

async fn serves(proxy: &Proxy) {
    assert_eq!(proxy.get("/").await.header("x-trivial"), Some("1"));
}

/// The compiled plugins: files beside them tell how often each was used.
fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_none() {
            files.push(path);
        }
    }
    files
}

#[tokio::test]
async fn a_second_start_finds_what_the_first_compiled() {
    let origin = Origin::http1().start().await;
    let cache = tempfile::TempDir::new().unwrap();
    let config = config(&origin, &format!("cache_dir = {:?}", cache.path()));
    let start = || Proxy::with(&config).plugin("trivial.wasm", guest::TRIVIAL).start();

    serves(&start().await).await;
    let written: Vec<_> = files_below(cache.path())
        .into_iter()
        .map(|file| (fs::metadata(&file).unwrap().modified().unwrap(), file))
        .collect();
    assert!(!written.is_empty());
    serves(&start().await).await;

    for (modified, file) in written {
        assert_eq!(
            fs::metadata(&file).unwrap().modified().unwrap(),
            modified,
            "{} again",
            file.display()
        );
    }
}

#[tokio::test]
async fn compiling_leaves_the_proxy_no_larger_than_finding_what_was_compiled() {
    /// Far less than compiling the smallest plugin takes.
    const MORE: u64 = 12 << 10;
    let origin = Origin::http1().start().await;
    let cache = tempfile::TempDir::new().unwrap();
    let config = config(&origin, &format!("cache_dir = {:?}", cache.path()));
    let start = || Proxy::with(&config).plugin("trivial.wasm", guest::TRIVIAL).start();

    let mut most = Vec::new();
    for _ in 0..2 {
        let proxy = start().await;
        serves(&proxy).await;
        most.push(proxy.memory("VmHWM"));
    }

    let [compiled, found] = most[..] else { unreachable!("two starts") };
    assert!(compiled < found + MORE, "{compiled} KiB after compiling, {found} KiB from the cache");
}

#[tokio::test]
async fn without_a_folder_of_its_own_it_is_below_home() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(config(&origin, ""))
        .plugin("trivial.wasm", guest::TRIVIAL)
        .own_cache()
        .start()
        .await;

    serves(&proxy).await;

    assert!(!files_below(&proxy.path(".cache")).is_empty());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_a_warning() {
    let origin = Origin::http1().start().await;
    // A folder below a file cannot be made, whoever asks.
    let proxy = Proxy::with(config(&origin, "cache_dir = \"file/cache\""))
        .file("file", "")
        .plugin("trivial.wasm", guest::TRIVIAL)
        .start()
        .await;

    serves(&proxy).await;

    proxy.await_stderr(&["WARN", "cache"]).await;
}

#[tokio::test]
async fn a_damaged_entry_is_compiled_again() {
    let origin = Origin::http1().start().await;
    let cache = tempfile::TempDir::new().unwrap();
    let config = config(&origin, &format!("cache_dir = {:?}", cache.path()));
    let start = || Proxy::with(&config).plugin("trivial.wasm", guest::TRIVIAL).start();
    serves(&start().await).await;

    for damage in [0, 1, 100] {
        for file in files_below(cache.path()) {
            let content = fs::read(&file).unwrap();
            fs::write(&file, &content[..damage.min(content.len())]).unwrap();
        }
        serves(&start().await).await;
    }
    for file in files_below(cache.path()) {
        let mut content = fs::read(&file).unwrap();
        let middle = content.len() / 2;
        if let Some(octet) = content.get_mut(middle) {
            *octet ^= 0xff;
        }
        fs::write(&file, content).unwrap();
    }
    serves(&start().await).await;
}
