use std::time::Duration;

use super::*;
use crate::context::{Control, Progress};
use crate::testing::StopAfter;

/// Counts to five.
#[derive(Default)]
struct Count {
    steps: u64,
    saves: Vec<u64>,
    every_step: bool,
}

impl Stage for Count {
    fn is_finished(&self) -> bool {
        self.steps == 5
    }
    fn step(&mut self, context: Context<'_>) -> Result<()> {
        self.steps += 1;
        context.progress.advance(self.steps, None);
        Ok(())
    }
    fn save(&mut self) -> Result<()> {
        self.saves.push(self.steps);
        Ok(())
    }
    fn saves_every_step(&self) -> bool {
        self.every_step
    }
}

struct Hasty;

impl Progress for Hasty {}

impl Control for Hasty {
    fn checkpoint_every(&self) -> Duration {
        Duration::ZERO
    }
}

#[test]
fn a_stage_is_saved_at_its_end_and_as_often_as_was_asked_for() {
    let saves = |context: Context<'_>, every_step| {
        let mut stage = Count { every_step, ..Count::default() };
        drive(context, &mut stage).unwrap();
        stage.saves
    };
    assert_eq!(saves(Context::default(), false), [5]);
    assert_eq!(saves(Context::default(), true), [1, 2, 3, 4, 5]);
    assert_eq!(saves(Context::of(&Hasty), false), [1, 2, 3, 4, 5]);
}

#[test]
fn a_stage_that_is_stopped_is_saved_and_goes_on_from_there() {
    let mut stage = Count::default();
    let stopped = drive(Context::of(&StopAfter::new(2)), &mut stage);
    assert!(matches!(stopped, Err(Error::Stopped)) && stage.saves == [2]);
    drive(Context::default(), &mut stage).unwrap();
    assert_eq!(stage.saves, [2, 5]);
    drive(Context::default(), &mut stage).unwrap();
    assert_eq!(stage.saves, [2, 5], "nothing is left");
}
