//! Names that OpenMetrics allows and that cannot be taken for another's.

use super::{BUCKETS_MAX, Definition, Kind, LABELS_MAX};

/// Octets of a metric's or a label's name.
const NAME_MAX: usize = 128;

/// Endings by which samples of one family are told apart (OpenMetrics, section 5):
/// a family that ends so could have the samples of another.
const ENDINGS: &[&str] = &["_total", "_created", "_count", "_sum", "_bucket", "_info"];

/// Labels that the exposition has itself.
const LABELS_TAKEN: &[&str] = &["plugin", "le", "quantile"];

/// None if it cannot be exposed. A counter's name loses `_total`, which is added
/// again to its samples.
pub(super) fn check(definition: &mut Definition) -> Option<()> {
    let Definition { name, kind, labels, bounds, .. } = definition;
    if *kind == Kind::Counter
        && let Some(family) = name.strip_suffix("_total")
    {
        *name = family.to_owned();
    }
    let named = is_name(name, &[':']) && !ENDINGS.iter().any(|ending| name.ends_with(ending));
    let is_label = |label: &String| {
        is_name(label, &[]) && !label.starts_with("__") && !LABELS_TAKEN.contains(&label.as_str())
    };
    let labelled = labels.len() <= LABELS_MAX
        && labels.iter().all(is_label)
        && (1..labels.len()).all(|index| !labels[..index].contains(&labels[index]));
    let bounded = bounds.len() <= BUCKETS_MAX
        && bounds.iter().all(|bound| bound.is_finite())
        && bounds.is_sorted_by(|one, next| one < next);
    (named && labelled && bounded).then_some(())
}

fn is_name(name: &str, more: &[char]) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_' || more.contains(&c);
    name.len() <= NAME_MAX
        && name.starts_with(begins)
        && name.chars().all(|c| begins(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(kind: Kind, name: &str, labels: &[&str], bounds: &[f64]) -> Definition {
        Definition {
            name: name.to_owned(),
            help: String::new(),
            kind,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            bounds: bounds.to_vec(),
        }
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_refused() {
        fn legal(kind: Kind, name: &str, labels: &[&str], bounds: &[f64]) -> bool {
            check(&mut definition(kind, name, labels, bounds)).is_some()
        }
        for name in ["requests", "a:b", "_x9"] {
            assert!(legal(Kind::Gauge, name, &["method", "code_2"], &[]), "{name}");
        }
        for name in ["", "9a", "a-b", "a b", "ä", "a\n", "x_total", "x_count", "x_sum", "x_bucket"]
        {
            assert!(!legal(Kind::Gauge, name, &[], &[]), "{name}");
        }
        for label in ["", "a:b", "__x", "plugin", "le", "a\""] {
            assert!(!legal(Kind::Gauge, "x", &[label], &[]), "{label}");
        }
        assert!(!legal(Kind::Gauge, "x", &["a", "b", "a"], &[]));
        assert!(!legal(Kind::Gauge, &"x".repeat(NAME_MAX + 1), &[], &[]));
        assert!(
            legal(Kind::Histogram, "x", &[], &[]) && legal(Kind::Histogram, "x", &[], &[-1.0, 2.0])
        );
        for bounds in [&[1.0, 1.0] as &[f64], &[2.0, 1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert!(!legal(Kind::Histogram, "x", &[], bounds), "{bounds:?}");
        }
    }

    #[test]
    fn a_counter_may_be_named_as_its_samples_are() {
        let mut counter = definition(Kind::Counter, "requests_total", &[], &[]);
        assert!(check(&mut counter).is_some());
        assert_eq!(counter.name, "requests");
        assert!(check(&mut definition(Kind::Counter, "x_total_total", &[], &[])).is_none());
    }
}
