// The gradient of attention on sm_90a with dq summed in whatever order blocks come: what `smolc gpu-bench attention`
// compares the ordered kernel with. Nothing trains with it: its results differ from run to run.
#include "attention_backward_hopper.cuh"

#define ATTENTION_BACKWARD_UNORDERED(D)                                            \
    ATTENTION_BACKWARD_KERNEL(attention_backward_unordered_hopper_d##D, D, false)  \
    EMULATE(attention_backward_unordered_hopper_d##D)

ATTENTION_BACKWARD_UNORDERED(64)
ATTENTION_BACKWARD_UNORDERED(128)
