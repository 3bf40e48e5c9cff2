use polars_arrow::array::NullArray;
use polars_arrow::datatypes::Field;

use super::*;
use crate::table::typing::{Wanted, words};

fn none() -> Missing {
    Missing::new(&["-1".to_owned(), "?".to_owned()])
}

fn read(array: Box<dyn Array>, want: Want) -> Part<'static> {
    part("c", &[array], want, &none()).unwrap().unwrap()
}

fn numbers(array: Box<dyn Array>, want: Want) -> Vec<f64> {
    match read(array, want) {
        Part::Numbers(n) => n.values,
        other => panic!("{other:?} are no numbers"),
    }
}

/// The cells of a column as words; missing ones as "".
fn texts(array: Box<dyn Array>, want: Want) -> Vec<String> {
    let Part::Words(w) = read(array, want) else { panic!("no words") };
    let missing = w.codes.iter().filter(|c| **c == MISSING).count();
    assert_eq!(w.missing, missing as u64);
    w.codes.iter().map(|&c| if c == MISSING { String::new() } else { w.words[c as usize].to_string() }).collect()
}

fn typed<T: NativeType>(values: &[Option<T>], dtype: ArrowDataType) -> Box<dyn Array> {
    PrimitiveArray::<T>::from(values).to(dtype).boxed()
}

#[test]
fn numbers_keep_their_values_and_gaps_are_counted() {
    let array = PrimitiveArray::from([Some(1.5), None, Some(f64::NAN), Some(f64::INFINITY), Some(-1.0)]).boxed();
    let Part::Numbers(n) = read(array.clone(), Want::Numbers) else { panic!("numbers expected") };
    assert_eq!((n.values[0], n.missing, n.infinite), (1.5, 3, 1), "-1 means missing");
    assert!(n.values[1..].iter().all(|v| v.is_nan()));
    // As words, the special ones are told apart later, as in a CSV.
    assert_eq!(texts(array, Want::Words), ["1.5", "", "NaN", "inf", ""]);
    let exact = PrimitiveArray::from([Some(i64::MAX), Some(0), Some(0)]).boxed();
    assert_eq!(numbers(exact.clone(), Want::Numbers), [i64::MAX as f64, 0.0, 0.0]);
    assert_eq!(texts(exact, Want::Words), ["9223372036854775807", "0", "0"]);
    macro_rules! whole {
        ($($ty:ty),*) => { $(
            let array = PrimitiveArray::<$ty>::from([Some(7), None]).boxed();
            assert_eq!(numbers(array.clone(), Want::OnlyNumbers)[0], 7.0);
            assert_eq!(texts(array, Want::Words), ["7", ""]);
        )* };
    }
    whole!(i8, i16, i32, i64, u8, u16, u32, u64);
    let single = PrimitiveArray::from([Some(0.1_f32)]).boxed();
    assert_eq!(
        (numbers(single.clone(), Want::Numbers)[0], texts(single, Want::Words)[0].as_str()),
        (f64::from(0.1_f32), "0.1")
    );
}

#[test]
fn booleans_are_0_and_1_or_words() {
    let array = BooleanArray::from([Some(true), Some(false), None]).boxed();
    assert_eq!(numbers(array.clone(), Want::Numbers)[..2], [1.0, 0.0]);
    assert_eq!(texts(array, Want::Words), ["true", "false", ""]);
}

#[test]
fn decimals_are_exact() {
    let array = typed(&[Some(-12_345_i128), Some(5), Some(0)], ArrowDataType::Decimal(20, 3));
    assert_eq!(numbers(array.clone(), Want::Numbers), [-12.345, 0.005, 0.0]);
    assert_eq!(texts(array, Want::Words), ["-12.345", "0.005", "0.000"]);
    assert_eq!(decimal(-7, 0), "-7");
}

#[test]
fn text_stays_text_unless_it_must_be_a_number() {
    let cells = [Some(" 80 "), Some("443"), None, Some(""), Some("?"), Some("80")];
    let arrays: [Box<dyn Array>; 5] = [
        Utf8Array::<i32>::from(cells).boxed(),
        Utf8Array::<i64>::from(cells).boxed(),
        Utf8ViewArray::from_slice(cells).boxed(),
        BinaryArray::<i32>::from(cells.map(|c| c.map(str::as_bytes))).boxed(),
        BinaryViewArray::from_slice(cells.map(|c| c.map(str::as_bytes))).boxed(),
    ];
    for array in arrays {
        assert_eq!(texts(array.clone(), Want::Numbers), ["80", "443", "", "", "", "80"]);
        let Part::Words(w) = read(array.clone(), Want::Numbers) else { panic!("words expected") };
        assert!(words("c", &[w], &none(), Wanted::Feature).is_ok(), "numbers in a text column are no mixture");
        assert_eq!(numbers(array, Want::OnlyNumbers)[..2], [80.0, 443.0]);
    }
    let mixed = Utf8ViewArray::from_slice_values(["80", "http"]).boxed();
    let Part::Words(w) = read(mixed, Want::OnlyNumbers) else { panic!("words expected") };
    let wanted = Wanted::Declared(crate::spec::dataset::ColumnType::Number);
    assert_eq!(words("c", &[w], &none(), wanted).unwrap_err().first, (1, "http".into()));
}

