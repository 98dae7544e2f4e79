use ndarray::Array2;

use super::*;
use crate::{Distilled, Subspace, SubspaceConfig};

#[test]
fn variances_stay_above_the_least_and_all_else_is_as_drawn() {
    // A weight, and variances that are skewed, as such are.
    let mut rows = Array2::<f32>::zeros((200, 3));
    Seed::root(1).normals().fill(0, 0, rows.as_slice_mut().unwrap());
    rows.slice_mut(s![.., 1..]).mapv_inplace(|x| (2.0 * x).exp());
    let least = rows.slice(s![.., 1..]).iter().copied().fold(f32::INFINITY, f32::min);
    let config = SubspaceConfig { rank: 2, ..SubspaceConfig::default() };
    let generator = Distilled::Subspace(Subspace::fit(&rows, &config, Seed::root(2)).unwrap());
    let layout = Layout::new([("weight".to_owned(), vec![1]), ("norm.running_var".to_owned(), vec![2])]);
    let open = |bounds: &[(&str, f32)]| {
        let bounds = bounds.iter().map(|&(name, least)| (name.to_owned(), least)).collect();
        let metadata = AtLeast::metadata(&bounds).into_iter().collect();
        let bytes = generator.to_safetensors(&layout, &metadata).unwrap();
        Distilled::from_safetensors(&bytes).unwrap()
    };
    let bounded = open(&[("norm.running_var", least)]);
    let (before, after) = (generator.draw(Seed::root(3), 500), bounded.posterior().unwrap().draw(Seed::root(3), 500));
    // The negative control: without bounds some are no variances.
    assert!(before.slice(s![.., 1..]).iter().any(|&x| x <= 0.0));
    for ((_, j), &x) in after.indexed_iter() {
        assert!(j == 0 || x >= least, "{x} in column {j}");
    }
    let kept = before.iter().zip(&after).filter(|(before, after)| before == after).count();
    assert!(kept > 1_000 && before.column(0) == after.column(0));
    assert!(bounded.posterior().unwrap().low_rank().is_none());

    let free = open(&[]);
    assert!(free.metadata.is_empty() && free.posterior().unwrap().low_rank().is_some());
    assert_eq!(free.posterior().unwrap().draw(Seed::root(3), 5), generator.draw(Seed::root(3), 5));
    assert!(open(&[("norm.var", 0.1)]).posterior().is_err_and(|e| e.to_string().contains("norm.var")));
    let mut odd = open(&[]);
    odd.metadata.insert(KEY.to_owned(), "[1]".to_owned());
    assert!(odd.posterior().is_err_and(|e| e.to_string().contains(KEY)));
}
