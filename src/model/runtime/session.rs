//! A model ready to run: shapes are checked, batches are kept whole whatever the device does.
//!
//! How it works: a [`Session`] owns a [`Backend`] and, where the backend is a graphics card, a way to make a spare one on
//! the CPU. [`Session::run_batch`] cuts a batch into pieces of at most `largest` samples. When a piece does not fit into
//! memory, `largest` is halved and the piece tried again; when one sample does not fit or the device fails otherwise, the
//! spare takes over for good. What was computed before stays, so no sample is lost or run out of order. Every such step
//! leaves a notice. A model whose batch size is fixed in the graph gets pieces of exactly that size, the last one
//! filled up with zeros whose rows are dropped again.

use std::fmt;

use crate::model::ModelError;

/// Numbers for one input, row-major.
#[derive(Clone, Copy, Debug)]
pub enum TensorIn<'a> {
    /// Shape and values; converted where the model wants f16, f64 or u8.
    F32(&'a [usize], &'a [f32]),
    /// Shape and values; converted where the model wants i32.
    I64(&'a [usize], &'a [i64]),
}

impl TensorIn<'_> {
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::F32(shape, _) | Self::I64(shape, _) => shape,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::F32(_, values) => values.len(),
            Self::I64(_, values) => values.len(),
        }
    }
}

/// One output, row-major, whatever its type in the graph was. Not-a-numbers are passed through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// `shape`'s product values.
    pub values: Vec<f32>,
}

/// Element types that inputs can have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Element {
    F32,
    F16,
    F64,
    I64,
    I32,
    U8,
    Bool,
    /// One that is not supported, as the graph calls it.
    Other(String),
}

/// An input or output of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the graph.
    pub name: String,
    /// Lengths of the axes, `None` where open. Empty where the graph says nothing (or for a scalar).
    pub dims: Vec<Option<usize>>,
    /// Type of the elements.
    pub element: Element,
}

/// Outputs by name, in the order of the graph.
pub type Outputs = Vec<(String, Tensor)>;

/// Why a backend did not run a batch.
#[derive(Debug)]
pub(super) enum Failure {
    /// Out of memory: a smaller batch may fit.
    Memory(String),
    /// The device failed (driver gone, kernel not there): another device may do.
    Device(String),
    /// The model or its input is wrong: no device will do.
    Model(String),
}

impl Failure {
    fn message(&self) -> &str {
        match self {
            Self::Memory(message) | Self::Device(message) | Self::Model(message) => message,
        }
    }
}

/// What runs a graph. Shapes are checked before.
pub(super) trait Backend: Send {
    fn run(&mut self, inputs: &[(&str, TensorIn)]) -> Result<Outputs, Failure>;
}

/// Makes the backend that takes over when the first one fails; gives its label too.
pub(super) type Spare = Box<dyn FnOnce() -> Result<(String, Box<dyn Backend>), ModelError> + Send>;

/// A model ready to run. Can be sent to another thread; runs one batch at a time.
pub struct Session {
    label: String,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    backend: Box<dyn Backend>,
    spare: Option<Spare>,
    /// Largest batch that is tried.
    largest: usize,
    notices: Vec<String>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("label", &self.label).field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(
        label: String,
        inputs: Vec<Port>,
        outputs: Vec<Port>,
        backend: Box<dyn Backend>,
        spare: Option<Spare>,
    ) -> Self {
        Self { label, inputs, outputs, backend, spare, largest: usize::MAX, notices: Vec::new() }
    }

    pub(super) fn with_notice(mut self, notice: String) -> Self {
        self.notices.push(notice);
        self
    }

