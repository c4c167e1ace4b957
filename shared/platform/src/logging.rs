//! The log: one JSON object per line on standard output, as Lambda's JSON log format wants it.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{self, Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::{clock, metrics};

/// How the names of the crates begin whose lines are our own: those under `shared`, and each under `functions`.
const OWN: [&str; 15] = [
    "appointments",
    "auth",
    "catalog",
    "chairbook",
    "dashboard",
    "docs",
    "email",
    "expire_reservations",
    "health",
    "notifications",
    "relay",
    "reminders",
    "stats",
    "todos",
    "users",
];

/// What others log at most. Below it, AWS's crates log requests and answers whole: rows with hashes, mails with
/// one-time links.
const OTHERS_AT_MOST: Level = Level::INFO;

/// The target of lines that alarms count: logged whatever the level, since an alarm that waits for a line would take its
/// absence for an outage.
pub const COUNTED: &str = "chairbook::counted";

/// The span that the runtime's library opens around an invocation: its `requestId` would stand beside the `request_id` of
/// our own, which is another one for what came by API Gateway.
const RUNTIME_SPAN: &str = "lambda_runtime::layers::trace";

/// Starts logging at the level that `CHAIRBOOK_LOG` names (`error`, `warn`, `info`, `debug` or `trace`; `info`
/// when absent or misspelt, since a typing error must not silence a function). What is not ours says no more than
/// `info`, whatever the level.
///
/// No secret, token, password or e-mail address may be logged; ids may.
pub fn init_tracing() {
    let level =
        std::env::var("CHAIRBOOK_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
    let lines =
        tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(lines(metrics::stack()));
    let _already_started = tracing_subscriber::registry().with(lines).with(enabled(level)).try_init();
}

fn lines(stack: Option<String>) -> Lines {
    let format = format::json().flatten_event(true).with_current_span(false).with_span_list(false);
    Lines { format: format.with_target(true), stack }
}

fn enabled(level: Level) -> Targets {
    Targets::new()
        .with_default(level.min(OTHERS_AT_MOST))
        .with_targets(OWN.into_iter().map(|name| (name, level)))
        .with_target(COUNTED, Level::TRACE)
        .with_target(metrics::TARGET, Level::TRACE)
        .with_target(RUNTIME_SPAN, LevelFilter::OFF)
}

/// A line's format: one JSON object, in which the fields of the event stand beside those of the spans around it. The
/// library would put the spans' into a list of their own, where a metric filter or a query for a `request_id` does not
/// look. A span must not have a field of the same name as an event in it.
struct Lines {
    format: Format<Json>,
    /// The name of the stack, whose metrics are written.
    stack: Option<String>,
}

impl<S> FormatEvent<S, JsonFields> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        if event.metadata().target() == metrics::TARGET {
            let Some(stack) = &self.stack else { return Ok(()) };
            let members = metrics::Recorded::of(event).line(stack, clock::now());
            line = serde_json::to_string(&members).map_err(|_| fmt::Error)?;
        } else {
            self.format.format_event(context, Writer::new(&mut line), event)?;
        }
        writer.write_str(line.trim_end().strip_suffix('}').ok_or(fmt::Error)?)?;
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<JsonFields>>().map_or("", |fields| &fields.fields);
            match fields.strip_prefix('{').and_then(|fields| fields.strip_suffix('}')) {
                Some("") | None => {}
                Some(fields) => write!(writer, ",{fields}")?,
            }
        }
        writer.write_str("}\n")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::Layer as _;

    use super::*;
    use crate::Metric;

    #[test]
    fn the_level_is_that_of_our_own_crates() {
        for (level, target, at, is_enabled) in [
            (Level::TRACE, "aws_smithy_runtime::client::orchestrator", Level::TRACE, false),
            (Level::TRACE, "aws_smithy_runtime::client::orchestrator", Level::DEBUG, false),
            (Level::TRACE, "aws_sdk_sesv2::operation::send_email", Level::TRACE, false),
            (Level::TRACE, "lambda_runtime::layers::trace", Level::DEBUG, false),
            (Level::TRACE, "hyper_util::client", Level::TRACE, false),
            (Level::TRACE, "lambda_runtime", Level::INFO, true),
            (Level::TRACE, "aws_smithy_runtime", Level::WARN, true),
            (Level::TRACE, "chairbook_store::users", Level::TRACE, true),
            (Level::TRACE, "email::delivery", Level::TRACE, true),
            (Level::DEBUG, "chairbook_web::app", Level::DEBUG, true),
            (Level::INFO, "chairbook_web::app", Level::DEBUG, false),
            (Level::ERROR, "lambda_runtime", Level::WARN, false),
            (Level::ERROR, "expire_reservations", Level::WARN, false),
            (Level::ERROR, "expire_reservations", Level::ERROR, true),
            (Level::ERROR, COUNTED, Level::INFO, true),
            (Level::ERROR, metrics::TARGET, Level::INFO, true),
            (Level::TRACE, "lambda_runtime::layers::trace", Level::INFO, false),
        ] {
            assert_eq!(enabled(level).would_enable(target, &at), is_enabled, "{target} at {at} of {level}");
        }
    }

    /// What a subscriber with the lines' format writes meanwhile, in a stack of this name.
    fn written(stack: Option<&str>, log: impl FnOnce()) -> Vec<Value> {
        #[derive(Clone, Default)]
        struct Buffer(Arc<Mutex<Vec<u8>>>);

        impl io::Write for Buffer {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let buffer = Buffer::default();
        let writer = buffer.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(lines(stack.map(str::to_owned)))
            .with_writer(move || writer.clone());
        let level = enabled(Level::ERROR);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.with_filter(level)), log);
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_the_fields_of_the_spans_around_it() {
        let lines = written(None, || {
            tracing::error!(number = 1, "outside");
            tracing::error_span!("invocation", request_id = "r\"1\"").in_scope(|| {
                tracing::error!("in one");
                let event = tracing::error_span!("event", event_id = %"evt_1", late = tracing::field::Empty);
                event.in_scope(|| tracing::info!(target: COUNTED, number = 2, "in both"));
                event.record("late", true);
                event.in_scope(|| tracing::error!("{}", "}"));
                tracing::error_span!("empty").in_scope(|| tracing::error!("in an empty one"));
            });
        });
        let shown = |name: &str| lines.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
        let messages = ["outside", "in one", "in both", "}", "in an empty one"];
        assert_eq!(shown("message"), messages);
        let (none, id, event) = (Value::Null, json!("r\"1\""), json!("evt_1"));
        assert_eq!(shown("request_id"), [&none, &id, &id, &id, &id].map(Clone::clone));
        assert_eq!(shown("event_id"), [&none, &none, &event, &event, &none].map(Clone::clone));
        assert_eq!(shown("late"), [json!(null), json!(null), json!(null), json!(true), json!(null)]);
        assert_eq!(shown("number"), [json!(1), json!(null), json!(2), json!(null), json!(null)]);
        assert_eq!(shown("level"), ["ERROR", "ERROR", "INFO", "ERROR", "ERROR"]);
    }

    #[test]
    fn a_metric_is_a_line_of_its_own() {
        let record = || {
            tracing::error_span!("invocation", request_id = "r1").in_scope(|| {
                Metric::count("Bookings", 2).record();
            });
        };
        let lines = written(Some("chairbook-prod"), record);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        let at: jiff::Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
        let directive = json!({
            "Namespace": "Chairbook",
            "Dimensions": [["Stack"]],
            "Metrics": [{"Name": "Bookings", "Unit": "Count"}],
        });
        let expected = json!({
            "timestamp": line["timestamp"],
            "level": "INFO",
            "message": "metric",
            "target": "chairbook::metric",
            "_aws": {"Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive]},
            "Stack": "chairbook-prod",
            "Bookings": 2,
            "request_id": "r1",
        });
        assert_eq!(line, &expected);
        assert_eq!(written(None, record), Vec::<Value>::new(), "nobody would know which stack's it is");
    }

    #[test]
    fn every_function_is_our_own() {
        let functions = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions")).unwrap();
        let functions: BTreeSet<_> = functions
            .map(|function| function.unwrap().file_name().to_str().unwrap().replace('-', "_"))
            .collect();
        let own = OWN.into_iter().filter(|name| *name != "chairbook").map(str::to_owned).collect();
        assert_eq!(functions, own);
    }
}
