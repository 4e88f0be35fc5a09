//! Whether an answer can be excused: it contradicts the truth if what it denies has been true for as long as the monitor may take to notice.
//!
//! What 200, 503 and the others mean is what docs/guides/balance.md says.

use super::LIMIT;
use super::load::{Question, Told};
use super::record::{Fact, Record};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// So near to the limit, either answer is right: between two looks a lag is interpolated.
const NEAR: Duration = Duration::from_millis(150);

/// What was true of each server, and how long the monitor may take.
pub(crate) struct Judge {
    pub(crate) primary: Record,
    pub(crate) lame: Record,
    pub(crate) steady: Record,
    pub(crate) budget: Duration,
}

/// What an answer was worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Agrees,
    /// The truth had changed too short a time ago, or is not known.
    Open,
    /// With what was true.
    Contradicts(&'static str),
}

impl Judge {
    pub(crate) fn of(&self, told: &Told) -> Verdict {
        let window = Window {
            judge: self,
            from: told.sent.checked_sub(self.budget).unwrap_or(told.sent),
            to: told.heard,
        };
        let yes = told.status == 200;
        match told.question {
            Question::Primary => window.leads().against(yes),
            Question::Lame => window.fit(&self.lame).against(yes),
            Question::Steady => window.fit(&self.steady).against(yes),
            Question::ReadOnly => window.read_only(told, yes),
            Question::Route => window.route(told),
            Question::Check => window.check(told.status),
        }
    }
}

/// What was true of something all the time.
#[derive(Clone, Copy, PartialEq)]
enum Truth {
    Yes,
    No(&'static str),
    Open,
}

impl Truth {
    /// What it makes of somebody who says yes or no.
    fn against(self, said: bool) -> Verdict {
        match (self, said) {
            (Self::Open, _) => Verdict::Open,
            (Self::Yes, true) | (Self::No(_), false) => Verdict::Agrees,
            (Self::Yes, false) => Verdict::Contradicts("it was fit"),
            (Self::No(why), true) => Verdict::Contradicts(why),
        }
    }
}

/// The time in which it must have been true.
struct Window<'a> {
    judge: &'a Judge,
    from: Instant,
    to: Instant,
}

impl Window<'_> {
    fn all(&self, of: &Record, holds: impl Fn(Fact) -> bool) -> bool {
        of.throughout(self.from, self.to, holds)
    }

    fn leads(&self) -> Truth {
        let primary = &self.judge.primary;
        if self.all(primary, |fact| matches!(fact, Fact::Behind(_))) {
            Truth::Yes
        } else if self.all(primary, |fact| fact == Fact::Silent) {
            Truth::No("the primary was silent")
        } else {
            Truth::Open
        }
    }

    /// Nobody is fit without a primary that can be asked: then no lag is known.
    fn fit(&self, replica: &Record) -> Truth {
        let leads = self.leads();
        if leads == Truth::Yes && self.all(replica, near_enough) {
            Truth::Yes
        } else if self.all(replica, |fact| fact == Fact::Silent) {
            Truth::No("it was silent")
        } else if self.all(replica, too_far) {
            Truth::No("it was too far behind")
        } else if matches!(leads, Truth::No(_)) {
            leads
        } else {
            Truth::Open
        }
    }

    /// The replicas by name.
    fn replicas(&self) -> [(&'static str, Truth); 2] {
        [
            ("r", self.fit(&self.judge.lame)),
            ("s", self.fit(&self.judge.steady)),
        ]
    }

    fn read_only(&self, told: &Told, yes: bool) -> Verdict {
        let replicas = self.replicas();
        let anybody = match (self.leads(), replicas) {
            (Truth::Yes, _) | (_, [(_, Truth::Yes), _] | [_, (_, Truth::Yes)]) => Truth::Yes,
            (Truth::No(why), [(_, Truth::No(_)), (_, Truth::No(_))]) => Truth::No(why),
            _ => Truth::Open,
        };
        let mut verdicts = vec![anybody.against(yes)];
        if yes {
            let body: Value = serde_json::from_slice(&told.body).unwrap_or_default();
            let named = |name: &str| body["replica"] == name;
            verdicts.extend(
                self.readers(named)
                    .into_iter()
                    .filter(|(named, _)| *named)
                    .map(|(_, verdict)| verdict),
            );
        }
        worst(verdicts)
    }

    fn route(&self, told: &Told) -> Verdict {
        let body: Value = serde_json::from_slice(&told.body).unwrap_or_default();
        let Some(read) = body["read"].as_array().filter(|_| told.status == 200) else {
            return Verdict::Contradicts("a route is always told");
        };
        let readers = self.readers(|name| read.iter().any(|read| read == name));
        let write = self.leads().against(body["write"] == "m");
        worst(readers.into_iter().map(|(_, verdict)| verdict).chain([write]))
    }

    /// For each server, whether it was named for reads and what that is worth: the primary only where no replica is fit.
    fn readers(&self, named: impl Fn(&str) -> bool) -> Vec<(bool, Verdict)> {
        let replicas = self.replicas();
        let other = replicas.iter().any(|(_, fit)| *fit == Truth::Yes);
        let primary = match other {
            true => Truth::No("a replica was fit"),
            // Whether it must be named depends on all of them; that it may not be silent does not.
            false if named("m") => self.leads(),
            false => Truth::Open,
        };
        let all = replicas.into_iter().chain([("m", primary)]);
        all.map(|(name, fit)| (named(name), fit.against(named(name))))
            .collect()
    }

    /// Those who do not answer are left out of the worst lag; without a primary there is none.
    fn check(&self, status: u16) -> Verdict {
        let replicas = [&self.judge.lame, &self.judge.steady];
        let silent = |fact| fact == Fact::Silent;
        let right = match self.leads() {
            Truth::Open => return Verdict::Open,
            Truth::No(_) => 500,
            Truth::Yes if !replicas.iter().all(|one| self.all(one, known)) => return Verdict::Open,
            Truth::Yes if replicas.iter().any(|one| self.all(one, too_far)) => 429,
            Truth::Yes
                if replicas
                    .iter()
                    .all(|one| self.all(one, near_enough) || self.all(one, silent)) =>
            {
                200
            }
            Truth::Yes => return Verdict::Open,
        };
        match status == right {
            true => Verdict::Agrees,
            false => Verdict::Contradicts(match right {
                200 => "all that answered were near enough",
                429 => "one was too far behind",
                _ => "nobody could tell",
            }),
        }
    }
}

