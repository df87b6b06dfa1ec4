//! Where an address is, by MaxMind files.

use std::net::IpAddr;

use maxminddb::Reader;
use plugin_sdk::{Error, Result};
use serde::Deserialize;

use crate::{config, files};

/// The country and the autonomous system of an address, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) country: Option<Country>,
    pub(crate) asn: Option<u32>,
}

/// A code of ISO 3166-1, in upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Country([u8; 2]);

/// The databases, and what they said lately.
pub(crate) struct Places {
    country: Option<Reader<Vec<u8>>>,
    asn: Option<Reader<Vec<u8>>>,
    /// By a hash of the address. A client that comes back is found without a search;
    /// however many come, this is all that is kept.
    known: Vec<Option<(IpAddr, Place)>>,
}

/// Of a power of two; 28 octets each.
const KNOWN: usize = 1024;

#[derive(Deserialize)]
struct CountryRecord<'a> {
    #[serde(borrow)]
    country: Option<IsoCode<'a>>,
    #[serde(borrow)]
    registered_country: Option<IsoCode<'a>>,
}

#[derive(Deserialize)]
struct IsoCode<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize)]
struct AsnRecord {
    autonomous_system_number: Option<u32>,
}

impl Country {
    pub(crate) fn new(code: &str) -> Option<Self> {
        let code: [u8; 2] = code.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_alphabetic).then(|| Self(code.map(|b| b.to_ascii_uppercase())))
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl Places {
    pub(crate) fn new(config: &config::Databases) -> Result<Self> {
        let open = |key: &str, path: &Option<String>, kinds: &[&str]| {
            let opened = path.as_deref().map(|path| open(path, kinds)).transpose();
            opened.map_err(|e| e.within(format_args!("databases.{key}")))
        };
        let country = open("country", &config.country, &["Country", "City", "Enterprise"])?;
        let asn = open("asn", &config.asn, &["ASN", "ISP", "Enterprise"])?;
        let known = if country.is_some() || asn.is_some() { KNOWN } else { 0 };
        Ok(Self { country, asn, known: vec![None; known] })
    }

    pub(crate) fn has_countries(&self) -> bool {
        self.country.is_some()
    }

    pub(crate) fn has_asns(&self) -> bool {
        self.asn.is_some()
    }

    /// Where an address is; nowhere if the databases do not know it.
    pub(crate) fn find(&mut self, address: IpAddr) -> Place {
        let slot = hash(address) % KNOWN;
        if let Some(Some((known, place))) = self.known.get(slot)
            && *known == address
        {
            return *place;
        }
        let place = Place {
            country: self.country.as_ref().and_then(|reader| country(reader, address)),
            asn: self.asn.as_ref().and_then(|reader| asn(reader, address)),
        };
        if let Some(entry) = self.known.get_mut(slot) {
            *entry = Some((address, place));
        }
        place
    }
}

fn open(path: &str, kinds: &[&str]) -> Result<Reader<Vec<u8>>> {
    let reader = Reader::from_source(files::read(path)?)
        .map_err(|e| Error::from(e).within(format_args!("`{path}` is no MaxMind file")))?;
    let kind = &reader.metadata().database_type;
    if !kinds.iter().any(|known| kind.contains(known)) {
        return Err(Error::new(format!(
            "`{path}` is a database of the type `{}`, not one of {}",
            kind.escape_debug(),
            kinds.join(", ")
        )));
    }
    Ok(reader)
}

/// What is damaged or not there is not known.
fn country(reader: &Reader<Vec<u8>>, address: IpAddr) -> Option<Country> {
    let record: CountryRecord<'_> = reader.lookup(address).ok()?.decode().ok()??;
    let code = |place: Option<IsoCode<'_>>| place?.iso_code.and_then(Country::new);
    // An address may be registered in a country and used in none that is known.
    code(record.country).or_else(|| code(record.registered_country))
}

fn asn(reader: &Reader<Vec<u8>>, address: IpAddr) -> Option<u32> {
    let record: AsnRecord = reader.lookup(address).ok()?.decode().ok()??;
    record.autonomous_system_number
}

/// Spreads addresses over the slots; whoever makes two collide costs a search each.
fn hash(address: IpAddr) -> usize {
    let bits = match address {
        IpAddr::V4(address) => u64::from(u32::from(address)),
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            (bits >> 64) as u64 ^ (bits as u64).rotate_left(29)
        }
    };
    (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
}
