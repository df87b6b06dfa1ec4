//! No text makes the reader panic, and every place lies within the text.

use proptest::prelude::*;

use super::*;

/// Pieces of files, so that random texts get past the first key.
fn piece() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "[[listener]]",
        "[[listener.tls]]",
        "[admin]",
        "[access_log]",
        "[limits]",
        "[timeouts]",
        "[cluster.app]",
        "[cluster]",
        "[plugin.p]",
        "[plugin.p.config]",
        "[[route]]",
        "[route]",
        "listen",
        "tls",
        "certificate",
        "endpoints",
        "balance",
        "hash",
        "source",
        "config",
        "capabilities",
        "files",
        "plugins",
        "host",
        "path",
        "path_regex",
        "method",
        "headers",
        "query",
        "cluster",
        "workers",
        "header",
        "header_bytes",
        "body_bytes",
        "deadline",
        "trusted_proxies",
        "\"127.0.0.1:80\"",
        "\"http://a\"",
        "\"hash\"",
        "\"builtin:waf\"",
        "\"*\"",
        "\"~(\"",
        "\"10s\"",
        "\"1KiB\"",
        "{ env = \"A=B\" }",
        "{ use = \"p\", config = { a = 1 } }",
        "[",
        "]",
        "{",
        "}",
        "=",
        " = ",
        ",",
        ".",
        "\n",
        "\r\n",
        "1",
        "-0",
        "0x_",
        "inf",
        "true",
        "1979-05-27",
        "\"",
        "'''",
        "\u{feff}",
        "日本",
        "\u{0}",
        "\t",
        "#",
    ];
    prop_oneof![
        4 => prop::sample::select(WORDS).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ]
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let report = match parse(text, "wasmgate.toml".as_ref()) {
        Ok(loaded) => loaded.report,
        Err(report) => {
            prop_assert!(report.has_errors());
            report
        }
    };
    for diagnostic in report.diagnostics() {
        if let Some(span) = &diagnostic.span {
            prop_assert!(text.get(span.clone()).is_some(), "{span:?} in {text:?}");
        }
        prop_assert!(
            !diagnostic.message.replace('\n', "").contains(char::is_control),
            "{:?}",
            diagnostic.message
        );
    }
    prop_assert!(report.render(true).contains("wasmgate.toml"));
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn any_pieces_are_answered(pieces in prop::collection::vec(piece(), 0..60)) {
        check(&pieces.concat())?;
    }

    #[test]
    fn any_pair_anywhere_is_answered(
        heading in prop::sample::select(&["", "[limits]", "[[listener]]", "[cluster.b]", "[plugin.p]", "[[route]]"][..]),
        lines in prop::collection::vec((piece(), piece()), 0..6),
    ) {
        let mut text = format!("{LEAST}{heading}\n");
        for (key, value) in lines {
            text.push_str(&format!("{key} = {value}\n"));
        }
        check(&text)?;
    }

    #[test]
    fn the_example_with_a_hole_is_answered(start in 0..EXAMPLE.len(), length in 0usize..40) {
        let end = (start + length).min(EXAMPLE.len());
        check(&format!("{}{}", &EXAMPLE[..start], &EXAMPLE[end..]))?;
    }
}