    /// What runs it now: "ONNX Runtime 1.31.1 on CUDA", "tract 0.23". Changes when a device gives up.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Inputs that must be given, in the order of the graph.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Outputs in the order of the graph.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Runs the graph once. A failing graphics card is replaced by the CPU; [`take_notices`](Self::take_notices) says so.
    ///
    /// # Errors
    /// A sentence where names or shapes do not fit, or no device can run it.
    pub fn run(&mut self, inputs: &[(&str, TensorIn)]) -> Result<Outputs, ModelError> {
        self.check(inputs)?;
        loop {
            match self.backend.run(inputs) {
                Ok(outputs) => return Ok(outputs),
                Err(failure) => self.give_up(&failure)?,
            }
        }
    }

    /// Runs a batch `[N, ..]` of a model with one input and gives outputs whose first axes are joined over N, with the
    /// notices of what went wrong on the way. No sample is lost and the order is kept.
    ///
    /// # Errors
    /// A sentence where the shape does not fit, an output has no row per sample, or no device can run even one sample.
    pub fn run_batch(
        &mut self,
        input: &str,
        shape: &[usize],
        values: &[f32],
    ) -> Result<(Outputs, Vec<String>), ModelError> {
        let samples = shape.first().copied().unwrap_or(0);
        let row: usize = shape.iter().skip(1).product();
        if samples == 0 || samples * row != values.len() {
            return Err(self.wrong(format!("a batch of shape {shape:?} does not have {} values", values.len())));
        }
        let fixed = self.port(input)?.dims.first().copied().flatten().filter(|&size| size > 0);
        let mut joined: Outputs = Vec::new();
        let mut padded = Vec::new();
        let mut piece_shape = shape.to_vec();
        let mut done = 0;
        while done < samples {
            let size = fixed.unwrap_or_else(|| self.largest.min(samples - done));
            let taken = size.min(samples - done);
            let given = &values[done * row..(done + taken) * row];
            let piece = if taken < size {
                padded.clear();
                padded.extend_from_slice(given);
                padded.resize(size * row, 0.0);
                &padded
            } else {
                given
            };
            piece_shape[0] = size;
            let inputs = [(input, TensorIn::F32(&piece_shape, piece))];
            self.check(&inputs)?;
            match self.backend.run(&inputs) {
                Ok(outputs) => {
                    self.join(&mut joined, outputs, size, taken)?;
                    done += taken;
                }
                Err(Failure::Memory(_)) if fixed.is_none() && size > 1 => {
                    self.largest = size / 2;
                    self.notices.push(format!(
                        "{} ran out of memory at a batch of {size}; going on with {}",
                        self.label, self.largest
                    ));
                }
                Err(failure) => self.give_up(&failure)?,
            }
        }
        Ok((joined, self.take_notices()))
    }

    /// What happened since the last call: smaller batches, another device.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Appends the first `taken` of `size` samples.
    fn join(&self, joined: &mut Outputs, outputs: Outputs, size: usize, taken: usize) -> Result<(), ModelError> {
        let first = joined.is_empty();
        for (at, (name, mut tensor)) in outputs.into_iter().enumerate() {
            let rows = tensor.shape.first().copied().unwrap_or(0);
            if rows == 0 || rows % size != 0 {
                let shape = &tensor.shape;
                return Err(self.wrong(format!(
                    "its output \"{name}\" has the shape {shape:?} for {size} samples, which is not one row for each"
                )));
            }
            let keep = rows / size * taken;
            tensor.values.truncate(tensor.values.len() / rows * keep);
            tensor.shape[0] = keep;
            if first {
                joined.push((name, tensor));
                continue;
            }
            let whole = &mut joined[at].1;
            if whole.shape[1..] != tensor.shape[1..] {
                return Err(self.wrong(format!("its output \"{name}\" changes its shape from batch to batch")));
            }
            whole.shape[0] += keep;
            whole.values.append(&mut tensor.values);
        }
        Ok(())
    }

