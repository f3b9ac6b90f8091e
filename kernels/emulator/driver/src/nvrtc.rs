//! A compiler that checks what it is given and makes a token.

use crate::driver::IMAGE;
use std::ffi::{CStr, c_char};

const COMPILATION: i32 = 6;
const INVALID: i32 = 3;

struct Program {
    name: String,
    source: String,
    headers: Vec<String>,
    log: String,
    image: Vec<u8>,
}

unsafe fn text(p: *const c_char) -> String {
    // SAFETY: the caller's string.
    unsafe { CStr::from_ptr(p) }.to_string_lossy().into_owned()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcVersion(major: *mut i32, minor: *mut i32) -> i32 {
    // SAFETY: two places of the caller's.
    unsafe {
        *major = 13;
        *minor = 0;
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcCreateProgram(
    program: *mut *mut std::ffi::c_void,
    source: *const c_char,
    name: *const c_char,
    count: i32,
    _bodies: *const *const c_char,
    names: *const *const c_char,
) -> i32 {
    // SAFETY: arrays of `count` strings.
    unsafe {
        let headers = (0..count as usize).map(|i| text(*names.add(i))).collect();
        let made = Program {
            name: text(name),
            source: text(source),
            headers,
            log: String::new(),
            image: Vec::new(),
        };
        *program = Box::into_raw(Box::new(made)).cast();
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcCompileProgram(
    program: *mut std::ffi::c_void,
    count: i32,
    options: *const *const c_char,
) -> i32 {
    // SAFETY: a program made above; an array of `count` strings.
    let (p, options): (&mut Program, Vec<String>) =
        unsafe { (&mut *program.cast(), (0..count as usize).map(|i| text(*options.add(i))).collect()) };
    let arch = options.iter().find_map(|o| o.strip_prefix("--gpu-architecture="));
    let Some(arch) = arch.filter(|a| a.starts_with("sm_")) else {
        p.log = "no architecture".into();
        return COMPILATION;
    };
    if p.name.ends_with("_hopper.cu") && arch != "sm_90a" {
        p.log = format!("{} needs sm_90a", p.name);
        return COMPILATION;
    }
    let included = p.source.lines().filter(|l| l.starts_with("#include")).filter_map(|l| l.split('"').nth(1));
    if let Some(missing) = included.into_iter().find(|i| !p.headers.iter().any(|h| h == i)) {
        p.log = format!("cannot open {missing}");
        return COMPILATION;
    }
    crate::log(&format!("compile {} {arch}", p.name));
    p.image = [IMAGE, p.name.as_bytes(), b"\0"].concat();
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcGetCUBINSize(program: *mut std::ffi::c_void, bytes: *mut usize) -> i32 {
    // SAFETY: as above.
    unsafe {
        let program: &Program = &*program.cast();
        *bytes = program.image.len();
    }
    0
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcGetCUBIN(program: *mut std::ffi::c_void, to: *mut u8) -> i32 {
    // SAFETY: the caller's buffer has the size it asked for.
    unsafe {
        let image = &(*program.cast::<Program>()).image;
        std::ptr::copy_nonoverlapping(image.as_ptr(), to, image.len());
    }
    0
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcGetProgramLogSize(program: *mut std::ffi::c_void, bytes: *mut usize) -> i32 {
    // SAFETY: as above.
    unsafe {
        let program: &Program = &*program.cast();
        *bytes = program.log.len() + 1;
    }
    0
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcGetProgramLog(program: *mut std::ffi::c_void, to: *mut u8) -> i32 {
    // SAFETY: as above, with a zero byte at the end.
    unsafe {
        let log = &(*program.cast::<Program>()).log;
        std::ptr::copy_nonoverlapping(log.as_ptr(), to, log.len());
        *to.add(log.len()) = 0;
    }
    0
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvrtcDestroyProgram(program: *mut *mut std::ffi::c_void) -> i32 {
    // SAFETY: made above, destroyed once.
    unsafe {
        if (*program).is_null() {
            return INVALID;
        }
        drop(Box::from_raw((*program).cast::<Program>()));
        *program = std::ptr::null_mut();
    }
    0
}
