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
