//! The text of `!Sub`, and the targets of `!GetAtt`.

use super::document::{Kind, Node};

/// A piece of a `!Sub` text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Literal(&'t str),
    /// `${Name}`: a parameter, a pseudo parameter, a resource or a name of the second argument.
    Name(&'t str),
    /// `${Resource.Attribute}`.
    Attribute(&'t str, &'t str),
}

/// Cuts a `!Sub` text into pieces; `${!Literal}` stands for `${Literal}`.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if start > 0 {
            pieces.push(Piece::Literal(&rest[..start]));
        }
        let inner = &rest[start + 2..];
        let Some(end) = inner.find('}') else {
            return Err(format!("'${{{inner}' is not closed; write ${{!…}} for a literal ${{…}}"));
        };
        let name = &inner[..end];
        if let Some(literal) = name.strip_prefix('!') {
            pieces.push(Piece::Literal("${"));
            pieces.push(Piece::Literal(literal));
            pieces.push(Piece::Literal("}"));
        } else if let Some((resource, attribute)) = name.split_once('.') {
            pieces.push(Piece::Attribute(resource.trim(), attribute.trim()));
        } else if name.trim().is_empty() {
            return Err("'${}' names nothing".to_owned());
        } else {
            pieces.push(Piece::Name(name.trim()));
        }
        rest = &inner[end + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    Ok(pieces)
}

/// The text of a `!Sub` and the node of its second argument, if it has one.
pub(super) fn arguments(argument: &Node) -> Result<(&str, Option<&Node>), String> {
    match &argument.kind {
        Kind::Text(text) => Ok((text, None)),
        Kind::List(items) => match items.as_slice() {
            [Node { kind: Kind::Text(text), .. }, names @ Node { kind: Kind::Map(_), .. }] => {
                Ok((text, Some(names)))
            }
            _ => Err("takes text, or a list of text and a map of names".to_owned()),
        },
        _ => Err("takes text, or a list of text and a map of names".to_owned()),
    }
}

/// The resource and the attribute that a `!GetAtt` names.
pub(super) fn get_att(argument: &Node) -> Result<(&str, &str), String> {
    let found = match &argument.kind {
        Kind::Text(text) => text.split_once('.'),
        Kind::List(items) => match items.as_slice() {
            [Node { kind: Kind::Text(resource), .. }, Node { kind: Kind::Text(attribute), .. }] => {
                Some((resource.as_str(), attribute.as_str()))
            }
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(|| "takes a resource and an attribute, such as !GetAtt SomeTable.Arn".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_into_pieces() {
        let cut = pieces("arn:${AWS::Region}/${Table.Arn}${!Kept} $context ${ A }").unwrap();
        assert_eq!(
            cut,
            [
                Piece::Literal("arn:"),
                Piece::Name("AWS::Region"),
                Piece::Literal("/"),
                Piece::Attribute("Table", "Arn"),
                Piece::Literal("${"),
                Piece::Literal("Kept"),
                Piece::Literal("}"),
                Piece::Literal(" $context "),
                Piece::Name("A"),
            ]
        );
        assert_eq!(pieces("").unwrap(), []);
        assert!(pieces("a ${b").unwrap_err().contains("not closed"));
        assert!(pieces("${}").unwrap_err().contains("names nothing"));
    }
}
