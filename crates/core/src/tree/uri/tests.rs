//! Every form of address found in the wild, and the promise that no password is shown.

use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Uri {
    Uri::parse(text, None).unwrap_or_else(|error| panic!("{}: {error}", mask(text)))
}

/// user, password, host, port, path, masked.
fn check(text: &str, want: (Option<&str>, Option<&str>, &str, Option<u16>, &str), masked: &str) {
    let uri = parse(text);
    let (user, password, host, port, path) = want;
    assert_eq!(uri.user.as_deref(), user, "{masked}");
    assert_eq!(
        uri.password.as_ref().map(|p| p.expose().as_str()),
        password,
        "{masked}"
    );
    assert_eq!(uri.hosts.first().map(|h| h.name.as_str()), Some(host), "{masked}");
    assert_eq!(uri.hosts.first().and_then(|h| h.port), port, "{masked}");
    assert_eq!(uri.path, path, "{masked}");
    assert_eq!(uri.to_string(), masked);
}

#[test]
fn servers() {
    check(
        "postgres://u:p@h:5432/db",
        (Some("u"), Some("p"), "h", Some(5432), "db"),
        "postgres://u:***@h:5432/db",
    );
    check(
        "postgresql://app:S3cr:et%40pw@db.internal:5432/x",
        (Some("app"), Some("S3cr:et@pw"), "db.internal", Some(5432), "x"),
        "postgresql://app:***@db.internal:5432/x",
    );
    check(
        "postgresql://u:a@b@h/db",
        (Some("u"), Some("a@b"), "h", None, "db"),
        "postgresql://u:***@h/db",
    );
    check(
        "postgresql://u:a/b@h/db",
        (Some("u"), Some("a/b"), "h", None, "db"),
        "postgresql://u:***@h/db",
    );
    check(
        "postgresql://u:a@b/c@h:1/db",
        (Some("u"), Some("a@b/c"), "h", Some(1), "db"),
        "postgresql://u:***@h:1/db",
    );
    check(
        "postgresql://u:100%@h/db",
        (Some("u"), Some("100%"), "h", None, "db"),
        "postgresql://u:***@h/db",
    );
    check(
        "postgresql://u:%zz%ff@h/db",
        (Some("u"), Some("%zz%ff"), "h", None, "db"),
        "postgresql://u:***@h/db",
    );
    check(
        "postgresql://u:a?b@h/db",
        (Some("u"), Some("a?b"), "h", None, "db"),
        "postgresql://u:***@h/db",
    );
    check(
        "mysql://root:@127.0.0.1:3306/shop",
        (Some("root"), Some(""), "127.0.0.1", Some(3306), "shop"),
        "mysql://root:***@127.0.0.1:3306/shop",
    );
    check(
        "mysql://root@127.0.0.1:3307/shop",
        (Some("root"), None, "127.0.0.1", Some(3307), "shop"),
        "mysql://root@127.0.0.1:3307/shop",
    );
    check(
        "mysql://h/shop",
        (None, None, "h", None, "shop"),
        "mysql://h/shop",
    );
    check(
        "oracle://fit:zone@ora.internal:1521/XEPDB1",
        (Some("fit"), Some("zone"), "ora.internal", Some(1521), "XEPDB1"),
        "oracle://fit:***@ora.internal:1521/XEPDB1",
    );
    check(
        "redis://:pw@[::1]:6379/0",
        (Some(""), Some("pw"), "::1", Some(6379), "0"),
        "redis://:***@[::1]:6379/0",
    );
    check(
        "POSTGRES://u:p@h",
        (Some("u"), Some("p"), "h", None, ""),
        "POSTGRES://u:***@h",
    );
}

#[test]
fn options_and_clusters() {
    let uri = parse("mongodb+srv://etl:pw@c0.example.net/analytics?replicaSet=rs0&authSource=admin");
    assert_eq!(uri.scheme.as_deref(), Some("mongodb+srv"));
    let options: Vec<_> = uri
        .options
        .iter()
        .map(|(k, v)| (k.as_str(), v.expose().as_str()))
        .collect();
    assert_eq!(options, [("replicaSet", "rs0"), ("authSource", "admin")]);
    let uri = parse("mongodb://u:p@h1:27017,h2:27018/db");
    assert_eq!(uri.hosts.len(), 2);
    assert_eq!(
        uri.hosts[1],
        Host {
            name: "h2".into(),
            port: Some(27018)
        }
    );
    // An @ in the query is not the end of the password, but the mask takes no chances.
    let uri = parse("postgres://u:p@h/db?user=a@b");
    assert_eq!((uri.hosts[0].name.as_str(), uri.path.as_str()), ("h", "db"));
    assert_eq!(uri.to_string(), "postgres://u:***@b");
}

#[test]
fn files() {
    for text in [
        "./data/local.db",
        ":memory:",
        "/srv/a@b:c.db",
        "C:\\data\\x.db",
        "file:local.db",
    ] {
        let uri = Uri::parse(text, Some(&Dialect::new("sqlite"))).unwrap();
        assert_eq!((uri.path.as_str(), uri.hosts.len()), (text, 0));
        assert_eq!(uri.to_string(), text);
    }
    assert_eq!(Uri::parse("sqlite://data/x.db", None).unwrap().path, "data/x.db");
}

