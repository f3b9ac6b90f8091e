//! The tolerant parser: chunks in, tree and diagnostics out.

use std::collections::HashMap;

use pest::Parser as _;
use smolc_diag::{Diagnostic, FileId};

use crate::ast::{File, Ident, Item, ItemKind, Member, MemberKind};
use crate::brackets::{Brackets, brackets};
use crate::build::{Builder, Node, doc_text};
use crate::chunk::{ItemChunk, Opening, items};
use crate::explain::{self, Place};
use crate::grammar::{Grammar, Rule};
use crate::keywords;
use crate::lexed::Lexed;
use crate::members::{Piece, members};
use crate::memo::Memo;
use crate::patch::patched;
use crate::token::{Token, TokenKind, tokenize};

/// What parsing yields, whatever the text.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The tree; pieces that did not parse are error nodes.
    pub file: File,
    /// All tokens; concatenated, they are the text.
    pub tokens: Vec<Token>,
    /// What is wrong, in no particular order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a file. Never fails.
pub fn parse(file: FileId, text: &str) -> Parsed {
    let lexed = Lexed::new(file, text, tokenize(file, text));
    Parser { lexed, diagnostics: Vec::new(), memo: None }.parsed()
}

/// Parses a file as [`parse`] does, faster where `memo` knows its lines and items, and keeps what is new in it.
pub fn parse_with(memo: &mut Memo, file: FileId, text: &str) -> Parsed {
    let lexed = Lexed::new(file, text, memo.tokens(file, text));
    Parser { lexed, diagnostics: Vec::new(), memo: Some(memo) }.parsed()
}

pub(crate) struct Parser<'a> {
    pub lexed: Lexed<'a>,
    pub diagnostics: Vec<Diagnostic>,
    memo: Option<&'a mut Memo>,
}

/// Tokens `start..end` that go through one rule; `head` is the first behind docs and attributes.
#[derive(Clone, Copy)]
struct Chunk {
    start: usize,
    head: usize,
    end: usize,
}

