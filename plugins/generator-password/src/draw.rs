//! Even draws from the host's random numbers.
use plugin_sdk::{Error, random};

/// A number below `bound`, each as likely as any other; 0 where `bound` is 0.
fn below(bound: usize) -> Result<usize, Error> {
    let bound = u64::try_from(bound).unwrap_or(u64::MAX);
    if bound == 0 {
        return Ok(0);
    }
    // The numbers of a last, incomplete round would be likelier than others.
    let rounds = u64::MAX - u64::MAX % bound;
    loop {
        let mut bytes = [0; 8];
        random::fill(&mut bytes)?;
        let drawn = u64::from_le_bytes(bytes);
        if drawn < rounds {
            return Ok(usize::try_from(drawn % bound).unwrap_or(0));
        }
    }
}

/// So many of these characters; without `repeat` each at most once, and no more than there are.
pub fn some(characters: &[char], count: usize, repeat: bool) -> Result<Vec<char>, Error> {
    let mut left = characters.to_vec();
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count && !left.is_empty() {
        let at = below(left.len())?;
        if repeat {
            drawn.extend(left.get(at));
        } else {
            drawn.push(left.swap_remove(at));
        }
    }
    Ok(drawn)
}

/// Puts them into an order of which each is as likely as any other (Fisher and Yates).
pub fn shuffle(characters: &mut [char]) -> Result<(), Error> {
    for end in (1..characters.len()).rev() {
        characters.swap(below(end + 1)?, end);
    }
    Ok(())
}
