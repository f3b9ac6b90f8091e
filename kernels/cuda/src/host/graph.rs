//! A sequence of launches recorded once and given to the driver as one.

use super::device::{Device, check};
use super::error::CudaError;
use cudarc::driver::sys;

/// What was captured, ready to be launched. Addresses and sizes are those of the capture; what they hold is read at every
/// launch.
#[derive(Debug)]
pub struct Graph {
    executable: sys::CUgraphExec,
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: made in `capture`, destroyed once; launches under way go on.
        unsafe { sys::cuGraphExecDestroy(self.executable) };
    }
}

/// A graph that was not instantiated yet.
struct Recorded(sys::CUgraph);

impl Drop for Recorded {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: made by the capture, destroyed once.
            unsafe { sys::cuGraphDestroy(self.0) };
        }
    }
}

impl Device {
    /// Records what `issue` queues in the computing stream, without doing it.
    ///
    /// `issue` may launch kernels and products and copy and set device memory. It may not wait, allocate, free or plan
    /// products: CUDA refuses that, and the error is the one returned. Every kernel and product should have run once
    /// before, so that nothing is loaded while it is captured.
    pub fn capture(&self, issue: impl FnOnce(&Device) -> Result<(), CudaError>) -> Result<Graph, CudaError> {
        // The mode forbids this thread what could wait for the device, and leaves other threads alone.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: a live stream.
        check("cuStreamBeginCapture", unsafe { sys::cuStreamBeginCapture_v2(self.stream(), mode) })?;
        let issued = issue(self);
        let mut graph = Recorded(std::ptr::null_mut());
        // SAFETY: a live stream and a live place. Whatever `issue` did, the capture must end.
        let ended = unsafe { sys::cuStreamEndCapture(self.stream(), &mut graph.0) };
        issued?;
        check("cuStreamEndCapture", ended)?;
        let mut executable = std::ptr::null_mut();
        // SAFETY: a live graph and a live place.
        check("cuGraphInstantiate", unsafe {
            sys::cuGraphInstantiateWithFlags(&mut executable, graph.0, 0)
        })?;
        Ok(Graph { executable })
    }

    /// Queues a graph in the computing stream.
    pub fn replay(&self, graph: &Graph) -> Result<(), CudaError> {
        // SAFETY: a live graph and a live stream.
        check("cuGraphLaunch", unsafe { sys::cuGraphLaunch(graph.executable, self.stream()) })
    }
}
