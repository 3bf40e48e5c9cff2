//! The templates of the pages: embedded in the program, each replaceable by a file of the same name.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tera::{Context, ErrorKind, Kwargs, State, Tera, Value};

use super::PageError;
use crate::digest::Digest;

/// The files of `templates/`.
const EMBEDDED: &[(&str, &str)] = &[
    ("base.html", include_str!("../../templates/base.html")),
    ("style.css", include_str!("../../templates/style.css")),
    ("page.js", include_str!("../../templates/page.js")),
    ("compare.html", include_str!("../../templates/compare.html")),
    ("compare.css", include_str!("../../templates/compare.css")),
    ("compare.js", include_str!("../../templates/compare.js")),
    ("report.html", include_str!("../../templates/report.html")),
    ("report.css", include_str!("../../templates/report.css")),
    ("report.js", include_str!("../../templates/report.js")),
    ("index.html", include_str!("../../templates/index.html")),
];

/// What a page is made of besides its data.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The template, such as `report.html`; it extends `base.html`.
    pub template: &'static str,
    /// Style sheets in order, such as `style.css`.
    pub styles: &'static [&'static str],
    /// Scripts in order, such as `page.js`.
    pub scripts: &'static [&'static str],
}

/// All templates, ready to render.
#[derive(Clone)]
pub struct Templates {
    tera: Tera,
    files: BTreeMap<&'static str, String>,
    folder: Option<PathBuf>,
    replaced: Vec<String>,
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Templates").field("folder", &self.folder).field("replaced", &self.replaced).finish()
    }
}

impl Templates {
    /// The templates of the program; with a folder, its files take the place of those of the same name, and its other
    /// `.html` files can be included.
    ///
    /// # Errors
    /// [`PageError`] for a folder or file that cannot be read and for a template that does not parse.
    pub fn new(folder: Option<&Path>) -> Result<Self, PageError> {
        let mut files: BTreeMap<&'static str, String> =
            EMBEDDED.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        let mut own: Vec<(String, String)> = Vec::new();
        let mut replaced = Vec::new();
        if let Some(folder) = folder {
            for (name, text) in read_folder(folder)? {
                match files.iter_mut().find(|(known, _)| **known == name) {
                    Some((_, slot)) => *slot = text,
                    None if has_extension(&name, "html") => own.push((name.clone(), text)),
                    None => continue,
                }
                replaced.push(name);
            }
        }
        let mut tera = Tera::new();
        // The empty suffix: nothing is left unescaped.
        tera.autoescape_on(vec![""]);
        tera.register_filter("json", json);
        let mut made = Self { tera, files, folder: folder.map(Path::to_path_buf), replaced };
        let pages: Vec<(String, String)> = made
            .files
            .iter()
            .filter(|(name, _)| has_extension(name, "html"))
            .map(|(name, text)| ((*name).to_owned(), text.clone()))
            .chain(own)
            .collect();
        let mut tera = std::mem::take(&mut made.tera);
        tera.add_raw_templates(pages).map_err(|e| made.error(&e, ""))?;
        made.tera = tera;
        Ok(made)
    }

