//! Texts of a resource that may be missing, null or empty, which all mean the same.

/// Reads an optional text.
pub trait Text {
    /// The text without space around it; None where nothing is left.
    fn text(&self) -> Option<&str>;
}

impl Text for Option<String> {
    fn text(&self) -> Option<&str> {
        self.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_blank_are_the_same() {
        assert_eq!(None.text(), None);
        assert_eq!(Some(" \n".to_string()).text(), None);
        assert_eq!(Some(" a b ".to_string()).text(), Some("a b"));
    }
}
