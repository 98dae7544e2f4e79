use super::*;
use crate::error::Error;

/// Remembers what it is told.
#[derive(Default)]
struct Heard {
    done: Mutex<Vec<u64>>,
    messages: Mutex<Vec<String>>,
    pieces: Mutex<Vec<String>>,
    warnings: Mutex<Vec<String>>,
}

impl Control for Heard {}

impl Progress for Heard {
    fn advance(&self, done: u64, message: Option<String>) {
        self.done.lock().unwrap().push(done);
        self.messages.lock().unwrap().extend(message);
    }

    fn warn(&self, text: &str) {
        self.warnings.lock().unwrap().push(text.to_owned());
    }

    fn end_of_piece(&self, name: &str, _time: Duration, message: &str) {
        self.pieces.lock().unwrap().push(format!("{name}: {message}"));
    }
}

#[test]
fn stages_at_the_same_time_add_up() {
    let heard = Heard::default();
    let shared = SharedProgress::begin(Context::of(&heard), "both", 20);
    let stage = |name: &str, resumed: u64| {
        shared.run(|context| {
            context.progress.begin(name, 10, resumed);
            context.progress.advance(resumed + 3, Some("well".into()));
            // Of two chains the one may overtake the other.
            context.progress.advance(resumed + 2, None);
            context.progress.advance(10, None);
            context.progress.warn(name);
            context.progress.end();
            Ok(())
        })
    };
    stage("first", 0).unwrap();
    stage("second", 5).unwrap();
    assert_eq!(*heard.done.lock().unwrap(), [0, 3, 3, 10, 15, 18, 18, 20]);
    assert_eq!(*heard.messages.lock().unwrap(), ["first: well", "second: well"]);
    assert_eq!(*heard.warnings.lock().unwrap(), ["first", "second"]);
    assert_eq!(*heard.pieces.lock().unwrap(), ["first: well", "second: well"]);
}

#[test]
fn a_failure_stops_the_others() {
    let shared = SharedProgress::begin(Context::default(), "both", 20);
    assert!(shared.run(|context| Ok(context.control.stop_requested())).is_ok_and(|asked| !asked));
    shared.run(|_| Err::<(), _>(Error::Empty("sgd"))).unwrap_err();
    assert!(shared.run(|context| Ok(context.control.stop_requested())).is_ok_and(|asked| asked));
}
