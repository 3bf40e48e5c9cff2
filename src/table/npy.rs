//! NumPy's array format (`.npy`, versions 1 to 3), in and out.
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use super::error::{count, quote};

/// An array as it lies in a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NpyArray<'a> {
    /// Element type, such as `<f8`.
    pub dtype: String,
    /// Length of every axis.
    pub shape: Vec<usize>,
    fortran: bool,
    data: &'a [u8],
}

impl<'a> NpyArray<'a> {
    /// Reads the header, and checks that the elements that it announces are there: nothing is allocated for them before.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let cut = || "it is cut short".to_owned();
        let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or("it does not begin as a NumPy array")?;
        let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        let (length, rest) = match version[0] {
            1 => rest.split_first_chunk().map(|(l, rest)| (usize::from(u16::from_le_bytes(*l)), rest)),
            2 | 3 => rest.split_first_chunk().map(|(l, rest)| (u32::from_le_bytes(*l) as usize, rest)),
            other => return Err(format!("its format has the version {other}, and 1 to 3 are known")),
        }
        .ok_or_else(cut)?;
        let (header, data) = rest.split_at_checked(length).ok_or_else(cut)?;
        let (dtype, fortran, shape) = Header(header).read().ok_or("its header is no description of an array")?;
        let array = Self { dtype, fortran, shape, data };
        let announced = array.width().and_then(|width| array.len()?.checked_mul(width));
        match announced {
            Some(bytes) if bytes == data.len() => Ok(array),
            // Elements of unknown size: told by whoever wants to read them.
            None if array.width().is_none() => Ok(array),
            _ => Err(format!(
                "its header announces {} elements of type {}, and {} follow",
                shape_text(&array.shape),
                quote(&array.dtype),
                count(data.len(), "byte")
            )),
        }
    }

    /// Number of elements.
    fn len(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |n, axis| n.checked_mul(*axis))
    }

    /// Kind (`f`, `i`, `U` …), size in its own unit, and whether the bytes are in big-endian order.
    fn kind(&self) -> Option<(char, usize, bool)> {
        let mut letters = self.dtype.chars();
        let order = letters.next()?;
        let kind = letters.next()?;
        let size = letters.as_str().parse().ok()?;
        matches!(order, '<' | '>' | '|' | '=').then_some((kind, size, order == '>'))
    }

    /// Bytes of one element.
    fn width(&self) -> Option<usize> {
        match self.kind()? {
            ('U', size, _) => size.checked_mul(4),
            (_, size, _) => Some(size),
        }
    }

    /// The elements as numbers, row by row, where they are numbers or booleans.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        let values = match self.kind()? {
            ('f', 8, big) => self.values(|b| if big { f64::from_be_bytes(b) } else { f64::from_le_bytes(b) }),
            ('f', 4, big) => {
                self.values(|b| f64::from(if big { f32::from_be_bytes(b) } else { f32::from_le_bytes(b) }))
            }
            ('i' | 'u' | 'b', ..) => self.raw_integers()?.into_iter().map(|v| v as f64).collect(),
            _ => return None,
        };
        Some(self.by_rows(values))
    }

    /// The elements as whole numbers, where they are such and fit.
    pub fn integers(&self) -> Option<Vec<i64>> {
        let values: Option<Vec<i64>> = self.raw_integers()?.into_iter().map(|v| i64::try_from(v).ok()).collect();
        values.map(|v| self.by_rows(v))
    }

    fn raw_integers(&self) -> Option<Vec<i128>> {
        macro_rules! whole {
            ($ty:ty, $big:expr) => {
                self.values(|b| i128::from(if $big { <$ty>::from_be_bytes(b) } else { <$ty>::from_le_bytes(b) }))
            };
        }
        Some(match self.kind()? {
            ('i', 1, _) => whole!(i8, false),
            ('i', 2, big) => whole!(i16, big),
            ('i', 4, big) => whole!(i32, big),
            ('i', 8, big) => whole!(i64, big),
            ('u' | 'b', 1, _) => whole!(u8, false),
            ('u', 2, big) => whole!(u16, big),
            ('u', 4, big) => whole!(u32, big),
            ('u', 8, big) => whole!(u64, big),
            _ => return None,
        })
    }

    /// The elements as texts, where they are such (`<U…` or `|S…`).
    pub fn texts(&self) -> Option<Vec<String>> {
        let (kind, _, big) = self.kind()?;
        let width = self.width()?;
        // Elements without a letter take no byte at all.
        let cells: Vec<&[u8]> =
            if width == 0 { vec![&[]; self.len()?] } else { self.data.chunks_exact(width).collect() };
        let text = |bytes: &[u8]| match kind {
            'U' => {
                let letters = bytes.as_chunks::<4>().0.iter();
                let text: Option<String> = letters
                    .map(|b| char::from_u32(if big { u32::from_be_bytes(*b) } else { u32::from_le_bytes(*b) }))
                    .collect();
                text.map(|t| t.trim_end_matches('\0').to_owned())
            }
            'S' => Some(std::str::from_utf8(bytes).ok()?.trim_end_matches('\0').to_owned()),
            _ => None,
        };
        let texts: Option<Vec<String>> = cells.into_iter().map(text).collect();
        texts.map(|t| self.by_rows(t))
    }

    fn values<const N: usize, T>(&self, value: impl Fn([u8; N]) -> T) -> Vec<T> {
        self.data.as_chunks::<N>().0.iter().map(|b| value(*b)).collect()
    }

    /// A matrix that lies column by column, row by row.
    fn by_rows<T>(&self, values: Vec<T>) -> Vec<T> {
        let [rows, columns] = self.shape[..] else { return values };
        if !self.fortran || rows < 2 || columns < 2 {
            return values;
        }
        let mut values: Vec<Option<T>> = values.into_iter().map(Some).collect();
        let mut out = Vec::with_capacity(values.len());
        for row in 0..rows {
            out.extend((0..columns).filter_map(|column| values[column * rows + row].take()));
        }
        out
    }
}

