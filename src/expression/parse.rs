//! Text to tree, by recursive descent.

use thiserror::Error;

use super::{Function, MOST_DEPTH, MOST_TEXT, Node, Relation};
use crate::param::closest;

/// Where and why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Fault {
    /// The character, from 1; one past the last where the text ends too early.
    pub at: usize,
    /// What is wrong, with the place.
    pub message: String,
    /// The next move, if one is known.
    pub hint: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Number(f64),
    Word(String),
    /// A name between backticks or quotes.
    Quoted(String),
    Sign(&'static str),
    End,
}

/// A piece of text and the character that it begins at, from 1.
#[derive(Clone, Debug)]
struct Token {
    at: usize,
    kind: Kind,
}

impl Token {
    fn shown(&self) -> String {
        match &self.kind {
            Kind::Number(value) => format!("got {value}"),
            Kind::Word(word) => format!("got {word:?}"),
            Kind::Quoted(name) => format!("got the name {name:?}"),
            Kind::Sign(sign) => format!("got \"{sign}\""),
            Kind::End => "it ends".to_owned(),
        }
    }
}

fn fault(at: usize, what: impl std::fmt::Display, hint: Option<&str>) -> Fault {
    Fault { at, message: format!("{what}, at character {at}"), hint: hint.map(str::to_owned) }
}

/// Signs, those of two characters first.
const SIGNS: [&str; 13] = ["<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", ","];

fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at + 1;
        let mut push = |kind| out.push(Token { at: start, kind });
        if c.is_whitespace() {
            at += 1;
        } else if c.is_ascii_digit() || (c == '.' && chars.get(at + 1).is_some_and(char::is_ascii_digit)) {
            let (value, length) =
                number(&chars[at..]).ok_or_else(|| fault(start, "a number that is too large", None))?;
            push(Kind::Number(value));
            at += length;
        } else if c.is_alphabetic() || c == '_' {
            let length = chars[at..].iter().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).count();
            push(Kind::Word(chars[at..at + length].iter().collect()));
            at += length;
        } else if matches!(c, '`' | '"' | '\'') {
            let (name, length) = quoted(&chars[at..])
                .ok_or_else(|| fault(start, format!("the {c} that opens a name is never closed"), None))?;
            if name.trim().is_empty() {
                return Err(fault(start, "expected a name between the quotes, got nothing", None));
            }
            push(Kind::Quoted(name));
            at += length;
        } else {
            let rest: String = chars[at..].iter().take(2).collect();
            let Some(sign) = SIGNS.into_iter().find(|s| rest.starts_with(s)) else {
                let hint = match c {
                    '=' => "to compare, write `==`",
                    '^' => "there are no powers: write `a * a`",
                    '&' | '|' => "write `min(a, b)` for and, `max(a, b)` for or",
                    '!' => "write `1 - a` for not, `!=` for unequal",
                    _ => "put a name with such characters between backticks",
                };
                return Err(fault(start, format!("{c:?} means nothing here"), Some(hint)));
            };
            push(Kind::Sign(sign));
            at += sign.len();
        }
    }
    out.push(Token { at: chars.len() + 1, kind: Kind::End });
    Ok(out)
}

