//! Names of grammar rules in the words of the language.

use crate::grammar::Rule;

/// What could have stood somewhere, in at most four names; empty if there is nothing worth saying.
pub(super) fn expected(rules: &[Rule]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in rules.iter().filter_map(|r| name(*r)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // Where a value may go on it may also be called, weighed and compared; the marks that end it say more.
    if names.len() > 4 {
        names.retain(|n| {
            !matches!(*n, "an operator" | "`(`" | "`.`" | "`with`" | "a block" | "a unit" | "`every`")
        });
    }
    names.truncate(4);
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

fn name(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::expr | Rule::ops | Rule::plain_sum | Rule::plain_ops => "a value",
        Rule::ident | Rule::name | Rule::plain_named => "a name",
        Rule::unit => "a unit",
        Rule::text => "a text literal",
        Rule::number | Rule::quantity => "a number",
        Rule::comma => "`,`",
        Rule::colon => "`:`",
        Rule::assign => "`=`",
        Rule::arrow | Rule::result => "`->`",
        Rule::fat_arrow => "`=>`",
        Rule::lbrace | Rule::block | Rule::construct | Rule::record => "a block",
        Rule::rbrace => "`}`",
        Rule::lparen | Rule::arguments | Rule::call => "`(`",
        Rule::rparen => "`)`",
        Rule::lbracket | Rule::list => "a list",
        Rule::rbracket => "`]`",
        Rule::dot | Rule::access => "`.`",
        Rule::kw_then => "`then`",
        Rule::kw_else => "`else`",
        Rule::kw_in => "`in`",
        Rule::kw_as => "`as`",
        Rule::kw_end => "`end`",
        Rule::kw_stage => "`stage`",
        Rule::kw_with | Rule::with_block => "`with`",
        Rule::kw_every | Rule::every | Rule::cadence => "`every`",
        Rule::infix | Rule::plain_infix => "an operator",
        Rule::member => "a field",
        _ => return None,
    })
}
