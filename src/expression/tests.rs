use proptest::prelude::*;

use super::*;

fn value(text: &str, columns: &[(&str, f64)]) -> Result<f64, Gap> {
    let expression = Expression::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let values: Vec<[f64; 1]> = expression
        .columns()
        .iter()
        .map(|name| [columns.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}")).1])
        .collect();
    expression.over(values.iter().map(<[f64; 1]>::as_slice).collect()).row(0)
}

fn refused(text: &str) -> (usize, String, Option<String>) {
    let fault = Expression::parse(text).expect_err(text);
    (fault.at, fault.message, fault.hint)
}

#[test]
fn signs_bind_as_usual() {
    let a = &[("a", 6.0), ("b", 4.0), ("Flow Bytes/s", 10.0)][..];
    for (text, want) in [
        ("a + b * 2", 14.0),
        ("(a + b) * 2", 20.0),
        ("a - b - 1", 1.0),
        ("a / b / 3", 0.5),
        ("-a + b", -2.0),
        ("--a - -b", 10.0),
        ("2 * -a", -12.0),
        ("a > b", 1.0),
        ("a + 1 <= b * 1.5", 0.0),
        ("(a == 6) + (b != 4)", 1.0),
        ("min(a, b, 5) + max(a, b)", 10.0),
        ("abs(b - a) + sqrt(b) + log1p(b - 4)", 4.0),
        ("if(a > 5, b, 1 / 0)", 4.0),
        ("`Flow Bytes/s` / 4", 2.5),
        ("\"Flow Bytes/s\" + 'a'", 16.0),
        ("1e1 * a + .5 + 2.", 62.5),
        ("a*(b)", 24.0),
    ] {
        assert_eq!(value(text, a), Ok(want), "{text}");
    }
}

#[test]
fn names_may_hold_anything_between_quotes() {
    let expression = Expression::parse("`a``b` + \"say \"\"x\"\"\" + 'it''s' + src_bytes + größe.2 + min").unwrap();
    assert_eq!(expression.columns(), ["a`b", "say \"x\"", "it's", "src_bytes", "größe.2", "min"]);
    assert_eq!(Expression::parse("b + a * b + `a`").unwrap().columns(), ["b", "a"]);
    let stored = serde_json::to_string(&expression).unwrap();
    assert_eq!(serde_json::from_str::<Expression>(&stored).unwrap(), expression);
    assert!(serde_json::from_str::<Expression>("\"a +\"").is_err());
}

#[test]
fn what_has_no_value_says_why() {
    let a = &[("a", 1.0), ("zero", 0.0), ("none", f64::NAN), ("huge", 1e308)][..];
    for (text, gap) in [
        ("a / zero", Gap::DivisionByZero),
        ("zero / -zero", Gap::DivisionByZero),
        ("a + none", Gap::Missing),
        ("none / zero", Gap::Missing),
        ("none == none", Gap::Missing),
        ("if(none, a, a)", Gap::Missing),
        ("max(a, none)", Gap::Missing),
        ("sqrt(-a)", Gap::NegativeRoot),
        ("log1p(-a)", Gap::Logarithm),
        ("huge * 10 / 10", Gap::Overflow),
        ("huge + huge", Gap::Overflow),
        ("a / (zero * none + 1)", Gap::Missing),
    ] {
        assert_eq!(value(text, a), Err(gap), "{text}");
    }
    // Only the side that is taken is worked out.
    assert_eq!(value("if(zero == 0, 0, a / zero)", a), Ok(0.0));
    assert_eq!(value("if(zero != 0, none, a)", a), Ok(1.0));
    assert_eq!(value("0 * a", a), Ok(0.0));
}

#[test]
fn faults_name_the_character() {
    let at = |text: &str| refused(text).0;
    assert_eq!(refused("a / * b"), (5, "expected a number, a column or \"(\", got \"*\", at character 5".into(), None));
    assert_eq!(refused("a +").1, "expected a number, a column or \"(\", it ends, at character 4");
    assert_eq!(refused("(a + b").1, "expected \")\", it ends, at character 7");
    let (place, message, hint) = refused("Flow Duration * 2");
    assert_eq!((place, message.as_str()), (6, "expected an operator or the end, got \"Duration\", at character 6"));
    assert!(hint.unwrap().contains("backticks"));
    assert_eq!(refused("a = b").2.as_deref(), Some("to compare, write `==`"));
    assert!(refused("a < b < c").2.unwrap().contains("min(a < b"));
    assert_eq!(refused("sqr(a)").2.as_deref(), Some("did you mean \"sqrt\"?"));
    assert_eq!(refused("median(a)").2.as_deref(), Some("functions are min, max, abs, log1p, sqrt, if"));
    assert_eq!(refused("if(a, b)").1, "if takes a condition and two values, got 2, at character 1");
    assert_eq!(refused("1 + sqrt(a, b)").1, "sqrt takes 1 value, got 2, at character 5");
    assert_eq!(refused("min(a)").1, "min takes at least 2 values, got 1, at character 1");
    assert_eq!(refused("abs()").1, "abs takes 1 value, got 0, at character 1");
    assert_eq!(refused("`open").1, "the ` that opens a name is never closed, at character 1");
    assert_eq!(refused("1 + 2").1, "it names no column, so every row would have the same value");
    for (text, place) in
        [("", 1), ("   ", 4), ("a ** b", 4), ("ä + 1e999", 5), ("a ^ 2", 3), ("a)", 2), ("''", 1), ("a, b", 2)]
    {
        assert_eq!(at(text), place, "{text:?}");
    }
    let deep = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(Expression::parse(&deep(MOST_DEPTH)).is_ok());
    assert_eq!(at(&deep(MOST_DEPTH + 1)), MOST_DEPTH + 1);
    assert!(refused(&"a+".repeat(3000)).1.contains("at most 4096 bytes"));
    assert!(Expression::parse(&format!("a{}", "-a".repeat(2000))).is_ok());
    assert!(Expression::parse(&format!("{}a", "-".repeat(4000))).is_ok());
}

/// An expression as text with all brackets, and its value by plain arithmetic.
fn tree() -> impl Strategy<Value = (String, f64)> {
    let leaf = prop_oneof![
        (-9_i32..10).prop_map(|v| (format!("{v}"), f64::from(v))),
        Just(("a".to_owned(), 2.5)),
        Just(("`b c`".to_owned(), -3.0)),
    ];
    leaf.prop_recursive(6, 40, 3, |inner| {
        let two = |sign: &'static str, of: fn(f64, f64) -> f64| {
            (inner.clone(), inner.clone()).prop_map(move |(l, r)| (format!("({} {sign} {})", l.0, r.0), of(l.1, r.1)))
        };
        prop_oneof![
            two("+", |l, r| l + r),
            two("-", |l, r| l - r),
            two("*", |l, r| l * r),
            two("/", |l, r| if r == 0.0 { f64::NAN } else { l / r }),
            two("<", |l, r| if l.is_nan() || r.is_nan() { f64::NAN } else { f64::from(u8::from(l < r)) }),
            inner.clone().prop_map(|(t, v)| (format!("-{t}"), -v)),
            inner.clone().prop_map(|(t, v)| (format!("abs({t})"), v.abs())),
            (inner.clone(), inner.clone()).prop_map(|(l, r)| (
                format!("max({}, {})", l.0, r.0),
                if l.1.is_nan() {
                    l.1
                } else if r.1.is_nan() {
                    r.1
                } else {
                    l.1.max(r.1)
                }
            )),
            (inner.clone(), inner.clone(), inner).prop_map(|(c, l, r)| {
                let taken = if c.1.is_nan() {
                    f64::NAN
                } else if c.1 != 0.0 {
                    l.1
                } else {
                    r.1
                };
                (format!("if({}, {}, {})", c.0, l.0, r.0), taken)
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_an_expression_or_a_fault_inside_it(text in any::<String>()) {
        if let Err(fault) = Expression::parse(&text) {
            prop_assert!(fault.at >= 1 && fault.at <= text.chars().count() + 1, "{fault:?}");
        }
    }

    #[test]
    fn nearly_an_expression_too(pieces in prop::collection::vec(prop::sample::select(vec![
        "a", "`b c`", "1", "2.5", "1e5", "+", "-", "*", "/", "(", ")", ",", "<", "<=", "==", "!=", "if(", "min(", "abs(",
        "sqrt(", "log1p(", " ", "`", "\"", "'", "=", "é", ".", "e", "if", "max",
    ]), 0..40)) {
        let text = pieces.concat();
        match Expression::parse(&text) {
            Err(fault) => prop_assert!(fault.at >= 1 && fault.at <= text.chars().count() + 1, "{fault:?}"),
            Ok(expression) => {
                let values = [0.0, -1.0, 1e308, f64::NAN, 0.5];
                let bound = expression.over(vec![&values; expression.columns().len()]);
                for row in 0..values.len() + 1 {
                    prop_assert!(bound.row(row).is_ok_and(f64::is_finite) || bound.row(row).is_err());
                }
                let again: Expression = serde_json::from_str(&serde_json::to_string(&expression).unwrap()).unwrap();
                prop_assert_eq!(again, expression);
            }
        }
    }

    #[test]
    fn values_are_those_of_plain_arithmetic((text, want) in tree()) {
        let text = format!("{text} + 0 * a");
        prop_assume!(text.len() <= MOST_TEXT && text.matches('(').count() < MOST_DEPTH);
        let got = value(&text, &[("a", 2.5), ("b c", -3.0)]);
        match got {
            Ok(got) => prop_assert!(got == want, "{} gives {}, not {}", text, got, want),
            Err(Gap::DivisionByZero) => prop_assert!(want.is_nan(), "{}", text),
            Err(gap) => prop_assert!(!want.is_finite(), "{}: {:?}", text, gap),
        }
    }
}