#[test]
fn refusals_say_why_without_the_text() {
    let postgres = Dialect::new("postgres");
    let parse = |text| Uri::parse(text, Some(&postgres));
    assert_eq!(parse(""), Err(UriError::Empty));
    assert_eq!(parse("hunter2"), Err(UriError::NoScheme));
    assert_eq!(parse("postgres://"), Err(UriError::NoHost));
    assert_eq!(parse("postgres://u:p@h:99999/db"), Err(UriError::BadPort));
    assert_eq!(parse("postgres://u:p@h:0/db"), Err(UriError::BadPort));
}

#[test]
fn masked_passwords_are_recognised() {
    assert!(parse("postgres://app:***@h/db").password_is_masked());
    assert!(!parse("postgres://app:real@h/db").password_is_masked());
}

#[test]
fn options_that_are_secret_are_hidden() {
    for (text, masked) in [
        (
            "postgres://h/db?user=u&password=pw1&x=1",
            "postgres://h/db?user=u&password=***&x=1",
        ),
        (
            "jdbc:sqlserver://h:1433;databaseName=d;password=pw1;x=1",
            "jdbc:sqlserver://h:1433;databaseName=d;password=***;x=1",
        ),
        ("Server=h;User Id=sa;Pwd=pw1;", "Server=h;User Id=sa;Pwd=***;"),
        (
            "postgres://h/db?sslpassword=pw1",
            "postgres://h/db?sslpassword=***",
        ),
        ("libsql://h?authToken=pw1", "libsql://h?authToken=***"),
        ("host=h pass%77ord=pw1 dbname=x", "host=h pass%77ord=*** dbname=x"),
        ("postgres://pw1%pw1@h/db", "postgres://***@h/db"),
    ] {
        assert_eq!(mask(text), masked);
    }
}

#[test]
fn a_secret_is_hidden_to_its_end() {
    for (text, masked) in [
        // An @ in an option, or an option in a password: hidden is what either could be.
        ("postgres://h:5432/db?x=1&password=@pw1", "postgres://h:***"),
        ("postgres://h/db?password=pw1@pw1", "postgres://***"),
        ("postgres://u:pw1;password=pw1@h/db", "postgres://u:***"),
        (
            "postgres://u:pw1?a=b@h/db?password=pw1&x=1",
            "postgres://u:***@h/db?password=***&x=1",
        ),
        ("Server=h;Pwd=://pw1://h", "Server=h;Pwd=***"),
        // A separator ends a value only where another option begins.
        (
            "postgres://h/db?password=pw1&pw1?pw1;pw1&x=1",
            "postgres://h/db?password=***&x=1",
        ),
        (
            "Server=h;Password=pw1 pw1&pw1;User Id=sa",
            "Server=h;Password=***;User Id=sa",
        ),
        (
            "host=h password = 'pw1 x=pw1' dbname=d",
            "host=h password = *** dbname=d",
        ),
        (
            "Server=h;Pwd={pw1;x=pw1}};x};Encrypt=no;",
            "Server=h;Pwd=***;Encrypt=no;",
        ),
        ("Server=h;Pwd=\"pw1;x=pw1", "Server=h;Pwd=***"),
        ("h?password=pw1&=pw1#pw1;=pw1", "h?password=***"),
        ("h?password=pw1;; x = 1", "h?password=***;; x = 1"),
        // No `://`, and yet a login; but a path is a path.
        ("app:pw1@h/db", "app:***@h/db"),
        ("jdbc:oracle:thin:scott/pw1@//h:1521/db", "jdbc:***@//h:1521/db"),
        ("/srv/a:b@c.db", "/srv/a:b@c.db"),
        ("C:\\a@b.db", "C:\\a@b.db"),
    ] {
        assert_eq!(mask(text), masked);
    }
}

#[test]
fn a_long_text_takes_no_longer_than_it_is() {
    for filler in ["x &", "&", " ", "=", "'x ", "pass=", "@:"] {
        let text = format!("h?password=1{}#", filler.repeat(300_000));
        assert!(mask(&text).len() < text.len());
    }
}

proptest! {
    #[test]
    fn no_password_survives_masking(
        user in "[a-z]{1,8}",
        secret in "[A-Za-z0-9]{6,12}",
        before in "[@:/?#%&=;,*\\[\\] .-]{0,4}",
        after in "[@:/?#%&=;,*\\[\\] .-]{0,4}",
        tail in prop_oneof![Just(""), Just("/db"), Just("/db?sslmode=require&x=a@b"), Just(":5432/db#f")],
    ) {
        let text = format!("postgresql://{user}:{before}{secret}{after}@host{tail}");
        prop_assume!(!user.contains(&secret) && !"postgresql://:***@host/db?sslmode=require&x=a@b".contains(&secret));
        prop_assert!(!mask(&text).contains(&secret), "{}", mask(&text));
        if let Ok(uri) = Uri::parse(&text, None) {
            let shown = format!("{uri} {uri:?} {uri:#?}");
            prop_assert!(!shown.contains(&secret), "{}", shown);
        }
    }

    #[test]
    fn any_text_is_answered(text in "\\PC*") {
        let _ = mask(&text);
        let _ = Uri::parse(&text, None).map_err(|error| error.to_string());
    }
}
