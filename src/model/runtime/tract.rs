//! The embedded runtime: tract, pure Rust, on one thread of the CPU.
//!
//! How it works: the graph is read once; for every set of input shapes that comes it is planned anew with exactly those
//! shapes (a fixed batch runs clearly faster than an open one) and the last few plans are kept. What is computed from
//! weights alone is computed in the plan ([`fold`]). tract panics on some odd graphs; a panic becomes a sentence.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use prost::Message;
use tract_onnx::pb;
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoArcTensor, IntoRunnable, IntoTValue,
    SpecialOps, TValue, TVec, Tensor as Value, TractResult, TypedModel, TypedModelPatch, TypedSimplePlan,
};
use tract_onnx::tract_core::ops::konst::Const;

use super::session::{Backend, Element, Failure, Outputs, Port, Tensor, TensorIn};

/// tract's version, of the manifest.
pub(super) const NAME: &str = "tract 0.23";

/// Plans that are kept: the usual batch, the last one of a dataset, and one more.
const PLANS: usize = 3;

pub(super) struct Tract {
    model: InferenceModel,
    inputs: Vec<Port>,
    outputs: Vec<String>,
    plans: Vec<(Vec<Vec<usize>>, Arc<TypedSimplePlan>)>,
}

/// Reads a graph; gives its inputs and outputs too.
pub(super) fn open(onnx: &[u8]) -> Result<(Tract, Vec<Port>, Vec<Port>), String> {
    guarded(|| {
        let proto = pb::ModelProto::decode(onnx)?;
        let graph = proto.graph.as_ref().ok_or_else(|| io::Error::other("the file holds no graph"))?;
        // Old files list weights among the inputs.
        let is_weight = |name: &str| graph.initializer.iter().any(|weight| weight.name == name);
        let inputs: Vec<Port> = graph.input.iter().filter(|info| !is_weight(&info.name)).map(port).collect();
        let outputs: Vec<Port> = graph.output.iter().map(port).collect();
        // Shapes noted in the file may be of another batch size; tract finds all of them itself.
        let model = tract_onnx::onnx().with_ignore_value_info(true).model_for_proto_model(&proto)?;
        let names = outputs.iter().map(|port| port.name.clone()).collect();
        Ok((Tract { model, inputs: inputs.clone(), outputs: names, plans: Vec::new() }, inputs, outputs))
    })
}

impl Backend for Tract {
    fn run(&mut self, inputs: &[(&str, TensorIn)]) -> Result<Outputs, Failure> {
        guarded(|| {
            let mut given = Vec::with_capacity(self.inputs.len());
            for port in &self.inputs {
                let (_, tensor) = inputs
                    .iter()
                    .find(|(name, _)| *name == port.name)
                    .ok_or_else(|| io::Error::other(format!("its input \"{}\" is not given", port.name)))?;
                given.push(value(tensor, &port.element)?);
            }
            let plan = self.plan(&given)?;
            let values: TVec<_> = given.into_iter().map(Into::into).collect();
            let results = plan.run(values)?;
            self.outputs
                .iter()
                .zip(results)
                .map(|(name, value)| {
                    let floats = value.cast_to::<f32>()?;
                    let values = floats.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
                    Ok((name.clone(), Tensor { shape: floats.shape().to_vec(), values }))
                })
                .collect()
        })
        .map_err(Failure::Model)
    }
}

impl Tract {
    fn plan(&mut self, given: &[Value]) -> TractResult<Arc<TypedSimplePlan>> {
        let shapes: Vec<Vec<usize>> = given.iter().map(|value| value.shape().to_vec()).collect();
        if let Some(at) = self.plans.iter().position(|(known, _)| *known == shapes) {
            let found = self.plans.remove(at);
            self.plans.push(found);
        } else {
            let mut model = self.model.clone();
            for (at, value) in given.iter().enumerate() {
                model.set_input_fact(at, InferenceFact::dt_shape(value.datum_type(), value.shape()))?;
            }
            let mut model = model.into_typed()?;
            fold(&mut model)?;
            let plan = model.into_optimized()?.into_runnable()?;
            if self.plans.len() == PLANS {
                self.plans.remove(0);
            }
            self.plans.push((shapes, plan));
        }
        Ok(Arc::clone(&self.plans.last().expect("just pushed").1))
    }
}

