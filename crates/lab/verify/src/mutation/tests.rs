use apd_seed::Seed;

use super::*;

/// The positions after a few updates on a Gaussian, with what `build` makes.
fn positions(sampler: &AnySampler, dim: usize) -> Vec<f32> {
    let noise = Seed::root(3).normals();
    let mut x = vec![1.0_f32; dim];
    let mut state = sampler.init(dim);
    for step in 0..4 {
        let gradient: Vec<f32> = x.iter().map(|x| 0.5 * x).collect();
        let update = Update { step, gradient: &gradient, curvature: &[], noise: &noise };
        assert!(sampler.step(&mut state, &mut x, update));
    }
    x
}

/// The wrappers change what they are meant to, and nothing else.
#[test]
fn every_fault_changes_every_sampler() {
    let schedule = Schedule::Constant(0.2);
    for recipe in Recipe::EXACT {
        let right = positions(&(recipe.build)(schedule, 1.0), 2500);
        for mutation in SamplerMutation::of(&recipe).into_iter().chain([SamplerMutation::RepeatedBlock]) {
            let wrong = positions(&mutation.build(&recipe, schedule, 1.0), 2500);
            assert!(wrong != right, "{}: {mutation}", recipe.name);
        }
        // The first block is not wrong in itself, unless all coordinates share something.
        if !recipe.memory.is_shared() {
            let wrong = positions(&SamplerMutation::RepeatedBlock.build(&recipe, schedule, 1.0), 2500);
            assert!(wrong[..BLOCK] == right[..BLOCK] && wrong[BLOCK..2 * BLOCK] == right[..BLOCK], "{}", recipe.name);
        }
    }
}