    /// Goes over to the spare, or says why nothing can be done.
    fn give_up(&mut self, failure: &Failure) -> Result<(), ModelError> {
        let spare = match failure {
            Failure::Model(_) => None,
            Failure::Memory(_) | Failure::Device(_) => self.spare.take(),
        };
        let Some(spare) = spare else {
            let memory = if matches!(failure, Failure::Memory(_)) { "there is not enough memory: " } else { "" };
            return Err(self.wrong(format!("{memory}{}", failure.message())));
        };
        let (label, backend) = spare()?;
        self.notices.push(format!("{} gave up ({}); going on with {label}", self.label, failure.message()));
        (self.label, self.backend, self.largest) = (label, backend, usize::MAX);
        Ok(())
    }

    fn wrong(&self, message: String) -> ModelError {
        ModelError::Runtime { runtime: self.label.clone(), message }
    }

    fn port(&self, name: &str) -> Result<&Port, ModelError> {
        self.inputs.iter().find(|port| port.name == name).ok_or_else(|| ModelError::Unknown {
            what: "input",
            name: name.to_owned(),
            known: self.inputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Every input is given once, has as many values as its shape says, and fits the graph.
    fn check(&self, inputs: &[(&str, TensorIn)]) -> Result<(), ModelError> {
        for (name, tensor) in inputs {
            let port = self.port(name)?;
            let shape = tensor.shape();
            if shape.iter().product::<usize>() != tensor.len() {
                return Err(
                    self.wrong(format!("the input \"{name}\" of shape {shape:?} came with {} values", tensor.len()))
                );
            }
            let fits = |(wanted, &given): (&Option<usize>, &usize)| wanted.is_none_or(|wanted| wanted == given);
            let open = port.dims.is_empty();
            if !open && (port.dims.len() != shape.len() || !port.dims.iter().zip(shape).all(fits)) {
                let wanted: Vec<String> =
                    port.dims.iter().map(|dim| dim.map_or_else(|| "any".to_owned(), |dim| dim.to_string())).collect();
                let hint = if swapped(&port.dims, shape) { " (the channels stand on the other side)" } else { "" };
                return Err(self.wrong(format!(
                    "the input \"{name}\" wants the shape [{}], not {shape:?}{hint}",
                    wanted.join(", ")
                )));
            }
            if let Element::Other(kind) = &port.element {
                return Err(self.wrong(format!("the input \"{name}\" wants {kind}, which cannot be given")));
            }
        }
        match self.inputs.iter().find(|port| !inputs.iter().any(|(name, _)| *name == port.name)) {
            Some(port) => Err(self.wrong(format!("its input \"{}\" is not given", port.name))),
            None => Ok(()),
        }
    }
}

/// NCHW was given where NHWC is wanted, or the other way round.
fn swapped(wanted: &[Option<usize>], given: &[usize]) -> bool {
    let ([_, a, .., z], [_, first, .., last]) = (wanted, given) else { return false };
    let channels = |n: usize| n == 1 || n == 3;
    wanted.len() == 4
        && given.len() == 4
        && ((a.is_some_and(channels) && channels(*last)) || (z.is_some_and(channels) && channels(*first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums rows; fails for memory above `fits`, or for good from call number `dies` on.
    struct Fake {
        fits: usize,
        dies: usize,
        calls: usize,
    }

    impl Backend for Fake {
        fn run(&mut self, inputs: &[(&str, TensorIn)]) -> Result<Outputs, Failure> {
            let TensorIn::F32(shape, values) = inputs[0].1 else { panic!("numbers") };
            self.calls += 1;
            if self.calls >= self.dies {
                return Err(Failure::Device("the driver is gone".to_owned()));
            }
            if shape[0] > self.fits {
                return Err(Failure::Memory("out of memory".to_owned()));
            }
            let sums = values.chunks(shape[1]).map(|row| row.iter().sum()).collect();
            Ok(vec![("sum".to_owned(), Tensor { shape: vec![shape[0], 1], values: sums })])
        }
    }

    fn session(fits: usize, dies: usize, batch: Option<usize>, spare: Option<usize>) -> Session {
        let port =
            |name: &str, second| Port { name: name.to_owned(), dims: vec![batch, Some(second)], element: Element::F32 };
        let spare = spare.map(|fits| -> Spare {
            Box::new(move || {
                Ok(("the CPU".to_owned(), Box::new(Fake { fits, dies: usize::MAX, calls: 0 }) as Box<dyn Backend>))
            })
        });
        let fake = Box::new(Fake { fits, dies, calls: 0 });
        Session::new("the card".to_owned(), vec![port("x", 2)], vec![port("sum", 1)], fake, spare)
    }

    #[test]
    fn no_sample_is_lost_whatever_the_device_does() {
        let check = |what: &str, mut session: Session, samples: usize, label: &str, notices: usize| {
            let values: Vec<f32> = (0..samples * 2).map(|n| n as f32).collect();
            let expect: Vec<f32> = (0..samples).map(|n| (4 * n + 1) as f32).collect();
            let (outputs, said) = session.run_batch("x", &[samples, 2], &values).unwrap();
            assert_eq!(outputs.len(), 1, "{what}");
            assert_eq!(outputs[0].1, Tensor { shape: vec![samples, 1], values: expect }, "{what}");
            assert_eq!((session.label(), said.len()), (label, notices), "{what}: {said:?}");
        };
        let never = usize::MAX;
        check("all is well", session(64, never, None, Some(64)), 33, "the card", 0);
        check("halves twice", session(10, never, None, Some(64)), 33, "the card", 2);
        check("only one fits", session(1, never, None, None), 9, "the card", 3);
        check("not even one fits", session(0, never, None, Some(64)), 8, "the CPU", 4);
        check("dies at once", session(64, 1, None, Some(64)), 8, "the CPU", 1);
        check("dies in the middle", session(3, 4, None, Some(64)), 13, "the CPU", 3);
        check("the spare halves too", session(64, 1, None, Some(3)), 13, "the CPU", 3);
        check("fixed at four", session(4, never, Some(4), None), 10, "the card", 0);
        check("fixed and full", session(3, never, Some(4), Some(4)), 10, "the CPU", 1);
    }

    #[test]
    fn a_smaller_batch_stays_small_and_notices_come_once() {
        let mut session = session(4, usize::MAX, None, None);
        let (_, first) = session.run_batch("x", &[16, 2], &[1.0; 32]).unwrap();
        let (_, second) = session.run_batch("x", &[16, 2], &[1.0; 32]).unwrap();
        assert_eq!((first.len(), second.len()), (2, 0));
        assert_eq!(first[1], "the card ran out of memory at a batch of 8; going on with 4");
    }

    #[test]
    fn what_cannot_be_run_is_said() {
        let check = |mut session: Session, name: &str, shape: &[usize], values: usize, expect: &str| {
            let error = session.run_batch(name, shape, &vec![0.0; values]).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        let good = || session(64, usize::MAX, None, None);
        check(good(), "y", &[1, 2], 2, "no input \"y\"; it has x");
        check(good(), "x", &[1, 3], 3, "wants the shape [any, 2], not [1, 3]");
        check(good(), "x", &[2, 2], 3, "does not have 3 values");
        check(session(0, usize::MAX, None, None), "x", &[1, 2], 2, "not enough memory");
        check(session(0, usize::MAX, None, Some(0)), "x", &[4, 2], 8, "the CPU cannot run");
        check(session(9, 1, None, None), "x", &[4, 2], 8, "the driver is gone");
        assert!(good().run(&[]).unwrap_err().to_string().contains("\"x\" is not given"));
    }

    #[test]
    fn a_mix_up_of_the_layout_is_named() {
        let check = |wanted: [usize; 4], given: [usize; 4], expect: bool| {
            let wanted: Vec<Option<usize>> = wanted.iter().map(|&dim| (dim > 0).then_some(dim)).collect();
            assert_eq!(swapped(&wanted, &given), expect, "{wanted:?} {given:?}");
        };
        check([0, 3, 224, 224], [1, 224, 224, 3], true);
        check([0, 224, 224, 3], [1, 3, 224, 224], true);
        check([0, 3, 224, 224], [1, 3, 128, 128], false);
    }
}