/// Computes what depends on weights alone, once, where tract would do it in every run.
///
/// tract's own folding leaves weights of more than 4 MiB alone that have several readers, as those of a convolution have
/// in the way back (`model::onnx::gradient`), which reads them turned round: half of the time of a gradient of ResNet-50.
/// As there, nothing that grows is stored, such as a number spread over a picture.
fn fold(model: &mut TypedModel) -> TractResult<()> {
    const ALWAYS: usize = 1 << 20;
    for id in model.eval_order()? {
        let node = model.node(id);
        if node.inputs.is_empty() || node.op_is::<Const>() {
            continue;
        }
        let facts = model.node_input_facts(id)?;
        let Some(inputs) = facts.iter().map(|fact| fact.konst.clone()).collect::<Option<Vec<_>>>() else { continue };
        let bytes = |value: &Value| value.len() * value.datum_type().size_of();
        let read: usize = inputs.iter().map(|input| bytes(input)).sum();
        let inputs: TVec<TValue> = inputs.into_iter().map(IntoTValue::into_tvalue).collect();
        // Errors come again where the plan runs, with the name of the node.
        let Ok(Some(made)) = node.op.eval_out_of_plan(inputs) else { continue };
        if made.iter().map(|value| bytes(value)).sum::<usize>() > read.max(ALWAYS) {
            continue;
        }
        let mut patch = TypedModelPatch::default();
        for (slot, value) in made.into_iter().enumerate() {
            let stored = patch.add_const(format!("{}.{slot}", node.name), value.into_arc_tensor())?;
            patch.shunt_outside(model, (id, slot).into(), stored)?;
        }
        drop(facts);
        patch.apply(model)?;
    }
    Ok(())
}

fn value(tensor: &TensorIn, element: &Element) -> TractResult<Value> {
    let value = match tensor {
        TensorIn::F32(shape, values) => Value::from_shape(shape, values)?,
        TensorIn::I64(shape, values) => Value::from_shape(shape, values)?,
    };
    let wanted = match element {
        Element::F16 => DatumType::F16,
        Element::F64 => DatumType::F64,
        Element::I64 => DatumType::I64,
        Element::I32 => DatumType::I32,
        Element::U8 => DatumType::U8,
        Element::Bool => DatumType::Bool,
        Element::F32 | Element::Other(_) => DatumType::F32,
    };
    Ok(value.cast_to_dt(wanted)?.into_owned())
}

fn port(info: &pb::ValueInfoProto) -> Port {
    use pb::tensor_shape_proto::dimension::Value as Dim;
    use pb::type_proto::Value as Kind;
    let tensor = info.r#type.as_ref().and_then(|kind| kind.value.as_ref()).map(|Kind::TensorType(tensor)| tensor);
    let dims = tensor.and_then(|tensor| tensor.shape.as_ref()).map_or_else(Vec::new, |shape| {
        shape
            .dim
            .iter()
            .map(|dim| match dim.value {
                Some(Dim::DimValue(size)) => usize::try_from(size).ok().filter(|&size| size > 0),
                _ => None,
            })
            .collect()
    });
    let element = match tensor.map_or(0, |tensor| tensor.elem_type) {
        1 => Element::F32,
        2 => Element::U8,
        6 => Element::I32,
        7 => Element::I64,
        9 => Element::Bool,
        10 => Element::F16,
        11 => Element::F64,
        other => Element::Other(format!("elements of type {other}")),
    };
    Port { name: info.name.clone(), dims, element }
}

/// Errors and panics as one line.
fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        // The innermost cause says what is the matter, the outermost where.
        Ok(Err(error)) => {
            let mut lines: Vec<String> = error.chain().map(|cause| first_line(&cause.to_string())).collect();
            lines.dedup();
            Err(match lines.as_slice() {
                [] => "unknown error".to_owned(),
                [only] => only.clone(),
                [first, .., last] => format!("{first}: {last}"),
            })
        }
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            Err(format!("it stopped in the middle ({})", first_line(said.unwrap_or("no reason given"))))
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}
