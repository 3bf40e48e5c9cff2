//! How far a piece of work is.

/// Called with the share done, in `[0, 1]`; may be called from any thread, and must be cheap.
#[derive(Clone, Copy)]
pub struct Progress<'a>(&'a (dyn Fn(f64) + Sync));

impl<'a> Progress<'a> {
    /// Tells `listener`.
    pub fn new(listener: &'a (dyn Fn(f64) + Sync)) -> Self {
        Self(listener)
    }

    /// Tells nobody.
    #[must_use]
    pub fn none() -> Progress<'static> {
        Progress(&|_| ())
    }

    /// `done` of `of` pieces are finished.
    pub fn report(&self, done: usize, of: usize) {
        if of > 0 {
            (self.0)(done as f64 / of as f64);
        }
    }
}
