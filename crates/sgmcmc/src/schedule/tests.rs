use crate::{ChainError, Schedule};

#[test]
fn constant() {
    let schedule = Schedule::Constant(0.25);
    for t in [0, 1, 1_000_000, u64::MAX] {
        assert_eq!((schedule.step_size(t), schedule.weight(t), schedule.samples(t)), (0.25, 1.0, true));
    }
}

#[test]
fn polynomial() {
    let schedule = Schedule::Polynomial { a: 6.0, b: 4.0, gamma: 0.5 };
    for (t, expected) in [(0, 3.0), (5, 2.0), (32, 1.0), (140, 0.5)] {
        assert!((schedule.step_size(t) - expected).abs() < 1e-15, "ε at {t}");
        assert!((schedule.weight(t) - expected / 3.0).abs() < 1e-15, "weight at {t}");
        assert!(schedule.samples(t));
    }
    let flat = Schedule::Polynomial { a: 6.0, b: 4.0, gamma: 0.0 };
    assert_eq!((flat.step_size(77), flat.weight(77)), (6.0, 1.0));
}

#[test]
fn cyclical() {
    let schedule = Schedule::Cyclical { initial: 0.8, length: 6, sampling: 0.5 };
    // cos at 0°, 30°·… : (ε₀/2)(1 + cos(π·t/6)).
    let root = 3.0_f64.sqrt() / 2.0;
    let expected = [0.8, 0.4 * (1.0 + root), 0.6, 0.4, 0.2, 0.4 * (1.0 - root)];
    for t in 0..30 {
        let within = (t % 6) as usize;
        assert!((schedule.step_size(t) - expected[within]).abs() < 1e-15, "ε at {t}");
        assert_eq!(schedule.samples(t), within >= 3, "update {t}");
        let weight = if within >= 3 { expected[within] / 0.8 } else { 0.0 };
        assert!((schedule.weight(t) - weight).abs() < 1e-15, "weight at {t}");
    }
}

#[test]
fn every_cycle_samples_the_promised_part() {
    for (length, sampling, expected) in [
        (10, 0.1, 1),
        (10, 0.3, 3),
        (10, 0.7, 7),
        (10, 0.9, 9),
        (10, 1.0, 10),
        (100, 0.29, 29),
        (100, 0.57, 57),
        (1, 0.5, 1),
        (10, 0.01, 1),
        (3, 1e-300, 1),
        (1_000, 0.333, 333),
    ] {
        let schedule = Schedule::Cyclical { initial: 1.0, length, sampling };
        for cycle in [0, 1, 7] {
            let updates = (cycle * length)..((cycle + 1) * length);
            let sampled: Vec<u64> = updates.clone().filter(|&t| schedule.samples(t)).collect();
            let last: Vec<u64> = updates.skip((length - expected) as usize).collect();
            assert_eq!(sampled, last, "{sampling} of {length}");
            assert!(sampled.iter().all(|&t| schedule.weight(t) > 0.0), "a sample of {sampling} of {length} weighs 0");
        }
    }
}

#[test]
fn bad_parameters_are_named() {
    let cyclical = |initial, length, sampling| Schedule::Cyclical { initial, length, sampling };
    let polynomial = |a, b, gamma| Schedule::Polynomial { a, b, gamma };
    for (schedule, expected) in [
        (Schedule::Constant(0.0), "constant step size is 0; expected a finite number above 0"),
        (Schedule::Constant(-1.0), "constant step size is -1; expected a finite number above 0"),
        (Schedule::Constant(f64::NAN), "constant step size is NaN; expected a finite number above 0"),
        (Schedule::Constant(f64::INFINITY), "constant step size is inf; expected a finite number above 0"),
        (polynomial(0.0, 1.0, 0.5), "polynomial schedule's a is 0; expected a finite number above 0"),
        (polynomial(1.0, 0.0, 0.5), "polynomial schedule's b is 0; expected a finite number above 0"),
        (polynomial(1.0, 1.0, -0.5), "polynomial schedule's gamma is -0.5; expected a finite number, at least 0"),
        (polynomial(1.0, 1.0, f64::NAN), "polynomial schedule's gamma is NaN; expected a finite number, at least 0"),
        (cyclical(f64::NAN, 1, 1.0), "cyclical schedule's initial step size is NaN; expected a finite number above 0"),
        (cyclical(1.0, 0, 1.0), "cyclical schedule's length is 0; expected at least 1"),
        (cyclical(1.0, 5, 0.0), "cyclical schedule's sampling is 0; expected above 0, at most 1"),
        (cyclical(1.0, 5, 1.5), "cyclical schedule's sampling is 1.5; expected above 0, at most 1"),
        (cyclical(1.0, 5, f64::NAN), "cyclical schedule's sampling is NaN; expected above 0, at most 1"),
    ] {
        let error = schedule.validate().unwrap_err();
        assert!(matches!(error, ChainError::Setting { .. }));
        assert_eq!(error.to_string(), expected);
    }
    for schedule in [Schedule::Constant(1e-9), polynomial(1.0, 1.0, 0.0), cyclical(1.0, 1, 1.0)] {
        assert_eq!(schedule.validate(), Ok(()));
    }
}

/// Names as they stand in configuration files.
#[test]
fn serialized_names() {
    for (schedule, expected) in [
        (Schedule::Constant(0.5), r#"{"constant":0.5}"#),
        (Schedule::Polynomial { a: 1.0, b: 2.0, gamma: 0.5 }, r#"{"polynomial":{"a":1.0,"b":2.0,"gamma":0.5}}"#),
        (
            Schedule::Cyclical { initial: 0.5, length: 9, sampling: 0.25 },
            r#"{"cyclical":{"initial":0.5,"length":9,"sampling":0.25}}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&schedule).unwrap(), expected);
        assert_eq!(serde_json::from_str::<Schedule>(expected).unwrap(), schedule);
    }
    let misspelled = serde_json::from_str::<Schedule>(r#"{"polynomial":{"a":1.0,"b":2.0,"gama":0.5}}"#);
    assert!(misspelled.unwrap_err().to_string().contains("gama"));
}
