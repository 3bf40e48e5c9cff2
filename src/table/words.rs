//! Distinct texts of a column, numbered in the order in which they come.

use std::borrow::Cow;

/// Gives every distinct text a number, counting from 0.
///
/// An open-addressing table of fixed hashes: what it does depends on the texts and their order, on nothing else.
#[derive(Clone, Debug, Default)]
pub(super) struct Interner<'a> {
    words: Vec<Cow<'a, str>>,
    /// One more than the number of a word, 0 where the slot is free. A power of two, at most half full.
    slots: Vec<u32>,
    last: u32,
}

impl<'a> Interner<'a> {
    /// The number of `word`, which lives as long as the interner.
    pub fn number(&mut self, word: &'a str) -> u32 {
        match self.find(word) {
            Ok(number) => number,
            Err(slot) => self.add(slot, Cow::Borrowed(word)),
        }
    }

    /// The number of `word`, copied where it is new.
    pub fn number_of_copy(&mut self, word: &str) -> u32 {
        match self.find(word) {
            Ok(number) => number,
            Err(slot) => self.add(slot, Cow::Owned(word.to_owned())),
        }
    }

    /// The words by their numbers.
    pub fn into_words(self) -> Vec<Cow<'a, str>> {
        self.words
    }

    fn find(&mut self, word: &str) -> Result<u32, usize> {
        // Equal rows stand together in most files.
        if self.words.get(self.last as usize).is_some_and(|w| w == word) {
            return Ok(self.last);
        }
        if self.slots.len() < 2 * (self.words.len() + 1) {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash(word.as_bytes()) as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return Err(slot),
                taken if self.words[taken as usize - 1] == word => {
                    self.last = taken - 1;
                    return Ok(self.last);
                }
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn add(&mut self, slot: usize, word: Cow<'a, str>) -> u32 {
        self.words.push(word);
        self.slots[slot] = self.words.len() as u32;
        self.last = self.words.len() as u32 - 1;
        self.last
    }

    fn grow(&mut self) {
        let size = (4 * (self.words.len() + 1)).next_power_of_two().max(16);
        self.slots = vec![0; size];
        for (number, word) in self.words.iter().enumerate() {
            let mut slot = hash(word.as_bytes()) as usize & (size - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = number as u32 + 1;
        }
    }
}

/// A hash by multiplication, folded; eight bytes at a time.
fn hash(bytes: &[u8]) -> u64 {
    let mix = |h: u64| {
        let wide = u128::from(h) * 0x9e37_79b9_7f4a_7c15_u128;
        (wide as u64) ^ ((wide >> 64) as u64)
    };
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut h = 0x243f_6a88_85a3_08d3 ^ bytes.len() as u64;
    for chunk in chunks {
        h = mix(h ^ u64::from_le_bytes(*chunk));
    }
    let mut tail = [0; 8];
    tail[..rest.len()].copy_from_slice(rest);
    mix(h ^ u64::from_le_bytes(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbered_as_they_come_and_found_again() {
        let words: Vec<String> = (0..5000).map(|i| format!("word {}", i * 7 % 1009)).collect();
        let mut interner = Interner::default();
        let numbers: Vec<u32> = words.iter().map(|w| interner.number(w)).collect();
        assert_eq!(interner.number_of_copy("word 0"), 0);
        assert_eq!(interner.number_of_copy(""), 1009);
        let distinct = interner.into_words();
        assert_eq!(distinct.len(), 1010);
        for (word, number) in words.iter().zip(numbers) {
            assert_eq!(distinct[number as usize], *word);
        }
    }
}
