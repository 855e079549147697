//! Random numbers, from the host: an entry that uses one is volatile.

use go_template_engine::{Context, Error, Function, functions};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "uuidv4" => uuidv4, ();
};

fn uuidv4(context: &mut Context<'_>) -> Result<String, Error> {
    let mut bytes = [0; 16];
    context.host.random(&mut bytes)?;
    // Version and variant stand in fixed bits.
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | 4 << 76 | 2 << 62;
    let text = format!("{number:032x}");
    let part = |start, end| text.get(start..end).unwrap_or_default();
    Ok([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-"))
}

/// A number below `bound`, each as likely; 0 for a bound of 0.
pub fn below(context: &mut Context<'_>, bound: u64) -> Result<u64, Error> {
    if bound == 0 {
        return Ok(0);
    }
    // Numbers beyond the last multiple of the bound would favour the small ones.
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let mut bytes = [0; 8];
        context.host.random(&mut bytes)?;
        let number = u64::from_le_bytes(bytes);
        if number < limit {
            return Ok(number % bound);
        }
    }
}

/// So many letters of a set of ASCII, each as likely; none for a count below one.
pub fn letters(context: &mut Context<'_>, count: i64, set: fn(u8) -> bool) -> Result<Vec<u8>, Error> {
    let count = usize::try_from(count).unwrap_or(0);
    context.allocate(count)?;
    let mut out = Vec::with_capacity(count);
    let mut block = [0; 256];
    while out.len() < count {
        context.host.random(&mut block)?;
        // A byte that is no letter of the set is passed over, so that none is likelier.
        out.extend(block.iter().map(|byte| byte & 0x7f).filter(|byte| set(*byte)).take(count - out.len()));
    }
    Ok(out)
}