#[test]
fn dictionaries_are_their_values() {
    let keys = PrimitiveArray::<u32>::from([Some(1), Some(0), None, Some(1)]);
    let words = Utf8ViewArray::from_slice([Some("tcp"), Some("udp"), None]).boxed();
    let array = DictionaryArray::try_from_keys(keys.clone(), words, false).unwrap().boxed();
    assert_eq!(texts(array, Want::Numbers), ["udp", "tcp", "", "udp"]);
    let values = PrimitiveArray::from([Some(2.5), Some(4.0)]).boxed();
    let array = DictionaryArray::try_from_keys(keys, values, false).unwrap().boxed();
    let got = numbers(array, Want::Numbers);
    assert_eq!((got[0], got[1], got[2].is_nan(), got[3]), (4.0, 2.5, true, 4.0));
}

#[test]
fn times_are_words_or_seconds() {
    use ArrowDataType as D;
    let instant = 1_499_422_272_500_000_i64;
    for (array, text, seconds) in [
        (typed(&[Some(17_354_i32)], D::Date32), "2017-07-07", 17_354.0 * 86_400.0),
        (typed(&[Some(17_354_i64 * 86_400_000)], D::Date64), "2017-07-07", 17_354.0 * 86_400.0),
        (typed(&[Some(instant)], D::Timestamp(TimeUnit::Microsecond, None)), "2017-07-07 10:11:12.5", 1_499_422_272.5),
        (
            typed(&[Some(instant / 1_000_000)], D::Timestamp(TimeUnit::Second, Some("UTC".into()))),
            "2017-07-07 10:11:12+00:00",
            1_499_422_272.0,
        ),
        (typed(&[Some(3_600_001_i32)], D::Time32(TimeUnit::Millisecond)), "01:00:00.001", 3600.001),
        (typed(&[Some(1_i64)], D::Time64(TimeUnit::Nanosecond)), "00:00:00.000000001", 1e-9),
    ] {
        assert_eq!(texts(array.clone(), Want::Numbers), [text]);
        assert_eq!(numbers(array, Want::OnlyNumbers), [seconds], "{text}");
    }
    let span = typed(&[Some(1500_i64)], D::Duration(TimeUnit::Millisecond));
    assert_eq!((numbers(span.clone(), Want::Numbers)[0], texts(span, Want::Words)[0].as_str()), (1.5, "1.5"));
    let far = part("when", &[typed(&[Some(i64::MAX)], D::Timestamp(TimeUnit::Second, None))], Want::Numbers, &none());
    assert!(far.unwrap_err().message.starts_with("the column \"when\" holds a time"));
}

#[test]
fn columns_without_one_value_in_a_cell_are_named() {
    let item = Field::new("item".into(), ArrowDataType::Int32, true);
    let list = ArrowDataType::List(Box::new(item.clone()));
    let fields = ArrowDataType::Struct(vec![item.clone()]);
    for (dtype, what) in [
        (list, "holds lists"),
        (fields, "holds structs"),
        (ArrowDataType::FixedSizeBinary(16), "holds bytes of a fixed length"),
        (ArrowDataType::Float16, "holds numbers of 16 bits"),
        (ArrowDataType::Map(Box::new(item), false), "holds lists"),
    ] {
        let error = check_type("c", &dtype).unwrap_err();
        assert!(error.message.starts_with("the column \"c\" ") && error.message.contains(what), "{}", error.message);
        assert_eq!(error.hints.len(), 1);
    }
    assert!(numbers(NullArray::new(ArrowDataType::Null, 2).boxed(), Want::Numbers).iter().all(|v| v.is_nan()));
    let bytes = BinaryViewArray::from_slice_values([&b"ok"[..], b"\xff"]).boxed();
    let error = part("c", &[bytes], Want::Numbers, &none()).unwrap_err();
    assert_eq!(error.message, "the column \"c\" holds bytes that are no UTF-8 text in row 2");
}

#[test]
fn a_file_may_not_unpack_to_absurdly_much() {
    assert!(check_size(1_000_000, 80, 0, 4 << 20).is_ok(), "below a gibibyte all is well");
    assert!(check_size(10_000_000, 80, 0, 40 << 20).is_ok());
    let error = check_size(1 << 62, 3, 0, 1000).unwrap_err();
    assert!(error.message.contains("more than 200 times its size"), "{}", error.message);
    assert!(check_size(1, 1, 1 << 40, 1000).is_err());
}