/// A shape as NumPy writes it: `(3, 2)`.
pub(super) fn shape_text(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        many => format!("({})", many.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The header's Python dictionary, read from the left.
struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn read(mut self) -> Option<(String, bool, Vec<usize>)> {
        let (mut dtype, mut fortran, mut shape) = (None, None, None);
        self.token(b"{")?;
        while self.token(b"}").is_none() {
            let key = self.string()?;
            self.token(b":")?;
            match key.as_str() {
                "descr" => dtype = Some(self.string()?),
                "fortran_order" => {
                    fortran = Some(self.token(b"True").is_some());
                    if fortran == Some(false) {
                        self.token(b"False")?;
                    }
                }
                "shape" => shape = Some(self.tuple()?),
                _ => return None,
            }
            if self.token(b",").is_none() {
                self.token(b"}")?;
                break;
            }
        }
        Some((dtype?, fortran?, shape?))
    }

    fn token(&mut self, token: &[u8]) -> Option<()> {
        self.0 = self.0.trim_ascii_start().strip_prefix(token)?;
        Some(())
    }

    fn string(&mut self) -> Option<String> {
        let quote = if self.token(b"'").is_some() { b'\'' } else { self.token(b"\"").map(|()| b'"')? };
        let end = self.0.iter().position(|b| *b == quote)?;
        let text = std::str::from_utf8(&self.0[..end]).ok()?.to_owned();
        self.0 = &self.0[end + 1..];
        (!text.contains('\\')).then_some(text)
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut out = Vec::new();
        self.token(b"(")?;
        while self.token(b")").is_none() {
            self.0 = self.0.trim_ascii_start();
            let digits = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
            out.push(std::str::from_utf8(&self.0[..digits]).ok()?.parse().ok()?);
            self.0 = &self.0[digits..];
            // Python 2 wrote an L behind long numbers.
            let _ = self.token(b"L");
            if self.token(b",").is_none() {
                self.token(b")")?;
                break;
            }
        }
        Some(out)
    }
}

/// An array in version 1: its header as NumPy writes it, then the elements, row by row.
pub(super) fn write_npy(dtype: &str, shape: &[usize], data: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {}, }}", shape_text(shape));
    // Magic, version and length take ten bytes, and the header ends in a line end: together a multiple of 64.
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

