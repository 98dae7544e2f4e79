use super::*;
use apd_nn::Model as _;

#[test]
fn convolutional_networks_name_the_smallest_image() {
    NetName::Cnn.takes(64).unwrap();
    NetName::Cnn.network(64, 10).check().unwrap();
    NetName::CnnLarge.takes(144).unwrap();
    NetName::CnnLarge.network(144, 10).check().unwrap();
    for (net, inputs, facts) in [
        (NetName::CnnLarge, 64, ["12×12", "8×8"]),
        (NetName::Cnn, 49, ["8×8", "7×7"]),
        (NetName::Cnn, 80, ["square", "80"]),
    ] {
        let error = net.takes(inputs).unwrap_err().to_string();
        assert!(facts.iter().all(|fact| error.contains(fact)), "{error}");
    }
    NetName::Fc1.takes(80).unwrap();
}

#[test]
fn a_cycle_has_its_step_in_the_mean_noise_all_the_way_and_no_step_left_where_samples_are_kept() {
    for profile in [Profile::Quick, Profile::Full] {
        let config = Config::new(Dataset::Mnist, NetName::Fc1, profile);
        let (cycle, sgld) = (config.sampler.cycle, &config.sgld);
        assert!(cycle > 0 && config.sampler.check(sgld).is_ok());
        let schedule = config.sampler.schedule(0.5);
        let mean = (0..cycle).map(|t| schedule.step_size(t)).sum::<f64>() / cycle as f64;
        assert!((mean - 0.5).abs() < 2.0 / cycle as f64, "{mean}");
        assert!((0..cycle).all(|t| schedule.samples(t)));
        for sample in 1..=sgld.samples_per_chain() {
            // Update t makes the position of step t + 1.
            let step = schedule.step_size(sgld.burn_in + sample * sgld.thinning - 1);
            assert!(step > 0.0 && step < 1e-4 * 0.5, "{step}");
        }
    }
}
