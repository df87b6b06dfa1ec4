//! Published examples, hellos of real clients, and what no client sends.

use proptest::prelude::*;

use super::*;

/// What a hello says, for the tests to write one.
#[derive(Clone, Default)]
struct Said<'a> {
    version: u16,
    ciphers: &'a [u16],
    extensions: &'a [(u16, Vec<u8>)],
}

impl Said<'_> {
    /// The message, in one record for each `piece` octets of it.
    fn records(&self, piece: usize) -> Vec<u8> {
        let mut body = self.version.to_be_bytes().to_vec();
        body.extend([7; RANDOM_LENGTH]);
        body.push(0);
        body.extend(sized(&octets(self.ciphers)));
        body.extend([1, 0]);
        if !self.extensions.is_empty() {
            let write = |(code, content): &(u16, Vec<u8>)| {
                [code.to_be_bytes().to_vec(), sized(content)].concat()
            };
            body.extend(sized(&self.extensions.iter().flat_map(write).collect::<Vec<u8>>()));
        }
        let mut message = (body.len() as u32).to_be_bytes().to_vec();
        message[0] = 1;
        message.extend(body);
        message.chunks(piece).flat_map(|piece| [&[22, 3, 1][..], &sized(piece)].concat()).collect()
    }

    fn ja4(&self) -> String {
        ClientHello::read(&self.records(usize::MAX >> 1)).expect("a hello").ja4().to_owned()
    }
}

fn octets(codes: &[u16]) -> Vec<u8> {
    codes.iter().flat_map(|code| code.to_be_bytes()).collect()
}

fn sized(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short enough");
    [&length.to_be_bytes(), content].concat()
}

/// A list of protocols, as the extension has it.
fn protocols(names: &[&[u8]]) -> Vec<u8> {
    let name = |name: &&[u8]| [&[name.len() as u8], *name].concat();
    sized(&names.iter().flat_map(name).collect::<Vec<u8>>())
}

/// The hello of the technical details' example, in the order in which they have it.
fn example() -> Vec<(u16, Vec<u8>)> {
    let order = [
        0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
        0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
    ];
    let signatures = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
    let content = |code: u16| match code {
        PROTOCOLS => protocols(&[b"h2", b"http/1.1"]),
        SIGNATURE_ALGORITHMS => sized(&octets(&signatures)),
        // The length of this list has one octet, and GREASE is the highest.
        SUPPORTED_VERSIONS => [&[6][..], &octets(&[0xfafa, 0x0304, 0x0303])].concat(),
        _ => Vec::new(),
    };
    order.iter().map(|code| (*code, content(*code))).collect()
}

const CIPHERS: &[u16] = &[
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
    0x009d, 0x002f, 0x0035,
];

#[test]
fn the_published_example_has_its_fingerprint() {
    let said = Said { version: 0x0303, ciphers: CIPHERS, extensions: &example() };
    assert_eq!(said.ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

/// Hellos as curl 7.88 sends them with OpenSSL 3.0, for a name over HTTP/2 and for
/// an address over HTTP/1.1 and TLS 1.2; the fingerprints were worked out by another
/// program.
#[test]
fn real_hellos_have_their_fingerprints() {
    let cases = [
        (include_str!("tests/curl_7_88_tls13.hex"), "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"),
        (include_str!("tests/curl_7_88_tls12.hex"), "t12i2806h1_d943125447b4_a44c6288192a"),
    ];
    for (hex, expected) in cases {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let octet = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).expect("hexadecimal digits");
            u8::from_str_radix(text, 16).expect("hexadecimal digits")
        };
        let records: Vec<u8> = digits.chunks(2).map(octet).collect();
        assert_eq!(ClientHello::read(&records).expect("a hello").ja4(), expected);
    }
}

