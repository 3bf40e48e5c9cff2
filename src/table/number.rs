//! Decimal numbers read from bytes, to the same 64-bit value as Rust's own parser.

/// Powers of ten that a 64-bit float holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Reads a plain decimal (`-12.5`, no exponent) that begins at `at` and is ended by `separator`, a line end or the end
/// of the text: its value and where it ends. `None` means that the slow way must look, not that it is no number.
///
/// Digits without the point make a whole number below 2^53, divided by a power of ten up to 10^22: both are exact, so
/// one rounding gives the nearest float (W. D. Clinger, "How to read floating point numbers accurately", 1990).
#[inline]
pub(super) fn plain_number(text: &[u8], at: usize, separator: u8) -> Option<(f64, usize)> {
    let mut at = at;
    let negative = text.get(at) == Some(&b'-');
    at += usize::from(negative);
    let begun = at;
    let mut whole: u64 = 0;
    while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        whole = whole.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    let mut digits = at - begun;
    let mut decimals = 0;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let point = at;
        while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            whole = whole.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        decimals = at - point;
        digits += decimals;
    }
    // 19 digits cannot overflow a u64; the power of ten is then at most 10^19.
    if digits == 0 || digits > 19 || whole >= 1 << 53 {
        return None;
    }
    match text.get(at) {
        None | Some(b'\n') => {}
        Some(&b) if b == separator => {}
        Some(b'\r') if matches!(text.get(at + 1), None | Some(b'\n')) => {}
        Some(_) => return None,
    }
    let mut value = whole as f64;
    if decimals > 0 {
        value /= TENS[decimals];
    }
    Some((if negative { -value } else { value }, at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(text: &str) {
        let line = format!("{text},x");
        if let Some((value, end)) = plain_number(line.as_bytes(), 0, b',') {
            assert_eq!(end, text.len(), "{text:?}");
            assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text:?}");
        }
    }

    #[test]
    fn plain_decimals_are_read_and_anything_else_is_left() {
        for (text, value) in [("0", 0.0), ("-0", -0.0), ("7.", 7.0), (".5", 0.5), ("-12.25", -12.25), ("007", 7.0)] {
            let (got, end) = plain_number(text.as_bytes(), 0, b',').unwrap();
            assert_eq!((got.to_bits(), end), (f64::to_bits(value), text.len()), "{text:?}");
        }
        for end in ["\n", "\r\n", "\r", ",", ""] {
            assert_eq!(plain_number(format!("12{end}").as_bytes(), 0, b','), Some((12.0, 2)), "{end:?}");
        }
        for other in ["", "-", ".", "-.", "+1", "1e5", " 1", "1 ", "1\r1", "nan", "\"1\"", "9007199254740992", "1;"] {
            assert_eq!(plain_number(other.as_bytes(), 0, b','), None, "{other:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn every_value_is_that_of_the_standard_parser(text in "-?[0-9]{0,12}\\.?[0-9]{0,12}") {
            same(&text);
        }

        #[test]
        fn shortest_forms_come_back(value in any::<f64>()) {
            same(&format!("{value}"));
        }
    }
}