impl Parser<'_> {
    fn parsed(mut self) -> Parsed {
        let file = self.file();
        Parsed { file, tokens: self.lexed.tokens, diagnostics: self.diagnostics }
    }

    fn file(&mut self) -> File {
        let mut tree = File::default();
        let start = self.header(&mut tree);
        for chunk in items(&self.lexed, start) {
            let item = self.item(chunk);
            tree.items.push(item);
        }
        tree
    }

    fn item(&mut self, chunk: ItemChunk) -> Item {
        let lexed = &self.lexed;
        let end = lexed.previous(chunk.end, chunk.start).map_or(chunk.start + 1, |p| p + 1);
        let last = lexed.span(end - 1);
        let start = lexed.span(chunk.start).start;
        let own = lexed.text.get(start as usize..last.end as usize).unwrap_or("");
        // Docs may be indented where the keyword is not, and indentation is judged by the line.
        let movable = chunk.opening == Opening::Keyword && lexed.indent(chunk.start) == 0;
        if movable && let Some(item) = self.memo.as_ref().and_then(|m| m.item(own, lexed.file, start)) {
            return item;
        }
        let whole = lexed.span(chunk.head.min(end - 1)).to(last);
        let (keyword, name) = self.names(chunk);
        let broken = |docs| Item {
            docs,
            attributes: Vec::new(),
            kind: ItemKind::Error { keyword: keyword.clone(), name: name.clone() },
            span: whole,
        };
        let before = self.diagnostics.len();
        let found = brackets(&self.lexed, chunk.start, end);
        let odd = explain::odd_tokens(&self.lexed, chunk.start, end, &mut self.diagnostics);
        let docs = self.docs(chunk.start, chunk.head);
        if let Some(d) = explain::too_deep(&self.lexed, chunk.start, end) {
            self.diagnostics.push(d);
            return broken(docs);
        }
        match chunk.opening {
            Opening::Keyword => {}
            Opening::Indented => self.diagnostics.push(explain::indented_item(&self.lexed, chunk.head)),
            opening => {
                if !odd {
                    let d = explain::opening(&self.lexed, chunk.head, end, opening);
                    self.diagnostics.push(d);
                }
                return broken(docs);
            }
        }
        if !self
            .lexed
            .tokens
            .get(chunk.start..end)
            .unwrap_or(&[])
            .iter()
            .any(|t| t.kind == TokenKind::BadText)
        {
            explain::brackets(&self.lexed, chunk.start, &found, &mut self.diagnostics);
        }
        if found.unclosed.is_empty()
            && found.stray.is_empty()
            && let Some(d) = explain::column_zero(&self.lexed, chunk.head, end)
        {
            self.diagnostics.push(d);
        }
        let piece = Chunk { start: chunk.start, head: chunk.head, end };
        let refused = self.diagnostics.len();
        match self.chunk(piece, &found, Rule::only_item, |b, n| b.item(n)) {
            Some(item) => {
                if movable
                    && self.diagnostics.len() == before
                    && let Some(memo) = &mut self.memo
                {
                    memo.keep(own, start, &item);
                }
                item
            }
            None => {
                if self.diagnostics.len() == before.max(refused) && before == refused {
                    self.diagnostics.push(explain::unreadable(whole));
                }
                broken(docs)
            }
        }
    }

    fn member(&mut self, start: usize, end: usize, found: &Brackets) -> Member {
        let head = self.member_head(start, end);
        let piece = Chunk { start, head, end };
        let built = self.chunk(piece, found, Rule::only_member, |b, n| b.member(n));
        built.unwrap_or_else(|| {
            let name = (self.lexed.kind(head) == TokenKind::Word && head < end).then(|| {
                let keyword = matches!(self.lexed.str(head), "stage" | "run" | "drop");
                let next = self.lexed.next(head + 1, end).filter(|&n| self.lexed.kind(n) == TokenKind::Word);
                self.ident(next.filter(|_| keyword).unwrap_or(head))
            });
            Member {
                docs: self.docs(start, head),
                attributes: Vec::new(),
                kind: MemberKind::Error { name },
                span: self.lexed.span(head.min(end - 1)).to(self.lexed.span(end - 1)),
            }
        })
    }

    /// The first token of a member behind its docs and attributes.
    fn member_head(&self, start: usize, end: usize) -> usize {
        let mut i = start;
        while let Some(next) = self.lexed.next_code(i, end) {
            if !self.lexed.is_mark(next, "#") {
                return next;
            }
            let line = self.lexed.line(next);
            i = (next..end).find(|&k| self.lexed.line(k) > line).unwrap_or(end);
        }
        end
    }

    /// Members between two braces, each parsed by itself.
    fn block(&mut self, start: usize, end: usize, found: &Brackets) -> Vec<Member> {
        let mut nodes = Vec::new();
        for piece in members(&self.lexed, start, end, found) {
            match piece {
                Piece::Member(s, e) => {
                    let member = self.member(s, e, found);
                    nodes.push(member);
                }
                Piece::Comma(i) => self.diagnostics.push(explain::extra_comma(&self.lexed, i)),
            }
        }
        nodes
    }

    /// Parses a chunk by a strict rule; if it fails, again with its blocks taken out and parsed member by member.
    fn chunk<T>(
        &mut self,
        chunk: Chunk,
        found: &Brackets,
        rule: Rule,
        build: impl Fn(&mut Builder<'_>, Node<'_>) -> T,
    ) -> Option<T> {
        let Chunk { start, head, end } = chunk;
        let base = self.lexed.span(start).start as usize;
        let text = self.lexed.text;
        let sound = (start..end).all(|i| !explain::is_odd(self.lexed.kind(i)) && !found.is_bad(i));
        if sound {
            let own = text.get(base..self.lexed.span(end - 1).end as usize).unwrap_or("");
            if let Ok(node) = self.run_rule(rule, own, base, HashMap::new(), &build) {
                return Some(node);
            }
        }
        let line = self.lexed.line(head);
        if (head..end).any(|i| self.lexed.kind(i) == TokenKind::BadText && self.lexed.line(i) == line) {
            return None;
        }
        let keyword = self.lexed.str(head);
        let member = rule == Rule::only_member;
        let mut blocks =
            if keyword == "use" && !member { Vec::new() } else { self.blocks_of(start, end, found) };
        let heads_block = keywords::has_body(keyword)
            && self.lexed.next(head + 1, end).is_some_and(|n| self.lexed.kind(n) == TokenKind::Word);
        let mut own_text = None;
        if heads_block && !blocks.iter().any(|b| self.lexed.line(b.0) == self.lexed.line(head)) && !member {
            own_text = self.missing_block(chunk, found, &mut blocks);
        }
        let mut inner = HashMap::new();
        let torn: Vec<u32> = (start..end)
            .filter(|&i| self.lexed.kind(i) == TokenKind::BadText)
            .map(|i| self.lexed.line(i))
            .collect();
        for &(open, close) in &blocks {
            // Where a quote is missing, braces of text look like blocks.
            if torn.contains(&self.lexed.line(open)) {
                continue;
            }
            let nodes = self.block(open + 1, close.min(end), found);
            inner.insert(self.lexed.span(open).start as usize, nodes);
        }
        if let Some((text, key, nodes)) = own_text {
            inner.insert(key, nodes);
            return self.run_rule(rule, &text, base, inner, &build).ok();
        }
        let outside = |i: usize| !blocks.iter().any(|&(o, c)| o < i && i < c);
        let odd = (start..end).any(|i| outside(i) && explain::is_odd(self.lexed.kind(i)));
        let round = found
            .unclosed
            .iter()
            .any(|&i| (start..end).contains(&i) && outside(i) && !self.lexed.is_mark(i, "{"));
        if odd || round {
            return None;
        }
        let bad_bracket = (start..end).any(|i| outside(i) && found.is_bad(i))
            || found.stray.iter().any(|&i| self.lexed.line(i) == line);
        let patched = patched(&self.lexed, start, end, &blocks, found)?;
        match self.run_rule(rule, &patched, base, inner, &build) {
            Ok(node) => Some(node),
            Err(_) if bad_bracket => None,
            Err(error)
                if base + error.at >= self.lexed.span(end - 1).end as usize && self.is_cut(end, found) =>
            {
                None
            }
            Err(error) => {
                let place = Place {
                    start,
                    head,
                    end,
                    at: base + error.at,
                    expected: error.expected,
                    member,
                    blocks: &blocks,
                };
                self.diagnostics.push(explain::refused(&self.lexed, &place));
                None
            }
        }
    }

    /// Whether tokens end where an unclosed bracket ends: what is missing there was reported with the bracket.
    fn is_cut(&self, end: usize, found: &Brackets) -> bool {
        found
            .unclosed
            .iter()
            .filter_map(|o| found.close.get(o))
            .any(|&c| self.lexed.previous(c, 0) == Some(end - 1))
    }

    /// A head that should be followed by a block and is not: the lines behind it are its members.
    fn missing_block(
        &mut self,
        chunk: Chunk,
        found: &Brackets,
        blocks: &mut Vec<(usize, usize)>,
    ) -> Option<(String, usize, Vec<Member>)> {
        let line = self.lexed.line(chunk.head);
        let stop = (chunk.head..chunk.end).find(|&i| self.lexed.line(i) > line).unwrap_or(chunk.end);
        let last = self.lexed.previous(stop, chunk.head)?;
        // Behind `from`, `at` and the like, a value is missing before the brace is.
        if self.lexed.awaits(last) || matches!(self.lexed.str(last), "from" | "at" | "over" | "in" | "for") {
            return None;
        }
        let first = self.lexed.next(stop, chunk.end);
        if first.is_some_and(|f| !self.lexed.begins_member(f, chunk.end) && !found.stray.contains(&f)) {
            return None;
        }
        // The closer of the brace that is missing is a stray one; it was reported as such.
        let reported = found.stray.iter().any(|&s| s >= stop);
        if !reported {
            self.diagnostics.push(explain::missing_block(&self.lexed, chunk.head, last));
        }
        blocks.clear();
        let body_end = found.stray.last().copied().filter(|&s| s >= stop).unwrap_or(chunk.end);
        let nodes = self.block(stop, body_end, found);
        let start = self.lexed.span(chunk.start).start as usize;
        let end = self.lexed.span(last).end as usize;
        let text = format!("{} {{}}", self.lexed.text.get(start..end).unwrap_or(""));
        Some((text, end + 1, nodes))
    }

    /// Blocks of a chunk that stand in no other block: opening brace and the token behind the inside.
    fn blocks_of(&self, start: usize, end: usize, found: &Brackets) -> Vec<(usize, usize)> {
        let mut blocks = Vec::new();
        let mut i = start;
        while i < end {
            match found.close.get(&i) {
                Some(&close) if self.lexed.is_mark(i, "{") => {
                    blocks.push((i, close));
                    i = close.max(i + 1);
                }
                _ => i += 1,
            }
        }
        blocks
    }

    fn run_rule<T>(
        &mut self,
        rule: Rule,
        text: &str,
        base: usize,
        blocks: HashMap<usize, Vec<Member>>,
        build: &impl Fn(&mut Builder<'_>, Node<'_>) -> T,
    ) -> Result<T, Refusal> {
        match Grammar::parse(rule, text) {
            Ok(pairs) => {
                let node = pairs
                    .flat_map(|p| p.into_inner())
                    .find(|p| matches!(p.as_rule(), Rule::item | Rule::member));
                let mut builder = Builder {
                    file: self.lexed.file,
                    base,
                    limit: self.lexed.text.len(),
                    tokens: &self.lexed.tokens,
                    blocks,
                    diagnostics: &mut self.diagnostics,
                };
                node.map(|n| build(&mut builder, n)).ok_or(Refusal { at: 0, expected: Vec::new() })
            }
            Err(error) => Err(Refusal::of(&error)),
        }
    }

    /// Keyword and name of an item that may not parse.
    fn names(&self, chunk: ItemChunk) -> (Option<Ident>, Option<Ident>) {
        let word = |i: usize| (self.lexed.kind(i) == TokenKind::Word).then(|| self.ident(i));
        let behind = |i: usize| {
            self.lexed
                .next(i + 1, chunk.end)
                .filter(|&n| self.lexed.line(n) == self.lexed.line(i))
                .and_then(word)
        };
        match chunk.opening {
            Opening::Keyword | Opening::Indented => (word(chunk.head), behind(chunk.head)),
            Opening::Misspelled(_) | Opening::Unknown => (None, behind(chunk.head)),
            Opening::Binding => (None, word(chunk.head)),
            Opening::Field | Opening::Stray => (None, None),
        }
    }

    fn ident(&self, i: usize) -> Ident {
        Ident { text: self.lexed.str(i).to_owned(), span: self.lexed.span(i) }
    }

    fn docs(&self, start: usize, head: usize) -> Vec<String> {
        let docs = (start..head).filter(|&i| self.lexed.kind(i) == TokenKind::Doc);
        docs.map(|i| doc_text(self.lexed.str(i), "///")).collect()
    }
}

/// Where a rule stopped, in its text, and what it would have taken there.
pub(crate) struct Refusal {
    pub at: usize,
    pub expected: Vec<Rule>,
}

impl Refusal {
    fn of(error: &pest::error::Error<Rule>) -> Refusal {
        let at = match error.location {
            pest::error::InputLocation::Pos(p) | pest::error::InputLocation::Span((p, _)) => p,
        };
        let expected = match &error.variant {
            pest::error::ErrorVariant::ParsingError { positives, .. } => positives.clone(),
            pest::error::ErrorVariant::CustomError { .. } => Vec::new(),
        };
        Refusal { at, expected }
    }
}
