//! Examples of the RFCs, and signatures made here and now.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaSignatureEncoding,
};

use super::*;

const ALL: [SignatureAlgorithm; 9] = [
    SignatureAlgorithm::Ed25519,
    SignatureAlgorithm::EcdsaP256Sha256,
    SignatureAlgorithm::EcdsaP384Sha384,
    SignatureAlgorithm::RsaPkcs1Sha256,
    SignatureAlgorithm::RsaPkcs1Sha384,
    SignatureAlgorithm::RsaPkcs1Sha512,
    SignatureAlgorithm::RsaPssSha256,
    SignatureAlgorithm::RsaPssSha384,
    SignatureAlgorithm::RsaPssSha512,
];

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(text, 16).expect("hexadecimal")
    };
    digits.chunks(2).map(octet).collect()
}

fn der<K: KeyPair>(pair: &K) -> Vec<u8>
where
    K::PublicKey: AsDer<PublicKeyX509Der<'static>>,
{
    pair.public_key().as_der().expect("it can be written").as_ref().to_vec()
}

/// RFC 8032, section 7.1, tests 1 to 3.
#[test]
fn the_signatures_of_rfc_8032_verify() {
    let cases = [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (key, message, signature) in cases {
        let key = [octets("302a300506032b6570032100"), octets(key)].concat();
        let (message, signature) = (octets(message), octets(signature));
        let verified = |message: &[u8]| verify(ALL[0], &key, message, &signature);
        assert_eq!(verified(&message), Ok(true));
        assert_eq!(verified(b"another"), Ok(false));
    }
}

/// RFC 7515, appendix A.3: ES256, with the key's two coordinates after its head.
#[test]
fn the_signature_of_rfc_7515_verifies() {
    let key = octets(
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004\
         7fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445\
         c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad",
    );
    let message = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = octets(
        "0ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665\
         c50a07d38c3c70e5d8f12daf084a5480a66590c5f293509a8f3f7f8a83a354d5",
    );
    assert_eq!(verify(ALL[1], &key, message, &signature), Ok(true));
    assert_eq!(verify(ALL[1], &key, &message[1..], &signature), Ok(false));
    assert_eq!(verify(ALL[1], &key, message, &signature[1..]), Ok(false));
}

#[test]
fn signatures_of_every_algorithm_verify_and_of_no_other() {
    let random = SystemRandom::new();
    let message = b"what was signed";
    let mut signed = Vec::new();
    for (algorithm, signing) in
        [(ALL[1], &ECDSA_P256_SHA256_FIXED_SIGNING), (ALL[2], &ECDSA_P384_SHA384_FIXED_SIGNING)]
    {
        let pair = EcdsaKeyPair::generate(signing).expect("a key");
        let signature = pair.sign(&random, message).expect("a signature");
        signed.push((algorithm, der(&pair), signature.as_ref().to_vec()));
    }
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
    let encodings: [(_, &'static RsaSignatureEncoding); 6] = [
        (ALL[3], &RSA_PKCS1_SHA256),
        (ALL[4], &RSA_PKCS1_SHA384),
        (ALL[5], &RSA_PKCS1_SHA512),
        (ALL[6], &RSA_PSS_SHA256),
        (ALL[7], &RSA_PSS_SHA384),
        (ALL[8], &RSA_PSS_SHA512),
    ];
    for (algorithm, encoding) in encodings {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &random, message, &mut signature).expect("a signature");
        signed.push((algorithm, der(&pair), signature));
    }
    for (right, key, signature) in &signed {
        for algorithm in ALL {
            let verified = verify(algorithm, key, message, signature);
            assert_eq!(verified == Ok(true), algorithm == *right, "{right:?} by {algorithm:?}");
        }
        assert_eq!(verify(*right, key, b"something else", signature), Ok(false));
    }
}

#[test]
fn what_is_wrong_with_a_key_is_said() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let key = der(&pair);
    let error = |algorithm, key: &[u8]| verify(algorithm, key, b"", b"").expect_err("a wrong key");
    assert_eq!(
        error(ALL[3], &key),
        "the algorithm needs a key of the kind RSA, this one is elliptic-curve"
    );
    assert!(error(ALL[2], &key).starts_with("the key cannot be used: "), "another curve");
    // What the library would take: the raw form.
    let raw = pair.public_key().as_ref();
    assert!(error(ALL[1], raw).starts_with("the key is no SubjectPublicKeyInfo in DER: "));
    assert!(error(ALL[0], &[0; 32]).starts_with("the key is no SubjectPublicKeyInfo in DER: "));
    assert!(error(ALL[0], &key[..20]).starts_with("the key is no SubjectPublicKeyInfo in DER: "));
}

#[test]
fn a_short_rsa_key_is_refused() {
    // The modulus is one octet shorter than it has to be at least.
    let modulus = [&[0x02, 0x81, 0xff][..], &[0x7f; 255]].concat();
    let exponent = [0x02, 3, 1, 0, 1];
    let sequence = |content: &[u8]| [&[0x30, 0x82][..], &sized(content)].concat();
    let bits = [&[0][..], &sequence(&[&modulus[..], &exponent].concat())].concat();
    let bits = [&[0x03, 0x82][..], &sized(&bits)].concat();
    let kind = octets("300d06092a864886f70d0101010500");
    let key = sequence(&[kind, bits].concat());
    assert_ne!(verify(ALL[3], &key, b"", &[0; 255]), Ok(true));
}

fn sized(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short enough");
    [&length.to_be_bytes(), content].concat()
}

#[test]
fn too_long_a_message_is_refused_with_the_limit() {
    assert!(bounded(&vec![0; MESSAGE_MAX]).is_ok());
    let error = bounded(&vec![0; MESSAGE_MAX + 1]).expect_err("too long").to_string();
    assert!(error.contains("1048577") && error.contains("1048576"), "{error}");
}

#[test]
fn only_the_same_octets_are_equal() {
    assert!(equal(b"", b"") && equal(b"abc", b"abc"));
    assert!(!equal(b"abc", b"abd") && !equal(b"abc", b"abcd") && !equal(b"", b"a"));
}
