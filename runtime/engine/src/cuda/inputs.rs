//! The way of a micro-batch to the device: two page-locked buffers and two places on the device, in turn.
//!
//! The copying stream fills a place while the computing stream works on the micro-batch before; the computing stream then
//! moves it to the arena's input tensors, which cost it one copy within the device.

use crate::error::EngineError;
use smolc_kernels_cuda::host::{Device, Event, Memory, Pinned};
use std::ops::Range;

struct Slot {
    host: Pinned,
    device: Memory,
    /// The copy to the device is done: the host may fill the buffer again, the device may read the place.
    copied: Event,
    /// The place was read: it may be filled again.
    read: Event,
    used: bool,
}

pub(super) struct Inputs {
    slots: Vec<Slot>,
    next: usize,
}

/// Bytes in front of the inputs: the factor of the loss.
const HEAD: usize = 256;

impl Inputs {
    pub fn new(_: &Device) -> Result<Inputs, EngineError> {
        Ok(Inputs { slots: Vec::new(), next: 0 })
    }

    pub fn bytes(&self) -> u64 {
        self.slots.iter().map(|s| s.device.bytes()).sum()
    }

    pub fn load(
        &mut self,
        device: &Device,
        arena: u64,
        inputs: &[(Range<usize>, &[f32])],
        scale: f32,
        scale_at: u64,
    ) -> Result<(), EngineError> {
        let places: Vec<usize> = inputs
            .iter()
            .scan(HEAD, |at, (_, values)| {
                let here = *at;
                *at += (4 * values.len()).next_multiple_of(256);
                Some(here)
            })
            .collect();
        let total = places.last().zip(inputs.last()).map_or(HEAD, |(at, (_, values))| at + 4 * values.len());
        while self.slots.len() < 2 {
            self.slots.push(Slot {
                host: device.pinned(total)?,
                device: device.allocate(total as u64, "the inputs of a micro-batch")?,
                copied: device.event()?,
                read: device.event()?,
                used: false,
            });
        }
        let count = self.slots.len();
        let slot = &mut self.slots[self.next % count];
        self.next = (self.next + 1) % count;
        if slot.host.len() < total {
            return Err(EngineError::Program("a micro-batch grew".into()));
        }
        if slot.used {
            slot.copied.wait()?;
            device.copy_after(&slot.read)?;
        }
        slot.used = true;
        let bytes = slot.host.as_mut_slice();
        bytes[..4].copy_from_slice(&scale.to_le_bytes());
        for (at, (_, values)) in places.iter().zip(inputs) {
            bytes[*at..at + 4 * values.len()].copy_from_slice(bytemuck::cast_slice(values));
        }
        device.upload(slot.device.address(), &slot.host, total)?;
        device.record_copy(&slot.copied)?;
        device.compute_after(&slot.copied)?;
        let from = slot.device.address();
        device.copy(scale_at, from, 4)?;
        for (at, (words, values)) in places.iter().zip(inputs) {
            device.copy(arena + 4 * words.start as u64, from + *at as u64, 4 * values.len())?;
        }
        device.record(&slot.read)?;
        Ok(())
    }
}