/// A decimal number at the beginning and its length; `None` where it is too large for one.
fn number(chars: &[char]) -> Option<(f64, usize)> {
    let digits = |from: usize| chars[from..].iter().take_while(|c| c.is_ascii_digit()).count();
    let mut length = digits(0);
    if chars.get(length) == Some(&'.') {
        length += 1 + digits(length + 1);
    }
    if matches!(chars.get(length), Some('e' | 'E')) {
        let sign = usize::from(matches!(chars.get(length + 1), Some('+' | '-')));
        let exponent = if length + 1 + sign < chars.len() { digits(length + 1 + sign) } else { 0 };
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    let text: String = chars[..length].iter().collect();
    text.parse::<f64>().ok().filter(|v| v.is_finite()).map(|v| (v, length))
}

/// What stands between the first character and its next single occurrence, and the length of all.
fn quoted(chars: &[char]) -> Option<(String, usize)> {
    let quote = chars[0];
    let mut name = String::new();
    let mut at = 1;
    loop {
        let c = *chars.get(at)?;
        if c == quote {
            if chars.get(at + 1) != Some(&quote) {
                return Some((name, at + 1));
            }
            at += 1;
        }
        name.push(c);
        at += 1;
    }
}

/// The tree and the columns that it names.
pub(super) fn parse(text: &str) -> Result<(Node, Vec<String>), Fault> {
    if text.len() > MOST_TEXT {
        let message = format!("expected at most {MOST_TEXT} bytes, got {}", text.len());
        return Err(Fault { at: 1, message, hint: Some("divide it among several columns".into()) });
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0, columns: Vec::new() };
    let root = parser.comparison()?;
    match &parser.peek().kind {
        Kind::End => {}
        Kind::Sign(sign) if relation(sign).is_some() => {
            let hint = "comparisons do not chain: write `min(a < b, b < c)` for a < b < c";
            return Err(parser.unexpected("the end", Some(hint)));
        }
        Kind::Word(_) | Kind::Quoted(_) => {
            let hint = "put a name with blanks or signs between backticks: `Flow Duration`";
            return Err(parser.unexpected("an operator or the end", Some(hint)));
        }
        _ => return Err(parser.unexpected("an operator or the end", None)),
    }
    if parser.columns.is_empty() {
        let hint = Some("name at least one column".to_owned());
        return Err(Fault {
            at: 1,
            message: "it names no column, so every row would have the same value".into(),
            hint,
        });
    }
    Ok((root, parser.columns))
}

fn relation(sign: &str) -> Option<Relation> {
    Some(match sign {
        "<" => Relation::Less,
        "<=" => Relation::AtMost,
        ">" => Relation::Greater,
        ">=" => Relation::AtLeast,
        "==" => Relation::Equal,
        "!=" => Relation::Unequal,
        _ => return None,
    })
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    columns: Vec<String>,
}

impl Parser {
    /// The next token; the last one is the end, and stays.
    fn peek(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn sign(&self) -> &'static str {
        if let Kind::Sign(sign) = self.peek().kind { sign } else { "" }
    }

    /// Takes the next token if it is this sign.
    fn takes(&mut self, sign: &str) -> bool {
        let found = self.sign() == sign;
        self.next += usize::from(found);
        found
    }

    fn unexpected(&self, wanted: &str, hint: Option<&str>) -> Fault {
        let token = self.peek();
        fault(token.at, format!("expected {wanted}, {}", token.shown()), hint)
    }

    fn comparison(&mut self) -> Result<Node, Fault> {
        let left = self.sum()?;
        let Some(relation) = relation(self.sign()) else { return Ok(left) };
        self.next += 1;
        let right = self.sum()?;
        Ok(Node::Compare(relation, Box::new((left, right))))
    }

    fn sum(&mut self) -> Result<Node, Fault> {
        let first = self.product()?;
        if !matches!(self.sign(), "+" | "-") {
            return Ok(first);
        }
        let mut terms = vec![(false, first)];
        while matches!(self.sign(), "+" | "-") {
            let less = self.takes("-");
            self.next += usize::from(!less);
            terms.push((less, self.product()?));
        }
        Ok(Node::Sum(terms))
    }

    fn product(&mut self) -> Result<Node, Fault> {
        let first = self.signed()?;
        if !matches!(self.sign(), "*" | "/") {
            return Ok(first);
        }
        let mut factors = vec![(false, first)];
        while matches!(self.sign(), "*" | "/") {
            let over = self.takes("/");
            self.next += usize::from(!over);
            factors.push((over, self.signed()?));
        }
        Ok(Node::Product(factors))
    }

    fn signed(&mut self) -> Result<Node, Fault> {
        let mut negative = false;
        while matches!(self.sign(), "+" | "-") {
            negative ^= self.sign() == "-";
            self.next += 1;
        }
        let value = self.value()?;
        Ok(if negative { Node::Negative(Box::new(value)) } else { value })
    }

    fn value(&mut self) -> Result<Node, Fault> {
        const WANTED: &str = "a number, a column or \"(\"";
        let token = self.peek().clone();
        match token.kind {
            Kind::Number(value) => {
                self.next += 1;
                Ok(Node::Number(value))
            }
            Kind::Quoted(name) => {
                self.next += 1;
                Ok(self.column(name))
            }
            Kind::Word(word) => {
                self.next += 1;
                if self.sign() == "(" { self.call(token.at, &word) } else { Ok(self.column(word)) }
            }
            Kind::Sign("(") => {
                let inner = self.inside(token.at, Self::comparison)?;
                if !self.takes(")") {
                    return Err(self.unexpected("\")\"", None));
                }
                Ok(inner)
            }
            Kind::Sign(_) | Kind::End => Err(self.unexpected(WANTED, None)),
        }
    }

    /// Takes the opening bracket and what `read` reads behind it.
    fn inside<R>(&mut self, at: usize, read: impl FnOnce(&mut Self) -> Result<R, Fault>) -> Result<R, Fault> {
        if self.depth == MOST_DEPTH {
            let hint = "divide it among several columns";
            return Err(fault(at, format!("more than {MOST_DEPTH} brackets inside one another"), Some(hint)));
        }
        self.depth += 1;
        self.next += 1;
        let out = read(self);
        self.depth -= 1;
        out
    }

    fn column(&mut self, name: String) -> Node {
        let at = self.columns.iter().position(|c| *c == name).unwrap_or_else(|| {
            self.columns.push(name);
            self.columns.len() - 1
        });
        Node::Column(at)
    }

    fn call(&mut self, at: usize, word: &str) -> Result<Node, Fault> {
        let Some(function) = Function::ALL.into_iter().find(|f| f.word() == word) else {
            let words = || Function::ALL.into_iter().map(Function::word);
            let hint = match closest(word, words()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("functions are {}", words().collect::<Vec<_>>().join(", ")),
            };
            return Err(fault(at, format!("no function is called {word:?}"), Some(&hint)));
        };
        let given = self.inside(at, |parser| {
            let mut given = Vec::new();
            if parser.takes(")") {
                return Ok(given);
            }
            loop {
                given.push(parser.comparison()?);
                if parser.takes(")") {
                    return Ok(given);
                }
                if !parser.takes(",") {
                    return Err(parser.unexpected("\",\" or \")\"", None));
                }
            }
        })?;
        let (least, most) = function.arguments();
        if given.len() < least || given.len() > most {
            let wanted = match function {
                Function::If => "a condition and two values".to_owned(),
                _ if least == most => format!("{least} value"),
                _ => format!("at least {least} values"),
            };
            return Err(fault(at, format!("{word} takes {wanted}, got {}", given.len()), None));
        }
        Ok(Node::Call(function, given))
    }
}