fn near_enough(fact: Fact) -> bool {
    matches!(fact, Fact::Behind(lag) if lag + NEAR < LIMIT)
}

fn too_far(fact: Fact) -> bool {
    matches!(fact, Fact::Behind(lag) if lag > LIMIT + NEAR)
}

fn known(fact: Fact) -> bool {
    fact != Fact::Unclear
}

/// A contradiction before an agreement, and that before none.
fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Open => 0,
        Verdict::Agrees => 1,
        Verdict::Contradicts(_) => 2,
    };
    verdicts.into_iter().max_by_key(rank).unwrap_or(Verdict::Open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BUDGET: Duration = Duration::from_secs(2);

    fn seconds(secs: f64) -> Duration {
        Duration::from_secs_f64(secs)
    }

    /// A fact every tenth of a second for twenty seconds: `fact` between the two seconds, otherwise all is well.
    fn record(start: Instant, fact: Fact, from: f64, to: f64) -> Record {
        let facts = (0..200).map(|tenth| f64::from(tenth) / 10.0).map(|at| {
            let now = if (from..to).contains(&at) {
                fact
            } else {
                Fact::Behind(Duration::ZERO)
            };
            (start + seconds(at), now)
        });
        Record(facts.collect())
    }

    /// A judge of a replica to which that happens between 5 and 10 seconds, and who asks it.
    struct Case {
        start: Instant,
        judge: Judge,
    }

    impl Case {
        fn of(fact: Fact) -> Self {
            let start = Instant::now();
            let well = || record(start, Fact::Silent, 0.0, 0.0);
            let judge = Judge {
                primary: well(),
                lame: record(start, fact, 5.0, 10.0),
                steady: well(),
                budget: BUDGET,
            };
            Self { start, judge }
        }

        fn says(&self, question: Question, at: f64, status: u16, body: &Value) -> Verdict {
            let sent = self.start + seconds(at);
            self.judge.of(&Told {
                question,
                sent,
                heard: sent + seconds(0.01),
                took: seconds(0.01),
                status,
                body: body.to_string().into(),
            })
        }

        fn lame(&self, at: f64, status: u16) -> Verdict {
            self.says(Question::Lame, at, status, &Value::Null)
        }
    }

    #[test]
    fn an_answer_is_wrong_only_when_the_truth_is_old_enough() {
        for bad in [Fact::Silent, Fact::Behind(seconds(0.7))] {
            let case = Case::of(bad);
            assert_eq!(case.lame(4.0, 200), Verdict::Agrees);
            assert!(matches!(case.lame(4.0, 503), Verdict::Contradicts(_)));
            assert_eq!(case.lame(6.5, 200), Verdict::Open, "not noticed yet");
            assert_eq!(case.lame(6.5, 503), Verdict::Open, "noticed at once");
            assert_eq!(case.lame(8.0, 503), Verdict::Agrees);
            assert!(matches!(case.lame(8.0, 200), Verdict::Contradicts(_)));
            assert_eq!(case.lame(11.0, 503), Verdict::Open, "not let back in yet");
            assert!(matches!(case.lame(13.0, 503), Verdict::Contradicts(_)));
        }
        for unknown in [Fact::Unclear, Fact::Behind(seconds(0.5))] {
            let case = Case::of(unknown);
            assert_eq!(
                (case.lame(8.0, 200), case.lame(8.0, 503)),
                (Verdict::Open, Verdict::Open)
            );
        }
        assert_eq!(
            Case::of(Fact::Silent).lame(19.95, 503),
            Verdict::Open,
            "nobody looked"
        );
    }

    #[test]
    fn routes_name_all_who_are_fit_and_nobody_else() {
        let case = Case::of(Fact::Silent);
        let told = |at: f64, read: &Value, write: &Value| {
            case.says(Question::Route, at, 200, &json!({ "read": read, "write": write }))
        };
        assert_eq!(told(4.0, &json!(["r", "s"]), &json!("m")), Verdict::Agrees);
        assert_eq!(told(8.0, &json!(["s"]), &json!("m")), Verdict::Agrees);
        for (at, read, write) in [
            (4.0, json!(["s"]), json!("m")),
            (4.0, json!(["r", "s"]), json!(null)),
            (4.0, json!(["r", "s", "m"]), json!("m")),
            (8.0, json!(["r", "s"]), json!("m")),
        ] {
            assert!(
                matches!(told(at, &read, &write), Verdict::Contradicts(_)),
                "{at} {read} {write}"
            );
        }
        let reader =
            |at: f64, name: &str| case.says(Question::ReadOnly, at, 200, &json!({ "replica": name }));
        assert_eq!(
            (reader(4.0, "r"), reader(8.0, "s")),
            (Verdict::Agrees, Verdict::Agrees)
        );
        assert!(matches!(reader(8.0, "r"), Verdict::Contradicts(_)));
        assert!(
            matches!(reader(8.0, "m"), Verdict::Contradicts(_)),
            "a replica was fit"
        );
        let refused = case.says(Question::ReadOnly, 8.0, 503, &Value::Null);
        assert!(matches!(refused, Verdict::Contradicts(_)));
    }

    #[test]
    fn writers_wait_for_those_who_are_late_and_not_for_the_dead() {
        let says = |fact, status| Case::of(fact).says(Question::Check, 8.0, status, &Value::Null);
        for (fact, right) in [(Fact::Behind(seconds(3.0)), 429), (Fact::Silent, 200)] {
            for status in [200, 429, 500] {
                let agrees = says(fact, status) == Verdict::Agrees;
                assert_eq!(agrees, status == right, "{fact:?} {status}");
            }
        }
        assert_eq!(says(Fact::Unclear, 500), Verdict::Open);
    }

    #[test]
    fn without_a_primary_nobody_is_fit() {
        let mut case = Case::of(Fact::Silent);
        std::mem::swap(&mut case.judge.primary, &mut case.judge.lame);
        for question in Question::ALL {
            let refused = if question == Question::Check { 500 } else { 503 };
            let said = |status| {
                case.says(
                    question,
                    8.0,
                    status,
                    &json!({ "replica": "s", "read": ["s"], "write": "m" }),
                )
            };
            assert!(matches!(said(200), Verdict::Contradicts(_)), "{question:?}");
            let route = question == Question::Route;
            assert_eq!(said(refused) == Verdict::Agrees, !route, "{question:?}");
        }
        let nobody = json!({ "read": [], "write": null });
        assert_eq!(case.says(Question::Route, 8.0, 200, &nobody), Verdict::Agrees);
    }
}