    /// Renders a page. The same data gives the same bytes. What `data` holds is at hand in the template by the names of
    /// its fields; `style`, `script` and `policy` are taken by `base.html`.
    ///
    /// # Errors
    /// [`PageError::Template`] where a template asks for what is not there.
    pub fn render<T: Serialize>(&self, page: &Page, data: &T) -> Result<String, PageError> {
        let mut context = Context::from_serialize(data).map_err(|e| self.error(&e, page.template))?;
        let style = self.joined(page.styles, "</style", page.template)?;
        let script = self.joined(page.scripts, "</script", page.template)?;
        // Only this script may run, so that no text that slipped through could.
        let hash = base64(&Digest::of(script.as_bytes()).bytes());
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; img-src data:; \
             base-uri 'none'; form-action 'none'"
        );
        context.insert("style", &style);
        context.insert("script", &script);
        context.insert("policy", &policy);
        self.tera.render(page.template, &context).map_err(|e| self.error(&e, page.template))
    }

    /// The files one after the other. Nothing escapes them, so the end of their element must not be in them.
    fn joined(&self, names: &[&str], end: &str, template: &str) -> Result<String, PageError> {
        let mut out = String::new();
        for name in names {
            let text = self.files.get(name).map_or("", String::as_str);
            if let Some(at) = text.to_ascii_lowercase().find(end) {
                return Err(PageError::Template {
                    file: self.shown(name),
                    line: Some(text[..at].lines().count().max(1)),
                    message: format!("{end}> cannot stand in a file that is put inside {template}"),
                    replaced: self.is_replaced(name),
                });
            }
            out.push_str(text);
        }
        Ok(out)
    }

    fn is_replaced(&self, name: &str) -> bool {
        self.replaced.iter().any(|r| r == name)
    }

    /// A file's name, with the folder where it came from there.
    fn shown(&self, name: &str) -> String {
        match &self.folder {
            Some(folder) if self.is_replaced(name) => folder.join(name).display().to_string(),
            _ => format!("templates/{name}"),
        }
    }

    fn error(&self, error: &tera::Error, template: &str) -> PageError {
        let (file, line, message) = match error.kind() {
            ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
                (report.filename(), Some(report.span().start_line), report.message().to_owned())
            }
            ErrorKind::MissingParent { current, parent } => {
                (current.as_str(), None, format!("extends {parent:?}, which is no template"))
            }
            ErrorKind::CircularExtend { tpl, .. } => (tpl.as_str(), None, "extends itself".to_owned()),
            ErrorKind::CircularInclude { tpl, .. } => (tpl.as_str(), None, "includes itself".to_owned()),
            _ => (template, None, error.to_string()),
        };
        // Faults found between files come as a text with places of its own; the first of them is enough.
        let told = first_fault(&message).map(|(file, line, text)| (file.to_owned(), line, text.to_owned()));
        let (file, line, message) = match &told {
            Some((file, line, message)) => (file.as_str(), Some(*line), message.clone()),
            None => (file, line, message),
        };
        let mut message = message.trim_end_matches('.').to_owned();
        if let Some(first) = message.get(..1).map(str::to_ascii_lowercase) {
            message.replace_range(..1, &first);
        }
        // Faults that span files have no file of their own; any file of the folder may be the reason.
        let between = told.is_some() || file.is_empty();
        let replaced = if between { self.folder.is_some() } else { self.is_replaced(file) };
        PageError::Template { file: self.shown(file), line, message, replaced }
    }
}

/// File, line and message of a text such as `error: …`, ` --> compare.html:2:10`.
fn first_fault(text: &str) -> Option<(&str, usize, &str)> {
    let mut lines = text.lines();
    let message = lines.next()?.strip_prefix("error: ")?;
    let mut place = lines.next()?.trim_start().strip_prefix("--> ")?.split(':');
    Some((place.next()?, place.next()?.parse().ok()?, message))
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == extension)
}

/// Name and text of the templates of a folder, sorted.
fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, PageError> {
    let fail = |path: &Path| {
        let path = path.to_path_buf();
        move |source: io::Error| PageError::Io { path, source }
    };
    let mut out = Vec::new();
    for item in fs::read_dir(folder).map_err(fail(folder))? {
        let path = item.map_err(fail(folder))?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()).map(str::to_owned) else { continue };
        if path.is_file() && ["html", "css", "js"].iter().any(|e| has_extension(&name, e)) {
            out.push((name, fs::read_to_string(&path).map_err(fail(&path))?));
        }
    }
    out.sort();
    Ok(out)
}

/// The filter `json`: a value as JSON for a `<script type="application/json">`, with nothing in it that ends the element.
fn json(value: Value, _: Kwargs, _: &State<'_>) -> Value {
    let text = serde_json::to_string(&value).unwrap_or_else(|_| "null".into());
    Value::safe_string(&script_json(&text))
}

