//! SHA-256 digests, canonical bytes and the derivation of seeds.
//!
//! Everything that names a result (keys, objects, run ids) and everything that draws a random number starts here.

use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, shown and stored as 64 lowercase hexadecimal characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of all that `reader` gives, and how many bytes that was.
    ///
    /// # Errors
    /// Whatever the reader fails with.
    pub fn of_reader(mut reader: impl Read) -> io::Result<(Self, u64)> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0_u8; 1 << 20];
        let mut total = 0_u64;
        loop {
            let n = reader.read(&mut buffer)?;
            if n == 0 {
                return Ok((Self(hasher.finalize().into()), total));
            }
            hasher.update(&buffer[..n]);
            total += n as u64;
        }
    }

    /// The digest of a value's canonical JSON (see [`canonical_json`]).
    #[must_use]
    pub fn of_json(value: &serde_json::Value) -> Self {
        Self::of(canonical_json(value).as_bytes())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Its 64 letters.
    fn hex(&self) -> [u8; 64] {
        const LETTERS: &[u8; 16] = b"0123456789abcdef";
        let mut out = [0; 64];
        for (pair, byte) in out.chunks_exact_mut(2).zip(self.0) {
            pair[0] = LETTERS[usize::from(byte >> 4)];
            pair[1] = LETTERS[usize::from(byte & 15)];
        }
        out
    }

    /// The first `n` hexadecimal characters (at most 64).
    #[must_use]
    pub fn short(&self, n: usize) -> String {
        let mut hex = self.to_string();
        hex.truncate(n);
        hex
    }

    /// Reads 64 hexadecimal characters; `None` for anything else.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return None;
        }
        let mut out = [0_u8; 32];
        for (byte, pair) in out.iter_mut().zip(hex.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(out))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short(12))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        Self::parse(&hex)
            .ok_or_else(|| serde::de::Error::custom(format!("expected 64 hexadecimal characters, got {hex:?}")))
    }
}

/// JSON with sorted keys and no blanks: equal values give equal bytes, whatever order they were written in.
///
/// Numbers keep their kind: `1` and `1.0` differ, floats are written in the shortest form that reads back equal.
#[must_use]
pub fn canonical_json(value: &serde_json::Value) -> String {
    fn scalar(value: &(impl Serialize + ?Sized), out: &mut String) {
        // Writing to memory does not fail.
        let bytes = serde_json::to_vec(value).unwrap_or_default();
        out.push_str(&String::from_utf8_lossy(&bytes));
    }
    fn write(value: &serde_json::Value, out: &mut String) {
        use serde_json::Value::{Array, Object};
        match value {
            Object(map) => {
                let mut keys: Vec<_> = map.iter().collect();
                keys.sort_by_key(|(key, _)| *key);
                out.push('{');
                for (i, (key, item)) in keys.into_iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    scalar(key, out);
                    out.push(':');
                    write(item, out);
                }
                out.push('}');
            }
            Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write(item, out);
                }
                out.push(']');
            }
            value => scalar(value, out),
        }
    }
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// A seed is a value, never a shared generator: children are derived by name or index and do not depend on the
/// order in which they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(u64);

impl Seed {
    /// The seed with this number.
    #[must_use]
    pub fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }

    /// The child for a role such as `split`, `smote` or `random_forest`: the first 8 bytes (little-endian) of
    /// SHA-256 over the parent, the length of the role and the role.
    #[must_use]
    pub fn child(self, role: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"runner seed 1");
        hasher.update(self.0.to_le_bytes());
        hasher.update((role.len() as u64).to_le_bytes());
        hasher.update(role.as_bytes());
        let digest: [u8; 32] = hasher.finalize().into();
        let mut first = [0_u8; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_le_bytes(first))
    }

    /// The child with a number: a tree, a restart, a repeat, a fold.
    #[must_use]
    pub fn index(self, index: u64) -> Self {
        self.child(&format!("#{index}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_nothing_is_the_published_one() {
        let empty = Digest::of(b"");
        assert_eq!(empty.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(Digest::parse(&empty.to_string()), Some(empty));
        assert_eq!(Digest::parse("E3"), None);
    }

    #[test]
    fn canonical_json_ignores_key_order_only() {
        let a = serde_json::json!({"b": [1, 2.5, null], "a": {"y": "é\n", "x": true}});
        let b = serde_json::json!({"a": {"x": true, "y": "é\n"}, "b": [1, 2.5, null]});
        assert_eq!(canonical_json(&a), r#"{"a":{"x":true,"y":"é\n"},"b":[1,2.5,null]}"#);
        assert_eq!(Digest::of_json(&a), Digest::of_json(&b));
        assert_ne!(Digest::of_json(&serde_json::json!(1)), Digest::of_json(&serde_json::json!(1.0)));
    }

    #[test]
    fn seeds_are_frozen() {
        // Stored results depend on these numbers: a change is a new algorithm version of every step that draws.
        assert_eq!(Seed::new(42).child("split").value(), 14_831_641_747_962_329_964);
        assert_ne!(Seed::new(42).child("a").child("b"), Seed::new(42).child("ab"));
        assert_ne!(Seed::new(42).index(0), Seed::new(42).index(1));
    }
}
