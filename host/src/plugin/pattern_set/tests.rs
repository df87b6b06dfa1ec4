//! What matches, what is refused, and what is shared.

use proptest::prelude::*;

use super::*;

fn library() -> Arc<Library> {
    Arc::default()
}

fn asking(library: &Arc<Library>) -> AskedSets {
    AskedSets::new(Sets::Compile(Arc::clone(library)))
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn regexes(patterns: &[&str], options: Options) -> PatternSet {
    PatternSet::compile(Definition::Regex(texts(patterns), options)).expect("they are good")
}

fn literals(texts: &[&str], ignore_case: bool) -> PatternSet {
    let octets = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    PatternSet::compile(Definition::Literal(octets, ignore_case)).expect("they are good")
}

fn networks(networks: &[&str]) -> PatternSet {
    PatternSet::compile(Definition::Network(texts(networks))).expect("they are good")
}

fn refused(definition: Definition) -> String {
    PatternSet::compile(definition).expect_err("it is wrong")
}

#[track_caller]
fn finds(set: &PatternSet, subject: impl AsRef<[u8]>, expected: &[u32]) {
    let subject = subject.as_ref();
    assert_eq!(set.matches(subject).as_deref(), Ok(expected));
    assert_eq!(set.is_match(subject), Ok(!expected.is_empty()));
}

#[test]
fn all_patterns_that_match_are_found_in_order() {
    let set = regexes(&["b+", "^a", "zz", "a.b", ""], Options::default());
    finds(&set, "a.b", &[0, 1, 3, 4]);
    finds(&set, "", &[4]);
    finds(&regexes(&[], Options::default()), "a", &[]);
}

#[test]
fn options_mean_what_they_say() {
    let with = |set: fn(&mut Options)| {
        let mut options = Options::default();
        set(&mut options);
        options
    };
    let patterns = ["Ä", "^b", "a.b", r"\w{3}"];
    finds(&regexes(&patterns, Options::default()), "a\nb", &[]);
    finds(&regexes(&patterns, with(|options| options.dot_all = true)), "a\nb", &[2]);
    finds(&regexes(&patterns, with(|options| options.multi_line = true)), "a\nb", &[1]);
    finds(&regexes(&["AB"], with(|options| options.ignore_case = true)), "xab", &[0]);
    let unicode = with(|options| (options.unicode, options.ignore_case) = (true, true));
    finds(&regexes(&patterns, unicode), "xäx", &[0, 3]);
    // Octets of no text at all.
    finds(&regexes(&[r"\xff"], Options::default()), b"a\xffb", &[0]);
}

/// Input that the automaton cannot read is searched in the other way.
#[test]
fn unicode_boundaries_hold_beyond_ascii() {
    let unicode = Options { unicode: true, ..Options::default() };
    let set = regexes(&[r"\bé\b", r"\bx\b", "q"], unicode);
    finds(&set, "é x", &[0, 1]);
    finds(&set, "éx", &[]);
}

#[test]
fn a_wrong_pattern_is_named() {
    let wrong = |patterns: &[&str]| {
        refused(Definition::Regex(texts(patterns), Options { unicode: true, ..Options::default() }))
    };
    assert_eq!(wrong(&["a", "b", "(c"]), "pattern 2, `(c`: unclosed group");
    assert_eq!(wrong(&["a\n*["]), "pattern 0, `a\\n*[`: unclosed character class");
    assert!(wrong(&[r"(?:\w{1000}){100}"]).ends_with("it compiles to more than 8 MiB"));
    assert!(wrong(&["a"; regex::PATTERNS_MAX + 1]).contains("10000 is the most"));
    assert!(wrong(&[&"a".repeat(OCTETS_MAX), "a"]).contains("1048576 is the most"));
    let long = format!("({}", "ä".repeat(200));
    assert!(wrong(&[&long]).len() < 250, "it is cut");
}

#[test]
fn literals_are_found_in_one_another() {
    let set = literals(&["ab", "b", "abc", "x"], false);
    finds(&set, "zabc", &[0, 1, 2]);
    finds(&set, "AB", &[]);
    finds(&literals(&["ab", "Ä"], true), "xAbä", &[0]);
    let empty = Definition::Literal(vec![b"a".to_vec(), Vec::new()], false);
    assert!(refused(empty).starts_with("literal 1, ``: it is empty"));
}

#[test]
fn members_that_are_nearly_everywhere_end_the_search() {
    let nested: Vec<Vec<u8>> = (1..1000).map(|length| vec![b'a'; length]).collect();
    let never = b"b".to_vec();
    let definition = Definition::Literal([nested, vec![never]].concat(), false);
    let set = PatternSet::compile(definition).expect("they are good");
    assert_eq!(set.matches(&[b'a'; 20_000]), Err(TooLong));
    assert_eq!(set.is_match(&[b'a'; 20_000]), Ok(true));
}

#[test]
fn networks_contain_addresses_however_written() {
    let set =
        networks(&["10.0.0.0/8", "2001:db8::/32", "10.1.2.3/16", "192.0.2.1", "::/0", "0.0.0.0/0"]);
    finds(&set, "10.1.9.9", &[0, 2, 5]);
    finds(&set, "::ffff:10.2.0.1", &[0, 5]);
    finds(&set, " 192.0.2.1 ", &[3, 5]);
    finds(&set, "2001:DB8::1", &[1, 4]);
    finds(&set, "10.0.0.1:80", &[]);
    finds(&set, "unknown", &[]);
    finds(&set, b"\xff", &[]);
    assert!(
        refused(Definition::Network(texts(&["10.0.0.0/8", "10.0.0/8"])))
            .starts_with("network 1, `10.0.0/8`: no network such as `10.0.0.0/8`")
    );
}

#[test]
fn the_same_set_is_compiled_once_and_goes_with_its_last_user() {
    let library = library();
    let definition = || Definition::Network(texts(&["10.0.0.0/8"]));
    let (mut one, mut other) = (asking(&library), asking(&library));
    assert_eq!((one.ask(definition()), one.ask(definition())), (Ok(0), Ok(0)));
    assert_eq!(other.ask(Definition::Network(Vec::new())), Ok(0));
    assert_eq!(other.ask(definition()), Ok(1));
    assert!(Arc::ptr_eq(one.get(0).unwrap(), other.get(1).unwrap()));
    let compiled = one.compiled();
    drop((one, other));
    assert_eq!(Arc::strong_count(&compiled[0]), 1);
    let gone = Arc::downgrade(&compiled[0]);
    drop(compiled);
    assert!(gone.upgrade().is_none());
}

#[test]
fn later_instances_find_what_the_first_compiled_and_nothing_else() {
    let mut first = asking(&library());
    let definition = |text| Definition::Network(texts(&[text]));
    first.ask(definition("10.0.0.0/8")).unwrap();
    let mut later = AskedSets::new(Sets::Compiled(first.compiled()));
    assert_eq!(later.ask(definition("10.0.0.0/8")), Ok(0));
    assert!(later.ask(definition("10.0.0.0/9")).unwrap_err().contains("in `configure`"));
    assert!(later.get(1).is_none());
}

#[test]
fn the_number_of_sets_is_bounded() {
    let mut asked = asking(&library());
    for number in 0..SETS_MAX {
        asked.ask(Definition::Network(texts(&[&format!("10.0.0.{number}")]))).unwrap();
    }
    assert!(asked.ask(Definition::Network(Vec::new())).unwrap_err().contains("256 sets"));
}

proptest! {
    /// Both ways of searching find the same.
    #[test]
    fn patterns_together_find_what_each_finds_alone(
        subject in prop::collection::vec(prop::sample::select(b"abc \n\xc3\xa9".to_vec()), 0..40),
    ) {
        let patterns = [r"a.{0,3}b", r"\bc\b", "^a", "[^a]$", "bc|ca", "a*b*c", "é"];
        let set = regexes(&patterns, Options::default());
        let alone: Vec<u32> = (0..).zip(patterns).filter_map(|(place, pattern)| {
            let regex = ::regex::bytes::RegexBuilder::new(pattern).unicode(false).build();
            regex.unwrap().is_match(&subject).then_some(place)
        }).collect();
        prop_assert_eq!(set.matches(&subject), Ok(alone.clone()));
        prop_assert_eq!(set.is_match(&subject), Ok(!alone.is_empty()));
    }
}
