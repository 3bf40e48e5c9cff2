//! The rows of a tree: one packed list, which every split partitions in place.

use super::codes::{Code, Lane};

/// A row of a node: row number (32 bits), class (16), times drawn (16).
#[derive(Clone, Copy)]
pub(super) struct Item(u64);

impl Item {
    /// Packs the parts; `class` and `drawn` must be below 65,536.
    pub fn new(row: usize, class: u32, drawn: u32) -> Self {
        Self((row as u64) << 32 | u64::from(class) << 16 | u64::from(drawn))
    }

    /// The rows that were drawn, in order. Every row is written and kept by moving on only where it was drawn, which
    /// spares the processor a branch that it could not foresee.
    pub fn list(classes: &[u32], drawn: impl Iterator<Item = u32>) -> Vec<Self> {
        let mut out = vec![Self(0); classes.len()];
        let mut end = 0;
        for (row, (&class, n)) in classes.iter().zip(drawn).enumerate() {
            out[end] = Self::new(row, class, n);
            end += usize::from(n > 0);
        }
        out.truncate(end);
        out
    }

    /// The row number.
    pub fn row(self) -> usize {
        (self.0 >> 32) as usize
    }

    /// The class.
    pub fn class(self) -> usize {
        (self.0 >> 16) as usize & 0xffff
    }

    /// How often it was drawn.
    pub fn drawn(self) -> u32 {
        self.0 as u32 & 0xffff
    }

    /// The same with a code in place of the row number.
    pub fn keyed(self, code: u32) -> Self {
        Self(u64::from(code) << 32 | self.0 & 0xffff_ffff)
    }

    /// The code that it was keyed by.
    pub fn code(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Orders keyed items by code.
    pub fn key(self) -> u64 {
        self.0
    }
}

/// Puts the rows with codes up to `cut` in front, keeping the order on both sides; returns how many these are. `spare`
/// must be as long as `items`.
pub(super) fn partition<C: Code>(items: &mut [Item], spare: &mut [Item], lane: Lane<C>, cut: u32) -> usize {
    let (mut left, mut right) = (0, 0);
    for at in 0..items.len() {
        let item = items[at];
        let goes_left = lane.code(item.row()) <= cut;
        items[left] = item;
        spare[right] = item;
        left += usize::from(goes_left);
        right += usize::from(!goes_left);
    }
    items[left..].copy_from_slice(&spare[..right]);
    left
}

/// The codes next to a cut that some row has: the greatest up to `cut`, and the least above it (`u32::MAX` for none).
pub(super) fn beside<C: Code>(items: &[Item], lane: Lane<C>, cut: u32) -> (u32, u32) {
    items.iter().map(|item| lane.code(item.row())).fold((0, u32::MAX), |(most, least), code| {
        (most.max(if code <= cut { code } else { 0 }), least.min(if code <= cut { u32::MAX } else { code }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_keeps_the_order() {
        let column: Vec<u8> = vec![3, 1, 2, 9, 1, 5];
        let mut items: Vec<Item> = (0..6).map(|row| Item::new(row, 0, 1)).collect();
        let mut spare = items.clone();
        assert_eq!(beside(&items, Lane::column(&column), 4), (3, 5));
        assert_eq!(partition(&mut items, &mut spare, Lane::column(&column), 4), 4);
        assert_eq!(items.iter().map(|i| i.row()).collect::<Vec<_>>(), [0, 1, 2, 4, 3, 5]);
    }

    #[test]
    fn items_keep_their_parts() {
        let item = Item::new(4_000_000_000, 65_535, 65_534);
        assert_eq!((item.row(), item.class(), item.drawn()), (4_000_000_000, 65_535, 65_534));
        let list = Item::list(&[5, 6, 7, 8], [0, 2, 0, 0].into_iter());
        assert_eq!(list.iter().map(|i| (i.row(), i.class(), i.drawn())).collect::<Vec<_>>(), [(1, 6, 2)]);
        let list = Item::list(&[5, 6], [3, 1].into_iter());
        assert_eq!(list.iter().map(|i| i.row()).collect::<Vec<_>>(), [0, 1]);
    }
}
