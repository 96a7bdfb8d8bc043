//! What graphs compute, for the tests of what rewrites them: tract runs them.

use tract_onnx::prelude::{
    DatumExt as _, Framework as _, InferenceModelExt as _, IntoRunnable as _, TVec, Tensor, TractResult,
};

/// Shape and values of a tensor.
pub(super) type Numbers = (Vec<usize>, Vec<f32>);

/// What tract computes of the inputs, in the order of the graph's inputs: one entry an output.
pub(super) fn try_run(onnx: &[u8], inputs: &[Numbers]) -> TractResult<Vec<Numbers>> {
    let mut model = tract_onnx::onnx().model_for_read(&mut &onnx[..])?;
    for (at, (shape, _)) in inputs.iter().enumerate() {
        model = model.with_input_fact(at, f32::fact(shape).into())?;
    }
    let tensor = |(shape, values): &Numbers| Ok(Tensor::from_shape(shape, values)?.into());
    let inputs = inputs.iter().map(tensor).collect::<TractResult<TVec<_>>>()?;
    let outputs = model.into_optimized()?.into_runnable()?.run(inputs)?;
    outputs
        .iter()
        .map(|output| Ok((output.shape().to_vec(), output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())))
        .collect()
}

/// [`try_run`] of what must run.
pub(super) fn run(onnx: &[u8], inputs: &[Numbers]) -> Vec<Numbers> {
    try_run(onnx, inputs).unwrap()
}