#[test]
fn codes_without_a_meaning_change_nothing() {
    let mut extensions = example();
    extensions.insert(0, (0x3a3a, Vec::new()));
    extensions.push((0xdada, vec![0]));
    let ciphers = [&[0x8a8a], CIPHERS].concat();
    let said = Said { version: 0x0303, ciphers: &ciphers, extensions: &extensions };
    assert_eq!(said.ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

#[test]
fn the_order_of_extensions_changes_nothing_and_that_of_signatures_does() {
    let mut extensions = example();
    extensions.reverse();
    let said = Said { version: 0x0303, ciphers: CIPHERS, extensions: &extensions };
    assert_eq!(said.ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    for (code, content) in &mut extensions {
        if *code == SIGNATURE_ALGORITHMS {
            *content = sized(&octets(&[0x0804, 0x0403]));
        }
    }
    let said = Said { version: 0x0303, ciphers: CIPHERS, extensions: &extensions };
    assert!(!said.ja4().ends_with("_e5627efa2ab1"));
}

#[test]
fn what_is_not_there_shows() {
    // As published, without signature algorithms.
    let mut extensions = example();
    extensions.retain(|(code, _)| *code != SIGNATURE_ALGORITHMS);
    extensions.push((SIGNATURE_ALGORITHMS, sized(&[])));
    let said = Said { version: 0x0303, ciphers: CIPHERS, extensions: &extensions };
    assert_eq!(said.ja4(), "t13d1516h2_8daaf6152771_6d807ffa2a79");
    let bare = Said { version: 0x0302, ..Said::default() };
    assert_eq!(bare.ja4(), "t11i000000_000000000000_000000000000");
    let odd = Said { version: 0x7f1c, ..Said::default() };
    assert_eq!(odd.ja4(), "t00i000000_000000000000_000000000000");
}

#[test]
fn a_protocol_is_shown_by_its_ends() {
    // All but the last two are the technical details' own.
    let cases: [(&[&[u8]], &str); 10] = [
        (&[b"h2", b"http/1.1"], "h2"),
        (&[b"http/1.1"], "h1"),
        (&[b"\xab"], "ab"),
        (&[b"\xab\xcd"], "ad"),
        (&[b"\x30\xab"], "3b"),
        (&[b"\x30\x31\xab\xcd"], "3d"),
        (&[b"\x30\xab\xcd\x31"], "01"),
        (&[b""], "00"),
        (&[], "00"),
        (&[b"\x5a\x5a", b"h2"], "h2"),
    ];
    for (names, shown) in cases {
        let extensions = [(PROTOCOLS, protocols(names))];
        let said = Said { version: 0x0303, extensions: &extensions, ..Said::default() };
        assert_eq!(&said.ja4()[8..10], shown, "{names:?}");
    }
}

#[test]
fn more_than_two_digits_can_count_is_99() {
    let ciphers: Vec<u16> = (0xc000..0xc000 + 150).collect();
    let said = Said { version: 0x0303, ciphers: &ciphers, extensions: &[] };
    assert!(said.ja4().starts_with("t12i9900"), "{}", said.ja4());
}

#[test]
fn a_hello_is_the_same_however_it_is_cut_into_records() {
    let extensions = example();
    let said = Said { version: 0x0303, ciphers: CIPHERS, extensions: &extensions };
    for piece in [1, 2, 3, 4, 5, 50, 1000] {
        let mut records = said.records(piece);
        let hello = ClientHello::read(&records).expect("a hello");
        assert_eq!(hello.ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1", "{piece}");
        // What follows is none of its business.
        records.extend([23, 3, 3, 0]);
        assert!(ClientHello::read(&records).is_some());
    }
}

#[test]
fn a_hello_of_endless_lists_is_not_kept() {
    let ciphers: Vec<u16> = (0..=u16::try_from(CODES_MAX).unwrap() + 20).collect();
    let said = Said { version: 0x0303, ciphers: &ciphers, extensions: &[] };
    assert!(ClientHello::read(&said.records(16_000)).is_none());
}

#[test]
fn a_hello_that_is_cut_short_is_none() {
    let extensions = example();
    let records = Said { version: 0x0303, ciphers: CIPHERS, extensions: &extensions }.records(100);
    for end in 0..records.len() {
        assert!(ClientHello::read(&records[..end]).is_none(), "{end}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(records in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = ClientHello::read(&records).map(|hello| hello.ja4().len());
    }

    #[test]
    fn a_damaged_hello_is_read_or_not(
        at in 0_usize..300,
        octet in any::<u8>(),
        piece in 1_usize..400,
    ) {
        let extensions = example();
        let said = Said { version: 0x0303, ciphers: CIPHERS, extensions: &extensions };
        let mut records = said.records(piece);
        let index = at % records.len();
        records[index] = octet;
        if let Some(hello) = ClientHello::read(&records) {
            prop_assert_eq!(hello.ja4().len(), "t13d1516h2_8daaf6152771_e5627efa2ab1".len());
        }
    }
}
