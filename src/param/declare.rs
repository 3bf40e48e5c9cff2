//! The macros that declare parameters. One declaration gives the type, its documentation, its default, its allowed
//! values and its stored form.

/// Declares a record whose parameters all have defaults: `name: Type = default, within rule;`.
macro_rules! parameters {
    ($(#[doc = $doc:literal])+ $vis:vis struct $name:ident $([short $short:ident])? {
        $( $(#[doc = $fdoc:literal])+ $field:ident : $ty:ty = $default:expr $(, within $rule:expr)? ; )*
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        $vis struct $name { $( $(#[doc = $fdoc])+ pub $field: $ty, )* }

        impl Default for $name {
            fn default() -> Self { Self { $( $field: $default, )* } }
        }

        impl $crate::param::Parameter for $name {
            fn shape() -> $crate::param::Shape { $crate::param::Shape::Record(Self::record()) }
        }

        impl $name {
            /// The declaration of these parameters.
            #[must_use]
            pub fn record() -> $crate::param::Record {
                #[allow(unused_mut, unused_assignments, unused_variables)]
                let mut short: Option<&'static str> = None;
                $( short = Some(stringify!($short)); )?
                $crate::param::Record {
                    doc: concat!($($doc, "\n"),+),
                    short,
                    fields: vec![ $( $crate::param::Field {
                        name: stringify!($field),
                        doc: concat!($($fdoc, "\n"),+),
                        shape: {
                            let shape = <$ty as $crate::param::Parameter>::shape();
                            $( let shape = shape.within($rule); )?
                            shape
                        },
                        default: {
                            let value: $ty = $default;
                            Some(serde_json::to_value(&value).unwrap_or_default())
                        },
                    }, )* ],
                }
            }
        }
    };
}

/// Declares a record some of whose parameters must be given: `name: Type;` or `name: Type = default;`.
macro_rules! record {
    ($(#[doc = $doc:literal])+ $vis:vis struct $name:ident $([short $short:ident])? {
        $( $(#[doc = $fdoc:literal])+ $field:ident : $ty:ty $(= $default:expr)? $(, within $rule:expr)? ; )*
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        $vis struct $name { $( $(#[doc = $fdoc])+ pub $field: $ty, )* }

        impl $crate::param::Parameter for $name {
            fn shape() -> $crate::param::Shape { $crate::param::Shape::Record(Self::record()) }
        }

        impl $name {
            /// The declaration of these parameters.
            #[must_use]
            pub fn record() -> $crate::param::Record {
                #[allow(unused_mut, unused_assignments, unused_variables)]
                let mut short: Option<&'static str> = None;
                $( short = Some(stringify!($short)); )?
                $crate::param::Record {
                    doc: concat!($($doc, "\n"),+),
                    short,
                    fields: vec![ $( $crate::param::Field {
                        name: stringify!($field),
                        doc: concat!($($fdoc, "\n"),+),
                        shape: {
                            let shape = <$ty as $crate::param::Parameter>::shape();
                            $( let shape = shape.within($rule); )?
                            shape
                        },
                        default: {
                            #[allow(unused_mut, unused_assignments)]
                            let mut default: Option<serde_json::Value> = None;
                            $(
                                let value: $ty = $default;
                                default = Some(serde_json::to_value(&value).unwrap_or_default());
                            )?
                            default
                        },
                    }, )* ],
                }
            }
        }
    };
}

/// Declares an enum of words.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $vis:vis enum $name:ident {
        $( $(#[doc = $vdoc:literal])+ $variant:ident = $word:literal ),* $(,)?
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        $vis enum $name { $( $(#[doc = $vdoc])+ #[serde(rename = $word)] $variant, )* }

        impl $name {
            /// The word in the file.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }

            /// Every value, in order.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];
        }

        impl $crate::param::Parameter for $name {
            fn shape() -> $crate::param::Shape {
                $crate::param::Shape::Word(vec![ $( ($word, concat!($($vdoc, "\n"),+)), )* ])
            }
        }
    };
}

/// Declares an enum of records, each written as a word or a one-key map.
macro_rules! choice {
    ($(#[doc = $doc:literal])+ $vis:vis enum $name:ident {
        $( $variant:ident($ty:ty) = $word:literal ),* $(,)?
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        $vis enum $name { $( #[doc = concat!("`", $word, "`.")] #[serde(rename = $word)] $variant($ty), )* }

        impl $name {
            /// The word in the file.
            #[must_use]
            pub fn word(&self) -> &'static str {
                match self { $( Self::$variant(_) => $word, )* }
            }

            /// The declaration of the choice.
            #[must_use]
            pub fn choice() -> $crate::param::Choice {
                $crate::param::Choice {
                    doc: concat!($($doc, "\n"),+),
                    variants: vec![ $( {
                        let record = <$ty>::record();
                        $crate::param::Variant { name: $word, doc: record.doc, record }
                    }, )* ],
                }
            }
        }

        impl $crate::param::Parameter for $name {
            fn shape() -> $crate::param::Shape { $crate::param::Shape::Choice(Self::choice()) }
        }
    };
}

pub(crate) use {choice, parameters, record, words};
