//! Replication errors as the servers word them → what may be shown: without statements and values, which are the users' data.

/// Longer texts say no more.
const LONGEST: usize = 240;
/// Where a statement, or what is not for people, begins.
const ENDS: [&str; 6] = [
    " on query",
    "Query: '",
    ", Error_code:",
    "; handler error",
    " See error log",
    "\n",
];
/// Errors whose quoted words are names of tables, columns and files, or GTIDs; any other may quote a value.
const QUOTE_NAMES: [i64; 14] = [
    1032, 1049, 1050, 1051, 1054, 1060, 1061, 1091, 1146, 1236, 1305, 1594, 1677, 1950,
];

/// An error of the thread that applies: number and what is harmless of the text.
pub(super) fn applying(number: i64, text: &str) -> String {
    let text = text.trim();
    let clause = match text.strip_prefix("Error '") {
        Some(inner) => first_clause(inner).trim_end_matches('\''),
        None => first_clause(text),
    };
    let clause = match QUOTE_NAMES.contains(&number) {
        true => clause.to_owned(),
        false => without_quotes(clause),
    };
    numbered(number, &clause)
}

/// An error of the thread that receives: it knows addresses and log files, but no data.
pub(super) fn receiving(number: i64, text: &str) -> String {
    numbered(number, first_clause(text.trim()))
}

fn numbered(number: i64, text: &str) -> String {
    let short: String = text.trim().chars().take(LONGEST).collect();
    format!("{number} {short}").trim_end().to_owned()
}

fn first_clause(text: &str) -> &str {
    let end = ENDS.iter().filter_map(|end| text.find(end)).min();
    let clause = end.and_then(|end| text.get(..end)).unwrap_or(text);
    clause.trim_end_matches(['.', ' '])
}

/// Everything from the first quotation on: a value may hold quotes itself, so where it ends cannot be told.
fn without_quotes(text: &str) -> String {
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        // "Can't" is no quotation.
        if matches!(c, '\'' | '"') && !before.is_alphanumeric() {
            return format!("{}…", text.get(..at).unwrap_or_default());
        }
        before = c;
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_statement_nor_a_value_is_shown() {
        let statement = "Error 'Duplicate entry 'bob@example.com' for key 'PRIMARY'' on query. Default database: 'shop'. \
                         Query: 'insert into t values (5,'secret')'";
        assert_eq!(applying(1062, statement), "1062 Duplicate entry …");
        let row = "Could not execute Write_rows_v1 event on table shop.t; Duplicate entry '5' for key 'PRIMARY', \
                   Error_code: 1062; handler error HA_ERR_FOUND_DUPP_KEY; the event's master log b.000001, end_log_pos 2250";
        assert_eq!(
            applying(1062, row),
            "1062 Could not execute Write_rows_v1 event on table shop.t; Duplicate entry …"
        );
        let sly = "Duplicate entry 'it's on query x' for key 'k'";
        assert_eq!(applying(1062, sly), "1062 Duplicate entry …");
        assert_eq!(
            applying(1366, "Incorrect integer value: \"x\" for column"),
            "1366 Incorrect integer value: …"
        );
    }

    #[test]
    fn names_are_shown_where_only_names_are_quoted() {
        let missing = "Error executing row event: 'Table 'shop.t' doesn't exist'";
        assert_eq!(
            applying(1146, missing),
            "1146 Error executing row event: 'Table 'shop.t' doesn't exist'"
        );
        let whole = "Error 'Table 'shop.t2' doesn't exist' on query. Default database: ''. Query: 'insert'";
        assert_eq!(applying(1146, whole), "1146 Table 'shop.t2' doesn't exist");
        let gone = "Could not execute Delete_rows_v1 event on table shop.t; Can't find record in 't', Error_code: 1032; x";
        assert_eq!(
            applying(1032, gone),
            "1032 Could not execute Delete_rows_v1 event on table shop.t; Can't find record in 't'"
        );
    }

    #[test]
    fn what_receiving_meets_is_kept_but_not_at_any_length() {
        let text = "error connecting to master 'repl@db:3306' - retry-time: 60  maximum-retries: 100000";
        assert_eq!(receiving(2003, text), format!("2003 {text}"));
        assert!(receiving(2003, &"ä".repeat(999)).chars().count() <= LONGEST + 5);
        assert_eq!(receiving(2013, ""), "2013");
    }
}