/// Texts as an array of `<U…`.
pub(super) fn write_texts(texts: &[String]) -> Vec<u8> {
    let width = texts.iter().map(|t| t.chars().count()).max().unwrap_or(0).max(1);
    let letters = texts.iter().flat_map(|t| t.chars().chain(std::iter::repeat('\0')).take(width));
    write_npy(&format!("<U{width}"), &[texts.len()], letters.flat_map(|c| u32::from(c).to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn le(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    #[test]
    fn numbers_of_all_types_and_orders_are_read() {
        let bytes = write_npy("<f8", &[2, 3], le(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(bytes.len(), 128 + 48, "NumPy pads the header to a multiple of 64");
        let array = NpyArray::read(&bytes).unwrap();
        assert_eq!((array.shape.as_slice(), array.numbers().unwrap()[4]), (&[2, 3][..], 5.0));
        let mut turned = bytes.clone();
        let at = turned.windows(5).position(|w| w == b"False").unwrap();
        turned[at..at + 5].copy_from_slice(b"True ");
        assert_eq!(NpyArray::read(&turned).unwrap().numbers().unwrap(), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
        for (dtype, bytes) in [
            ("<f4", 7.0_f32.to_le_bytes().to_vec()),
            (">f8", 7.0_f64.to_be_bytes().to_vec()),
            ("|i1", vec![7]),
            (">i2", vec![0, 7]),
            ("<u8", 7_u64.to_le_bytes().to_vec()),
        ] {
            let bytes = write_npy(dtype, &[1], bytes);
            assert_eq!(NpyArray::read(&bytes).unwrap().numbers(), Some(vec![7.0]), "{dtype}");
        }
        let large = write_npy("<u8", &[1], u64::MAX.to_le_bytes());
        assert_eq!(NpyArray::read(&large).unwrap().integers(), None);
        let complex = write_npy("<c16", &[1], [0; 16]);
        assert_eq!(NpyArray::read(&complex).unwrap().numbers(), None);
    }

    #[test]
    fn texts_come_back() {
        let texts: Vec<String> = ["Flow IAT Mean", "", "é–😀"].map(str::to_owned).to_vec();
        let bytes = write_texts(&texts);
        let array = NpyArray::read(&bytes).unwrap();
        assert_eq!((array.dtype.as_str(), array.texts()), ("<U13", Some(texts)));
        let bytes = write_npy("|S3", &[2], *b"ab\0cde");
        assert_eq!(NpyArray::read(&bytes).unwrap().texts(), Some(vec!["ab".into(), "cde".into()]));
        assert!(NpyArray::read(&write_npy("<U1", &[1], [0, 0, 0x10, 0])).unwrap().texts().is_some());
        assert_eq!(NpyArray::read(&write_npy("<U1", &[1], [0xff; 4])).unwrap().texts(), None);
    }

    #[test]
    fn a_header_that_announces_absurdly_much_is_refused() {
        for shape in [&[1_usize << 40][..], &[1 << 40, 1 << 40], &[usize::MAX, 2], &[3]] {
            let error = NpyArray::read(&write_npy("<f8", shape, le(&[1.0]))).unwrap_err();
            assert!(error.contains("and 8 bytes follow"), "{error}");
        }
        for header in
            ["{}", "{'descr': '<f8'}", "{'descr': [('a', '<f8')], 'shape': (1,), 'fortran_order': False}", "x"]
        {
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.as_bytes());
            assert_eq!(NpyArray::read(&bytes).unwrap_err(), "its header is no description of an array", "{header}");
        }
        let whole = write_npy("<f8", &[1], le(&[1.0]));
        for cut in 0..whole.len() {
            assert!(NpyArray::read(&whole[..cut]).is_err(), "cut at {cut}");
        }
    }
}
