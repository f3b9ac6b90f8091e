//! The plan loader on hostile bytes: it refuses, or gives a plan that is valid and that it writes and reads again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smolc_plan::Plan;

fuzz_target!(|data: &[u8]| {
    let Ok(plan) = Plan::from_json(data) else { return };
    plan.validate().unwrap();
    let text = plan.to_json().unwrap();
    let again = Plan::from_json(text.as_bytes()).unwrap();
    assert_eq!(again.to_json().unwrap(), text);
});
