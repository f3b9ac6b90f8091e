//! Brackets: what each pair holds, and whether it is laid out over lines.

use super::pieces::Pieces;
use super::wide::Forced;

/// What a pair of brackets holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `{ … }` with members.
    Block,
    /// Elements between commas: lists, arguments, parameters, imported names.
    Elements,
    /// `( … )` around an expression.
    Paren,
    /// Within `#[ … ]`, where no line may break.
    Attribute,
}

/// A pair of brackets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub kind: Kind,
    pub open: usize,
    pub close: usize,
    /// Laid out over lines.
    pub multi: bool,
}

/// All pairs of a text.
pub(super) struct Groups {
    pub list: Vec<Group>,
    /// For each piece the group it stands in; an opener and a closer stand in the group outside.
    around: Vec<Option<usize>>,
    /// For each bracket its own group.
    own: Vec<Option<usize>>,
    /// Commas between members or elements.
    separators: Vec<bool>,
    /// Pieces behind which a comma is put.
    commas: Vec<bool>,
}

impl Groups {
    pub fn new(pieces: &Pieces<'_>) -> Groups {
        let n = pieces.list.len();
        let mut groups = Groups {
            list: Vec::new(),
            around: vec![None; n],
            own: vec![None; n],
            separators: vec![false; n],
            commas: vec![false; n],
        };
        let mut stack: Vec<usize> = Vec::new();
        for (i, piece) in pieces.list.iter().enumerate() {
            let outer = stack.last().copied();
            let in_attribute =
                outer.and_then(|g| groups.list.get(g)).is_some_and(|g| g.kind == Kind::Attribute);
            let opener = piece.is_mark("{") || piece.is_mark("(") || piece.is_mark("[");
            let closer = piece.is_mark("}") || piece.is_mark(")") || piece.is_mark("]");
            if opener {
                let before = i.checked_sub(1).and_then(|p| pieces.get(p));
                let kind = match piece.text {
                    _ if in_attribute || before.is_some_and(|p| p.is_mark("#")) => Kind::Attribute,
                    "{" if before.is_some_and(|p| p.is_mark(".")) => Kind::Elements,
                    "{" => Kind::Block,
                    "(" if pieces.is_paren(i) => Kind::Paren,
                    _ => Kind::Elements,
                };
                set(&mut groups.around, i, outer);
                set(&mut groups.own, i, Some(groups.list.len()));
                stack.push(groups.list.len());
                groups.list.push(Group { kind, open: i, close: n, multi: false });
            } else if closer && let Some(g) = stack.pop() {
                if let Some(group) = groups.list.get_mut(g) {
                    group.close = i;
                }
                set(&mut groups.own, i, Some(g));
                set(&mut groups.around, i, stack.last().copied());
            } else {
                set(&mut groups.around, i, outer);
            }
        }
        for (i, piece) in pieces.list.iter().enumerate() {
            if !piece.is_mark(",") {
                continue;
            }
            let next = pieces.code_from(i + 1);
            let separates = match groups.around(i).map(|g| g.kind) {
                // The comma of `every 100 steps, keep 2` belongs to the cadence.
                Some(Kind::Block) => {
                    next.is_none_or(|n| pieces.is_start(n) || pieces.get(n).is_some_and(|p| p.is_mark("}")))
                }
                Some(Kind::Elements) => true,
                Some(Kind::Paren | Kind::Attribute) | None => false,
            };
            if let Some(s) = groups.separators.get_mut(i) {
                *s = separates;
            }
        }
        groups
    }

    /// Decides which groups are laid out over lines: those with a line break directly inside, or forced.
    pub fn decide(&mut self, pieces: &Pieces<'_>, forced: &Forced) {
        let mut multi: Vec<bool> = self.list.iter().map(|g| forced.groups.contains(&g.open)).collect();
        for (i, piece) in pieces.list.iter().enumerate() {
            if piece.breaks == 0 {
                continue;
            }
            // The group that the gap before the piece lies in.
            let group = match self.own(i) {
                Some(g) if g.close == i => self.own.get(i).copied().flatten(),
                _ => self.around.get(i).copied().flatten(),
            };
            if let Some(m) = group.and_then(|g| multi.get_mut(g)) {
                *m = true;
            }
        }
        self.commas.iter_mut().for_each(|c| *c = false);
        for (g, group) in self.list.iter_mut().enumerate() {
            let may = matches!(group.kind, Kind::Block | Kind::Elements);
            let empty = group.close == group.open + 1;
            group.multi = may && !empty && multi.get(g).copied().unwrap_or(false);
            let last = pieces.code_before(group.close).filter(|&l| l > group.open);
            // A comma behind a comment moves in front of it.
            let late = (group.open..group.close).filter(|&c| {
                self.separators.get(c).copied().unwrap_or(false)
                    && self.around.get(c) == Some(&Some(g))
                    && pieces.get(c - 1).is_some_and(|p| p.is_comment())
            });
            if group.multi && group.kind == Kind::Elements {
                for c in late {
                    if let Some(slot) = pieces.code_before(c).and_then(|b| self.commas.get_mut(b)) {
                        *slot = true;
                    }
                }
            }
            if group.multi
                && group.kind == Kind::Elements
                && let Some(last) = last
                && !pieces.get(last).is_some_and(|p| p.is_mark(","))
                && let Some(c) = self.commas.get_mut(last)
            {
                *c = true;
            }
        }
    }

    /// The group that a piece stands in.
    pub fn around(&self, i: usize) -> Option<&Group> {
        self.around.get(i).copied().flatten().and_then(|g| self.list.get(g))
    }

    /// The group that a bracket opens or closes.
    pub fn own(&self, i: usize) -> Option<&Group> {
        self.own.get(i).copied().flatten().and_then(|g| self.list.get(g))
    }

    pub fn opens(&self, i: usize) -> bool {
        self.own(i).is_some_and(|g| g.open == i)
    }

    pub fn closes(&self, i: usize) -> bool {
        self.own(i).is_some_and(|g| g.close == i)
    }

    pub fn opens_multi(&self, i: usize) -> bool {
        self.own(i).is_some_and(|g| g.open == i && g.multi)
    }

    pub fn closes_multi(&self, i: usize) -> bool {
        self.own(i).is_some_and(|g| g.close == i && g.multi)
    }

    /// Whether a comma separates members or elements.
    pub fn is_separator(&self, i: usize) -> bool {
        self.separators.get(i).copied().unwrap_or(false)
    }

    /// Whether a comma is put behind a piece.
    pub fn adds_comma(&self, i: usize) -> bool {
        self.commas.get(i).copied().unwrap_or(false)
    }

    /// How many groups a piece stands in.
    pub fn depth(&self, i: usize) -> usize {
        let mut depth = 0;
        let mut at = i;
        while let Some(group) = self.around(at) {
            depth += 1;
            at = group.open;
        }
        depth
    }
}

fn set(list: &mut [Option<usize>], i: usize, value: Option<usize>) {
    if let Some(slot) = list.get_mut(i) {
        *slot = value;
    }
}
