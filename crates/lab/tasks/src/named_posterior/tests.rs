use apd_nn::{Model as _, Network};
use apd_points::Ensemble;
use apd_store::{Bank, BankWriter, Header};

use super::*;

fn bank(dir: &std::path::Path, rows: usize, dim: usize) -> Bank {
    let path = dir.join("bank");
    let mut writer = BankWriter::create(&path, Header::new(dim)).unwrap();
    for step in 0..rows as u64 {
        writer.push(0, step, 1.0, 0.0, &vec![step as f32 / 10.0; dim]).unwrap();
    }
    writer.finish().unwrap();
    Bank::open(&path).unwrap()
}

#[test]
fn a_bank_gives_rows_without_replacement_and_all_of_them_where_it_is_small() {
    let dir = tempfile::tempdir().unwrap();
    let bank = bank(dir.path(), 20, 3);
    let firsts =
        |count, seed| -> Vec<f32> { NamedPosterior::bank(&bank).networks(count, Seed::root(seed)).column(0).to_vec() };
    let some = firsts(8, 1);
    assert_eq!(some.len(), 8);
    assert!(some.windows(2).all(|pair| pair[0] < pair[1]), "{some:?}");
    assert_ne!(some, firsts(8, 2));
    assert_eq!(some, firsts(8, 1));
    assert_eq!(firsts(100, 1).len(), 20);
}

#[test]
fn a_prediction_averages_the_networks_that_are_drawn() {
    let network = Network::mlp(&[2, 3, 2]);
    let dir = tempfile::tempdir().unwrap();
    let bank = bank(dir.path(), 5, network.dim());
    let inputs = ndarray::array![[0.5_f32, -1.0], [2.0, 1.0]];
    let together = NamedPosterior::bank(&bank).predict(&network, 5, Seed::root(1), inputs.view()).unwrap().mean();
    let mut average = Array2::<f64>::zeros((2, 2));
    for row in bank.rows() {
        average += &averaged(&network, [row], inputs.view()).mean();
    }
    average /= 5.0;
    assert!(together.iter().zip(&average).all(|(a, b)| (a - b).abs() < 1e-6), "{together} {average}");
}

#[test]
fn networks_of_another_length_are_refused_with_both_lengths() {
    let error = NamedPosterior::baseline("sgd", &Ensemble::of([[0.0; 7]]))
        .predict(&Network::mlp(&[2, 3, 2]), 1, Seed::root(1), ndarray::array![[0.0, 0.0]].view())
        .unwrap_err();
    assert_eq!(error.to_string(), "parameters of a network of method sgd: expected 17, found 7");
}
