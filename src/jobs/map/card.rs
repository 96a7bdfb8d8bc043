//! The graphics card in the map job: neighbours and epochs on the window's own device.
//!
//! How it works: the window lends its device ([`Cards::lend`]); a layout takes it where it is a card that computes, or
//! where the user asks for it. Dispatches are short, so frames find their place between them; positions are copied back
//! as often as they are published. A card that gives up is told about once, and the processor goes on from the
//! positions that were last copied back.

use std::sync::{Arc, Mutex, PoisonError};

use crate::analysis::umap::Umap;
use crate::gpu::umap::Epochs;
use crate::gpu::{Device, GpuError};

/// What computes layouts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compute {
    /// The graphics card where there is one that computes, else the processor.
    #[default]
    Auto,
    /// The adapter that draws, even one in software: slow, and the same picture.
    Gpu,
    /// The processor.
    Cpu,
}

/// The device that layouts may take. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Cards {
    compute: Compute,
    lent: Arc<Mutex<Option<Device>>>,
}

impl Cards {
    pub(super) fn new(compute: Compute) -> Self {
        Self { compute, lent: Arc::default() }
    }

    /// Lends a device from here on.
    pub(super) fn lend(&self, device: Device) {
        *self.lent.lock().unwrap_or_else(PoisonError::into_inner) = Some(device);
    }

    /// The device for the next layout; `None` is the processor.
    pub(super) fn pick(&self) -> Option<Device> {
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A software adapter draws; to compute, the processor's own way is faster.
        lent.filter(|device| match self.compute {
            Compute::Auto => device.computes(),
            Compute::Gpu => true,
            Compute::Cpu => false,
        })
    }
}

/// Epochs, on a card or on the processor.
pub(super) struct Runner {
    card: Option<(Epochs, String)>,
}

impl Runner {
    /// On the card where there is one; `gave_up` hears why it is not.
    pub(super) fn new(card: Option<&Device>, umap: &Umap, gave_up: &dyn Fn(&GpuError)) -> Self {
        let made = card.map(|card| {
            let epochs = Epochs::new(card, umap.layout(), umap.force(), umap.positions(), umap.epoch())?;
            Ok((epochs, card.name().to_owned()))
        });
        Self { card: made.and_then(|made: Result<_, GpuError>| made.map_err(|error| gave_up(&error)).ok()) }
    }

    /// Runs one more epoch; true while some are left. On a card `umap` has the positions only after [`Runner::fetch`].
    pub(super) fn step(&mut self, umap: &mut Umap, gave_up: &dyn Fn(&GpuError)) -> bool {
        match self.card.as_mut().map(|(epochs, _)| epochs.step(1)) {
            Some(Ok(more)) => return more,
            Some(Err(error)) => {
                gave_up(&error);
                self.card = None;
            }
            None => {}
        }
        umap.step(1)
    }

    /// Brings the positions to `umap`. True if nothing is left to do; a card that gives up here leaves older positions.
    pub(super) fn fetch(&mut self, umap: &mut Umap, gave_up: &dyn Fn(&GpuError)) -> bool {
        if let Some((epochs, _)) = &self.card {
            match epochs.positions() {
                Ok(positions) => umap.take(positions, epochs.epoch()),
                Err(error) => {
                    gave_up(&error);
                    self.card = None;
                }
            }
        }
        umap.epoch() == umap.epochs()
    }

    /// Where epochs run: `CPU`, or the card's name.
    pub(super) fn device(&self) -> &str {
        self.card.as_ref().map_or("CPU", |(_, name)| name)
    }
}
