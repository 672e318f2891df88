//! The names that a Rust source uses, from its tokens: comments and strings are not code, `use` trees and renames are
//! followed, and what stands under `#[cfg(test)]` is left out.

use crate::tree::File;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::str::FromStr;

/// First part of the name that an `extern crate` line stands for.
pub(crate) const EXTERN: &str = "extern crate";

/// A name as it is written, with its `use` resolved: `std::fs::read`. A glob ends in `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

impl Name {
    /// Whether it is this path, lies below it, or is a glob that brings it in.
    pub(crate) fn reaches(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split("::").collect();
        match self.segments.split_last() {
            Some((last, above)) if last == "*" => {
                path.iter().zip(above).all(|(a, b)| a == b) && (!above.is_empty())
            }
            _ => self.segments.len() >= path.len() && self.segments.iter().zip(&path).all(|(a, b)| a == b),
        }
    }

    /// Whether one of its parts is this word.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.segments.iter().any(|segment| segment == word)
    }

    /// The crate it begins with, when it has more than one part.
    pub(crate) fn root(&self) -> Option<&str> {
        (self.segments.len() > 1).then(|| self.segments.first().map(String::as_str)).flatten()
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.segments[..] {
            [what, name] if what == EXTERN => write!(f, "{what} {name}"),
            segments => f.write_str(&segments.join("::")),
        }
    }
}

/// What one source says, its tests left out.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Every name, in order.
    pub(crate) used: Vec<Name>,
    /// Modules it declares, with their bodies or without.
    pub(crate) modules: Vec<Name>,
    /// Modules in other files that it declares for tests only.
    pub(crate) test_modules: Vec<String>,
    /// What `use` and `extern crate` bring in, by the name they are known as.
    known_as: BTreeMap<String, Vec<String>>,
}

impl Names {
    /// Reads a source. Panics with the path when it is not Rust: it would not compile either.
    pub(crate) fn of(file: &File) -> Self {
        let tokens = TokenStream::from_str(&file.text)
            .unwrap_or_else(|error| panic!("{} cannot be read as Rust: {error}", file.path));
        let mut names = Self::default();
        names.walk(tokens);
        for name in &mut names.used {
            let target = name.segments.first().and_then(|first| names.known_as.get(first));
            if let Some(target) = target.filter(|target| target.first() != name.segments.first()) {
                name.segments.splice(..1, target.iter().cloned());
            }
        }
        names
    }

