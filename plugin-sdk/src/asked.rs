//! The values that come with a call: the contract's `types.asked-values`.
//!
//! They stay the one list in which they came: a plugin that looks at one of three
//! fields takes nothing apart but the lengths before it.

/// The length that stands for an absent field.
const ABSENT: u32 = u32::MAX;

/// The values of a subscription, in its order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked(Vec<u8>);

impl Asked {
    /// As they came; none = nothing was asked for.
    pub(crate) fn new(packed: Option<Vec<u8>>) -> Self {
        Self(packed.unwrap_or_default())
    }

    /// The value of the field of that place in the subscription.
    pub(crate) fn get(&self, place: usize) -> Option<&[u8]> {
        let mut rest = self.0.as_slice();
        for _ in 0..place {
            (_, rest) = first(rest)?;
        }
        first(rest)?.0
    }
}

/// The first value, and what follows it; none at the end.
fn first(packed: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = packed.split_first_chunk()?;
    match u32::from_le_bytes(*length) {
        ABSENT => Some((None, rest)),
        length => {
            let (value, rest) = rest.split_at_checked(length as usize)?;
            Some((Some(value), rest))
        }
    }
}

#[cfg(not(target_family = "wasm"))]
/// As the host packs the values of a subscription; none if there are none.
pub(crate) fn pack(values: &[Option<Vec<u8>>]) -> Option<Vec<u8>> {
    let mut packed = Vec::new();
    for value in values {
        let length = value.as_ref().map_or(ABSENT, |value| {
            u32::try_from(value.len()).expect("a field of a test is shorter than 4 GiB")
        });
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(value.as_deref().unwrap_or_default());
    }
    (!values.is_empty()).then_some(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_found_at_its_place() {
        let values = [Some(b"one".to_vec()), None, Some(Vec::new()), Some(b"four".to_vec())];
        let asked = Asked::new(pack(&values));
        let found: Vec<_> = (0..5).map(|place| asked.get(place)).collect();
        assert_eq!(found, [Some(&b"one"[..]), None, Some(b""), Some(b"four"), None]);
    }

    #[test]
    fn what_is_cut_short_has_no_value() {
        let packed = pack(&[Some(b"one".to_vec()), Some(b"two".to_vec())]).expect("values");
        for length in 0..packed.len() {
            let asked = Asked::new(Some(packed[..length].to_vec()));
            assert_eq!(asked.get(1), None, "{length} octets");
        }
        assert_eq!(Asked::new(None).get(0), None);
    }
}
