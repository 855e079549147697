//! Go's `path` package, which is `path/filepath` too on Unix.

/// `Clean`: no empty or `.` parts, `..` taken back where it can be, `.` for nothing.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.first() == Some(&b'/');
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// `Base`: the last part; `.` for nothing, `/` for slashes alone.
pub fn base(path: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        return b".".to_vec();
    }
    match path.split(|&byte| byte == b'/').rfind(|part| !part.is_empty()) {
        Some(last) => last.to_vec(),
        None => b"/".to_vec(),
    }
}

/// `Dir`: all but the last part, cleaned.
pub fn dir(path: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
    clean(path.get(..end).unwrap_or_default())
}

/// `Ext`: from the last dot of the last part.
pub fn ext(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| matches!(byte, b'.' | b'/')) {
        Some(at) if path.get(at) == Some(&b'.') => path.get(at..).unwrap_or_default(),
        _ => &[],
    }
}

/// `IsAbs`.
pub fn is_absolute(path: &[u8]) -> bool {
    path.first() == Some(&b'/')
}