    fn walk(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' => at = self.attribute(&tokens, at),
                TokenTree::Ident(word) if word == "use" && is_item(&tokens, at) => {
                    let end = end_of_statement(&tokens, at);
                    self.use_tree(&[], &tokens[at + 1..end]);
                    at = end;
                }
                TokenTree::Ident(word) => at = self.word(word, &tokens, at),
                TokenTree::Group(group) => {
                    self.walk(group.stream());
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    /// At `#`: skips the item behind a `#[cfg(test)]`, else reads the attribute like any code.
    fn attribute(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let Some(TokenTree::Group(group)) = tokens.get(at + 1) else { return at + 1 };
        if !is_for_tests(group) {
            return at + 1;
        }
        let end = end_of_item(tokens, at + 2);
        let item = &tokens[at + 2..end.min(tokens.len())];
        let place = item.iter().position(|token| matches!(token, TokenTree::Ident(word) if word == "mod"));
        if let (Some(place), Some(TokenTree::Punct(_))) = (place, item.last())
            && let Some(TokenTree::Ident(name)) = item.get(place + 1)
        {
            self.test_modules.push(name.to_string());
        }
        end
    }

    fn word(&mut self, word: &Ident, tokens: &[TokenTree], at: usize) -> usize {
        let line = word.span().start().line;
        if let ("mod", Some(TokenTree::Ident(name))) = (word.to_string().as_str(), tokens.get(at + 1)) {
            self.modules.push(Name { segments: vec![name.to_string()], line });
        }
        if let ("extern", Some(TokenTree::Ident(what)), Some(TokenTree::Ident(name))) =
            (word.to_string().as_str(), tokens.get(at + 1), tokens.get(at + 2))
            && what == "crate"
        {
            self.used.push(Name { segments: vec![EXTERN.to_owned(), name.to_string()], line });
            if let (Some(TokenTree::Ident(_)), Some(TokenTree::Ident(alias))) =
                (tokens.get(at + 3), tokens.get(at + 4))
            {
                self.known_as.insert(alias.to_string(), vec![name.to_string()]);
            }
        }
        let (segments, end) = path_at(tokens, at);
        self.used.push(Name { segments, line });
        end
    }

    /// Every path of the tree under `prefix`.
    fn use_tree(&mut self, prefix: &[String], tokens: &[TokenTree]) {
        for branch in tokens.split(|token| is_mark(Some(token), ',')) {
            let mut path = prefix.to_vec();
            let mut alias = None;
            let mut line = None;
            let mut words = branch.iter().peekable();
            while let Some(token) = words.next() {
                line.get_or_insert_with(|| first_line(token));
                match token {
                    TokenTree::Ident(word) if word == "as" => alias = words.next().map(ToString::to_string),
                    TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
                    TokenTree::Ident(word) => path.push(word.to_string()),
                    TokenTree::Punct(mark) if mark.as_char() == '*' => path.push("*".to_owned()),
                    TokenTree::Group(group) => {
                        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                        self.use_tree(&path, &inner);
                        path.clear();
                    }
                    _ => {}
                }
            }
            let Some(known) = alias.or_else(|| path.last().cloned()) else { continue };
            self.known_as.insert(known, path.clone());
            self.used.push(Name { segments: path, line: line.unwrap_or(0) });
        }
    }
}

fn first_line(token: &TokenTree) -> usize {
    Span::start(&token.span()).line
}

fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// `use` as in `use a::b;` and not as in `impl Trait + use<'a>`.
fn is_item(tokens: &[TokenTree], at: usize) -> bool {
    !is_mark(tokens.get(at + 1), '<')
}

fn end_of_statement(tokens: &[TokenTree], at: usize) -> usize {
    (at..tokens.len()).find(|i| is_mark(tokens.get(*i), ';')).unwrap_or(tokens.len())
}

/// Behind the first `;` or `{}`, where an item ends.
fn end_of_item(tokens: &[TokenTree], at: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Punct(mark) => mark.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    };
    (at..tokens.len()).find(|i| tokens.get(*i).is_some_and(ends)).map_or(tokens.len(), |end| end + 1)
}

/// `[cfg(test)]`, `[cfg(all(test, ...))]` or `[test]`.
fn is_for_tests(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// The path whose first word stands at `at`, and where it ends.
fn path_at(tokens: &[TokenTree], mut at: usize) -> (Vec<String>, usize) {
    let mut segments = Vec::new();
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        segments.push(word.to_string());
        at += 1;
        if !(is_mark(tokens.get(at), ':') && is_mark(tokens.get(at + 1), ':')) {
            break;
        }
        at += 2;
    }
    (segments, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(text: &str) -> Vec<String> {
        Names::of(&File::new("x.rs", text)).used.iter().map(Name::to_string).collect()
    }

    #[test]
    fn names_are_found_where_code_is() {
        let all = used("/// std::fs\nfn f() { let x = \"std::net\"; g!(a::b()); } // std::env");
        assert!(all.contains(&"a::b".to_owned()));
        assert!(!all.iter().any(|name| name.starts_with("std")), "{all:?}");
    }

    #[test]
    fn use_trees_and_renames_are_followed() {
        let all =
            used("use std::{fs as disk, io::{self, Read}, net::*};\nfn f() { disk::read(); io::stdin(); }");
        for name in ["std::fs", "std::io", "std::io::Read", "std::net::*", "std::fs::read", "std::io::stdin"]
        {
            assert!(all.contains(&name.to_owned()), "{name} in {all:?}");
        }
        assert!(
            used("extern crate std as s; fn f() { s::fs::read(); }").contains(&"std::fs::read".to_owned())
        );
        assert!(
            used("fn f() -> impl Iterator<Item = u8> + use<'_> { std::iter::empty() }")
                .contains(&"std::iter::empty".to_owned())
        );
    }

    #[test]
    fn what_is_for_tests_is_left_out_and_nothing_else() {
        let text = "fn a() { one::a(); }\n#[cfg(test)]\nmod tests { fn b() { two::b(); } }\n\
                    #[cfg(test)] mod cases;\n#[cfg(not(test))] fn c() { three::c(); }\n#[test] fn d() { four::d() }";
        let names = Names::of(&File::new("x.rs", text));
        let all: Vec<String> = names.used.iter().map(Name::to_string).collect();
        assert!(all.contains(&"one::a".to_owned()) && all.contains(&"three::c".to_owned()));
        assert!(!all.contains(&"two::b".to_owned()) && !all.contains(&"four::d".to_owned()));
        assert_eq!(names.test_modules, ["cases"]);
    }

    #[test]
    fn globs_reach_what_they_bring_in() {
        let name = |path: &str| Name { segments: path.split("::").map(str::to_owned).collect(), line: 1 };
        assert!(name("std::time::*").reaches("std::time::Instant"));
        assert!(name("std::fs::read").reaches("std::fs") && !name("std::fsx").reaches("std::fs"));
        assert!(!name("std::io::*").reaches("std::fs") && !name("std").reaches("std::fs"));
    }
}
