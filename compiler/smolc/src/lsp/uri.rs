//! `file://` addresses and paths.

use smolc_check::world::normalize;

/// The path that an address names. An address of another kind, such as a text that was never saved, is its own path.
pub fn to_path(uri: &str) -> String {
    match uri.strip_prefix("file://") {
        Some(rest) => {
            let path = rest.find('/').and_then(|i| rest.get(i..)).unwrap_or(rest);
            normalize(&decode(path))
        }
        None => uri.to_owned(),
    }
}

/// The address of a path.
pub fn from_path(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    let mut out = String::from("file://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(&b) = bytes.get(i) {
        let code = (b == b'%')
            .then(|| text.get(i + 1..i + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
            .flatten();
        match code {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(b);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for path in ["/a/b.smol", "/with space/ünïcode 世.smol", "/100%/a+b#c?.smol"] {
            assert_eq!(to_path(&from_path(path)), path);
        }
        assert_eq!(to_path("file:///a/./b/../c%20d.smol"), "/a/c d.smol");
        assert_eq!(to_path("file://host/a%2"), "/a%2");
        assert_eq!(to_path("untitled:Untitled-1"), "untitled:Untitled-1");
    }
}
