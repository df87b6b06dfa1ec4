//! 'Did you mean …?'

/// The candidate that `word` is most likely a slip of.
///
/// Lenient for long words and strict for short ones, where everything is near to
/// everything.
pub(super) fn closest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::osa_distance(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| {
            let longer = word.chars().count().max(candidate.chars().count());
            *distance <= longer.div_ceil(4).min(3)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The sentence for a word that is not one of `candidates`.
///
/// `what` is the plural: "clusters in this file".
pub(super) fn help<'c, I>(word: &str, what: &str, candidates: I) -> String
where
    I: IntoIterator<Item = &'c str>,
    I::IntoIter: Clone,
{
    let candidates = candidates.into_iter();
    if let Some(candidate) = closest(word, candidates.clone()) {
        return format!("did you mean `{candidate}`?");
    }
    let names: Vec<String> = candidates.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return format!("there are no {what}");
    }
    format!("{what}: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word() {
        let keys = ["balance", "endpoints", "host", "ca", "hash"];
        assert_eq!(closest("balnce", keys), Some("balance"));
        assert_eq!(closest("Endpoint", keys), Some("endpoints"));
        assert_eq!(closest("hots", keys), Some("host"));
        assert_eq!(closest("workers", keys), None);
        assert_eq!(closest("xy", keys), None);
        assert_eq!(closest("", keys), None);
    }

    #[test]
    fn a_strange_word_gets_the_list() {
        assert_eq!(help("zzzz", "keys here", ["a", "b"]), "keys here: `a`, `b`");
        assert_eq!(help("zzzz", "plugins in this file", []), "there are no plugins in this file");
        assert_eq!(help("balanse", "keys here", ["balance"]), "did you mean `balance`?");
    }
}
