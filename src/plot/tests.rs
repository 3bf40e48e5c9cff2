use std::collections::BTreeMap;

use super::*;

const HOSTILE: [&str; 5] =
    ["<script>alert(1)</script>", "\"quoted\" & 'single'", "🦀 crab", "\u{202e}gnp.exe\u{202c} שלום", "a\u{0}b\nc"];

fn names(n: usize) -> Vec<String> {
    (0..n)
        .map(|i| HOSTILE.get(i).map_or_else(|| format!("{} {i}", "long name ".repeat(30)), |s| (*s).to_owned()))
        .collect()
}

fn all() -> Vec<Figure> {
    let classes = names(30);
    let counts: Vec<Vec<u64>> =
        (0..30).map(|i| (0..30).map(|j| if i == j { 1000 } else { (i * j) % 7 }).collect()).collect();
    let models: Vec<(String, Vec<Option<f64>>)> = classes.iter().map(|c| (c.clone(), vec![Some(0.5), None])).collect();
    let scores: Vec<(String, [f64; 3])> = classes.iter().map(|c| (c.clone(), [0.1, 0.5, 1.0])).collect();
    let table: BTreeMap<i32, Vec<u64>> = (-1..60).map(|c| (c, (0..30).map(|i| (i * 13) % 50).collect())).collect();
    let correlation = crate::ml::examine::Correlation {
        hundredths: (0..30).map(|i| (0..i).map(|j| Some((i * j % 200) as i8)).collect()).collect(),
        names: classes.clone(),
        left_out: 0,
        rows: 10,
    };
    vec![
        metric_bars(&["accuracy", "f1_macro"], &models),
        class_bars(&classes[0], &scores),
        confusion_maps(&classes, &[(classes[0].clone(), &counts), (classes[1].clone(), &counts)]),
        cluster_map(&classes[0], &classes, &table),
        correlation_map(&classes[0], &correlation),
        class_counts(&classes, &[vec![5; 30], vec![9; 30]]),
        importance_bars(&classes[0], "x", &classes.iter().map(|c| (c.clone(), 0.1, 0.05)).collect::<Vec<_>>(), 0),
    ]
}

#[test]
fn names_cannot_leave_their_place_and_every_figure_has_a_text() {
    for (i, figure) in all().into_iter().enumerate() {
        let svg = figure.svg(&format!("f{i}"));
        assert!(svg.contains("role=\"img\"") && svg.contains(&format!("<title id=\"f{i}\">")));
        assert!(!svg.contains("<script") && !svg.contains('\u{202e}') && !svg.contains('\u{0}'), "{svg}");
        assert!(svg.len() < 400_000, "{}", svg.len());
    }
}

/// No two texts that run the same way may cover one another.
#[test]
fn labels_do_not_overlap() {
    for figure in all() {
        let mut boxes: Vec<(f64, f64, f64, f64, String)> = Vec::new();
        for shape in &figure.shapes {
            let Shape::Text { x, y, text, anchor, size, upright, .. } = shape else { continue };
            let wide = text::width(text, *size);
            let back = match anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => wide / 2.0,
                Anchor::End => wide,
            };
            let found = if *upright {
                (x - size * 0.7, y - (wide - back), x + size * 0.1, y + back)
            } else {
                (x - back, y - size * 0.7, x - back + wide, y + size * 0.1)
            };
            for (a, b, c, d, other) in &boxes {
                let apart = found.0 >= *c || found.2 <= *a || found.1 >= *d || found.3 <= *b;
                assert!(apart, "{}: {text:?} covers {other:?}", figure.title);
            }
            boxes.push((found.0, found.1, found.2, found.3, text.clone()));
        }
    }
}

#[test]
fn pictures_are_the_same_every_time_and_say_their_resolution() {
    let figure = all().remove(0).headed();
    let png = figure.png().unwrap();
    assert_eq!(png, figure.png().unwrap());
    let decoder = ::png::Decoder::new(std::io::Cursor::new(&png));
    let reader = decoder.read_info().unwrap();
    let dims = reader.info().pixel_dims.unwrap();
    assert!(dims.xppu >= 5_906 && dims.unit == ::png::Unit::Meter, "{dims:?}");
}

#[test]
fn numbers_of_axes_are_round_and_inside() {
    for (low, high) in [(0.0, 1.0), (-3.2, 7.9), (0.0, 123_456.0), (1e-9, 3e-9)] {
        let found = ticks(low, high, 5);
        assert!((2..=11).contains(&found.len()), "{found:?}");
        assert!(found.iter().all(|(v, _)| *v >= low - 1e-12 && *v <= high + 1e-9 * high.abs()), "{found:?}");
    }
    assert_eq!(ticks(1.0, 1.0, 5).len(), 1);
    assert_eq!(
        (short(0.25), short(12.0), short(0.0), short(250_000.0)),
        ("0.25".into(), "12".into(), "0".into(), "2.5e5".into())
    );
}
