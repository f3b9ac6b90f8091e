use super::*;

#[test]
fn passes_read_well() {
    assert_eq!(epochs(None), "?");
    assert_eq!(epochs(Some(0.0)), "0.00");
    assert_eq!(epochs(Some(0.001)), "<0.01");
    assert_eq!(epochs(Some(8.333)), "8.33");
    assert_eq!(exact_and_short(391), "391");
    assert_eq!(exact_and_short(1_601_536), "1,601,536 (1.6M)");
}
