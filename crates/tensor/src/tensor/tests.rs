use ndarray::{ArrayD, IxDyn, ShapeBuilder};

use crate::{Tensor, grad, grad_graph};

#[test]
fn a_long_chain_is_walked_and_dropped_without_recursion() {
    let x = Tensor::scalar(1.0_f32).into_variable();
    let mut y = x.clone();
    for _ in 0..1_000_000 {
        y = y.add_scalar(0.0);
    }
    assert_eq!(grad(&y, &[&x])[0].item(), 1.0);
    drop(y);
}

#[test]
fn a_recorded_gradient_of_a_long_chain_is_dropped_without_recursion() {
    let x = Tensor::scalar(1.0_f64).into_variable();
    let mut y = x.clone();
    for _ in 0..100_000 {
        y = y.mul(&x);
    }
    let dy = grad_graph(&y, &[&x]).remove(0);
    drop(y);
    assert_eq!(dy.item(), 100_001.0);
    let second = grad(&dy, &[&x]).remove(0);
    assert_eq!(second.item(), 100_001.0 * 100_000.0);
}

#[test]
fn only_what_depends_on_a_variable_is_recorded() {
    let (x, c) = (Tensor::<f32>::ones(&[2]).into_variable(), Tensor::<f32>::ones(&[2]));
    assert!(!c.mul(&c).exp().is_recorded());
    assert!(x.mul(&c).is_recorded());
    assert!(!x.mul(&c).detach().is_recorded());
}

#[test]
fn tensors_travel_between_threads() {
    fn travels<T: Send + Sync + 'static>(_: &T) {}
    let x = Tensor::scalar(3.0_f32).into_variable();
    let y = x.square();
    travels(&y);
    let there = std::thread::spawn({
        let (x, y) = (x.clone(), y.clone());
        move || grad(&y, &[&x])[0].item()
    });
    assert_eq!(there.join().unwrap(), 6.0);
}

#[test]
fn any_memory_order_is_taken_as_its_values() {
    let columns = ArrayD::from_shape_vec(IxDyn(&[2, 2]).f(), vec![1.0_f32, 2.0, 3.0, 4.0]).unwrap();
    let x = Tensor::constant(columns);
    assert_eq!(x.as_slice(), [1.0, 3.0, 2.0, 4.0]);
    assert_eq!(x.into_value().as_slice().unwrap(), [1.0, 3.0, 2.0, 4.0]);
}

#[test]
#[should_panic(expected = "from_vec: 3 elements do not fill shape [2, 2]")]
fn elements_that_do_not_fill_the_shape() {
    let _ = Tensor::from_vec(&[2, 2], vec![0.0_f32; 3]);
}

#[test]
#[should_panic(expected = "item: shape [2] does not have exactly one element")]
fn item_of_several() {
    let _ = Tensor::<f32>::ones(&[2]).item();
}
