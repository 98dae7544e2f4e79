use std::collections::HashSet;

use apd_data::{TableSource, penguins, yacht};
use prost::Message as _;

use super::proto::{GraphProto, ModelProto};
use crate::{Architecture, Effort, Error, TableFit, TableModel};

fn quick() -> TableFit {
    TableFit { effort: Effort::Quick, steps: Some(400), chains: Some(2), ..TableFit::default() }
}

fn graph(model: &TableModel) -> GraphProto {
    let bytes = model.to_onnx().unwrap();
    let model = ModelProto::decode(&bytes[..]).unwrap();
    assert_eq!(model.opset_import[0].version, 17);
    model.graph.unwrap()
}

/// Every value is made before it is used, and nothing is drawn. (What a runtime makes of it is compared in tests/readers.)
fn check(graph: &GraphProto, around: &HashSet<String>) {
    let mut known = around.clone();
    known.extend(graph.input.iter().map(|input| input.name.clone()));
    known.extend(graph.initializer.iter().map(|constant| constant.name.clone()));
    for node in &graph.node {
        assert!(!node.op_type.starts_with("Random") && node.op_type != "Multinomial", "{}", node.op_type);
        for input in node.input.iter().filter(|input| !input.is_empty()) {
            assert!(known.contains(input), "{} takes {input}, which nothing has made", node.op_type);
        }
        node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()).for_each(|body| check(body, &known));
        for output in &node.output {
            assert!(known.insert(output.clone()), "{output} is made twice");
        }
    }
    assert!(graph.output.iter().all(|output| known.contains(&output.name)));
}

fn names(graph: &GraphProto) -> [Vec<&str>; 2] {
    [&graph.input, &graph.output].map(|values| values.iter().map(|value| value.name.as_str()).collect())
}

#[test]
fn classes_and_numbers_have_their_outputs() {
    let species = graph(&quick().run(&penguins(), "species").unwrap());
    check(&species, &HashSet::new());
    assert_eq!(names(&species), [vec!["numbers", "categories"], vec!["probabilities", "entropy", "bald"]]);
    let resistance = graph(&quick().run(&yacht(), "resistance").unwrap());
    check(&resistance, &HashSet::new());
    let outputs = vec!["mean", "sd", "aleatoric_sd", "epistemic_sd", "lower", "upper"];
    assert_eq!(names(&resistance), [vec!["numbers"], outputs]);
}

#[test]
fn constants_are_those_of_the_file() {
    let model = quick().run(&penguins(), "species").unwrap();
    let (file, onnx) = (model.to_bytes().unwrap().len(), model.to_onnx().unwrap().len());
    assert!(onnx < file, "{onnx} bytes, the model's file has {file}");
}

#[test]
fn networks_of_neither_kind_are_refused() {
    let network = r#"{"input": [16], "layers": [{"linear": {"outputs": 4}}, "silu", {"linear": {"outputs": 3}}]}"#;
    let network = apd_nn::Network::Sequential(serde_json::from_str(network).unwrap());
    let fit = TableFit { architecture: Architecture::Network(network), ..quick() };
    let error = fit.run(&penguins(), "species").unwrap().to_onnx().unwrap_err();
    assert!(matches!(&error, Error::Export { problem } if problem.contains("perceptron")), "{error}");
}

/// All networks are one, whose first convolution looks at the images once; a subspace's are made in the graph.
#[test]
fn convolutions_of_all_networks_are_done_at_once() {
    let table = TableSource::open("digits").unwrap().read().unwrap().select(&(0..200).collect::<Vec<_>>());
    let fit = TableFit { architecture: Architecture::Cnn, steps: Some(16), ..quick() };
    let model = fit.run(&table, "digit").unwrap();
    let onnx = graph(&model);
    check(&onnx, &HashSet::new());
    let convolutions: Vec<_> = onnx.node.iter().filter(|node| node.op_type == "Conv").collect();
    let networks = model.networks() as i64;
    let groups =
        convolutions.iter().map(|node| node.attribute.iter().find_map(|it| it.i.filter(|_| it.name == "group")));
    assert_eq!(groups.map(Option::unwrap).collect::<Vec<_>>(), [1, networks, networks, networks]);
}
