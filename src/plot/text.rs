//! How long a text is, and how it becomes short enough.

/// About how wide a text is; no font is asked, because a page uses that of the machine that shows it.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.3,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '-' | '/' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        'A'..='Z' | '_' | '+' | '=' | '<' | '>' => 0.7,
        c if (c as u32) < 0x1100 => 0.57,
        _ => 1.1,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// The text, with an ellipsis in its middle where it would be wider than `most`.
pub(crate) fn shortened(text: &str, size: f64, most: f64) -> String {
    let text = clean(text);
    if width(&text, size) <= most {
        return text;
    }
    let letters: Vec<char> = text.chars().collect();
    let mut keep = letters.len();
    loop {
        let (head, tail) = (keep.div_ceil(2), keep / 2);
        let short: String =
            letters[..head].iter().chain(&['…']).chain(&letters[letters.len() - tail..]).copied().collect();
        if keep < 2 || width(&short, size) <= most {
            return short;
        }
        keep -= 1;
    }
}

/// Without what is no letter: controls, and marks that turn the direction of what follows.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect()
}

/// The widest of some texts, at most `most`.
pub(crate) fn widest<'a>(texts: impl Iterator<Item = &'a str>, size: f64, most: f64) -> f64 {
    texts.map(|t| width(t, size)).fold(0.0, f64::max).min(most)
}
