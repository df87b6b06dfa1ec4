//! Sets of regular expressions, natively: what `matcher` is measured against, and
//! what it does about patterns that need ever new states.

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use wasmgate::plugin::pattern_set::{AskedSets, Definition, Options, PatternSet, Sets};

/// Fifty such as a firewall looks for.
pub(crate) const FIFTY: [&str; 50] = [
    r"union\s+(?:all\s+)?select",
    r"\bor\b\s+\d+\s*=\s*\d+",
    r"<script[^>]*>",
    r"javascript\s*:",
    r"\.\./",
    r"/etc/passwd",
    r"\bexec\s*\(",
    r"\bdrop\s+table\b",
    r"\binsert\s+into\b",
    r"sleep\s*\(\s*\d+\s*\)",
    r"benchmark\s*\(",
    r"load_file\s*\(",
    r"into\s+outfile",
    r"\bxp_cmdshell\b",
    r"on(?:error|load|click|mouseover)\s*=",
    r"<iframe",
    r"document\.cookie",
    r"eval\s*\(",
    r"base64_decode",
    r"\$\{jndi:",
    r"\bcurl\b",
    r"\bwget\b",
    r";\s*cat\b",
    r"\|\s*nc\b",
    r"cmd\.exe",
    r"powershell",
    r"%00",
    r"%2e%2e%2f",
    r"\bselect\b.+\bfrom\b",
    r"\bhaving\b\s+\d",
    r"\bgroup\s+by\b",
    r"\border\s+by\s+\d",
    r"information_schema",
    r"@@version",
    r"\bwaitfor\s+delay\b",
    r"<svg[^>]*onload",
    r"<img[^>]*src",
    r"php://input",
    r"file://",
    r"data:text/html",
    r"\bnmap\b",
    r"sqlmap",
    r"nikto",
    r"masscan",
    r"^$",
    r"(?:python-requests|go-http-client)/[\d.]+",
    r"\bsystem\s*\(",
    r"passthru\s*\(",
    r"\bchar\s*\(\s*\d+",
    r"concat\s*\(",
];

const WORDS: [&str; 16] = [
    "select", "union", "insert", "update", "delete", "from", "where", "table", "exec", "script",
    "alert", "eval", "char", "concat", "sleep", "wait",
];

/// The library itself, over the same texts that the guest is asked about.
pub(crate) fn native(criterion: &mut Criterion, header: &str, path: &str) {
    let set = native_set(&FIFTY.map(str::to_owned));
    criterion.bench_function("matcher_50/native/header", |bencher| {
        bencher.iter(|| set.is_match(black_box(header.as_bytes())));
    });
    criterion.bench_function("matcher_50/native/header_all", |bencher| {
        bencher.iter(|| set.matches(black_box(header.as_bytes())).iter().count());
    });
    criterion.bench_function("matcher_50/native/path", |bencher| {
        bencher.iter(|| set.is_match(black_box(path.as_bytes())));
    });
}

/// Patterns with gaps over input that varies: in one set, one by one, and as the
/// host does it.
pub(crate) fn varied(criterion: &mut Criterion) {
    for (name, patterns) in [("plain", FIFTY.map(str::to_owned).to_vec()), ("gaps", gaps())] {
        let inputs = inputs();
        let mut next = inputs.iter().cycle();
        let one = native_set(&patterns);
        criterion.bench_function(&format!("varied_{name}/native_set"), |bencher| {
            bencher.iter(|| one.matches(take(&mut next)).iter().count());
        });
        let each: Vec<Regex> = patterns.iter().map(|pattern| native_regex(pattern)).collect();
        criterion.bench_function(&format!("varied_{name}/native_each"), |bencher| {
            bencher.iter(|| {
                let input = take(&mut next);
                each.iter().filter(|regex| regex.is_match(input)).count()
            });
        });
        let ours = ours(patterns);
        criterion.bench_function(&format!("varied_{name}/host"), |bencher| {
            bencher.iter(|| ours.matches(take(&mut next)).expect("it ends").len());
        });
    }
}

fn take<'a>(inputs: &mut impl Iterator<Item = &'a Vec<u8>>) -> &'a [u8] {
    inputs.next().expect("there is no end")
}

fn native_set(patterns: &[String]) -> RegexSet {
    let mut builder = RegexSetBuilder::new(patterns);
    builder.case_insensitive(true).unicode(false).build().expect("the patterns are good")
}

fn native_regex(pattern: &str) -> Regex {
    let mut builder = RegexBuilder::new(pattern);
    builder.case_insensitive(true).unicode(false).build().expect("the pattern is good")
}

fn ours(patterns: Vec<String>) -> Arc<PatternSet> {
    let mut asked = AskedSets::new(Sets::Compile(Arc::default()));
    let options = Options { ignore_case: true, ..Options::default() };
    let number = asked.ask(Definition::Regex(patterns, options)).expect("the patterns are good");
    Arc::clone(asked.get(number).expect("it was just asked for"))
}

fn gaps() -> Vec<String> {
    let pairs = WORDS.iter().enumerate().flat_map(|(place, first)| {
        let others = WORDS[place + 1..].iter();
        others.map(move |second| format!(r"\b{first}\b.{{0,40}}\b{second}\b"))
    });
    pairs.collect()
}

/// Text of 400 octets in which parts of the patterns occur, in ever another order.
fn inputs() -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let mut input = || {
        let mut text = String::new();
        while text.len() < 400 {
            match random() % 3 {
                0 => text.push_str(WORDS[random() % WORDS.len()]),
                1 => text.push_str(&random().to_string()[..5]),
                _ => text.extend((0..random() % 6).map(|_| (b'a' + (random() % 26) as u8) as char)),
            }
            text.push(' ');
        }
        text.into_bytes()
    };
    (0..2000).map(|_| input()).collect()
}
