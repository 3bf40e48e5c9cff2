//! Exact splits from counts by bin: which bins may hold a better place than the best border, and the places inside them.

use super::codes::BINS;
use super::gini::{Border, Place, squares, value};
use super::rows::Item;

/// Flags the bins that may hold a place better than `found`, and says whether there are any. There is none in a bin of
/// one rank or of one class (Fayyad and Irani 1992), and two bounds rule most others out.
///
/// Moving a row from right to left raises the value by at most 2: by 1 on each side, since the sum of squares is at most
/// the square of the rows. Moving it back does likewise. So a place in a bin of `n` rows exceeds the mean of the values
/// at its borders by at most `n`.
///
/// The other bound knows the classes. While a bin's rows go left one by one, each row of class `c` adds at most
/// `2 l + n` to the left sum of squares, where `l` are the rows of the class on the left before and `n` those in the bin,
/// and takes at least `2 r - n` from the right one, `r` being those on the right before. With the greatest and the least
/// of these over the classes, each side's quotient is a monotone function of the number of rows that went, so it is
/// greatest at an end.
pub(super) fn flag<const K: usize>(
    cells: &[[u32; K]],
    total: &[u32; K],
    borders: &[Border],
    found: f64,
    last: &[u32],
    flags: &mut [u8; BINS],
) -> bool {
    let found = found * (1.0 - 1e-9);
    let draws = total.iter().map(|&n| u64::from(n)).sum::<u64>() as f64;
    let mut any = false;
    let (mut left, mut counted) = ([0_u32; K], 0);
    // Without a row on one side the value is that of the whole node.
    let whole = squares(total) as f64 / draws;
    let mut before = whole;
    for border in borders {
        let (bin, after) = (border.bin as usize, if border.value.is_nan() { whole } else { border.value });
        let near = (before + after) / 2.0 + f64::from(border.draws) >= found;
        before = after;
        if !near || last[bin] == if bin == 0 { 0 } else { last[bin - 1] + 1 } {
            continue;
        }
        for cell in &cells[counted..bin] {
            left.iter_mut().zip(cell).for_each(|(l, n)| *l += n);
        }
        counted = bin;
        let cell = &cells[bin];
        let (mut most, mut least, mut classes) = (0, u64::MAX, 0);
        let (mut sl, mut sr, mut gone) = (0, 0, 0);
        for ((&l, &n), &t) in left.iter().zip(cell).zip(total) {
            let (n, l, r) = (u64::from(n), u64::from(l), u64::from(t - l));
            sl += l * l;
            sr += r * r;
            gone += l;
            most = most.max(if n > 0 { 2 * l + n } else { 0 });
            least = least.min(if n > 0 { 2 * r - n } else { u64::MAX });
            classes += u32::from(n > 0);
        }
        let (n, wl, wr) = (f64::from(border.draws), gone as f64, draws - gone as f64);
        let (sl, sr, most, least) = (sl as f64, sr as f64, most as f64, least as f64);
        // At an end without rows the quotient is what one more row can make of it.
        let of_left = (if wl > 0.0 { sl / wl } else { most }).max((sl + n * most) / (wl + n));
        let of_right = (sr / wr).max(if wr > n { (sr - n * least) / (wr - n) } else { sr / wr + n * most });
        let may = classes > 1 && of_left + of_right >= found;
        flags[bin] = u8::from(may);
        any |= may;
    }
    any
}

/// Values the places inside the flagged bins; `items` are their rows, keyed and sorted by rank.
pub(super) fn refine<const K: usize>(
    items: &[Item],
    cells: &[[u32; K]],
    total: &[u32; K],
    draws: u64,
    last: &[u32],
    found: &mut Place,
    kept: &mut [u32; K],
) {
    let (mut left, mut bin, mut fresh) = ([0_u32; K], 0, true);
    let (mut rows, mut sums) = ([0, draws], [0, squares(total)]);
    for (i, item) in items.iter().enumerate() {
        if fresh {
            // All that lies before this bin.
            bin = last.partition_point(|&end| end < item.code());
            left = [0; K];
            for cell in &cells[..bin] {
                left.iter_mut().zip(cell).for_each(|(l, n)| *l += n);
            }
            let gone: u64 = left.iter().map(|&n| u64::from(n)).sum();
            let right: u64 = left.iter().zip(total).map(|(&l, &t)| u64::from(t - l).pow(2)).sum();
            (rows, sums) = ([gone, draws - gone], [squares(&left), right]);
        }
        let (k, class) = (u64::from(item.drawn()), item.class() % K);
        let (l, r) = (u64::from(left[class]), u64::from(total[class] - left[class]));
        sums[0] += k * (2 * l + k);
        sums[1] -= k * (2 * r - k);
        left[class] += item.drawn();
        rows[0] += k;
        rows[1] -= k;
        let after = items.get(i + 1).map_or(u32::MAX, |after| after.code());
        fresh = after > last[bin];
        if fresh || item.code() == after {
            continue;
        }
        let place = Place { value: value(rows, sums), cut: item.code(), next: Some(after) };
        if place.beats(*found) {
            *found = place;
            *kept = left;
        }
    }
}
