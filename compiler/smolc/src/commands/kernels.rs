//! `smolc kernels build`: every kernel into the cache.

use crate::cli::{KernelsArgs, KernelsCommand};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, number};
use crate::{device, threads};
use smolc_kernels_cuda::host::{DeviceInfo, Origin};
use std::time::Instant;

/// Compiles what is not in the cache yet and says how much there was to do.
pub fn execute(args: &KernelsArgs, console: &Console) -> Result<Exit, Failure> {
    let KernelsCommand::Build { arch, threads } = &args.command;
    let failed = |e: &dyn std::error::Error| Failure::of(Exit::Environment, e);
    let archs = match arch.as_slice() {
        [] => {
            let info = DeviceInfo::first(&device::search())
                .map_err(|e| failed(&e).help("name an architecture: --arch sm_90a"))?;
            vec![info.arch()]
        }
        given => given.to_vec(),
    };
    let cubins = device::cubins();
    for arch in archs {
        let begin = Instant::now();
        let made = cubins.build(arch, threads::count(*threads)).map_err(|e| failed(&e))?;
        let compiled = made.iter().filter(|c| c.origin == Origin::Compiled).count();
        let size: usize = made.iter().map(|c| c.image.len()).sum();
        console.out.line(&format!(
            "{arch}: {}, {compiled} compiled in {}, the others were there; {} in {}",
            number::count(made.len() as u64, "file", "files"),
            number::duration(begin.elapsed()),
            number::bytes(size as u64),
            cubins.folder().display(),
        ))?;
    }
    Ok(Exit::Done)
}