/// JSON that can stand inside a `<script>`: `<`, `>` and `&` as escapes, which mean the same within its strings.
fn script_json(text: &str) -> String {
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, &b| word << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i)) as usize & 63] as char;
            out.push(if i <= chunk.len() { digit } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_published_examples() {
        for (text, want) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(text.as_bytes()), want);
        }
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    const PAGE: Page = Page { template: "base.html", styles: &["style.css"], scripts: &["page.js"] };

    fn data(title: &str) -> serde_json::Value {
        serde_json::json!({"title": title, "lead": "", "sections": [], "made_by": "runner 0.1.0", "value": [title]})
    }

    #[test]
    fn everything_is_escaped_also_inside_json() {
        let hostile = "</script><script>alert(1)</script>\"'&";
        let base = "<p title=\"{{ title }}\">{{ title }}</p><script>{{ value | json }}</script>\
                    {% block content %}{% endblock %}";
        let own = folder(&[("base.html", base)]);
        let text = Templates::new(Some(own.path())).unwrap().render(&PAGE, &data(hostile)).unwrap();
        assert_eq!(text.matches("</script>").count(), 1, "{text}");
        assert_eq!(text.matches("<script>").count(), 1, "{text}");
        let json = text.split("<script>").nth(1).unwrap().trim_end_matches("</script>");
        assert_eq!(serde_json::from_str::<Vec<String>>(json).unwrap(), [hostile]);
        assert!(text.contains("&quot;") && !text.contains("title=\"</"), "{text}");
        let whole = Templates::new(None).unwrap().render(&PAGE, &data(hostile)).unwrap();
        assert!(!whole.contains("<script>alert"), "{whole}");
    }

    #[test]
    fn a_file_of_the_folder_takes_the_place_of_the_embedded_one() {
        let own = folder(&[("style.css", "body { color: teal }"), ("notes.txt", "{% not read")]);
        let text = Templates::new(Some(own.path())).unwrap().render(&PAGE, &data("t")).unwrap();
        assert!(text.contains("<style>body { color: teal }</style>"), "{text}");
        assert!(text.contains("<main"), "the others are as they were");
    }

    #[test]
    fn a_broken_template_is_named_with_its_line() {
        let broken = folder(&[("base.html", "<p>\n{% if x %}\n")]);
        let error = Templates::new(Some(broken.path())).unwrap_err();
        let PageError::Template { file, line, replaced: true, .. } = &error else { panic!("{error:?}") };
        assert!(file.ends_with("base.html") && line.is_some_and(|l| l > 1), "{error:?}");
        let bare = folder(&[("base.html", "<p>nothing to fill in</p>")]);
        let error = Templates::new(Some(bare.path())).unwrap_err();
        let PageError::Template { file, line: Some(2), .. } = &error else { panic!("{error:?}") };
        assert_eq!((file.as_str(), error.to_string().lines().count()), ("templates/compare.html", 1));
        let missing = folder(&[("base.html", "\n\n{{ nobody.there }}{% block content %}{% endblock %}")]);
        let error = Templates::new(Some(missing.path())).unwrap().render(&PAGE, &data("t")).unwrap_err();
        assert!(matches!(error, PageError::Template { line: Some(3), replaced: true, .. }), "{error:?}");
        let orphan = folder(&[("own.html", "{% extends \"nothing.html\" %}")]);
        assert!(matches!(Templates::new(Some(orphan.path())), Err(PageError::Template { replaced: true, .. })));
        let closing = folder(&[("page.js", "let a;\nlet b = '</SCRIPT>';")]);
        let error = Templates::new(Some(closing.path())).unwrap().render(&PAGE, &data("t")).unwrap_err();
        assert!(matches!(error, PageError::Template { line: Some(2), replaced: true, .. }), "{error:?}");
        assert!(matches!(Templates::new(Some(Path::new("/no/such/folder"))), Err(PageError::Io { .. })));
    }
}
